//! Finds the file of a command, and the policy that belongs to it.

use crate::analysis::propose;
use crate::host::installed_file::{self, Installed};
use crate::observe::command::locate::locate;
use crate::output::error::hinted;
use crate::store::{policy_lookup, trusted_file};
use anyhow::{Context, Result, bail};
use capwrap_core::policy;
use capwrap_core::policy::Policy;
use capwrap_core::text::{hex, printable, shell};
use std::ffi::{OsStr, OsString};
use std::path::{Component, Path, PathBuf};

/// The command's file, and the policy to refine.
pub struct Tool {
    /// The absolute path where the command was found, which a new policy names. It may be a symbolic link, whose name
    /// decides what the program does (busybox) or where it finds its files (the Python of a virtual environment).
    pub found: PathBuf,
    /// The file, absolute and without symbolic links.
    pub path: PathBuf,
    /// Its SHA-256 in hexadecimal; `None` if the file cannot be read.
    pub sha256: Option<String>,
    /// Whether it begins with `#!`.
    pub is_script: bool,
    /// The policy's name.
    pub name: String,
    /// The existing policy of this name, if there is one and it is for this file.
    pub policy: Option<Found>,
    /// What the existing policy of this name is for, if that is another file.
    pub other: Option<OtherTool>,
}

/// The tool of a policy that has the command's name and is for another file.
pub struct OtherTool {
    /// The paths of the policy.
    paths: Vec<PathBuf>,
    /// The one of them that a launch would take.
    installed: Option<PathBuf>,
}

/// An existing policy.
pub struct Found {
    pub text: String,
    pub policy: Policy,
    pub place: Place,
}

/// Where a policy was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Enabled,
    /// Disabled by `capwrap disable`, or learned and not enabled yet.
    Disabled,
    Shipped,
}

impl Found {
    pub fn is_enabled(&self) -> bool {
        self.place == Place::Enabled
    }

    /// Finds the policy of this name: the enabled one, or else the disabled one, or else the shipped one.
    ///
    /// # Errors
    /// It cannot be read, others than root could have written it, or it is no policy.
    pub fn of(name: &str) -> Result<Option<Self>> {
        let places = [Place::Enabled, Place::Disabled, Place::Shipped];
        for (path, place) in policy_lookup::places(name).into_iter().zip(places) {
            if !path.exists() {
                continue;
            }
            let text = trusted_file::text(&path)?;
            let policy = Policy::read(&text).with_context(|| format!("{} is no policy", path.display()))?;
            return Ok(Some(Self { text, policy, place }));
        }
        Ok(None)
    }
}

impl Tool {
    /// Whether a launch of the tool sets `no_new_privs`, as it does where no policy says otherwise.
    pub fn sets_no_new_privs(&self) -> bool {
        self.policy.as_ref().is_none_or(|found| found.policy.exec.no_new_privs)
    }

    /// Finds the command as a shell would, and the policy of its name, if that is for the same file.
    pub fn find(command: &OsStr, policy_name: Option<&str>, search: Option<OsString>) -> Result<Self> {
        let found = without_dots(locate(command, search)?)?;
        let cannot_find = || format!("cannot find {}", printable::text(&found));
        let installed = Installed::look(&found).with_context(cannot_find)?;
        let path = installed.real.clone();
        let file_name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let typed = Path::new(command).file_name().unwrap_or_default().to_string_lossy().into_owned();
        let name = match policy_name {
            Some(name) if policy::is_name(name) => name.to_owned(),
            Some(name) => bail!("{name:?} is no name of a policy: letters, digits and ._+-"),
            None => [typed, file_name].into_iter().find(|name| policy::is_name(name)).unwrap_or_else(|| "tool".into()),
        };
        let (policy, other) = match Found::of(&name)? {
            None => (None, None),
            Some(policy) => match other_tool(&policy.policy, &installed) {
                None => (Some(policy), None),
                Some(other) => (None, Some(other)),
            },
        };
        // Nothing runs if its result could not be written.
        if policy.is_none() {
            propose::path_of_policy(&found)?;
        }
        // What a user can replace by now is not what was compared with the policy's tool.
        let is_sure = installed.weaknesses(0).is_empty();
        let found = if policy.is_some() && !is_sure { path.clone() } else { found };
        let sha256 = installed.sha256().ok().map(|digest| hex::encode(&digest));
        // A file that cannot be read is no script, whose interpreter would have to read it.
        let is_script = installed.is_script().unwrap_or(false);
        Ok(Self { found, path, sha256, is_script, name, policy, other })
    }

