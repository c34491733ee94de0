//! The rules that a tool must meet before capwrap runs it. The launcher refuses a tool at the first
//! fault; `verify`, `lint`, `enable` and `learn` report all of them.
//! [`trusted_path`](crate::trusted_path) decides which directories and owners on the path to the
//! tool are trusted.

use crate::CapabilitySet;
use crate::capability::exec_rule::{Denied, Process, Sets};
use crate::capability::xattr::Attribute;
use crate::policy::{Allow, Children, Delivery, Identity, Policy};
use crate::text::{hex, shell};
use crate::trusted_path::Fault;
use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// What is known about the file, read from the descriptor that capwrap would execute.
#[derive(Clone, Copy, Debug)]
pub struct ToolFile<'f> {
    /// The id of the file's group.
    pub gid: u32,
    /// The file's permission bits, with setuid, setgid and sticky.
    pub mode: u32,
    /// The file's capabilities, if it has any, or why they are malformed.
    pub attribute: Result<Option<&'f Attribute>, &'f str>,
    /// Whether the process that executes the file is in the initial user namespace. If that is not
    /// known, it is not.
    pub in_initial_namespace: bool,
    /// Whether the file begins with `#!`.
    pub is_script: bool,
    /// Whether the file system is mounted nosuid.
    pub nosuid: bool,
    /// Whether the file system is mounted noexec.
    pub noexec: bool,
}

/// A reason for which capwrap refuses to launch a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolFault {
    /// The file belongs to this group and not to the policy's.
    Group {
        /// The id of the file's group.
        actual: u32,
        /// The group as the policy names it.
        wanted: Identity,
    },
    /// The file's mode has bits that the policy's mode does not have.
    Looser {
        /// The file's permission bits.
        mode: u32,
        /// The policy's mode.
        most: u32,
    },
    /// The file is setuid or setgid, so exec clears the ambient set (capabilities(7)).
    SetId {
        /// The file's permission bits.
        mode: u32,
    },
    /// With its file capabilities, the tool would not have exactly the decision.
    FileCapabilities {
        /// The capabilities that the file has, in setcap's notation.
        has: String,
        /// What exec would do.
        exec: Result<Sets, Denied>,
        /// What the policy decided.
        decided: CapabilitySet,
    },
    /// The file has capabilities, so exec clears the ambient set (capabilities(7)), and what the tool
    /// starts would not inherit the decision, as the policy says it does.
    NothingForChildren {
        /// The capabilities that the file has, in setcap's notation.
        has: String,
        /// What the policy decided.
        decided: CapabilitySet,
    },
    /// The file has capabilities and is a script, for which the kernel takes those of the interpreter
    /// (before 5.8, it takes a mixture).
    FileCapabilitiesOfScript {
        /// The capabilities that the file has, in setcap's notation.
        has: String,
    },
    /// The file's capabilities are malformed; the text says how. Exec fails (`get_file_caps`, EINVAL).
    Malformed(String),
    /// The file's capabilities are not those that inheritable delivery needs.
    NotInheritable {
        /// The capabilities that the file has, in setcap's notation, and what exec would do; `None` if
        /// it has none.
        has: Option<(String, Result<Sets, Denied>)>,
        /// The capabilities that the launch passes to the tool.
        passed: CapabilitySet,
    },
    /// Everybody may execute the file, and has its capabilities without capwrap. So what the policy
    /// demands of its callers binds nobody.
    OpenToEverybody {
        /// The capabilities that the file has, in setcap's notation.
        has: String,
        /// The demands, as the policy writes them.
        demands: Vec<&'static str>,
    },
    /// The file system is mounted with this option.
    Mount(&'static str),
    /// The file is a script, and the policy does not say `script = true`.
    Script,
    /// The file's mode lets nobody execute it.
    NotExecutable {
        /// The file's permission bits.
        mode: u32,
    },
    /// The file is a script, and the path of its interpreter is not absolute.
    RelativeInterpreter(PathBuf),
    /// The file is a script, and a user other than root could change its interpreter.
    Interpreter {
        /// The interpreter.
        path: PathBuf,
        /// What is wrong with the interpreter.
        why: String,
    },
    /// The file is not the one whose SHA-256 the policy pins.
    Digest {
        /// The SHA-256 of the file.
        actual: [u8; 32],
        /// The SHA-256 that the policy pins.
        pinned: [u8; 32],
    },
}

