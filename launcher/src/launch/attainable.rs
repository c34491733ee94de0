//! Step 7 checks whether the decision can be met here, and if not, why not.

use crate::refusal::{OrRefuse, Refusal};
use crate::system::{capabilities, namespaces, prctl};
use capwrap_core::capability::xattr::{ATTRIBUTE, Attribute};
use capwrap_core::decision::Decision;
use capwrap_core::decision::container;
use capwrap_core::decision::facts::Facts;
use capwrap_core::decision::shortfall_cause::Cause;
use capwrap_core::explain::Shortfall;
use capwrap_core::policy::{Delivery, Policy};
use capwrap_core::{Capability, CapabilitySet};
use nix::sys::statvfs::{FsFlags, statvfs};
use std::path::Path;

/// Returns whether the process is in a user namespace other than the initial one, or `None` if
/// `/proc` does not show it. In such a namespace capabilities count only inside it, and its creator
/// may have supplied another `/etc`.
pub fn in_own_user_namespace() -> Option<bool> {
    let (link, initial) = container::USER;
    namespaces::inode(Path::new(link)).map(|shown| shown != initial)
}

/// Returns everything that the decision needs and the process does not have, with its cause. The
/// list is empty if the decision can be met.
pub fn shortfalls(
    name: &str,
    policy: &Policy,
    decision: &Decision<'_>,
    facts: &Facts,
) -> Result<Vec<Shortfall>, Refusal> {
    let permitted = capabilities::held()?.permitted;
    let mut lacks: Vec<(Cause, CapabilitySet)> = Vec::new();
    for needed in [decision.passed, decision.borrowed_set()] {
        for capability in needed.without(permitted).iter() {
            let cause = cause(capability, policy, facts)?;
            match lacks.iter_mut().find(|(known, _)| *known == cause) {
                Some((_, set)) => set.insert(capability),
                None => lacks.push((cause, capability.into())),
            }
        }
    }
    let mut shortfalls: Vec<Shortfall> =
        lacks.into_iter().map(|(cause, set)| Shortfall::new(cause, set, name, decision, facts)).collect();
    let bits = prctl::securebits().or_refuse(|| "read the securebits")?;
    if policy.exec.deliver == Delivery::Ambient
        && !decision.passed.is_empty()
        && bits & prctl::NO_CAP_AMBIENT_RAISE != 0
    {
        shortfalls.push(Shortfall {
            what: "the ambient set".to_owned(),
            why: "the caller's securebits forbid raising it (no_cap_ambient_raise)".to_owned(),
            hint: Some("start capwrap from a session without that securebit".to_owned()),
        });
    }
    Ok(shortfalls)
}

/// Refuses a launch that has shortfalls. The error names all of them; the hint is that of the
/// first.
pub fn refuse(name: &str, shortfalls: &[Shortfall]) -> Result<(), Refusal> {
    let Some(first) = shortfalls.first() else { return Ok(()) };
    let parts: Vec<String> = shortfalls.iter().map(|one| format!("{}: {}", one.what, one.why)).collect();
    Err(Refusal::new(format!("{name} needs what is not held here: {}", parts.join("; ")))
        .with_hint_if_any(first.hint.as_deref()))
}

/// Returns the most likely cause. The causes are checked in the order in which each would hide the
/// next.
fn cause(capability: Capability, policy: &Policy, facts: &Facts) -> Result<Cause, Refusal> {
    if !facts.knows(capability) {
        return Ok(Cause::UnknownToKernel);
    }
    if prctl::in_bounding_set(capability.number()).or_refuse(|| "read the bounding set")? != Some(true) {
        return Ok(Cause::BoundingSet);
    }
    if facts.uid0 {
        return Ok(Cause::Root);
    }
    if prctl::no_new_privs().or_refuse(|| "read no_new_privs")? {
        return Ok(Cause::NoNewPrivs);
    }
    if in_own_user_namespace() == Some(true) {
        return Ok(Cause::UserNamespace);
    }
    if statvfs("/proc/self/exe").is_ok_and(|file_system| file_system.flags().contains(FsFlags::ST_NOSUID)) {
        return Ok(Cause::NosuidMount);
    }
    if is_traced() {
        return Ok(Cause::Traced);
    }
    let is_on_file = own_file_capabilities().contains(capability);
    Ok(if is_on_file { Cause::Unexplained } else { Cause::of_file(policy, capability) })
}

fn is_traced() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().any(|line| line.strip_prefix("TracerPid:").is_some_and(|pid| pid.trim() != "0"))
}

/// Returns what the launcher's own file permits, or nothing if that cannot be read. The result only
/// selects the text of an error.
fn own_file_capabilities() -> CapabilitySet {
    let Ok(file) = std::fs::File::open("/proc/self/exe") else { return CapabilitySet::EMPTY };
    let bytes = crate::system::attribute::read(&file, ATTRIBUTE).ok().flatten().unwrap_or_default();
    Attribute::decode(&bytes).map_or(CapabilitySet::EMPTY, |attribute| attribute.capabilities.permitted)
}
