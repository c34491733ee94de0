//! Proves which capabilities a command can work without, by removing them one by one.
//!
//! The module is pure except for the runs, which the caller makes. Tests can therefore check the order and the
//! judgement without running anything.

use crate::analysis::capability_risk::rank;
use anyhow::{Result, bail};
use capwrap_core::CapabilitySet;

/// The result of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trial {
    /// Whether the command worked, according to its check.
    pub works: bool,
    /// The capabilities that the kernel was asked for, whether the command held them or not.
    pub asked: CapabilitySet,
}

/// The result of a proof.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// The command works with these capabilities, and fails if any one of them is missing.
    pub kept: CapabilitySet,
    /// The kernel was asked for these capabilities, and the command works without them.
    pub removed: CapabilitySet,
    /// The number of runs.
    pub runs: u64,
}

/// The state from which a proof starts.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// All capabilities that can be granted here.
    pub everything: CapabilitySet,
    /// The capabilities that the full run seems to need.
    pub needed: CapabilitySet,
    /// All capabilities that the full run asked for, whatever the checks mean.
    pub asked: CapabilitySet,
    /// How often each set is run. A set works only if all of these runs do.
    pub repeat: u64,
}

/// How often the full set is run before its check is believed.
const FLAKY_RUNS: u64 = 2;

/// Removes one capability after the other, starting with those closest to root, and keeps a capability out if the
/// command works without it. If the command fails with a set, it is assumed to fail with every subset.
///
/// # Errors
/// The command fails its own check with all capabilities, so nothing can be proven, or `run` returns an error.
pub fn minimize(start: Start, run: impl FnMut(CapabilitySet) -> Result<Trial>) -> Result<Proof> {
    let mut runs = Runs { run, made: 0 };
    if !runs.hold(start.everything, start.repeat.max(FLAKY_RUNS))?.works {
        bail!("the check fails although every capability is there: the command is flaky, or the check not about it");
    }
    let needed = start.needed.intersection(start.everything);
    let asked = start.asked.intersection(start.everything);
    let mut kept = start.everything;
    // Start with the first of these sets with which the command works: what it seems to need, what it asked for as
    // well, or everything.
    for candidate in [needed, needed.union(asked)] {
        if runs.hold(candidate, start.repeat)?.works {
            kept = candidate;
            break;
        }
    }
    let mut removed = needed.without(kept);
    let mut settled = CapabilitySet::EMPTY;
    while let Some(broadest) = kept.without(settled).iter().min_by_key(|one| rank(*one)) {
        let without = kept.without(broadest.into());
        let trial = runs.hold(without, start.repeat)?;
        if trial.works {
            kept = without;
            removed.insert(broadest);
            continue;
        }
        // The command fails, but it now asked for something else. A real-time ioprio, for example, asks for
        // cap_sys_nice if cap_sys_admin is missing. A narrower capability may suffice.
        let others = trial.asked.intersection(start.everything).without(kept);
        let narrower: CapabilitySet = others.iter().filter(|other| rank(*other) > rank(broadest)).collect();
        let instead = without.union(narrower);
        if !narrower.is_empty() && runs.hold(instead, start.repeat)?.works {
            kept = instead;
            removed.insert(broadest);
            // A set that failed without the new capabilities may work with them.
            settled = CapabilitySet::EMPTY;
            continue;
        }
        settled.insert(broadest);
    }
    Ok(Proof { kept, removed: removed.without(kept), runs: runs.made })
}

struct Runs<R> {
    run: R,
    made: u64,
}

impl<R: FnMut(CapabilitySet) -> Result<Trial>> Runs<R> {
    /// Runs with this set until one run fails or `repeat` runs have worked.
    fn hold(&mut self, set: CapabilitySet, repeat: u64) -> Result<Trial> {
        let mut asked = CapabilitySet::EMPTY;
        for _ in 0..repeat.max(1) {
            self.made += 1;
            let trial = (self.run)(set)?;
            asked = asked.union(trial.asked);
            if !trial.works {
                return Ok(Trial { works: false, asked });
            }
        }
        Ok(Trial { works: true, asked })
    }
}

/// Returns the most runs that the proof of this many capabilities takes with one run per step, to show progress.
pub fn at_most(start: &Start) -> u64 {
    let repeat = start.repeat.max(1);
    let candidates = start.needed.iter().count() as u64;
    repeat.max(FLAKY_RUNS) + repeat * (1 + candidates)
}