/// Returns whether exec gives a file with these bits and file capabilities privileges of its own,
/// in place of the ambient set.
pub const fn has_privileges(mode: u32, has_file_capabilities: bool) -> bool {
    mode & SET_ID != 0 || has_file_capabilities
}

/// `S_ISUID` and `S_ISGID`.
const SET_ID: u32 = 0o6000;

/// Returns all faults of a tool, in the order in which the launcher refuses them. `group` is the
/// number of the policy's group, if this machine has it. `process` is the launcher just before it
/// executes the tool.
pub fn faults(file: &ToolFile<'_>, policy: &Policy, group: Option<u32>, process: &Process) -> Vec<ToolFault> {
    let rules = &policy.tool;
    let mut faults = Vec::new();
    if let Some(wanted) = rules.group.as_ref().filter(|_| group != Some(file.gid)) {
        faults.push(ToolFault::Group { actual: file.gid, wanted: wanted.clone() });
    }
    if let Some(most) = rules.mode.filter(|most| file.mode & !most != 0) {
        faults.push(ToolFault::Looser { mode: file.mode, most });
    }
    if file.mode & SET_ID != 0 {
        faults.push(ToolFault::SetId { mode: file.mode });
    }
    match file.attribute {
        Ok(attribute) => {
            faults.extend(of_file_capabilities(file, attribute, policy, process));
            faults.extend(open_to_everybody(file, &policy.allow));
        }
        Err(why) => faults.push(ToolFault::Malformed(why.to_owned())),
    }
    for (is_set, option) in [(file.nosuid, "nosuid"), (file.noexec, "noexec")] {
        if is_set {
            faults.push(ToolFault::Mount(option));
        }
    }
    if file.is_script && !rules.script {
        faults.push(ToolFault::Script);
    }
    if file.mode & 0o111 == 0 {
        faults.push(ToolFault::NotExecutable { mode: file.mode });
    }
    faults
}

/// Returns the interpreter of a script, from what follows `#!` in it. The kernel opens it by this
/// path when the script runs, so [`trusted_path`](crate::trusted_path) must judge it, with root as
/// its owner.
///
/// # Errors
/// The path of the interpreter is not absolute.
pub fn interpreter(line: &[u8]) -> Result<PathBuf, ToolFault> {
    // The kernel separates words at spaces and tabs (`load_script`).
    let mut words = line.split(|byte| *byte == b'\n').next().unwrap_or_default().split(|byte| b" \t".contains(byte));
    let path = PathBuf::from(OsStr::from_bytes(words.find(|word| !word.is_empty()).unwrap_or_default()));
    if path.is_absolute() { Ok(path) } else { Err(ToolFault::RelativeInterpreter(path)) }
}

/// The number of bytes of a script that the kernel reads after `#!` (`BINPRM_BUF_SIZE`, 256).
pub const INTERPRETER_LINE: u64 = 254;

/// Returns the hint for a fault on the path to a tool.
pub fn hint_of_way(fault: &Fault) -> Option<String> {
    match fault {
        Fault::Owner { .. } if fault.is_of_a_directory() => Some(INSTALL_ELSEWHERE.to_owned()),
        _ => fault.hint(),
    }
}

/// The hint for a directory of another owner on the path to a tool. capwrap suggests nothing that
/// would take the directory from its owner.
pub const INSTALL_ELSEWHERE: &str = "install it where root owns every directory, or name its owner in [tool]";

/// Returns the fault of an interpreter. The kernel takes its file capabilities and its setuid bit
/// for those of the script.
pub fn interpreter_fault(file: &ToolFile<'_>, path: &Path, policy: &Policy, process: &Process) -> Option<ToolFault> {
    let fault = match (file.mode & SET_ID != 0, file.attribute) {
        (true, _) => Some(ToolFault::SetId { mode: file.mode }),
        (false, Err(why)) => Some(ToolFault::Malformed(why.to_owned())),
        (false, Ok(attribute)) => of_file_capabilities(file, attribute, policy, process),
    };
    fault.map(|fault| ToolFault::Interpreter { path: path.to_owned(), why: fault.to_string() })
}

