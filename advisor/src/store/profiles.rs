//! The profile beside a policy: the evidence of every run that refined it.

use crate::analysis::profile::{MAX_BYTES, Profile};
use crate::store::{bounded_read, enabled};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// Where it lies. No policy's name ends like this one's.
pub fn of(name: &str) -> PathBuf {
    enabled::path(name).with_extension("profile.json")
}

/// What it holds, if it is there.
pub fn read(path: &Path) -> Result<Option<Profile>> {
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let text = bounded_read::text(file, MAX_BYTES).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Some(Profile::read(&text).with_context(|| path.display().to_string())?))
}
