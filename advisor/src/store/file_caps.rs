//! The launcher's own file capabilities: what the enabled policies need together, permitted and never effective.
//!
//! If a file has the effective bit and cannot get all its capabilities (in a container, for example), the kernel
//! refuses to start it (capabilities(7), "capability-dumb binaries"). Without that bit the launcher starts and reports
//! what is missing.

use anyhow::{Context, Result};
use capwrap_core::CapabilitySet;
use capwrap_core::capability::xattr::{ATTRIBUTE, Attribute};
use capwrap_core::paths;
use capwrap_core::policy::{Delivery, FileCapabilities, Policy};
use std::fs::File;
use std::path::{Path, PathBuf};
use xattr::FileExt;

/// Where the launcher is installed.
pub fn installed() -> PathBuf {
    Path::new(paths::PREFIX).join(paths::LAUNCHER)
}

/// Reads the file capabilities; `None` if the file has none.
///
/// # Errors
/// The attribute cannot be read or is malformed.
pub fn read(file: &File) -> Result<Option<FileCapabilities>> {
    let bytes = file.get_xattr(ATTRIBUTE).context("cannot read file capabilities")?;
    Ok(bytes.map(|bytes| Attribute::decode(&bytes)).transpose()?.map(|attribute| attribute.capabilities))
}

/// Sets the file capabilities through the descriptor (in CVE-2026-4878 a path was replaced while setcap ran). Empty
/// sets remove the attribute.
pub fn write(file: &File, capabilities: FileCapabilities) -> Result<()> {
    let done = if !capabilities.permitted.is_empty() || !capabilities.inheritable.is_empty() {
        file.set_xattr(ATTRIBUTE, &Attribute { capabilities, root_id: None }.encode())
    } else if file.get_xattr(ATTRIBUTE).is_ok_and(|carried| carried.is_some()) {
        file.remove_xattr(ATTRIBUTE)
    } else {
        Ok(())
    };
    done.context("cannot set file capabilities (it takes cap_setfcap)")
}

/// Returns the file capabilities that a policy's tool should have: those of the policy's `[file]`, those for
/// inheritable delivery, or none.
pub fn wanted_of_tool(policy: &Policy) -> Option<FileCapabilities> {
    match (&policy.file, policy.exec.deliver) {
        (Some(file), _) => Some(*file),
        (None, Delivery::Inheritable) => Some(of_inheritable_delivery(policy)),
        (None, Delivery::Ambient) => None,
    }
}

/// Returns the file capabilities of a tool whose policy has inheritable delivery: all capabilities that a launch could
/// pass to it.
pub fn of_inheritable_delivery(policy: &Policy) -> FileCapabilities {
    inheritable(policy.grantable().union(policy.grantable_to_root()).union(policy.optional()))
}

/// Returns `=p` of a set.
pub const fn permitted(set: CapabilitySet) -> FileCapabilities {
    FileCapabilities { effective: false, permitted: set, inheritable: CapabilitySet::EMPTY }
}

/// Returns `=ei` of a set: the file capabilities for inheritable delivery.
pub const fn inheritable(set: CapabilitySet) -> FileCapabilities {
    FileCapabilities { effective: true, permitted: CapabilitySet::EMPTY, inheritable: set }
}
