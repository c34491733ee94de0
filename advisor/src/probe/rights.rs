//! What loading the probe takes, told before the kernel only says that it is not permitted.

use crate::mended;
use crate::process::UserNamespace;
use anyhow::Result;
use caps::{CapSet, Capability};
use std::path::Path;

/// # Errors
/// What is missing, and what gives it.
pub fn check() -> Result<()> {
    if UserNamespace::of(Path::new("/proc/self")).is_ok_and(|own| !own.is_initial()) {
        return Err(mended(
            "the probe cannot be loaded in a user namespace: cap_bpf counts in the initial one alone",
            "run it outside, or in a container without a user namespace of its own",
        ));
    }
    let held = |one| caps::has_cap(None, CapSet::Effective, one).unwrap_or(false);
    // Before 5.8 it was cap_sys_admin alone, and that still does.
    if held(Capability::CAP_SYS_ADMIN) {
        return Ok(());
    }
    let missing: Vec<&str> = [(Capability::CAP_BPF, "cap_bpf"), (Capability::CAP_PERFMON, "cap_perfmon")]
        .into_iter()
        .filter(|(one, _)| !held(*one))
        .map(|(_, name)| name)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(mended(
        format!("the probe takes cap_bpf and cap_perfmon; not held here: {}", missing.join(", ")),
        "as root: sudo; in a container: --cap-add=BPF --cap-add=PERFMON",
    ))
}
