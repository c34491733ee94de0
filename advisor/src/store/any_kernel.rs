//! Whether the administrator wants the launcher's file capabilities to serve every kernel, and not only the one that runs.

use crate::store::{atomic_write, enabled};
use anyhow::{Context, Result};
use std::io::ErrorKind;
use std::path::Path;

/// The file that says so by being there. `enable --any-kernel` writes it, and every later `enable` and `disable` sees it.
const MARK: &str = "/etc/capwrap/any-kernel";

/// What the file says to who opens it.
const TEXT: &str = "\
# This file was written by `capwrap enable --any-kernel`. While it is here, the file of capwrap carries what the
# enabled policies need on any kernel. `capwrap enable --this-kernel` removes it.
";

/// Whether the file is there. It is root's directory that it lies in, and its text has no meaning.
pub fn is_wanted() -> bool {
    Path::new(MARK).symlink_metadata().is_ok()
}

/// Writes the file, or removes it.
///
/// # Errors
/// Those of writing below `/etc/capwrap`, which takes root.
pub fn want(wanted: bool) -> Result<()> {
    let mark = Path::new(MARK);
    if wanted {
        mark.parent().map_or(Ok(()), enabled::make_directory)?;
        return atomic_write::replace(mark, TEXT);
    }
    match std::fs::remove_file(mark) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {MARK}"))
        }
        _ => Ok(()),
    }
}
