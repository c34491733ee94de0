//! The facts about this machine's kernel that a run's evidence rests on.

use crate::analysis::profile::Kernel;
use crate::host::sysctl;
use anyhow::{Context, Result};
use capwrap_core::decision::facts::KernelVersion;

/// The settings that decide which capabilities the kernel asks for.
pub const SYSCTLS: [&str; 9] = [
    "fs.protected_hardlinks",
    "kernel.dmesg_restrict",
    "kernel.kptr_restrict",
    "kernel.perf_event_paranoid",
    "kernel.unprivileged_bpf_disabled",
    "kernel.unprivileged_userns_clone",
    "kernel.yama.ptrace_scope",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
];

/// The kernel and its settings, for the evidence.
pub fn kernel() -> Result<Kernel> {
    Ok(Kernel {
        release: release()?,
        cap_last_cap: last_capability()?,
        sysctls: SYSCTLS.iter().map(|name| ((*name).to_owned(), sysctl::read(name).is().cloned())).collect(),
    })
}

/// The release as numbers.
pub fn version(release: &str) -> Result<KernelVersion> {
    KernelVersion::parse(release).with_context(|| format!("a kernel release that is no number: {release:?}"))
}

/// The release, as `uname -r` prints it. Without /proc uname(2) says it; that one can be changed by
/// personality(2).
pub fn release() -> Result<String> {
    read("/proc/sys/kernel/osrelease").or_else(|unread| match nix::sys::utsname::uname() {
        Ok(system) => Ok(system.release().to_string_lossy().into_owned()),
        Err(_) => Err(unread),
    })
}

/// The number of the last capability that the kernel knows.
///
/// # Errors
/// /proc does not say. A run's evidence names what it says.
pub fn last_capability() -> Result<u8> {
    let path = "/proc/sys/kernel/cap_last_cap";
    read(path)?.parse().with_context(|| format!("{path} holds no number"))
}

fn read(path: &str) -> Result<String> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
    Ok(text.trim().to_owned())
}