/// Returns the capabilities that everybody who may execute the file has without capwrap.
pub fn given_by_file<'f>(file: &ToolFile<'f>) -> Option<&'f Attribute> {
    let attribute = file.attribute.ok().flatten()?;
    let mut honoured = attribute.honoured(file.in_initial_namespace).into_iter().flatten();
    honoured.any(|capabilities| !capabilities.permitted.is_empty()).then_some(attribute)
}

/// Says who has the file's capabilities without capwrap, if anybody has.
pub fn note_of_given(file: &ToolFile<'_>) -> Option<String> {
    let attribute = given_by_file(file)?;
    let who = if file.mode & EXECUTABLE_BY_OTHERS != 0 { "everybody" } else { "whoever may execute the file" };
    Some(format!("{who} has {} without capwrap, through the file", attribute.capabilities.permitted))
}

/// What the owner of a tool can do about its file capabilities, which only root can remove.
const COPY_IN_PLACE: &str = "its owner can put a copy in its place, which has no file capabilities";

/// Returns the commands that give a policy a copy of the tool, so that its users need not lose its
/// file capabilities.
pub fn a_copy(tool: &Path) -> Option<String> {
    let copy = shell::path(&Path::new("/usr/local/libexec").join(tool.file_name()?))?;
    let tool = shell::path(tool)?;
    Some(format!("install -D -m 0755 {tool} {copy}, then `capwrap enable NAME --path {copy}`"))
}

/// Checks that exec gives the tool exactly the decision, whether the kernel honours the file's
/// capabilities or not. If it does not, the tool has the ambient set.
fn of_file_capabilities(
    file: &ToolFile<'_>,
    attribute: Option<&Attribute>,
    policy: &Policy,
    process: &Process,
) -> Option<ToolFault> {
    let decided = process.permitted;
    let honoured = attribute.map_or_else(|| vec![None], |it| it.honoured(file.in_initial_namespace));
    let is_exact = |exec: &Result<Sets, Denied>| exec.is_ok_and(|sets| sets.are_exactly(decided));
    let outcomes = honoured.iter().map(|capabilities| process.after_exec(*capabilities));
    let differs = outcomes.clone().find(|exec| !is_exact(exec));
    let Some(attribute) = attribute.filter(|_| honoured.iter().any(Option::is_some)) else {
        return differs.map(|_| ToolFault::NotInheritable { has: None, passed: decided });
    };
    let has = attribute.to_string();
    if file.is_script {
        return Some(ToolFault::FileCapabilitiesOfScript { has });
    }
    match (policy.exec.deliver, differs) {
        (Delivery::Ambient, Some(exec)) => Some(ToolFault::FileCapabilities { has, exec, decided }),
        (Delivery::Inheritable, Some(exec)) => {
            Some(ToolFault::NotInheritable { has: Some((has, exec)), passed: decided })
        }
        (Delivery::Ambient, None) if policy.exec.children == Children::Any && !decided.is_empty() => {
            Some(ToolFault::NothingForChildren { has, decided })
        }
        (_, None) => None,
    }
}

/// `S_IXOTH`: whoever is neither the file's owner nor in its group may execute it.
const EXECUTABLE_BY_OTHERS: u32 = 0o001;

/// Returns what the policy demands of its callers, if nobody needs to heed it.
fn open_to_everybody(file: &ToolFile<'_>, allow: &Allow) -> Option<ToolFault> {
    let attribute = given_by_file(file).filter(|_| file.mode & EXECUTABLE_BY_OTHERS != 0)?;
    let demands = [
        (allow.audit_required, "audit = \"required\""),
        (allow.reason, "reason = true"),
        (allow.until.is_some(), "until"),
    ];
    let demands: Vec<&str> = demands.into_iter().filter(|(is_made, _)| *is_made).map(|(_, key)| key).collect();
    (!demands.is_empty()).then(|| ToolFault::OpenToEverybody { has: attribute.to_string(), demands })
}

