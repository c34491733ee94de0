//! What loading the probe takes, told before the kernel only says that it is not permitted.

use crate::mended;
use anyhow::Result;
use caps::{CapSet, Capability};

/// The inode number of the initial user namespace (include/linux/proc_ns.h: PROC_USER_INIT_INO).
const INITIAL_USER_NAMESPACE: u32 = 0xEFFF_FFFD;

/// # Errors
/// What is missing, and what gives it.
pub fn check() -> Result<()> {
    if super::reading::own_user_namespace().is_ok_and(|own| own != INITIAL_USER_NAMESPACE) {
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
