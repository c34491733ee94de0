//! Between steps 10 and 11: what the policy demands besides capabilities. What does not hold is reported, and the tool
//! runs all the same.

use crate::refusal::{Refusal, print_note};
use crate::system::{access, capabilities, mounts};
use capwrap_core::CapabilitySet;
use capwrap_core::decision::Decision;
use capwrap_core::decision::demand::{Access, Judged, State, asked_with, judge};
use capwrap_core::decision::facts::Facts;
use capwrap_core::policy::demand::Demand;
use nix::unistd::AccessFlags;
use std::path::Path;

/// Prints a note for each demand that does not hold. Step 11 then reads back that nothing is effective any more.
///
/// # Errors
/// A capability could not be made effective for the questions, or is still effective after them.
pub fn report(name: &str, decision: &Decision<'_>, facts: &Facts) -> Result<(), Refusal> {
    for judged in judged(decision, facts, decision.passed)? {
        if let State::Unmet(what) = judged.state {
            print_note(&format!("{name}: {what}; {}", judged.demand.why), judged.demand.hint.as_deref());
        }
    }
    Ok(())
}

/// Judges every demand of the decision. The process already runs as the user whom the tool runs as. `passed` is what
/// the tool gets; those of its capabilities that matter for paths are effective while the kernel is asked.
pub fn judged<'p>(decision: &Decision<'p>, facts: &Facts, passed: CapabilitySet) -> Result<Vec<Judged<'p>>, Refusal> {
    if decision.demands.is_empty() {
        return Ok(Vec::new());
    }
    let mounts = mounts::table().ok();
    let ask = |path: &Path, how| access::ask(path, flags(how));
    let judged = |demand: &&'p Demand| {
        let judge = || judge(&demand.need, facts.uid0, mounts.as_deref(), ask);
        capabilities::with_effective(asked_with(demand, passed), judge).map(|state| Judged { demand, state })
    };
    decision.demands.iter().map(judged).collect()
}

/// Judges every demand for `--explain`. A capability becomes effective only for a caller who is authorised, and only
/// where it is held.
pub fn explained<'p>(decision: &Decision<'p>, facts: &Facts, is_authorised: bool) -> Result<Vec<Judged<'p>>, Refusal> {
    let held = if is_authorised { capabilities::held()?.permitted } else { CapabilitySet::EMPTY };
    judged(decision, facts, decision.passed.intersection(held))
}

const fn flags(access: Access) -> AccessFlags {
    match access {
        Access::Read => AccessFlags::R_OK,
        Access::Write => AccessFlags::W_OK,
    }
}
