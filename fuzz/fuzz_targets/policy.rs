//! Fuzzes the path from a policy's text to a decision. The first bytes choose the machine and the request, and the rest
//! is the text.
#![no_main]

use capwrap_core::CapabilitySet;
use capwrap_core::decision::probe::Probe;
use capwrap_core::decision::launcher_needs::{Kernels, needed_by_launcher};
use capwrap_core::decision::{Request, decide};
use capwrap_core::decision::facts::{Answer, Facts, KernelVersion};
use capwrap_core::decision::questions::Questions;
use capwrap_core::policy::Policy;
use libfuzzer_sys::fuzz_target;
use std::ffi::OsString;

/// A grant whose condition no kernel meets.
const NEVER: &str = "\n[[grant]]\ncaps = [\"cap_sys_boot\"]\nwhen = { kernel = \"<1.0\" }\n";

fuzz_target!(|bytes: &[u8]| {
    let Some((chosen, text)) = bytes.split_at_checked(6) else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let Ok(policy) = Policy::read(text) else { return };
    let facts = facts(chosen, &policy);
    let arguments: Vec<OsString> = ["run", "-m", "pcapng", "--x=1"][..usize::from(chosen[2] % 5)].iter().map(OsString::from).collect();
    let mode = policy.modes().get(usize::from(chosen[3])).map(|mode| (*mode).to_owned());
    let add = if chosen[4] & 1 == 1 { policy.optional() } else { CapabilitySet::EMPTY };
    let request = |drop| Request { mode: mode.clone(), drop, add };
    let Ok(all) = decide(&policy, &facts, &arguments, &request(CapabilitySet::EMPTY)) else { return };

    // The decision passes no more than the grants name and the request adds.
    let granted = policy.grants.iter().fold(add, |set, grant| set.union(grant.caps));
    assert!(all.passed.without(granted).is_empty(), "{} of {granted}", all.passed);
    // The launcher's file has every capability that a user other than root can be granted, as far as the kernel knows
    // it.
    if !facts.uid0 {
        assert!(all.passed.without(needed_by_launcher(&policy, Kernels::Any)).is_empty());
        let here = needed_by_launcher(&policy, Kernels::KnowingUpTo(facts.last_capability));
        assert!(all.passed.without(here).iter().all(|one| !facts.knows(one)));
    }
    // Dropping removes exactly the named capabilities.
    let dropped = CapabilitySet::from_mask(u64::from(chosen[5]).wrapping_mul(0x0001_0405_1011_4145) & (u64::MAX >> 23));
    if let Ok(less) = decide(&policy, &facts, &arguments, &request(dropped)) {
        assert_eq!(less.passed, all.passed.without(dropped));
    }
    // A grant that does not apply changes nothing.
    if let Ok(longer) = Policy::read(&format!("{text}{NEVER}")) {
        let same = decide(&longer, &facts, &arguments, &request(CapabilitySet::EMPTY)).map(|decision| decision.passed);
        assert_eq!(same.ok(), Some(all.passed));
    }
});

fn facts(chosen: &[u8], policy: &Policy) -> Facts {
    let questions = Questions::of(policy);
    let (one, other) = (chosen[0], chosen[1]);
    Facts {
        kernel: KernelVersion { major: 1 + u32::from(one % 8), minor: u32::from(other % 32), patch: 0 },
        last_capability: 34 + one % 8,
        sysctls: questions
            .sysctls
            .into_iter()
            .enumerate()
            .map(|(at, name)| (name, (other >> (at % 8) & 1 == 1).then(|| (one % 5).to_string())))
            .collect(),
        probes: questions
            .probes
            .into_iter()
            .map(|probe: Probe| (probe, Answer::found(one & 8 != 0, "")))
            .collect(),
        uid0: one & 16 != 0,
        root_is_confined: one & 32 != 0,
        bounding: CapabilitySet::from_mask(u64::MAX >> 23),
        hard_limits: Vec::new(),
    }
}
