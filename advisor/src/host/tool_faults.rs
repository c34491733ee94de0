//! The reasons for which capwrap would refuse to launch a policy's tool, as it is installed here. The launcher's own
//! rules judge.

use crate::host::accounts::{Names, Of};
use crate::host::installed_file::{self, Installed, Unread};
use crate::host::kernel;
use crate::output::error::reason;
use capwrap_core::capability::exec_rule::Process;
use capwrap_core::policy::Policy;
use capwrap_core::text::printable;
use capwrap_core::tool_rules::{self, ToolFault};
use capwrap_core::trusted_path;
use capwrap_core::{CapabilitySet, TABLE};
use std::io::{self, Read, Seek, SeekFrom};

/// A reason for which capwrap refuses to launch a tool, safe to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolRefusal {
    /// What is wrong.
    pub why: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The object that is at fault.
    pub about: About,
}

/// The object of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// A directory on the way to the tool.
    Way,
    /// The tool.
    Tool,
    /// The tool's owner, whom the policy names and the launcher does not know.
    Owner,
    /// Something that could not be checked. Whether capwrap refuses is not known.
    Unread,
}

impl ToolRefusal {
    /// Returns the note to print before anybody launches the tool.
    pub fn note(&self) -> String {
        let what = match self.about {
            About::Way | About::Tool | About::Owner => "capwrap will refuse to launch it",
            About::Unread => "whether capwrap will launch it could not be checked",
        };
        let hint = self.hint.as_ref().map(|hint| format!("; hint: {hint}")).unwrap_or_default();
        format!("{what}: {}{hint}", self.why)
    }
}

/// Returns all reasons, for the first of the policy's paths at which something exists. A tool that is not installed has
/// none. Missing file capabilities for inheritable delivery are no reason either, because `capwrap enable` sets them.
pub fn all(policy: &Policy, names: &Names) -> Vec<ToolRefusal> {
    let Some((tool, found)) = installed_file::look_first(&policy.tool.paths) else { return Vec::new() };
    let mut refusals = Vec::new();
    let mut add = |about, why: String, hint: Option<String>| {
        refusals.push(ToolRefusal { why: printable::line(&why), hint: hint.map(|hint| printable::line(&hint)), about });
    };
    let owner = names.local(Of::User, &policy.tool.owner);
    if owner.is_none() {
        let why = format!("the policy's owner {} is not in the local user file", policy.tool.owner);
        add(About::Owner, why, Some("name it by number, as in \"#1001\"".to_owned()));
    }
    let found = match found {
        Ok(found) => found,
        Err(error) => {
            add(About::Unread, format!("{}: {}", tool.display(), reason(&error)), None);
            return refusals;
        }
    };
    for fault in found.faults(owner.unwrap_or(0)) {
        let about = if fault.is_of_a_directory() { About::Way } else { About::Tool };
        add(about, fault.describe(&found.path), tool_rules::hint_of_way(&fault));
    }
    if let Err(Unread::Failed(why)) = &found.carries {
        add(About::Unread, format!("its file capabilities: {why}"), None);
    }
    for fault in faults(policy, names, &found) {
        match fault {
            Ok(ToolFault::NotInheritable { .. }) => {}
            Ok(fault) => add(About::Tool, fault.to_string(), fault.hint(&found.real, found.safe_for())),
            Err(error) => add(About::Unread, format!("{}: {}", found.path.display(), reason(&error)), None),
        }
    }
    refusals
}

/// Says who has the capabilities of the policy's tool without capwrap, if its file gives them and a launch succeeds all
/// the same.
pub fn given(policy: &Policy, names: &Names) -> Option<String> {
    let (_, found) = installed_file::look_first(&policy.tool.paths)?;
    let found = found.ok().filter(|found| found.is_regular)?;
    let group = policy.tool.group.as_ref().and_then(|group| names.local(Of::Group, group));
    let file = found.as_tool(false);
    given_besides(&found, &tool_rules::faults(&file, policy, group, &process(policy)))
}

/// Says the same of a file of which these faults are known.
pub fn given_besides(found: &Installed, faults: &[ToolFault]) -> Option<String> {
    if faults.iter().any(ToolFault::is_of_file_capabilities) {
        return None;
    }
    tool_rules::note_of_given(&found.as_tool(false))
}

/// Returns the launcher just before it executes the policy's tool with all that a launch can pass to a user. The user's
/// bounding set is the kernel's.
pub fn process(policy: &Policy) -> Process {
    let last = kernel::last_capability().unwrap_or_else(|_| u8::try_from(TABLE.len() - 1).unwrap_or(u8::MAX));
    let known = CapabilitySet::known_up_to(last);
    Process::of_launch(&policy.exec, policy.grantable().intersection(known), known, known)
}

