//! Step 7: whether the decision can be met here, and if not, why not.

use crate::refusal::{OrRefuse, Refusal};
use crate::system::{capabilities, prctl};
use capwrap::decision::Decision;
use capwrap::explain::Shortfall;
use capwrap::facts::Facts;
use capwrap::file_capabilities::{ATTRIBUTE, Attribute};
use capwrap::policy::{Delivery, Policy};
use capwrap::{Capability, CapabilitySet};
use nix::sys::statvfs::{FsFlags, statvfs};
use std::os::unix::fs::MetadataExt;

/// The inode number of the initial user namespace (`PROC_USER_INIT_INO`, `include/linux/proc_ns.h`).
const INITIAL_USER_NAMESPACE: u64 = 0xEFFF_FFFD;

/// Whether the process is in a user namespace of somebody's making; `None` where `/proc` does not
/// tell. Capabilities count only inside it, and its maker may have brought its own `/etc`.
pub fn in_own_user_namespace() -> Option<bool> {
    std::fs::metadata("/proc/self/ns/user").ok().map(|namespace| namespace.ino() != INITIAL_USER_NAMESPACE)
}

/// Everything that the decision needs and the process does not have; empty where it can be met.
pub fn shortfalls(name: &str, policy: &Policy, decision: &Decision<'_>, facts: &Facts) -> Result<Vec<Shortfall>, Refusal> {
    let permitted = capabilities::held()?.permitted;
    let needed = decision.handed.union(decision.borrowed_set());
    let mut shortfalls = Vec::new();
    for capability in needed.without(permitted).iter() {
        let (why, mend) = cause(name, capability, facts)?;
        let part = decision.borrowed.iter().find(|one| one.capability == capability && !decision.handed.contains(capability));
        let why = match part {
            Some(borrowed) => format!("{why} ({}, needed for: {})", "borrowed", borrowed.purpose),
            None => why,
        };
        shortfalls.push(Shortfall { what: capability.to_string(), why, mend });
    }
    let bits = prctl::securebits().or_refuse(|| "read the securebits")?;
    if policy.exec.deliver == Delivery::Ambient && !decision.handed.is_empty() && bits & prctl::NO_CAP_AMBIENT_RAISE != 0 {
        shortfalls.push(Shortfall {
            what: "the ambient set".to_owned(),
            why: "the caller's securebits forbid raising it (no_cap_ambient_raise)".to_owned(),
            mend: None,
        });
    }
    Ok(shortfalls)
}

/// One line for a launch that cannot be met; the mend of its first part.
pub fn refuse(name: &str, shortfalls: &[Shortfall]) -> Result<(), Refusal> {
    let Some(first) = shortfalls.first() else { return Ok(()) };
    let parts: Vec<String> = shortfalls.iter().map(|one| format!("{}: {}", one.what, one.why)).collect();
    let refusal = Refusal::new(format!("{name} needs what is not held here: {}", parts.join("; ")));
    Err(match &first.mend {
        Some(mend) => refusal.mended_by(mend),
        None => refusal,
    })
}

/// The most likely cause, asked for in the order in which each would hide the next.
fn cause(name: &str, capability: Capability, facts: &Facts) -> Result<(String, Option<String>), Refusal> {
    if !facts.knows(capability) {
        let last = Capability::from_number(facts.last_capability).map_or("unknown", Capability::name);
        return Ok((
            format!("this kernel does not know it (its last is {last})"),
            Some(format!("give the grant `when = {{ kernel_has = \"{capability}\" }}`")),
        ));
    }
    if prctl::in_bounding_set(capability.number()).or_refuse(|| "read the bounding set")? != Some(true) {
        let bare = capability.name().trim_start_matches("cap_").to_uppercase();
        return Ok((
            "the bounding set of this process lacks it, so that nothing started here can have it".to_owned(),
            Some(format!("in a container: --cap-add={bare}; in a unit: CapabilityBoundingSet=")),
        ));
    }
    if facts.uid0 {
        return Ok(("root does not hold it here".to_owned(), None));
    }
    if prctl::no_new_privs().or_refuse(|| "read no_new_privs")? {
        return Ok((
            "the caller set no_new_privs, under which the launcher's file capabilities count for nothing".to_owned(),
            Some("start capwrap from a session without it (sandboxes and NoNewPrivileges= set it)".to_owned()),
        ));
    }
    if in_own_user_namespace() == Some(true) {
        return Ok(("in a user namespace the launcher's file capabilities count for nothing".to_owned(), None));
    }
    if statvfs("/proc/self/exe").is_ok_and(|file_system| file_system.flags().contains(FsFlags::ST_NOSUID)) {
        return Ok((
            "capwrap lies on a file system mounted nosuid, where file capabilities count for nothing".to_owned(),
            Some("install it elsewhere, or remount with suid".to_owned()),
        ));
    }
    if is_traced() {
        return Ok(("capwrap is being traced, so that its file capabilities count for nothing".to_owned(), None));
    }
    if !own_file_capabilities().contains(capability) {
        let mend = format!("an administrator can run `capwrap enable {name}` to give capwrap what its policies need");
        return Ok(("capwrap's own file does not carry it".to_owned(), Some(mend)));
    }
    Ok(("capwrap's own file carries it, yet the kernel did not give it".to_owned(), None))
}

fn is_traced() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().any(|line| line.strip_prefix("TracerPid:").is_some_and(|pid| pid.trim() != "0"))
}

/// What the launcher's own file permits; nothing where that cannot be read. It only chooses the
/// words of an error.
fn own_file_capabilities() -> CapabilitySet {
    let Ok(file) = std::fs::File::open("/proc/self/exe") else { return CapabilitySet::EMPTY };
    let bytes = crate::system::attribute::read(&file, ATTRIBUTE).ok().flatten().unwrap_or_default();
    Attribute::decode(&bytes).map_or(CapabilitySet::EMPTY, |attribute| attribute.capabilities.permitted)
}
