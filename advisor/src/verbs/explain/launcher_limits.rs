//! What the launcher can hold here, as far as somebody without rights can see.

use crate::host::process;
use crate::store::{file_caps, trusted_file};
use anyhow::{Context, Result};
use capwrap_core::CapabilitySet;
use std::path::Path;

/// What stands between the launcher and what it needs here.
pub struct Rights {
    pub bounding: CapabilitySet,
    pub no_new_privs: bool,
    /// What the launcher's own file permits.
    pub launcher: CapabilitySet,
}

/// Looks them up.
pub fn rights() -> Result<Rights> {
    let own = process::rights(Path::new("/proc/self")).context("cannot read /proc/self/status")?;
    let carried = trusted_file::open(&file_caps::installed()).and_then(|file| file_caps::read(&file));
    Ok(Rights {
        bounding: own.bounding,
        no_new_privs: own.no_new_privs == Some(true),
        launcher: carried.ok().flatten().map_or(CapabilitySet::EMPTY, |carried| carried.permitted),
    })
}