/// What exec would do with a file, as the end of a sentence about it.
fn with_which(exec: &Result<Sets, Denied>) -> String {
    match exec {
        Ok(sets) => format!("with which exec would give the tool {sets}"),
        Err(Denied(lacking)) => format!("with which exec fails, as the bounding set lacks {lacking}"),
    }
}

/// `{:#}` leaves out the mode of the file, for a line that shows it already.
impl fmt::Display for ToolFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_short = out.alternate();
        let in_brackets = |mode: u32| if is_short { String::new() } else { format!(" (mode {mode:04o})") };
        match self {
            Self::Group { actual, wanted } => write!(out, "its group is {actual}, and the policy says {wanted}"),
            Self::Looser { most, .. } if is_short => write!(out, "it is looser than the policy's {most:04o}"),
            Self::Looser { mode, most } => write!(out, "its mode {mode:04o} is looser than the policy's {most:04o}"),
            Self::SetId { mode } => write!(
                out,
                "the file is setuid or setgid{}, so it would not get the capabilities that the policy grants",
                in_brackets(*mode)
            ),
            Self::FileCapabilities { has, exec, decided } => {
                write!(out, "the file has {has}, {}, and the policy decided {decided}", with_which(exec))
            }
            Self::NothingForChildren { has, decided } => write!(
                out,
                "the file has {has}, so what the tool starts would not have {decided}, as the policy's ambient \
                 delivery says"
            ),
            Self::FileCapabilitiesOfScript { has } => {
                write!(out, "the file has {has}, and it is a script, to which file capabilities do not apply")
            }
            Self::NotInheritable { has: None, .. } => {
                out.write_str("the file has no file capabilities, which inheritable delivery needs")
            }
            Self::NotInheritable { has: Some((has, exec)), passed } => write!(
                out,
                "the file has {has}, {}, and inheritable delivery of {passed} needs other file capabilities",
                with_which(exec)
            ),
            Self::OpenToEverybody { has, demands } => write!(
                out,
                "everybody may execute the file and has {has} without capwrap, so the policy's {} would bind nobody",
                demands.join(" and ")
            ),
            Self::Malformed(why) => out.write_str(why),
            Self::Mount(option) => write!(out, "it lies on a file system mounted {option}"),
            Self::Script => {
                out.write_str("it is a script, whose interpreter and all that it starts would get the capabilities")
            }
            Self::NotExecutable { mode } => write!(out, "users may not execute it{}", in_brackets(*mode)),
            Self::RelativeInterpreter(path) => write!(out, "its interpreter {path:?} is no absolute path"),
            Self::Interpreter { path, why } => write!(out, "its interpreter {}: {why}", path.display()),
            Self::Digest { actual, pinned } => {
                write!(out, "its SHA-256 is {}, the policy pins {}", hex::encode(actual), hex::encode(pinned))
            }
        }
    }
}

impl ToolFault {
    /// Returns whether the fault lies in the tool's file capabilities.
    pub const fn is_of_file_capabilities(&self) -> bool {
        matches!(
            self,
            Self::FileCapabilities { .. }
                | Self::NothingForChildren { .. }
                | Self::FileCapabilitiesOfScript { .. }
                | Self::Malformed(_)
                | Self::NotInheritable { .. }
                | Self::OpenToEverybody { .. }
        )
    }

    /// Makes the fault of the interpreter at this path.
    pub fn of_interpreter(path: PathBuf, fault: &Fault) -> Self {
        let why = fault.describe(&path);
        Self::Interpreter { path, why }
    }

