//! Finds the file of a command.

use anyhow::{Context, Result};
use capwrap_core::decision::environment::PATH;
use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// Returns the file that a shell would run, as an absolute path: the launcher takes no other.
pub fn locate(command: &OsStr, search: Option<OsString>) -> Result<PathBuf> {
    let shown = command.to_string_lossy();
    let candidates: Vec<PathBuf> = if shown.contains('/') {
        vec![PathBuf::from(command)]
    } else {
        let search = search.unwrap_or_else(|| PATH.into());
        std::env::split_paths(&search).map(|directory| directory.join(command)).collect()
    };
    let mut cannot = None;
    for candidate in candidates {
        let Ok(found) = std::fs::metadata(&candidate) else { continue };
        if !found.is_file() || found.permissions().mode() & 0o111 == 0 {
            cannot = Some(candidate);
            continue;
        }
        return std::path::absolute(&candidate).with_context(|| format!("cannot find {}", candidate.display()));
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

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
