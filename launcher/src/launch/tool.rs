//! Step 8 opens the tool once. Everything is checked on that descriptor, and capwrap runs what it
//! refers to.

use super::attainable;
use super::caller::Identified;
use super::command_line::Launch;
use super::raise::Planned;
use crate::refusal::{NOT_EXECUTABLE, NOT_FOUND, OrRefuse, Refusal};
use crate::system::attribute;
use capwrap_core::capability::xattr::{ATTRIBUTE, Attribute};
use capwrap_core::digest;
use capwrap_core::policy::{Policy, Tool};
use capwrap_core::text::hex;
use capwrap_core::tool_rules::{self, ToolFault, ToolFile};
use capwrap_core::trusted_path;
use capwrap_core::trusted_path::{Fault, Opened, Trail};
use nix::errno::Errno;
use nix::fcntl::AtFlags;
use nix::sys::statvfs::{FsFlags, fstatvfs};
use nix::unistd::{AccessFlags, faccessat};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// A tool that passed every check.
#[derive(Debug)]
pub struct CheckedTool {
    /// The open file, its directory and its name there.
    pub opened: Opened,
    /// The tool's path as the policy writes it.
    pub path: PathBuf,
    /// Whether the name in its directory is as good as the descriptor: nobody but root could put another file there, or
    /// root runs it whoever could.
    pub by_name: bool,
    /// The tool's SHA-256 in hexadecimal, if the policy pins one.
    pub sha256: Option<String>,
    /// Whether the tool is a `#!` script.
    pub is_script: bool,
    /// Whether the tool is a script that is executed by its path, so that it finds its own path in the name by which its
    /// interpreter opens it. Only root can make that path lead elsewhere, and no digest says which content it must have.
    pub by_path: bool,
}

/// Opens and checks the tool that the policy names. `planned` is the launcher as it will be just before
/// it executes the tool.
pub fn check(
    launch: &Launch,
    policy: &Policy,
    who: &Identified,
    planned: &Planned<'_>,
) -> Result<CheckedTool, Refusal> {
    let rules = &policy.tool;
    let owner = who.local.uid(&rules.owner).ok_or_else(|| {
        Refusal::new(format!("the policy's owner {} is not in the local user file", rules.owner))
            .with_hint("name it by number, as in \"#1001\"")
    })?;
    if launch.any_owner {
        return whosever(rules);
    }
    let (path, opened) = open_first(rules, |trail, path| trusted_path::open_from(trail, path, owner))?;
    let found = Candidate { path, opened: &opened, rules };
    let is_script = found.is_script()?;
    let (attribute, mount) = (found.attribute()?, found.mount()?);
    let file = found.as_tool(&attribute, mount, is_script);
    let group = rules.group.as_ref().and_then(|group| who.local.gid(group));
    let process = planned.process(has_capabilities(&attribute))?;
    if let Some(fault) = tool_rules::faults(&file, policy, group, &process).first() {
        return Err(found.refuse_for(fault));
    }
    found.executable_by_caller()?;
    if is_script {
        found.interpreter(policy, planned)?;
    }
    let sha256 = found.digest()?;
    let by_path = is_script && owner == 0 && sha256.is_none();
    Ok(CheckedTool { path: path.to_owned(), opened, by_name: owner == 0, sha256, is_script, by_path })
}

/// A file that root runs by its name, whoever could change it: what the kernel executes is executed.
fn whosever(rules: &Tool) -> Result<CheckedTool, Refusal> {
    let (path, opened) = open_first(rules, |_, path| trusted_path::open_whosever(path))?;
    let found = Candidate { path, opened: &opened, rules };
    found.executable_by_caller()?;
    let is_script = found.is_script()?;
    let by_path = is_script && opened.safe_for == Some(0);
    Ok(CheckedTool { path: path.to_owned(), opened, by_name: true, sha256: None, is_script, by_path })
}

/// Opens the first path that exists.
fn open_first(
    rules: &Tool,
    open: impl Fn(&mut Trail, &Path) -> Result<Opened, Fault>,
) -> Result<(&Path, Opened), Refusal> {
    let mut trail = Trail::default();
    for path in &rules.paths {
        match open(&mut trail, path) {
            Ok(opened) => return Ok((path, opened)),
            Err(Fault::Missing(_) | Fault::Failed(_, Errno::ENOTDIR)) => {}
            Err(fault) => {
                return Err(Refusal::new(format!("cannot run {}: {}", path.display(), fault.describe(path)))
                    .with_status(NOT_EXECUTABLE)
                    .with_hint_if_any(tool_rules::hint_of_way(&fault)));
            }
        }
    }
    let tried: Vec<String> = rules.paths.iter().map(|path| path.display().to_string()).collect();
    let said = match &tried[..] {
        [one] => format!("{one} does not exist"),
        several => format!("none of {} exists", several.join(", ")),
    };
    Err(Refusal::new(format!("cannot find the tool: {said}"))
        .with_status(NOT_FOUND)
        .with_hint("install it, or have an administrator run `capwrap enable NAME --path PATH`"))
}

/// The file capabilities of a file, or why they are malformed.
type ReadAttribute = Result<Option<Attribute>, String>;

