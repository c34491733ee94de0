//! Finds the file of a command, and the policy that belongs to it.

use crate::store::{enabled, trusted_file};
use anyhow::{Context, Result, bail};
use capwrap_core::paths;
use capwrap_core::policy;
use capwrap_core::policy::Policy;
use capwrap_core::text::hex;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::fs::PermissionsExt;
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

/// The file that a shell would run.
fn locate(command: &OsStr, search: Option<OsString>) -> Result<PathBuf> {
    let shown = command.to_string_lossy();
    let candidates: Vec<PathBuf> = if shown.contains('/') {
        vec![PathBuf::from(command)]
    } else {
        let search = search.unwrap_or_else(|| "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into());
        std::env::split_paths(&search).map(|directory| directory.join(command)).collect()
    };
    let mut cannot = None;
    for candidate in candidates {
        let Ok(found) = std::fs::metadata(&candidate) else { continue };
        if !found.is_file() || found.permissions().mode() & 0o111 == 0 {
            cannot = Some(candidate);
            continue;
        }
        return Ok(candidate);
    }
    match cannot {
        Some(file) => {
            Err(NotRun { status: 126, what: format!("cannot run {}: not an executable file", file.display()) }.into())
        }
        None => Err(NotRun { status: 127, what: format!("cannot run {shown}: there is no such command") }.into()),
    }
}

/// The error for a command that cannot be run.
#[derive(Debug)]
pub struct NotRun {
    /// The exit status for this error, the same as in shells.
    pub status: u8,
    what: String,
}

impl std::fmt::Display for NotRun {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.what)
    }
}

impl std::error::Error for NotRun {}

fn digest(path: &Path) -> Result<String> {
    Ok(hex::encode(&capwrap_core::digest::of_file(File::open(path)?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_found_as_a_shell_finds_it() {
        let found = |command: &str| locate(OsStr::new(command), Some("/nowhere:/bin:/usr/bin".into()));
        assert_eq!(found("sh").unwrap(), Path::new("/bin/sh"));
        assert!(found("/bin/sh").is_ok());
        let error = found("no-such-command").unwrap_err();
        assert_eq!(error.downcast_ref::<NotRun>().unwrap().status, 127);
        let error = found("/etc/passwd").unwrap_err();
        assert_eq!(error.downcast_ref::<NotRun>().unwrap().status, 126);
    }
}
