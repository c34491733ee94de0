//! Step 8: the tool, opened once. Everything is checked on that descriptor, and it is what runs.

use super::caller::Identified;
use crate::refusal::{NOT_EXECUTABLE, NOT_FOUND, OrRefuse, Refusal};
use crate::system::{attribute, descriptors};
use capwrap_core::CapabilitySet;
use capwrap_core::capability::xattr::{ATTRIBUTE, Attribute};
use capwrap_core::digest;
use capwrap_core::policy::{Delivery, Policy, Tool};
use capwrap_core::text::hex;
use capwrap_core::trusted_path;
use capwrap_core::trusted_path::{Fault, Opened};
use nix::errno::Errno;
use nix::fcntl::AtFlags;
use nix::sys::stat::Mode;
use nix::sys::statvfs::{FsFlags, fstatvfs};
use nix::unistd::{AccessFlags, faccessat};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// A tool that passed every check.
#[derive(Debug)]
pub struct CheckedTool {
    /// The descriptor and what belongs to it.
    pub opened: Opened,
    /// Its path as the policy writes it.
    pub path: PathBuf,
    /// The owner that the policy permits it; 0 is root alone.
    pub owner: u32,
    /// Its SHA-256 in hexadecimal, where the policy pins one.
    pub sha256: Option<String>,
    /// Whether it is a `#!` script.
    pub is_script: bool,
}

/// Opens and checks the tool that the policy names. `handed` is what it is to get.
pub fn check(policy: &Policy, who: &Identified, passed: CapabilitySet) -> Result<CheckedTool, Refusal> {
    let rules = &policy.tool;
    let owner = who.local.uid(&rules.owner).ok_or_else(|| {
        Refusal::new(format!("the policy's owner {} is not in the local user file", rules.owner))
            .with_hint("name it by number, as in \"#1001\"")
    })?;
    let (path, opened) = open_first(rules, owner)?;
    let found = Candidate { path, opened: &opened, rules };
    found.looser_than_the_policy(who)?;
    found.gains_on_its_own(policy.exec.deliver, passed)?;
    found.on_a_mount_without_rights()?;
    found.executable_by_caller()?;
    let is_script = found.script()?;
    let sha256 = found.digest()?;
    Ok(CheckedTool { path: path.to_owned(), opened, owner, sha256, is_script })
}

