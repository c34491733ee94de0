//! The capabilities that loading the probe requires. The advisor checks them first, because the kernel only reports
//! that the operation is not permitted.

use crate::host::process::UserNamespace;
use crate::output::error::hinted;
use anyhow::Result;
use caps::{CapSet, Capability};
use std::path::Path;

/// Checks that this process may load the probe.
///
/// # Errors
/// The error names what is missing, and how to get it.
pub fn check() -> Result<()> {
    if UserNamespace::of(Path::new("/proc/self")).is_ok_and(|own| !own.is_initial()) {
        return Err(hinted(
            "the probe cannot be loaded in a user namespace: cap_bpf counts in the initial one alone",
            "run it outside, or in a container without a user namespace of its own",
        ));
    }
    let lacking = lacking();
    if lacking.is_empty() {
        return Ok(());
    }
    let options = taken().iter().map(|one| format!("--cap-add={}", &one.to_string()[4..]));
    Err(hinted(
        format!("the probe takes {}; not held here: {}", joined(taken(), " and "), joined(&lacking, ", ")),
        format!("as root: sudo; in a container: {}", options.collect::<Vec<_>>().join(" ")),
    ))
}

/// Returns the capabilities that loading the probe requires and this process does not hold.
pub fn lacking() -> Vec<Capability> {
    let held = |one: &Capability| caps::has_cap(None, CapSet::Effective, *one).unwrap_or(false);
    // Since 5.8 cap_sys_admin still suffices, as it did before.
    if held(&Capability::CAP_SYS_ADMIN) {
        return Vec::new();
    }
    taken().iter().filter(|one| !held(one)).copied().collect()
}

/// Returns the capabilities that loading the probe requires. Before Linux 5.8, cap_sys_admin controlled all of BPF and
/// tracing (capabilities(7)).
pub fn taken() -> &'static [Capability] {
    if caps::runtime::thread_all_supported().contains(&Capability::CAP_BPF) {
        &[Capability::CAP_BPF, Capability::CAP_PERFMON]
    } else {
        &[Capability::CAP_SYS_ADMIN]
    }
}

/// Joins their names.
pub fn joined(capabilities: &[Capability], by: &str) -> String {
    capabilities.iter().map(|one| one.to_string().to_lowercase()).collect::<Vec<_>>().join(by)
}