#[cfg(test)]
mod tests {
    use super::*;
    use capwrap_core::Capability;

    fn set(list: &str) -> CapabilitySet {
        CapabilitySet::parse(list).unwrap()
    }

    fn start(needed: &str) -> Start {
        Start { everything: Capability::all().collect(), needed: set(needed), asked: set(needed), repeat: 1 }
    }

    /// A command that works if it has all of one alternative, and asks for all alternatives.
    fn works_with<'a>(alternatives: &'a [&'a str]) -> impl FnMut(CapabilitySet) -> Result<Trial> + 'a {
        move |held| {
            let works = alternatives.iter().any(|one| set(one).is_subset(held));
            let asked = alternatives.iter().fold(CapabilitySet::EMPTY, |all, one| all.union(set(one)));
            Ok(Trial { works, asked })
        }
    }

    #[test]
    fn what_is_not_needed_is_taken_away() {
        let proof = minimize(start("cap_sys_admin,cap_net_raw,cap_syslog"), works_with(&["cap_net_raw"])).unwrap();
        assert_eq!(proof.kept, set("cap_net_raw"));
        assert_eq!(proof.removed, set("cap_sys_admin,cap_syslog"));
    }

    #[test]
    fn a_narrower_one_that_is_asked_for_instead_is_learned() {
        let proof = minimize(start("cap_sys_admin"), works_with(&["cap_sys_admin", "cap_sys_nice"])).unwrap();
        assert_eq!(proof.kept, set("cap_sys_nice"));
        assert_eq!(proof.removed, set("cap_sys_admin"));
    }

    #[test]
    fn a_broader_one_never_takes_the_place_of_a_narrower() {
        let proof = minimize(start("cap_sys_nice"), works_with(&["cap_sys_nice", "cap_sys_admin"])).unwrap();
        assert_eq!(proof.kept, set("cap_sys_nice"));
    }

    #[test]
    fn what_only_seemed_speculative_is_kept_where_it_does_not_work_without() {
        let start = Start { asked: set("cap_net_raw,cap_setuid"), ..start("cap_net_raw") };
        let proof = minimize(start, works_with(&["cap_net_raw,cap_setuid"])).unwrap();
        assert_eq!(proof.kept, set("cap_net_raw,cap_setuid"));
    }

    #[test]
    fn nothing_can_be_taken_from_what_is_kept() {
        let alternatives = ["cap_sys_ptrace,cap_bpf", "cap_sys_admin,cap_bpf", "cap_kill,cap_net_raw"];
        let proof = minimize(start("cap_sys_admin,cap_bpf,cap_kill"), works_with(&alternatives)).unwrap();
        assert!(works_with(&alternatives)(proof.kept).unwrap().works);
        for one in proof.kept.iter() {
            assert!(!works_with(&alternatives)(proof.kept.without(one.into())).unwrap().works, "{one}");
        }
    }

    #[test]
    fn a_command_that_needs_none_ends_with_the_empty_set() {
        let proof = minimize(start("cap_sys_admin"), works_with(&[""])).unwrap();
        assert_eq!(proof.kept, CapabilitySet::EMPTY);
        assert_eq!(proof.runs, 4);
    }

    #[test]
    fn a_flaky_command_is_refused() {
        let mut run = 0;
        let error = minimize(start("cap_net_raw"), |_| {
            run += 1;
            Ok(Trial { works: run != 2, asked: CapabilitySet::EMPTY })
        })
        .unwrap_err();
        assert!(error.to_string().contains("flaky"), "{error}");
    }

    #[test]
    fn each_set_is_run_as_often_as_is_asked_and_one_failure_is_a_failure() {
        // Without cap_net_raw the command fails only in each third run.
        let mut run = 0;
        let start = Start { repeat: 3, ..start("cap_net_raw") };
        let proof = minimize(start, |held| {
            run += 1;
            Ok(Trial { works: held.contains(Capability::parse("net_raw").unwrap()) || run % 3 != 0, asked: held })
        })
        .unwrap();
        assert_eq!(proof.kept, set("cap_net_raw"));
        assert_eq!(proof.runs, 3 + 3 + 3);
    }
}
