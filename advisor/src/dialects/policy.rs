//! A policy's grant as one side of a comparison.

use crate::dialects::export_request::scopes;
use crate::dialects::grant::Side;
use crate::dialects::mount::BindMount;
use crate::dialects::seccomp::calls::Calls;
use crate::output::demanded;
use capwrap_core::Capability;
use capwrap_core::decision::facts::Facts;
use capwrap_core::decision::for_any_arguments;
use capwrap_core::explain::DEMANDED;
use capwrap_core::policy::{Bounding, Policy};
use capwrap_core::scope::confined::Confined;
use capwrap_core::scope::filter::Wanted;
use capwrap_core::text::printable;
use std::collections::BTreeSet;

/// Returns what a policy grants on the machine of these facts, for launchers and comparisons that know no arguments.
/// The grant is that of one mode, or of all modes together.
pub fn side(policy: &Policy, facts: &Facts, mode: Option<&str>) -> Side {
    let modes = policy.modes();
    let grant = for_any_arguments(policy, facts, mode);
    let decided = match (mode, modes.is_empty()) {
        (Some(mode), _) => format!("what it grants in mode {mode} on Linux {}", facts.kernel),
        (None, true) => format!("what it grants on Linux {}", facts.kernel),
        (None, false) => format!("what all its modes together grant on Linux {}", facts.kernel),
    };
    let mut side = Side::new("policy", grant, decided);
    side.has_modes = !modes.is_empty();
    let needs = demanded::of_any_arguments(policy, facts, mode).into_iter();
    side.notes.extend(needs.map(|need| format!("{DEMANDED}: {need}")));
    side.stated.no_new_privs = Some(policy.exec.no_new_privs);
    if policy.exec.bounding == Bounding::Drop {
        side.stated.bounding = Some(grant);
    }
    for (resource, limit) in &policy.exec.limits {
        side.stated.limit(resource.name(), *limit);
    }
    let scopes = scopes(policy, facts, mode, grant);
    let wanted = Wanted { passed: grant, confined: &scopes, only_exec: None };
    side.stated.calls = (!wanted.is_nothing()).then(|| Calls::of(&wanted.profile()));
    side.stated.scopes = Some(grant.iter().map(|one| (one, counts_for(one, &scopes))).collect());
    for scope in &scopes {
        if let Some(ports) = &scope.ports {
            side.stated.ports = Some(ports.iter().map(ToString::to_string).collect());
        }
    }
    if let Some(container) = &policy.container {
        side.stated.pid.clone_from(&container.pid);
        side.stated.net.clone_from(&container.net);
        side.stated.mounts = Some(container.mounts.iter().filter_map(|mount| BindMount::of_volume(mount)).collect());
    }
    side
}

/// What a capability counts for, in the words of the policy.
fn counts_for(capability: Capability, scopes: &[Confined]) -> BTreeSet<String> {
    let Some(scope) = scopes.iter().find(|scope| scope.capability == capability) else {
        return [format!("{capability} without a scope")].into();
    };
    let doors = scope.through.iter().map(|door| format!("through {}", door.name()));
    let paths = scope.beneath.iter().flatten().map(|path| format!("beneath {}", printable::text(path)));
    let ports = scope.ports.iter().flatten().map(|port| format!("ports {port}"));
    doors.chain(paths).chain(ports).map(|what| format!("{capability} {what}")).collect()
}
