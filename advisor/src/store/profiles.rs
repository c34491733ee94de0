//! The profile of a policy: the evidence of every run that refined the policy.

use crate::analysis::profile::{MAX_BYTES, Profile};
use crate::store::{bounded_read, enabled};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// Returns the profile's path. No policy's name ends like the profile's name.
pub fn of(name: &str) -> PathBuf {
    enabled::path(name).with_extension("profile.json")
}

/// Reads the profile; `None` if the file does not exist.
pub fn read(path: &Path) -> Result<Option<Profile>> {
    let file = match bounded_read::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let text = bounded_read::text(file, MAX_BYTES).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Some(Profile::read(&text).with_context(|| path.display().to_string())?))
}
