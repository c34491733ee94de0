//! Settings of this machine's kernel.

use crate::host::reading::{Reading, text};
use capwrap_core::sysctl;
use std::path::Path;

/// Reads a setting by its name. It is absent if this kernel has no setting of that name.
pub fn read(name: &str) -> Reading {
    match text(sysctl::path(name)) {
        Reading::Absent if !Path::new(sysctl::FOLDER).join("kernel").exists() => {
            Reading::Unreadable("/proc is not mounted".to_owned())
        }
        reading => reading,
    }
}