/// The first path that exists.
fn open_first(rules: &Tool, owner: u32) -> Result<(&Path, Opened), Refusal> {
    for path in &rules.paths {
        match trusted_path::open(path, owner) {
            Ok(opened) => return Ok((path, opened)),
            Err(Fault::Missing(_) | Fault::Failed(_, Errno::ENOTDIR)) => {}
            Err(fault) => {
                return Err(Refusal::new(format!("cannot run {}: {}", path.display(), fault.describe(path)))
                    .with_status(NOT_EXECUTABLE)
                    .with_hint_if_any(fault.hint()));
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

struct Candidate<'a> {
    path: &'a Path,
    opened: &'a Opened,
    rules: &'a Tool,
}

impl Candidate<'_> {
    fn refuse(&self, why: impl std::fmt::Display) -> Refusal {
        Refusal::new(format!("cannot run {}: {why}", self.path.display())).with_status(NOT_EXECUTABLE)
    }

    fn mode(&self) -> u32 {
        self.opened.status.st_mode & 0o7777
    }

    fn looser_than_the_policy(&self, who: &Identified) -> Result<(), Refusal> {
        if let Some(group) = &self.rules.group {
            let (wanted, actual) = (who.local.gid(group), self.opened.status.st_gid);
            if wanted != Some(actual) {
                return Err(self
                    .refuse(format!("its group is {actual}, the policy wants {group}"))
                    .with_hint(format!("chgrp {group} {}", self.path.display())));
            }
        }
        if let Some(most) = self.rules.mode.filter(|most| self.mode() & !most != 0) {
            return Err(self
                .refuse(format!("its mode {:04o} is looser than the policy's {most:04o}", self.mode()))
                .with_hint(format!("chmod {most:04o} {}", self.path.display())));
        }
        Ok(())
    }

    /// A file that is setuid, setgid or carries capabilities clears the ambient set at exec
    /// (capabilities(7)). With inheritable delivery its capabilities must be exactly those that
    /// let the decision through.
    fn gains_on_its_own(&self, deliver: Delivery, passed: CapabilitySet) -> Result<(), Refusal> {
        if Mode::from_bits_truncate(self.mode()).intersects(Mode::S_ISUID | Mode::S_ISGID) {
            return Err(self
                .refuse(format!(
                    "it is setuid or setgid (mode {:04o}), and so would not get what is handed over",
                    self.mode()
                ))
                .with_hint(format!("chmod ug-s {}", self.path.display())));
        }
        let bytes = attribute::read(&self.opened.file, ATTRIBUTE)
            .or_refuse(|| format!("read the file capabilities of {}", self.path.display()))?;
        match (deliver, bytes) {
            (Delivery::Ambient, None) => Ok(()),
            (Delivery::Ambient, Some(_)) => Err(self
                .refuse("it carries file capabilities, and so would not get what is handed over")
                .with_hint(format!("setcap -r {}", self.path.display()))),
            (Delivery::Inheritable, bytes) => {
                let mark = format!("setcap '{passed}=ei' {}", self.path.display());
                let attribute =
                    bytes.map(|bytes| Attribute::decode(&bytes)).transpose().map_err(|error| self.refuse(error))?;
                match attribute.map(|attribute| attribute.capabilities) {
                    Some(file) if file.effective && file.permitted.is_empty() && passed.is_subset(file.inheritable) => {
                        Ok(())
                    }
                    Some(_) => {
                        Err(self.refuse("its file capabilities are not those of inheritable delivery").with_hint(mark))
                    }
                    None => Err(self.refuse("it is not marked for inheritable delivery").with_hint(mark)),
                }
            }
        }
    }

    /// nosuid says that nothing on that file system may bring rights along; capwrap heeds it for
    /// both deliveries, though the kernel would let the ambient set pass.
    fn on_a_mount_without_rights(&self) -> Result<(), Refusal> {
        let flags =
            fstatvfs(&self.opened.file).or_refuse(|| format!("ask how {} is mounted", self.path.display()))?.flags();
        for (flag, word) in [(FsFlags::ST_NOSUID, "nosuid"), (FsFlags::ST_NOEXEC, "noexec")] {
            if flags.contains(flag) {
                return Err(self.refuse(format!("it lies on a file system mounted {word}")));
            }
        }
        Ok(())
    }

    /// The kernel decides at exec; asking before gives the clearer error. faccessat(2) is asked by
    /// the name in the checked directory, because older kernels cannot ask a descriptor.
    fn executable_by_caller(&self) -> Result<(), Refusal> {
        let by_name = self.opened.name.as_c_str();
        match faccessat(&self.opened.directory, by_name, AccessFlags::X_OK, AtFlags::empty()) {
            Ok(()) => Ok(()),
            Err(Errno::EACCES) => Err(self
                .refuse(format!("you may not execute it (mode {:04o})", self.mode()))
                .with_hint(format!("chmod a+x {}, or join its group", self.path.display()))),
            Err(errno) => Err(errno).or_refuse(|| format!("ask whether {} can be executed", self.path.display())),
        }
    }

    /// A script's interpreter gets the capabilities, and with them everything that it starts.
    fn script(&self) -> Result<bool, Refusal> {
        let mut beginning = [0; 2];
        let mut file = &self.opened.file;
        let read = file.read(&mut beginning).or_refuse(|| format!("read {}", self.path.display()))?;
        let is_script = read == 2 && &beginning == b"#!";
        if is_script && !self.rules.script {
            return Err(self
                .refuse("it is a script, whose interpreter and all that it starts would get the capabilities")
                .with_hint("say `script = true` in [tool], if that is meant"));
        }
        if is_script {
            self.interpreter()?;
        }
        Ok(is_script)
    }

    /// The kernel opens the interpreter by the path in the script: nobody but root may be able to
    /// put another file there.
    fn interpreter(&self) -> Result<(), Refusal> {
        let mut line = Vec::new();
        // The kernel reads no more of the line (`BINPRM_BUF_SIZE`, 256).
        (&self.opened.file).take(254).read_to_end(&mut line).or_refuse(|| format!("read {}", self.path.display()))?;
        let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let mut words = line.split(|byte| *byte == b' ' || *byte == b'\t').filter(|word| !word.is_empty());
        let interpreter = words.next().map(String::from_utf8_lossy).unwrap_or_default().into_owned();
        let path = Path::new(&interpreter);
        if !path.is_absolute() {
            return Err(self.refuse(format!("its interpreter {interpreter:?} is no absolute path")));
        }
        match trusted_path::open(path, 0) {
            Ok(_) => Ok(()),
            Err(fault) => Err(self.refuse(format!("its interpreter {interpreter}: {}", fault.describe(path)))),
        }
    }

    fn digest(&self) -> Result<Option<String>, Refusal> {
        let Some(pinned) = self.rules.sha256 else { return Ok(None) };
        let actual = sha256(&self.opened.file).or_refuse(|| format!("read {}", self.path.display()))?;
        if actual != pinned {
            return Err(self
                .refuse(format!("its SHA-256 is {}, the policy pins {}", hex::encode(&actual), hex::encode(&pinned)))
                .with_hint("if the new file is meant, an administrator can run `capwrap enable NAME --pin`"));
        }
        Ok(Some(hex::encode(&actual)))
    }
}

fn sha256(mut file: &std::fs::File) -> Result<[u8; 32], nix::Error> {
    file.seek(SeekFrom::Start(0)).map_err(descriptors::from_io)?;
    digest::of_file(file).map_err(descriptors::from_io)
}
