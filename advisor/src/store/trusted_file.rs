//! Opens files that nobody except root can have written or replaced, as the launcher opens them.

use crate::output::error::hinted;
use crate::store::bounded_read;
use anyhow::{Context, Result};
use capwrap_core::policy::MAX_BYTES;
use capwrap_core::trusted_path;
use capwrap_core::trusted_path::Fault;
use std::fs::File;
use std::path::Path;

/// Opens a regular file for reading.
///
/// # Errors
/// The file or a directory on the way, with links followed, does not belong to root, or another user can write it.
pub fn open(path: &Path) -> Result<File> {
    let absolute = std::path::absolute(path)?;
    trusted_path::open(&absolute, 0).map(|opened| opened.file).map_err(|fault| refused(path, &fault))
}

fn refused(path: &Path, fault: &Fault) -> anyhow::Error {
    let what = format!("cannot trust {}: {}", path.display(), fault.describe(path));
    match (fault.command(), fault.hint()) {
        (Some(command), _) => hinted(what, format!("check its contents, then run: {command}")),
        (None, Some(hint)) => hinted(what, hint),
        (None, None) => anyhow::anyhow!(what),
    }
}

/// Opens a file that may belong to `owner` and may lie in their directories. A link or a hard link in those directories
/// may lead to a file of root's, and this function refuses that file. A caller that changes the opened file therefore
/// changes no file of another user.
///
/// # Errors
/// The errors are those of [`open`], with `owner` in the place of root, and a file of root's that `owner` could have
/// put there.
pub fn open_of(path: &Path, owner: u32) -> Result<File> {
    let absolute = std::path::absolute(path)?;
    let opened = trusted_path::open(&absolute, owner).map_err(|fault| refused(path, &fault))?;
    if opened.safe_for.is_none() {
        anyhow::bail!("cannot trust {}: it is a file of root's that uid {owner} could have put there", path.display());
    }
    Ok(opened.file)
}

/// Reads the text of a policy.
///
/// # Errors
/// The errors are those of [`open`], and a file that is not text.
pub fn text(path: &Path) -> Result<String> {
    bounded_read::text(open(path)?, MAX_BYTES).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::unistd::getuid;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    #[test]
    fn a_file_of_the_owners_is_opened_and_one_that_the_owner_leads_to_is_not() {
        if !getuid().is_root() {
            return;
        }
        let home = tempfile::tempdir_in("/").unwrap();
        let (own, link) = (home.path().join("own"), home.path().join("link"));
        fs::write(&own, "own").unwrap();
        symlink("/etc/passwd", &link).unwrap();
        for path in [home.path(), &own] {
            chown(path, Some(1234), None).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        assert!(open_of(&own, 1234).is_ok());
        assert!(open_of(Path::new("/etc/passwd"), 1234).is_ok());
        let error = open_of(&link, 1234).unwrap_err().to_string();
        assert!(error.ends_with("it is a file of root's that uid 1234 could have put there"), "{error}");
        for path in [&own, &link] {
            assert!(open(path).is_err() && open_of(path, 0).is_err() && open_of(path, 7).is_err());
        }
    }
}