    /// # Errors
    /// A new policy would name a file that the launcher refuses for the place where it lies, or for its owner.
    pub fn refuse_place(&self) -> Result<()> {
        if self.policy.is_some() {
            return Ok(());
        }
        let found = Installed::look(&self.found)?;
        let Some(fault) = found.faults(0).into_iter().next() else { return Ok(()) };
        let what =
            format!("capwrap would refuse to launch {}: {}", printable::text(&self.found), fault.describe(&self.found));
        let is_trusted = Installed::look(&self.path).is_ok_and(|real| real.faults(0).is_empty());
        let hint = match shell::path(&self.path).filter(|_| is_trusted) {
            Some(real) => format!("it leads to {real}: learn from that path"),
            None => "copy it to where only root writes, such as /usr/local/bin, and learn from the copy".to_owned(),
        };
        Err(hinted(format!("{what}: no policy is written for it"), hint))
    }

    /// Says that the policy of the command's name is for another file, if it is.
    pub fn described_other(&self) -> Option<String> {
        let other = self.other.as_ref()?;
        let their = match &other.installed {
            Some(path) => printable::text(path),
            None => {
                let paths = other.paths.iter().map(printable::text).collect::<Vec<_>>();
                format!("{}, which is not installed", paths.join(" or "))
            }
        };
        Some(format!("the policy {} is for {their}, and this is {}", self.name, printable::text(&self.path)))
    }

    /// # Errors
    /// The policy of the command's name is for another file. What was learned from the command would widen what that
    /// file is granted.
    pub fn refuse_other(&self) -> Result<()> {
        match self.described_other() {
            Some(described) => Err(hinted(format!("{described}: it is not changed"), OTHER_NAME)),
            None => Ok(()),
        }
    }
}

/// The hint where the policy of a command's name is for another file.
pub const OTHER_NAME: &str = "choose another name for this file's policy: --policy NAME";

/// Returns the policy's tool if that is another file. Files are compared by device and inode, because any user can give
/// a file any name.
fn other_tool(policy: &Policy, command: &Installed) -> Option<OtherTool> {
    let paths = &policy.tool.paths;
    match installed_file::look_first(paths) {
        Some((_, Ok(tool))) if tool.identity == command.identity => None,
        found => Some(OtherTool { paths: paths.clone(), installed: found.map(|(path, _)| path.clone()) }),
    }
}

/// Returns the path without `.` and `..`, which mean another file once a directory on the way is a link.
fn without_dots(path: PathBuf) -> Result<PathBuf> {
    if path.components().all(|one| matches!(one, Component::RootDir | Component::Normal(_))) {
        return Ok(path.components().collect());
    }
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Ok(path) };
    let folder = folder.canonicalize().with_context(|| format!("cannot find {}", printable::text(&path)))?;
    Ok(folder.join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_keeps_its_name_and_its_folder_and_loses_its_dots() {
        let folder = tempfile::tempdir().unwrap();
        let room = folder.path().canonicalize().unwrap();
        std::fs::create_dir(room.join("venv")).unwrap();
        let link = room.join("venv/python");
        std::os::unix::fs::symlink("/bin/sh", &link).unwrap();
        for path in ["venv/python", "venv/../venv/python", "./venv//python"] {
            let tool = Tool::find(room.join(path).as_os_str(), Some("t-link"), None).unwrap();
            assert_eq!((tool.found, tool.path), (link.clone(), Path::new("/bin/sh").canonicalize().unwrap()), "{path}");
        }
    }

    #[test]
    fn a_script_is_told_from_a_program() {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("script");
        std::fs::write(&script, "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        assert!(Tool::find(script.as_os_str(), Some("t-script"), None).unwrap().is_script);
        assert!(!Tool::find(OsStr::new("/bin/sh"), Some("t-script"), None).unwrap().is_script);
    }

    #[test]
    fn no_policy_is_written_for_a_tool_where_others_could_replace_it() {
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("copy");
        std::fs::copy("/bin/sh", &copy).unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("/bin/sh", &link).unwrap();
        std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
        for (file, hint) in [(copy, "copy it to where only root writes"), (link, "learn from that path")] {
            let error = Tool::find(file.as_os_str(), Some("t-place"), None).unwrap().refuse_place().unwrap_err();
            let hint_of = error.downcast_ref::<crate::output::error::HintedError>().map(|one| one.hint.clone());
            assert!(error.to_string().contains("would refuse to launch"), "{error}");
            assert!(hint_of.unwrap().contains(hint), "{file:?}");
        }
        assert!(Tool::find(OsStr::new("/bin/sh"), Some("t-place"), None).unwrap().refuse_place().is_ok());
    }
}