/// A malformed attribute is a fault by itself.
const fn has_capabilities(attribute: &ReadAttribute) -> bool {
    matches!(attribute, Ok(Some(_)))
}

struct Candidate<'a> {
    path: &'a Path,
    opened: &'a Opened,
    rules: &'a Tool,
}

impl Candidate<'_> {
    fn refuse(&self, why: impl std::fmt::Display) -> Refusal {
        Refusal::new(format!("cannot run {}: {why}", self.path.display())).with_status(NOT_EXECUTABLE)
    }

    fn refuse_for(&self, fault: &ToolFault) -> Refusal {
        self.refuse(fault).with_hint_if_any(fault.hint(self.path, self.opened.safe_for))
    }

    fn mode(&self) -> u32 {
        self.opened.status.st_mode & 0o7777
    }

    /// Returns the properties that the rules for tools ask about.
    fn as_tool<'f>(&self, attribute: &'f ReadAttribute, mount: FsFlags, is_script: bool) -> ToolFile<'f> {
        ToolFile {
            gid: self.opened.status.st_gid,
            mode: self.mode(),
            attribute: attribute.as_ref().map(Option::as_ref).map_err(String::as_str),
            // It decides which file capabilities the kernel honours, and to ask takes as long as fifty other calls.
            in_initial_namespace: has_capabilities(attribute) && attainable::in_own_user_namespace() == Some(false),
            is_script,
            nosuid: mount.contains(FsFlags::ST_NOSUID),
            noexec: mount.contains(FsFlags::ST_NOEXEC),
        }
    }

    fn mount(&self) -> Result<FsFlags, Refusal> {
        let mount = fstatvfs(&self.opened.file).or_refuse(|| format!("ask how {} is mounted", self.path.display()))?;
        Ok(mount.flags())
    }

    /// Returns the tool's file capabilities, or why they are malformed.
    fn attribute(&self) -> Result<ReadAttribute, Refusal> {
        let bytes = attribute::read(&self.opened.file, ATTRIBUTE)
            .or_refuse(|| format!("read the file capabilities of {}", self.path.display()))?;
        Ok(bytes.map(|bytes| Attribute::decode(&bytes)).transpose().map_err(|malformed| malformed.to_string()))
    }

    /// Checks early what the kernel decides at exec, because this gives a clearer error.
    /// faccessat(2) checks the name in the checked directory, because older kernels cannot check a
    /// descriptor.
    fn executable_by_caller(&self) -> Result<(), Refusal> {
        let by_name = self.opened.name.as_c_str();
        match faccessat(&self.opened.directory, by_name, AccessFlags::X_OK, AtFlags::empty()) {
            Ok(()) => Ok(()),
            Err(Errno::EACCES) => {
                let hint = ToolFault::NotExecutable { mode: self.mode() }.hint(self.path, self.opened.safe_for);
                Err(self
                    .refuse(format!("you may not execute it (mode {:04o})", self.mode()))
                    .with_hint_if_any(hint.map(|hint| format!("join its group, or: {hint}"))))
            }
            Err(errno) => Err(errno).or_refuse(|| format!("ask whether {} can be executed", self.path.display())),
        }
    }

    /// Returns whether the kernel would start an interpreter for the tool.
    fn is_script(&self) -> Result<bool, Refusal> {
        let mut beginning = [0; 2];
        let mut file = &self.opened.file;
        let read = file.read(&mut beginning).or_refuse(|| format!("read {}", self.path.display()))?;
        Ok(beginning[..read] == *b"#!")
    }

    /// Checks the interpreter. The kernel opens it by the path in the script, so only root may be
    /// able to replace the file there. Its privileges count for those of the script.
    fn interpreter(&self, policy: &Policy, planned: &Planned<'_>) -> Result<(), Refusal> {
        let mut line = Vec::new();
        (&self.opened.file)
            .take(tool_rules::INTERPRETER_LINE)
            .read_to_end(&mut line)
            .or_refuse(|| format!("read {}", self.path.display()))?;
        let path = tool_rules::interpreter(&line).map_err(|fault| self.refuse_for(&fault))?;
        let opened = trusted_path::open(&path, 0)
            .map_err(|fault| self.refuse_for(&ToolFault::of_interpreter(path.clone(), &fault)))?;
        let interpreter = Candidate { path: &path, opened: &opened, rules: self.rules };
        let (attribute, mount) = (interpreter.attribute()?, interpreter.mount()?);
        let file = interpreter.as_tool(&attribute, mount, false);
        let process = planned.process(has_capabilities(&attribute))?;
        match tool_rules::interpreter_fault(&file, &path, policy, &process) {
            Some(fault) => Err(self.refuse_for(&fault)),
            None => Ok(()),
        }
    }

    fn digest(&self) -> Result<Option<String>, Refusal> {
        let Some(pinned) = self.rules.sha256 else { return Ok(None) };
        let actual = sha256(&self.opened.file).or_refuse(|| format!("read {}", self.path.display()))?;
        if actual != pinned {
            return Err(self.refuse_for(&ToolFault::Digest { actual, pinned }));
        }
        Ok(Some(hex::encode(&actual)))
    }
}

fn sha256(mut file: &std::fs::File) -> Result<[u8; 32], std::io::Error> {
    file.seek(SeekFrom::Start(0))?;
    digest::of_file(file)
}
