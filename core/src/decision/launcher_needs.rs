//! What the launcher's own file must carry, so that it can pass to tools what the enabled policies grant.

use crate::decision::condition::Condition;
use crate::decision::probes;
use crate::policy::limits::Limit;
use crate::policy::{Bounding, Grant, Policy};
use crate::{Capability, CapabilitySet, TABLE};

/// For which kernels the launcher's file capabilities are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernels {
    /// Every kernel that capwrap runs on.
    Any,
    /// The kernels that know the capabilities up to this number (`kernel.cap_last_cap`).
    KnowingUpTo(u8),
}

impl Kernels {
    /// The capabilities that these kernels know.
    fn known(self) -> CapabilitySet {
        match self {
            Self::Any => CapabilitySet::from_mask(u64::MAX),
            Self::KnowingUpTo(last) => CapabilitySet::known_up_to(last),
        }
    }

    /// Whether a grant can hold on these kernels. Only `kernel_has` and `kernel_lacks` can rule that out: a kernel
    /// knows the same capabilities until it is replaced. Settings, the answers of probes and the arguments change from
    /// launch to launch, and a release can be faked (personality(2)).
    fn can_meet(self, grant: &Grant) -> bool {
        match self {
            Self::Any => true,
            Self::KnowingUpTo(last) => {
                grant.when.iter().all(|condition| condition.settled_by_known(last) != Some(false))
            }
        }
    }
}

/// Everything that the launcher itself must be able to hold so that every launch that the policy allows can be met on
/// these kernels. The launcher's file capabilities are the union of this over all enabled policies.
pub fn needed_by_launcher(policy: &Policy, kernels: Kernels) -> CapabilitySet {
    // What root alone is granted need not be on the file: root has it, or has it not.
    let for_users = policy.grants.iter().filter(|grant| !grant.when.contains(&Condition::Uid0(true)));
    let granted = for_users.filter(|grant| kernels.can_meet(grant));
    let mut needed = granted.fold(policy.optional(), |all, grant| all.union(grant.caps));
    if policy.exec.limits.iter().any(|(_, limit)| *limit > Limit(0)) {
        needed.insert(Capability::SYS_RESOURCE);
    }
    if policy.exec.bounding == Bounding::Drop {
        needed.insert(Capability::SETPCAP);
    }
    probes(policy).fold(needed, |set, probe| set.union(probe.borrows().into())).intersection(kernels.known())
}

/// The number of the last capability that the oldest kernels of capwrap know: cap_audit_read, of Linux 3.16.
const OLDEST: u8 = 37;