    /// Returns the command or the change that removes this fault. `path` is the tool's path, and
    /// `safe_for` is the user who can safely run a command on it
    /// ([`safe_for`](crate::trusted_path::safe_for)).
    pub fn hint(&self, path: &Path, safe_for: Option<u32>) -> Option<String> {
        let command = |words: &str| {
            let command = format!("{words} {}", shell::path(path)?);
            match safe_for? {
                0 => Some(command),
                uid => Some(format!("as uid {uid}, run: {command}")),
            }
        };
        // Only a privileged user can set file capabilities.
        let by_root = |words: &str, else_advice: &str| {
            if safe_for == Some(0) { command(words) } else { Some(else_advice.to_owned()) }
        };
        match self {
            Self::Group { wanted, .. } => command(&format!("chgrp {}", shell::word(&wanted.to_string()))),
            Self::Looser { most, .. } => command(&format!("chmod {most:04o}")),
            Self::SetId { .. } => command("chmod ug-s"),
            Self::FileCapabilities { .. }
            | Self::NothingForChildren { .. }
            | Self::FileCapabilitiesOfScript { .. }
            | Self::OpenToEverybody { .. } => {
                let removal = by_root("setcap -r", COPY_IN_PLACE)?;
                match a_copy(path).filter(|_| safe_for == Some(0)) {
                    Some(copy) => Some(format!("to leave them to others: {copy}; to take them from all: {removal}")),
                    None => Some(removal),
                }
            }
            Self::Malformed(_) => by_root("setcap -r", COPY_IN_PLACE),
            Self::NotInheritable { passed, .. } => by_root(
                &format!("setcap '{passed}=ei'"),
                "run `capwrap enable` with the policy's name, which sets them",
            ),
            Self::Script => Some("a policy that means it says `script = true` in [tool]".to_owned()),
            Self::NotExecutable { .. } => command("chmod a+x"),
            Self::Digest { .. } => {
                Some("if the new file is meant, an administrator can run `capwrap enable NAME --pin`".to_owned())
            }
            Self::Mount(_) | Self::RelativeInterpreter(_) | Self::Interpreter { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::FileCapabilities;

    const SOUND: ToolFile<'_> = ToolFile {
        gid: 0,
        mode: 0o755,
        attribute: Ok(None),
        in_initial_namespace: true,
        is_script: false,
        nosuid: false,
        noexec: false,
    };

    fn policy(tool: &str, exec: &str) -> Policy {
        let text = format!(
            "schema = 1\nsummary = \"t\"\n[tool]\npath = \"/usr/bin/t\"\n{tool}\n[allow]\nusers = [\"root\"]\n\
             [[grant]]\ncaps = [\"cap_net_raw\"]\nwhy = \"t\"\n[exec]\n{exec}\n"
        );
        Policy::read(&text).unwrap()
    }

    /// The launcher before it executes the tool of this policy, which gets `passed`.
    fn process(policy: &Policy, passed: CapabilitySet) -> Process {
        let known = CapabilitySet::known_up_to(40);
        Process::of_launch(&policy.exec, passed, known, known)
    }

    fn attribute(permitted: &str, inheritable: &str) -> Attribute {
        let set = |list: &str| CapabilitySet::parse(list).unwrap_or_default();
        let capabilities =
            FileCapabilities { effective: true, permitted: set(permitted), inheritable: set(inheritable) };
        Attribute { capabilities, root_id: None }
    }

    #[test]
    fn each_fault_is_found_and_a_sound_tool_has_none() {
        let raw = CapabilitySet::parse("net_raw").unwrap();
        let (ambient, inheritable) = (policy("", ""), policy("", "deliver = \"inheritable\""));
        let (strict, script) = (policy("group = \"#7\"\nmode = \"0750\"", ""), policy("script = true", ""));
        let (raw_ep, raw_ei) = (attribute("net_raw", "none"), attribute("none", "net_raw"));
        let chown_ei = attribute("none", "chown");
        let row = |file: ToolFile<'_>, policy: &Policy, group| {
            faults(&file, policy, group, &process(policy, raw)).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let none: [&str; 0] = [];
        assert_eq!(row(SOUND, &ambient, None), none);
        assert_eq!(row(ToolFile { attribute: Ok(Some(&raw_ei)), ..SOUND }, &inheritable, None), none);
        assert_eq!(row(ToolFile { attribute: Ok(Some(&raw_ep)), ..SOUND }, &inheritable, None), none);
        assert_eq!(row(ToolFile { is_script: true, ..SOUND }, &script, None), none);
        assert_eq!(row(ToolFile { gid: 7, mode: 0o750, ..SOUND }, &strict, Some(7)), none);
        for (file, policy, group, fault) in [
            (ToolFile { mode: 0o750, ..SOUND }, &strict, Some(7), "its group is 0, and the policy says #7"),
            (ToolFile { mode: 0o750, ..SOUND }, &strict, None, "its group is 0, and the policy says #7"),
            (ToolFile { gid: 7, ..SOUND }, &strict, Some(7), "its mode 0755 is looser than the policy's 0750"),
            (ToolFile { mode: 0o4755, ..SOUND }, &ambient, None, "the file is setuid or setgid (mode 4755), so"),
            (ToolFile { mode: 0o2755, ..SOUND }, &ambient, None, "the file is setuid or setgid (mode 2755), so"),
            (
                ToolFile { attribute: Ok(Some(&raw_ep)), ..SOUND },
                &ambient,
                None,
                "the file has cap_net_raw=ep, so what the tool starts would not have cap_net_raw",
            ),
            (
                ToolFile { attribute: Ok(Some(&chown_ei)), ..SOUND },
                &inheritable,
                None,
                "the file has cap_chown=ei, with which exec would give the tool none, and inheritable delivery",
            ),
            (SOUND, &inheritable, None, "the file has no file capabilities, which inheritable delivery needs"),
            (ToolFile { nosuid: true, ..SOUND }, &ambient, None, "it lies on a file system mounted nosuid"),
            (ToolFile { noexec: true, ..SOUND }, &ambient, None, "it lies on a file system mounted noexec"),
            (ToolFile { is_script: true, ..SOUND }, &ambient, None, "it is a script, whose interpreter"),
            (ToolFile { attribute: Err("truncated"), ..SOUND }, &ambient, None, "truncated"),
            (ToolFile { attribute: Err("truncated"), ..SOUND }, &inheritable, None, "truncated"),
            (ToolFile { mode: 0o644, ..SOUND }, &ambient, None, "users may not execute it (mode 0644)"),
        ] {
            let found = row(file, policy, group);
            assert!(found.len() == 1 && found[0].starts_with(fault), "{fault}: {found:?}");
        }
        let worst = ToolFile {
            mode: 0o6777,
            attribute: Ok(Some(&raw_ep)),
            is_script: true,
            nosuid: true,
            noexec: true,
            gid: 1,
            ..SOUND
        };
        assert_eq!(row(worst, &strict, Some(7)).len(), 7);
    }

    #[test]
    fn a_tool_with_file_capabilities_is_launched_where_exec_gives_it_exactly_the_decision() {
        let set = |list: &str| CapabilitySet::parse(list).unwrap();
        let (alone, loose) =
            (policy("", "children = \"none\""), policy("", "deliver = \"inheritable\"\nno_new_privs = false"));
        let row = |attribute: &Attribute, initial: bool, policy: &Policy, passed: &str| {
            let file = ToolFile { attribute: Ok(Some(attribute)), in_initial_namespace: initial, ..SOUND };
            faults(&file, policy, None, &process(policy, set(passed)))
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };
        let none: [&str; 0] = [];
        let (raw_ep, both_ep) = (attribute("net_raw", "none"), attribute("net_raw,net_admin", "none"));
        for (attribute, policy, passed) in [
            (&raw_ep, &alone, "net_raw"),
            (&raw_ep, &loose, "net_raw"),
            (&attribute("none", "net_raw"), &alone, "net_raw"),
            // With no_new_privs, the tool has no more than the launcher held.
            (&both_ep, &alone, "net_raw"),
            (&both_ep, &alone, ""),
        ] {
            assert_eq!(row(attribute, true, policy, passed), none, "{attribute} {passed}");
        }
        for (attribute, policy, passed, fault) in [
            (&both_ep, &loose, "net_raw", "cap_net_admin,cap_net_raw, and inheritable delivery of cap_net_raw needs"),
            (&raw_ep, &loose, "", "would give the tool cap_net_raw, and inheritable delivery of none needs"),
            (&raw_ep, &alone, "net_raw,net_admin", "the tool cap_net_raw, and the policy decided cap_net_admin,"),
            (&attribute("none", "none"), &alone, "net_raw", "the tool none, and the policy decided cap_net_raw"),
        ] {
            let found = row(attribute, true, policy, passed);
            assert!(found.len() == 1 && found[0].contains(fault), "{fault}: {found:?}");
        }
        // What counts for nobody here leaves the ambient set as it is, and what may count must be right as well.
        let of_another_root = Attribute { root_id: Some(1000), ..attribute("chown", "none") };
        assert_eq!(row(&of_another_root, true, &alone, "net_raw"), none);
        assert_eq!(row(&of_another_root, false, &alone, "net_raw").len(), 1);
        let inheritable = policy("", "deliver = \"inheritable\"");
        let of_another_root = Attribute { root_id: Some(1000), ..attribute("none", "net_raw") };
        for initial in [true, false] {
            let found = row(&of_another_root, initial, &inheritable, "net_raw");
            assert!(found.len() == 1 && found[0].contains("inheritable delivery"), "{found:?}");
        }
    }

    #[test]
    fn what_everybody_has_without_capwrap_is_bound_to_no_reason_no_date_and_no_record() {
        let text = "schema = 1\ntool = { path = \"/t\" }\n\
            allow = { users = [\"root\"], reason = true, until = 2027-01-31T00:00:00Z, audit = \"required\" }\n\
            grant = [{ caps = [\"net_raw\"] }]\nexec = { children = \"none\" }\n";
        let demanding = Policy::read(text).unwrap();
        let raw = CapabilitySet::parse("net_raw").unwrap();
        let (raw_ep, raw_ei) = (attribute("net_raw", "none"), attribute("none", "net_raw"));
        let found = |attribute, mode| {
            let file = ToolFile { attribute: Ok(Some(attribute)), mode, ..SOUND };
            faults(&file, &demanding, None, &process(&demanding, raw))
        };
        assert_eq!(
            found(&raw_ep, 0o755)[0].to_string(),
            "everybody may execute the file and has cap_net_raw=ep without capwrap, so the policy's audit = \
             \"required\" and reason = true and until would bind nobody"
        );
        assert_eq!(found(&raw_ep, 0o750), [], "its mode binds them");
        assert_eq!(found(&raw_ei, 0o755), [], "the file gives nothing by itself");
    }

    #[test]
    fn the_interpreter_of_a_script_has_no_privileges_of_its_own() {
        let script = policy("script = true", "no_new_privs = false");
        let (raw, raw_ep) = (CapabilitySet::parse("net_raw").unwrap(), attribute("net_raw", "none"));
        let fault = |file| interpreter_fault(&file, Path::new("/bin/i"), &script, &process(&script, raw));
        assert_eq!(fault(SOUND), None);
        for (file, why) in [
            (ToolFile { mode: 0o4755, ..SOUND }, "its interpreter /bin/i: the file is setuid"),
            (ToolFile { attribute: Ok(Some(&raw_ep)), ..SOUND }, "its interpreter /bin/i: the file has cap_net_raw=ep"),
            (ToolFile { attribute: Err("truncated"), ..SOUND }, "its interpreter /bin/i: truncated"),
        ] {
            let fault = fault(file).unwrap().to_string();
            assert!(fault.starts_with(why), "{fault}");
        }
        let file = ToolFile { attribute: Ok(Some(&raw_ep)), is_script: true, ..SOUND };
        let of_script = faults(&file, &script, None, &process(&script, raw));
        assert!(of_script[0].to_string().contains("to which file capabilities do not apply"), "{of_script:?}");
    }

    #[test]
    fn a_script_names_its_interpreter_as_the_kernel_reads_it() {
        for (line, path) in
            [(&b"/bin/sh\n/bin/false"[..], "/bin/sh"), (b" \t/bin/sh -x\n", "/bin/sh"), (b"/bin/sh\t-x", "/bin/sh")]
        {
            assert_eq!(interpreter(line), Ok(PathBuf::from(path)), "{line:?}");
        }
        let odd = interpreter(b"/bin/\xff\n").unwrap();
        assert_eq!(odd.as_os_str().as_bytes(), b"/bin/\xff", "no other path than the kernel's is judged");
        for (line, path) in [(&b"sh\n"[..], "\"sh\""), (b"\n/bin/sh\n", "\"\""), (b"", "\"\"")] {
            let fault = interpreter(line).unwrap_err().to_string();
            assert_eq!(fault, format!("its interpreter {path} is no absolute path"));
        }
        let fault = ToolFault::of_interpreter("/bin/sh".into(), &Fault::Missing("/bin/sh".into()));
        assert_eq!(fault.to_string(), "its interpreter /bin/sh: no such file");
    }

    #[test]
    fn a_fault_names_the_mode_once_beside_a_line_that_shows_it() {
        for (fault, mode) in [
            (ToolFault::Looser { mode: 0o755, most: 0o750 }, "0755"),
            (ToolFault::SetId { mode: 0o4755 }, "4755"),
            (ToolFault::NotExecutable { mode: 0o644 }, "0644"),
        ] {
            assert!(fault.to_string().contains(mode), "{fault}");
            assert!(!format!("{fault:#}").contains(mode), "{fault:#}");
        }
    }

    #[test]
    fn a_hint_can_be_pasted_whatever_the_path_is() {
        let hint = |path: &str| ToolFault::SetId { mode: 0o4755 }.hint(Path::new(path), Some(0));
        assert_eq!(hint("/usr/bin/t").unwrap(), "chmod ug-s /usr/bin/t");
        assert_eq!(hint("/opt/a; touch b/t").unwrap(), "chmod ug-s '/opt/a; touch b/t'");
        assert_eq!(hint("/opt/it's").unwrap(), r"chmod ug-s '/opt/it'\''s'");
        assert_eq!(hint("/opt/a\nb").unwrap(), r"chmod ug-s $'/opt/a\012b'");
        assert_eq!(hint("-rf"), None);
    }

    #[test]
    fn no_command_for_root_touches_what_others_can_put_in_the_tools_place() {
        let passed = CapabilitySet::parse("net_raw").unwrap();
        for fault in [
            ToolFault::Group { actual: 0, wanted: Identity::Id(7) },
            ToolFault::Looser { mode: 0o755, most: 0o750 },
            ToolFault::SetId { mode: 0o4755 },
            ToolFault::FileCapabilities { has: "=".to_owned(), exec: Err(Denied(passed)), decided: passed },
            ToolFault::NothingForChildren { has: "cap_net_raw=ep".to_owned(), decided: passed },
            ToolFault::FileCapabilitiesOfScript { has: "cap_net_raw=ep".to_owned() },
            ToolFault::OpenToEverybody { has: "cap_net_raw=ep".to_owned(), demands: vec!["until"] },
            ToolFault::Malformed("truncated".to_owned()),
            ToolFault::NotInheritable { has: None, passed },
            ToolFault::NotExecutable { mode: 0o644 },
        ] {
            let hint = |safe_for| fault.hint(Path::new("/home/alice/t"), safe_for);
            assert!(hint(Some(0)).unwrap().ends_with(" /home/alice/t"), "{fault}");
            let by_owner = hint(Some(1000)).unwrap();
            assert!(by_owner.starts_with("as uid 1000, run: ") || !by_owner.contains("/home"), "{fault}: {by_owner}");
            assert!(hint(None).is_none_or(|advice| !advice.contains("/home")), "{fault}");
        }
    }

    #[test]
    fn a_directory_of_others_is_left_to_them() {
        let of = |mode| Fault::Owner { path: "/home/alice".into(), owner: 1000, wanted: 0, mode, safe_for: Some(0) };
        assert_eq!(hint_of_way(&of(0o040_755)).as_deref(), Some(INSTALL_ELSEWHERE));
        assert_eq!(hint_of_way(&of(0o100_755)).as_deref(), Some("chown 0 /home/alice"));
    }
}