/// Returns what the rules for tools find in a regular file, or why something could not be read.
fn faults(policy: &Policy, names: &Names, found: &Installed) -> Vec<io::Result<ToolFault>> {
    if !found.is_regular {
        return Vec::new();
    }
    let group = policy.tool.group.as_ref().and_then(|group| names.local(Of::Group, group));
    let is_script = found.is_script();
    let file = found.as_tool(matches!(is_script, Ok(true)));
    let mut faults: Vec<io::Result<ToolFault>> =
        tool_rules::faults(&file, policy, group, &process(policy)).into_iter().map(Ok).collect();
    match is_script {
        Ok(true) if policy.tool.script => faults.extend(interpreter(found, policy).transpose()),
        Ok(_) => {}
        Err(error) => faults.push(Err(error)),
    }
    if let Some(pinned) = policy.tool.sha256 {
        faults.extend(match found.sha256() {
            Ok(actual) => (actual != pinned).then_some(Ok(ToolFault::Digest { actual, pinned })),
            Err(error) => Some(Err(error)),
        });
    }
    faults
}

/// Returns the fault of a script's interpreter.
///
/// # Errors
/// The script cannot be read.
pub fn interpreter(script: &Installed, policy: &Policy) -> io::Result<Option<ToolFault>> {
    let mut file = script.read()?;
    file.seek(SeekFrom::Start(2))?;
    let mut line = Vec::new();
    file.take(tool_rules::INTERPRETER_LINE).read_to_end(&mut line)?;
    let path = match tool_rules::interpreter(&line) {
        Ok(path) => path,
        Err(fault) => return Ok(Some(fault)),
    };
    if let Err(fault) = trusted_path::open(&path, 0) {
        return Ok(Some(ToolFault::of_interpreter(path, &fault)));
    }
    let found = Installed::look(&path)?;
    Ok(tool_rules::interpreter_fault(&found.as_tool(false), &path, policy, &process(policy)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::unistd::getuid;
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::path::Path;

    /// Returns the refusals of a policy's tool, without those about the folders and the mounts of this machine: Debian
    /// 13 mounts /tmp nosuid.
    fn refusals(tool: &Path, rules: &str) -> Vec<String> {
        let owner = fs::metadata(tool).map_or(0, |about| about.uid());
        let policy = Policy::read(&format!(
            "schema = 1\n[tool]\npath = {tool:?}\nowner = \"#{owner}\"\n{rules}\n[allow]\nusers = [\"root\"]\n"
        ))
        .unwrap();
        let refusals = all(&policy, &Names::read()).into_iter();
        let of_tool = refusals.filter(|one| one.about == About::Tool).map(|one| one.why);
        of_tool.filter(|why| !why.contains("on a file system mounted")).collect()
    }

    #[test]
    fn the_launchers_rules_are_asked_about_the_file_that_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let tool = folder.path().join("tool");
        let none: [String; 0] = [];
        assert_eq!(refusals(&tool, ""), none, "a tool that is not installed is refused for nothing");
        fs::write(&tool, "\x7fELF").unwrap();
        let mode = |mode| fs::set_permissions(&tool, fs::Permissions::from_mode(mode)).unwrap();
        mode(0o755);
        assert_eq!(refusals(&tool, ""), none);
        for (bits, why) in [
            (0o4755, "the file is setuid or setgid (mode 4755)"),
            (0o775, "can be written by others than its owner (mode 0775)"),
            (0o644, "users may not execute it (mode 0644)"),
        ] {
            mode(bits);
            let found = refusals(&tool, "");
            assert!(found.len() == 1 && found[0].contains(why), "{why}: {found:?}");
        }
        mode(0o6777);
        assert_eq!(refusals(&tool, "").len(), 2, "all reasons are reported");
        mode(0o755);
        assert!(refusals(&tool, &format!("sha256 = \"{}\"", "0".repeat(64)))[0].contains("the policy pins 000"));
        fs::write(&tool, "#!sh\n").unwrap();
        assert!(refusals(&tool, "")[0].starts_with("it is a script"));
        assert_eq!(refusals(&tool, "script = true"), ["its interpreter \"sh\" is no absolute path"]);
        fs::write(&tool, "#! /bin/sh -e\n").unwrap();
        assert_eq!(refusals(&tool, "script = true"), none);
    }

    #[test]
    fn a_directory_of_the_policys_owner_is_trusted_and_one_of_another_user_is_not() {
        if !getuid().is_root() {
            return;
        }
        let folder = tempfile::tempdir_in("/").unwrap();
        let tool = folder.path().join("tool");
        fs::write(&tool, "\x7fELF").unwrap();
        for path in [folder.path(), &tool] {
            std::os::unix::fs::chown(path, Some(1234), None).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let of = |owner: u32| {
            let text = format!(
                "schema = 1\ntool = {{ path = {tool:?}, owner = \"#{owner}\" }}\nallow = {{ users = [\"root\"] }}\n"
            );
            all(&Policy::read(&text).unwrap(), &Names::read())
        };
        assert_eq!(of(1234), []);
        let refusals = of(0);
        assert_eq!(refusals.iter().map(|one| one.about).collect::<Vec<_>>(), [About::Way, About::Tool], "{refusals:?}");
        assert_eq!(refusals[0].hint.as_deref(), Some(tool_rules::INSTALL_ELSEWHERE));
        assert!(refusals[1].hint.as_ref().is_some_and(|hint| !hint.contains("chown")), "{refusals:?}");
    }
}
