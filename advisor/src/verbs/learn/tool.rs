//! Finds the file of a command, and the policy that belongs to it.

use crate::analysis::propose;
use crate::host::installed_file::{self, Installed};
use crate::observe::command::locate::locate;
use crate::output::error::hinted;
use crate::store::{enabled, trusted_file};
use anyhow::{Context, Result, bail};
use capwrap_core::paths;
use capwrap_core::policy;
use capwrap_core::policy::Policy;
use capwrap_core::text::{hex, printable};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// The command's file, and the policy to refine.
pub struct Tool {
    /// The path where the command was found. It may be a symbolic link, whose name decides what the program does.
    pub found: PathBuf,
    /// The file, absolute and without symbolic links.
    pub path: PathBuf,
    /// Its SHA-256 in hexadecimal; `None` if the file cannot be read.
    pub sha256: Option<String>,
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
    /// Whether the policy is enabled; if not, it is the shipped one.
    pub enabled: bool,
}

impl Tool {
    /// Finds the command as a shell would, and the policy of its name, if that is for the same file.
    pub fn find(command: &OsStr, policy_name: Option<&str>, search: Option<OsString>) -> Result<Self> {
        let found = locate(command, search)?;
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
        let (policy, other) = match policy_of(&name)? {
            None => (None, None),
            Some(policy) => match other_tool(&policy.policy, &installed) {
                None => (Some(policy), None),
                Some(other) => (None, Some(other)),
            },
        };
        // Nothing runs if its result could not be written.
        if policy.is_none() {
            propose::path_of_policy(&path)?;
        }
        // What a user can replace by now is not what was compared with the policy's tool.
        let is_sure = installed.weaknesses(0).is_empty();
        let found = if policy.is_some() && !is_sure { path.clone() } else { found };
        let sha256 = installed.sha256().ok().map(|digest| hex::encode(&digest));
        Ok(Self { found, path, sha256, name, policy, other })
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

fn policy_of(name: &str) -> Result<Option<Found>> {
    let shipped = Path::new(paths::PREFIX).join(paths::TEMPLATES).join(format!("{name}.toml"));
    for (path, enabled) in [(enabled::path(name), true), (shipped, false)] {
        if !path.exists() {
            continue;
        }
        let text = trusted_file::text(&path)?;
        let policy = Policy::read(&text).with_context(|| format!("{} is no policy", path.display()))?;
        return Ok(Some(Found { text, policy, enabled }));
    }
    Ok(None)
}
