//! Files that nobody but root can have written or can put another in place of, opened as the launcher opens them.

use crate::output::error::hinted;
use crate::store::bounded_read;
use anyhow::{Context, Result};
use capwrap_core::policy::MAX_BYTES;
use capwrap_core::trusted_path;
use std::fs::File;
use std::path::Path;

/// Opens a regular file to read it.
///
/// # Errors
/// It, or a directory on the way, links followed, does not belong to root or can be written by others.
pub fn open(path: &Path) -> Result<File> {
    let absolute = std::path::absolute(path)?;
    trusted_path::open(&absolute, 0).map(|opened| opened.file).map_err(|fault| {
        let what = format!("cannot trust {}: {}", path.display(), fault.describe(path));
        match fault.hint() {
            Some(hint) => hinted(what, format!("check its contents, then run: {hint}")),
            None => anyhow::anyhow!(what),
        }
    })
}

/// The text of a policy.
///
/// # Errors
/// As above; and what is no text.
pub fn text(path: &Path) -> Result<String> {
    bounded_read::text(open(path)?, MAX_BYTES).with_context(|| format!("cannot read {}", path.display()))
}
