//! The capabilities that the launcher can hold here, as far as an unprivileged process can see.

use crate::host::process;
use crate::store::{file_caps, trusted_file};
use anyhow::{Context, Result};
use capwrap_core::CapabilitySet;
use std::path::Path;

/// The limits on what the launcher can hold here.
pub struct Rights {
    pub bounding: CapabilitySet,
    pub no_new_privs: bool,
    /// The permitted set of the launcher's own file.
    pub launcher: CapabilitySet,
}

/// Reads the limits.
pub fn rights() -> Result<Rights> {
    let own = process::rights(Path::new("/proc/self")).context("cannot read /proc/self/status")?;
    let carried = trusted_file::open(&file_caps::installed()).and_then(|file| file_caps::read(&file));
    Ok(Rights {
        bounding: own.bounding,
        no_new_privs: own.no_new_privs == Some(true),
        launcher: carried.ok().flatten().map_or(CapabilitySet::EMPTY, |carried| carried.permitted),
    })
}
