//! The rules that a tool must meet before capwrap runs it. The launcher refuses a tool at the first
//! fault; `verify`, `lint`, `enable` and `learn` report all of them.
//! [`trusted_path`](crate::trusted_path) decides which directories and owners on the path to the
//! tool are trusted.

use crate::CapabilitySet;
use crate::capability::xattr::Attribute;
use crate::policy::{Delivery, Identity, Policy};
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
    /// The file has capabilities, so exec clears the ambient set (capabilities(7)).
    FileCapabilities(String),
    /// The file's capabilities are malformed; the text says how. The kernel ignores them, and
    /// capwrap does not launch such a file.
    Malformed(String),
    /// The file's capabilities are not those that inheritable delivery needs.
    NotInheritable {
        /// The capabilities that the file has, in setcap's notation; `None` if it has none.
        has: Option<String>,
        /// The capabilities that the launch passes to the tool.
        passed: CapabilitySet,
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
/// number of the policy's group, if this machine has it. `passed` is what the launch would pass to
/// the tool.
pub fn faults(file: &ToolFile<'_>, policy: &Policy, group: Option<u32>, passed: CapabilitySet) -> Vec<ToolFault> {
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
        Ok(attribute) => faults.extend(of_file_capabilities(attribute, policy.exec.deliver, passed)),
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

/// Checks file capabilities against the delivery. With ambient delivery a file that has
/// capabilities loses the ambient set. With inheritable delivery the file's inheritable set must
/// allow what is passed, and the file must add nothing of its own.
fn of_file_capabilities(attribute: Option<&Attribute>, deliver: Delivery, passed: CapabilitySet) -> Option<ToolFault> {
    let notation = |attribute: &Attribute| match attribute.root_id {
        None => attribute.capabilities.to_string(),
        Some(root) => format!("{} [rootid={root}]", attribute.capabilities),
    };
    match (deliver, attribute) {
        (Delivery::Ambient, None) => None,
        (Delivery::Ambient, Some(attribute)) => Some(ToolFault::FileCapabilities(notation(attribute))),
        (Delivery::Inheritable, attribute) => {
            let lets_through = attribute.is_some_and(|attribute| {
                let file = &attribute.capabilities;
                file.effective && file.permitted.is_empty() && passed.is_subset(file.inheritable)
            });
            (!lets_through).then(|| ToolFault::NotInheritable { has: attribute.map(notation), passed })
        }
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
            Self::FileCapabilities(has) => {
                write!(out, "the file has {has}, and capwrap cannot launch a tool that has file capabilities")
            }
            Self::NotInheritable { has: None, .. } => {
                out.write_str("the file has no file capabilities, which inheritable delivery needs")
            }
            Self::NotInheritable { has: Some(has), .. } => {
                write!(out, "the file has {has}, and inheritable delivery needs other file capabilities")
            }
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
            Self::FileCapabilities(_) | Self::Malformed(_) => {
                by_root("setcap -r", "its owner can put a copy in its place, which has no file capabilities")
            }
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

    const SOUND: ToolFile<'_> =
        ToolFile { gid: 0, mode: 0o755, attribute: Ok(None), is_script: false, nosuid: false, noexec: false };

    fn policy(tool: &str, exec: &str) -> Policy {
        let text = format!(
            "schema = 1\nsummary = \"t\"\n[tool]\npath = \"/usr/bin/t\"\n{tool}\n[allow]\nusers = [\"root\"]\n\
             [[grant]]\ncaps = [\"cap_net_raw\"]\nwhy = \"t\"\n[exec]\n{exec}\n"
        );
        Policy::read(&text).unwrap()
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
            faults(&file, policy, group, raw).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let none: [&str; 0] = [];
        assert_eq!(row(SOUND, &ambient, None), none);
        assert_eq!(row(ToolFile { attribute: Ok(Some(&raw_ei)), ..SOUND }, &inheritable, None), none);
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
                "the file has cap_net_raw=ep, and capwrap",
            ),
            (
                ToolFile { attribute: Ok(Some(&raw_ep)), ..SOUND },
                &inheritable,
                None,
                "the file has cap_net_raw=ep, and inh",
            ),
            (
                ToolFile { attribute: Ok(Some(&chown_ei)), ..SOUND },
                &inheritable,
                None,
                "the file has cap_chown=ei, and inh",
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
        };
        assert_eq!(row(worst, &strict, Some(7)).len(), 7);
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
            ToolFault::FileCapabilities("cap_net_raw=ep".to_owned()),
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