/// Whether launches of the policy need this capability on some kernels and on others never. The launcher's file may
/// then lack it because the file was made for another kernel than the one that runs now.
pub fn depends_on_kernel(policy: &Policy, capability: Capability) -> bool {
    let newest = u8::try_from(TABLE.len() - 1).unwrap_or(u8::MAX);
    (OLDEST..=newest).any(|last| !needed_by_launcher(policy, Kernels::KnowingUpTo(last)).contains(capability))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(rest: &str) -> Policy {
        Policy::read(&format!("schema = 1\ntool = {{ path = \"/t\" }}\nallow = {{ users = [\"root\"] }}\n{rest}"))
            .unwrap()
    }

    fn set(list: &str) -> CapabilitySet {
        CapabilitySet::parse(list).unwrap()
    }

    const BEFORE_PERFMON: Kernels = Kernels::KnowingUpTo(37);
    const WITH_BPF: Kernels = Kernels::KnowingUpTo(39);

    #[test]
    fn the_launcher_needs_all_that_any_launch_of_the_policy_could_need() {
        let policy = policy(
            "[[grant]]\ncaps = \"sys_admin\"\nwhen = { kernel_lacks = \"bpf\" }\n[[grant]]\ncaps = \"kill\"\nwhen = { probe = \"perf_uprobe_needs_sys_admin\" }\n\
             [optional]\ncaps = \"syslog\"\n[exec]\nbounding = \"drop\"\nlimits = { nofile = 1 }\n",
        );
        let everywhere = "kill,syslog,setpcap,sys_resource";
        for (kernels, more) in
            [(Kernels::Any, ",sys_admin,perfmon"), (BEFORE_PERFMON, ",sys_admin"), (WITH_BPF, ",perfmon")]
        {
            assert_eq!(needed_by_launcher(&policy, kernels), set(&format!("{everywhere}{more}")), "{kernels:?}");
        }
    }

    #[test]
    fn the_launcher_needs_nothing_for_root_alone_nor_for_a_limit_that_cannot_be_raised_to() {
        let policy = policy(
            "[[grant]]\ncaps = \"setuid\"\nwhen = { uid0 = true }\n[[grant]]\ncaps = \"kill\"\nwhen = { uid0 = false }\n[exec]\nlimits = { core = 0 }\n",
        );
        for kernels in [Kernels::Any, BEFORE_PERFMON, WITH_BPF] {
            assert_eq!(needed_by_launcher(&policy, kernels), set("kill"));
        }
    }

    #[test]
    fn only_what_the_kernel_knows_rules_a_grant_out() {
        for (when, before, with) in [
            ("kernel_has = \"bpf\"", false, true),
            ("kernel_lacks = \"bpf\"", true, false),
            ("kernel_has = [\"bpf\", \"chown\"]", true, true),
            ("kernel_lacks = [\"chown\", \"bpf\"]", true, false),
            ("kernel_has = \"bpf\", kernel_lacks = \"bpf\"", false, false),
            // What changes while a kernel runs, or can be faked, rules nothing out.
            ("kernel = \"<2.6\"", true, true),
            ("sysctl = { \"kernel.never\" = \"1\" }", true, true),
            ("probe = \"perf_uprobe_needs_sys_admin\"", true, true),
            ("arg = \"-x\"", true, true),
            ("uid0 = false", true, true),
        ] {
            let policy = policy(&format!("[[grant]]\ncaps = \"kill\"\nwhen = {{ {when} }}\n"));
            for (kernels, needed) in [(Kernels::Any, true), (BEFORE_PERFMON, before), (WITH_BPF, with)] {
                let carried = needed_by_launcher(&policy, kernels);
                assert_eq!(carried.contains(Capability::parse("kill").unwrap()), needed, "{when} {kernels:?}");
            }
        }
    }

    #[test]
    fn no_capability_that_the_kernel_does_not_know_is_carried() {
        let policy =
            policy("[[grant]]\ncaps = [\"kill\", \"perfmon\", \"bpf\"]\n[optional]\ncaps = \"checkpoint_restore\"\n");
        assert_eq!(needed_by_launcher(&policy, Kernels::Any), set("kill,perfmon,bpf,checkpoint_restore"));
        assert_eq!(needed_by_launcher(&policy, Kernels::KnowingUpTo(38)), set("kill,perfmon"));
        assert_eq!(needed_by_launcher(&policy, BEFORE_PERFMON), set("kill"));
        assert_eq!(needed_by_launcher(&policy, Kernels::KnowingUpTo(200)), needed_by_launcher(&policy, Kernels::Any));
    }

    #[test]
    fn a_capability_depends_on_the_kernel_where_some_kernel_needs_it_for_nothing() {
        let policy = policy(
            "[[grant]]\ncaps = [\"bpf\", \"kill\"]\nwhen = { kernel_has = \"bpf\" }\n\
             [[grant]]\ncaps = [\"sys_admin\", \"kill\"]\nwhen = { kernel_lacks = \"bpf\" }\n[[grant]]\ncaps = \"chown\"\n",
        );
        for (capability, depends) in [("bpf", true), ("sys_admin", true), ("kill", false), ("chown", false)] {
            assert_eq!(depends_on_kernel(&policy, Capability::parse(capability).unwrap()), depends, "{capability}");
        }
    }
}
