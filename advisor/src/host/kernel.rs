//! The release of this machine's kernel, and the capabilities that it knows.

use anyhow::{Context, Result};
use capwrap_core::decision::facts::KernelVersion;

/// Parses the release.
pub fn version(release: &str) -> Result<KernelVersion> {
    KernelVersion::parse(release).with_context(|| format!("a kernel release that is no number: {release:?}"))
}

/// Returns the release as `uname -r` prints it. Without /proc it comes from uname(2), which personality(2) can change.
pub fn release() -> Result<String> {
    read("/proc/sys/kernel/osrelease").or_else(|unread| match nix::sys::utsname::uname() {
        Ok(system) => Ok(system.release().to_string_lossy().into_owned()),
        Err(_) => Err(unread),
    })
}

/// Returns the number of the last capability that the kernel knows.
///
/// # Errors
/// /proc does not have the number. A run's evidence contains the number that /proc has.
pub fn last_capability() -> Result<u8> {
    let path = "/proc/sys/kernel/cap_last_cap";
    read(path)?.parse().with_context(|| format!("{path} holds no number"))
}

fn read(path: &str) -> Result<String> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
    Ok(text.trim().to_owned())
}
