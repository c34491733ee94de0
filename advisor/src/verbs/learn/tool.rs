//! Finds the file of a command, and the policy that belongs to it.

use crate::analysis::propose;
use crate::observe::command::locate::locate;
use crate::store::{enabled, trusted_file};
use anyhow::{Context, Result, bail};
use capwrap_core::paths;
use capwrap_core::policy;
use capwrap_core::policy::Policy;
use capwrap_core::text::hex;
use std::ffi::{OsStr, OsString};
use std::fs::File;
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
    /// The existing policy, if there is one.
    pub policy: Option<Found>,
}

/// An existing policy.
pub struct Found {
    pub text: String,
    pub policy: Policy,
    /// Whether the policy is enabled; if not, it is the shipped one.
    pub enabled: bool,
}

impl Tool {
    /// Finds the command as a shell would, and its policy by name.
    pub fn find(command: &OsStr, policy_name: Option<&str>, search: Option<OsString>) -> Result<Self> {
        let found = locate(command, search)?;
        let path = found.canonicalize().with_context(|| format!("cannot find {}", found.display()))?;
        let file_name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let typed = Path::new(command).file_name().unwrap_or_default().to_string_lossy().into_owned();
        let name = match policy_name {
            Some(name) if policy::is_name(name) => name.to_owned(),
            Some(name) => bail!("{name:?} is no name of a policy: letters, digits and ._+-"),
            None => [typed, file_name].into_iter().find(|name| policy::is_name(name)).unwrap_or_else(|| "tool".into()),
        };
        let policy = policy_of(&name)?;
        // Nothing runs if its result could not be written.
        if policy.is_none() {
            propose::path_of_policy(&path)?;
        }
        Ok(Self { sha256: digest(&path).ok(), found, path, name, policy })
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

fn digest(path: &Path) -> Result<String> {
    Ok(hex::encode(&capwrap_core::digest::of_file(File::open(path)?)?))
}
