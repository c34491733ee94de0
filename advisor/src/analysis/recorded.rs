//! Finds out what checks mean that a trace recorded earlier.

use crate::analysis::classify::{self, Class, Classified, IdsChanged, RunFacts};
use crate::analysis::observation::{Observation, Verdict};
use capwrap_core::CapabilitySet;
use capwrap_core::decision::facts::KernelVersion;
use std::collections::BTreeMap;

/// A check that a trace recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub observation: Observation,
    /// Whether the tracer said that the check has no effect on the result.
    pub speculative: bool,
    /// What it said of the place where the check was made.
    pub why: Option<String>,
}

/// What the checks of a trace mean together, and what was granted in it.
///
/// A trace that was made without stacks does not say where a check was made. Then what the tracer said of the place
/// counts, which knew it.
pub fn classified(records: Vec<Record>, kernel: KernelVersion) -> (Vec<Classified>, RunFacts) {
    let granted = records.iter().filter(|one| one.observation.verdict == Verdict::Granted);
    let held: CapabilitySet = granted.map(|one| one.observation.capability).collect();
    // A trace does not say which ids a process had before.
    let ids_changed = IdsChanged { users: true, groups: true };
    let facts = RunFacts { held, ids_changed, no_new_privs: false, kernel };
    let mut of_processes: BTreeMap<u32, Vec<Observation>> = BTreeMap::new();
    let mut in_vain = Vec::new();
    for Record { observation, speculative, why } in records {
        if speculative && observation.call_site.is_empty() {
            let why = why.unwrap_or_else(|| "the trace says so".to_owned());
            in_vain.push(Classified { observation, class: Class::Speculative, why, instead: None, processes: 1 });
        } else {
            of_processes.entry(observation.process).or_default().push(observation);
        }
    }
    let mut all = classify::class_all(of_processes.into_values(), &facts);
    all.extend(in_vain);
    classify::over_all(&mut all, held);
    (all, facts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::classify::tests::granted;
    use crate::analysis::needs;

    fn needed(records: Vec<Record>) -> String {
        let (all, facts) = classified(records, KernelVersion { major: 6, minor: 12, patch: 0 });
        needs::decide(&all, facts.held, 1, &BTreeMap::new()).unwrap().set().to_string()
    }

    #[test]
    fn what_the_tracer_called_speculative_counts_only_where_nothing_better_is_known() {
        let seen = |stack: &[&str], speculative| Record {
            observation: granted("net_raw", "socket", stack),
            speculative,
            why: None,
        };
        assert_eq!(needed(vec![seen(&["ns_capable", "packet_create"], false)]), "cap_net_raw");
        assert_eq!(needed(vec![seen(&[], false)]), "cap_net_raw");
        assert_eq!(needed(vec![seen(&[], true)]), "none");
        assert_eq!(needed(vec![seen(&["ns_capable", "packet_create"], true)]), "cap_net_raw");
    }

    #[test]
    fn what_was_refused_and_never_granted_is_needed_too() {
        let refused = Observation { verdict: Verdict::Denied, ..granted("kill", "kill", &[]) };
        assert_eq!(needed(vec![Record { observation: refused, speculative: false, why: None }]), "cap_kill");
    }
}
