//! Writes the profile of a run to the file that `--output` names.

use crate::analysis::profile::Profile;
use crate::store::atomic_write;
use anyhow::Result;
use std::path::Path;

/// Writes a profile, if there is a file for it.
pub fn write(output: Option<&Path>, profile: &Profile) -> Result<()> {
    output.map_or(Ok(()), |file| atomic_write::replace(file, &profile.to_json()?))
}
