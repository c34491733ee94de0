//! A home for a command that runs as another user. What that user keeps in the own home, such as Python's
//! `usercustomize.py`, `.bashrc` and `.gdbinit`, would run with what is passed to the command.

use crate::output::error;
use anyhow::{Context, Result};
use std::fs::{DirBuilder, Permissions, set_permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, lchown};
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// The directory of all of them. It can be entered and not be listed, so that nobody who could write into one knows its
/// name. No command line has the name either.
const HOMES: &str = "/run/capwrap/homes";

/// A home of this kind. It is removed when this is dropped.
pub struct PrivateHome(Option<TempDir>);

impl PrivateHome {
    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.as_ref().map_or(Path::new(HOMES), TempDir::path)
    }
}

impl Drop for PrivateHome {
    fn drop(&mut self) {
        let Some(home) = self.0.take() else { return };
        let path = home.path().to_owned();
        if home.close().is_ok() {
            return;
        }
        // The standard library keeps a descriptor for each level, and rm(1) does not. Neither follows a link.
        let removed = Command::new("/bin/rm").args(["-rf", "--one-file-system", "--"]).arg(&path).status();
        if !removed.is_ok_and(|status| status.success()) {
            error::note(&format!("cannot remove the command's home {}", path.display()));
        }
    }
}

/// Makes an empty home that belongs to this user.
pub fn make(user: u32, group: u32) -> Result<PrivateHome> {
    let cannot = || format!("cannot make a home for the command below {HOMES}");
    let homes = Path::new(HOMES);
    // Whatever root's umask is, the user must get to the home.
    let above = homes.parent().unwrap_or(homes);
    if !above.exists() {
        DirBuilder::new().recursive(true).mode(0o755).create(above).with_context(cannot)?;
        set_permissions(above, Permissions::from_mode(0o755)).with_context(cannot)?;
    }
    DirBuilder::new().recursive(true).mode(0o711).create(homes).with_context(cannot)?;
    set_permissions(homes, Permissions::from_mode(0o711)).with_context(cannot)?;
    let home = tempfile::Builder::new().prefix("").rand_bytes(22).tempdir_in(homes).with_context(cannot)?;
    set_permissions(home.path(), Permissions::from_mode(0o700)).with_context(cannot)?;
    lchown(home.path(), Some(user), Some(group)).with_context(cannot)?;
    Ok(PrivateHome(Some(home)))
}
