//! What this kernel enforces of scopes.

use crate::host::kernel;
use crate::host::reading::{Reading, text};
use capwrap_core::CapabilitySet;
use capwrap_core::decision;
use capwrap_core::decision::facts::Facts;
use capwrap_core::policy::Policy;
use capwrap_core::scope::confined;
use capwrap_core::scope::domain::{Asked, Gap, abi_since};

/// The list of security modules, which securityfs shows.
const MODULES: &str = "/sys/kernel/security/lsm";

/// Returns the least ABI of Landlock that this kernel has, or 0 if Landlock is off. The kernel shows its list of security
/// modules only where securityfs is mounted.
pub fn abi() -> Reading<u32> {
    let release = kernel::release().and_then(|release| kernel::version(&release));
    match (text(MODULES), release) {
        (Reading::Is(modules), Ok(release)) => Reading::Is(abi_of(&modules, abi_since(release))),
        (_, Ok(release)) if abi_since(release) == 0 => Reading::Is(0),
        (Reading::Unreadable(why), _) => Reading::Unreadable(why),
        (_, Err(error)) => Reading::Unreadable(format!("{error:#}")),
        (Reading::Absent, _) => Reading::Absent,
    }
}

fn abi_of(modules: &str, of_release: u32) -> u32 {
    if modules.split(',').any(|module| module == "landlock") { of_release } else { 0 }
}

/// What a kernel does with the scopes that a policy can have on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enforced {
    /// What it does not enforce.
    pub gaps: Vec<Gap>,
    /// For which of them capwrap refuses the launches.
    pub refused_for: Option<Gap>,
}

/// Returns what a kernel with this ABI does with the scopes of a policy; `None` if no launch by the policy has one.
pub fn enforced(policy: &Policy, facts: &Facts, abi: u32) -> Option<Enforced> {
    let grants: Vec<_> = decision::grants_for_any_arguments(policy, facts, None).collect();
    let passed = grants.iter().fold(CapabilitySet::EMPTY, |all, grant| all.union(grant.caps));
    let scopes = confined::join(grants.iter().copied(), passed, CapabilitySet::EMPTY);
    let plan = Asked::of_scopes(policy, passed, &scopes)?.plan(abi);
    Some(Enforced { refused_for: plan.refused_for(), gaps: plan.gaps })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_whose_list_of_modules_lacks_landlock_has_none() {
        assert_eq!(abi_of("lockdown,capability,landlock,yama", 4), 4);
        assert_eq!(abi_of("lockdown,capability,yama", 4), 0);
    }

    #[test]
    fn a_policy_without_scopes_asks_nothing_of_the_kernel() {
        let policy = |keys: &str| {
            let head =
                "schema = 1\ntool = { path = \"/t\" }\nallow = { users = [\"root\"] }\n[[grant]]\ncaps = \"net_raw\"\n";
            Policy::read(&format!("{head}{keys}")).unwrap()
        };
        let facts = Facts { last_capability: 40, ..Facts::default() };
        assert_eq!(enforced(&policy(""), &facts, 0), None);
        let scoped = policy("through = \"socket:packet\"\n");
        assert_eq!(enforced(&scoped, &facts, 0).unwrap().refused_for, Some(Gap::NoLandlock));
        assert_eq!(enforced(&scoped, &facts, 4).unwrap(), Enforced { gaps: Vec::new(), refused_for: None });
    }
}
