//! Stores whether the administrator wants the launcher's file capabilities to serve every kernel, and not only the
//! running one.

use crate::store::{atomic_write, enabled};
use anyhow::{Context, Result};
use std::io::ErrorKind;
use std::path::Path;

/// If this file exists, the administrator wants it. `enable --any-kernel` writes the file, and every later `enable` and
/// `disable` checks for it.
const MARK: &str = "/etc/capwrap/any-kernel";

/// The text for a person who opens the file.
const TEXT: &str = "\
# This file was written by `capwrap enable --any-kernel`. While it is here, the file of capwrap carries what the
# enabled policies need on any kernel. `capwrap enable --this-kernel` removes it.
";

/// Whether the file exists. Only root can write its directory, so the file needs no further check, and its text has no
/// meaning.
pub fn is_wanted() -> bool {
    Path::new(MARK).symlink_metadata().is_ok()
}

/// Writes the file, or removes it.
///
/// # Errors
/// The file cannot be written below `/etc/capwrap`, which requires root.
pub fn want(wanted: bool) -> Result<()> {
    let mark = Path::new(MARK);
    if wanted {
        mark.parent().map_or(Ok(()), enabled::make_directory)?;
        return atomic_write::replace_for_all(mark, TEXT);
    }
    match std::fs::remove_file(mark) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {MARK}"))
        }
        _ => Ok(()),
    }
}
