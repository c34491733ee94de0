//! Finds the smallest sets of capabilities with which a command works, by running it with fewer and fewer.
//!
//! The module is pure except for the runs, which the caller makes. Tests can therefore check the order and the
//! judgement without running anything.

use crate::analysis::capability_risk::rank;
use anyhow::{Result, bail};
use capwrap_core::{Capability, CapabilitySet};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The result of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trial {
    /// Whether the command worked, according to its check.
    pub works: bool,
    /// The capabilities that the kernel was asked for, whether the command held them or not.
    pub asked: CapabilitySet,
}

/// The result of a proof.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// The command works with these capabilities. After [`minimize`], it fails if any one of them is missing.
    pub kept: CapabilitySet,
    /// The kernel was asked for these capabilities, and the command works without them.
    pub removed: CapabilitySet,
    /// The other sets with which it works and of which it needs each capability, the least powerful first.
    pub alternatives: Vec<CapabilitySet>,
    /// The command fails when it holds everything.
    pub fails_with_everything: bool,
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
    /// The other capabilities that the full run asked for, whatever the checks mean.
    pub possible: CapabilitySet,
    /// The capabilities that the policy grants. A set of these is kept before a less powerful one of others.
    pub granted: CapabilitySet,
    /// How often each set is run. A set works only if all of these runs do.
    pub repeat: u64,
}

/// The most sets that are looked for.
const MOST_SETS: usize = 8;

/// Finds the smallest sets with which the command works. The search starts from the smallest of these with which it
/// works: nothing, what it seems to need, what it asked for, everything, and everything without one capability that it
/// asked for. The last ones are for a command that refuses to run with a capability: mount ends if it could become root
/// again. If the command fails with a set, it is assumed to fail with every subset. Returns `None` if it works with none of
/// these.
///
/// # Errors
/// The command works with a set in one run and fails with it in another, or `run` returns an error.
pub fn minimize(start: Start, run: impl FnMut(CapabilitySet) -> Result<Trial>) -> Result<Option<Proof>> {
    let mut runs = Runs::new(run, start.repeat);
    let needed = start.needed.intersection(start.everything);
    let asked = needed.union(start.possible.intersection(start.everything));
    let with_less = most_powerful_first(asked).into_iter().map(|one| start.everything.without(one.into()));
    let starts = [CapabilitySet::EMPTY, needed, asked, start.everything].into_iter().chain(with_less);
    let Some(base) = runs.first_that_works(starts)? else { return Ok(None) };
    let first = runs.shrink(base, &most_powerful_first(base))?;
    // A run with everything also shows what a command can do in other ways. Where the command fails with everything, it
    // may fail with each large set, so the search stays within what is known to be asked for.
    let fails_with_everything = !first.is_empty() && !runs.works(start.everything)?;
    let universe = if fails_with_everything { asked.union(first) } else { start.everything };
    let mut sets = runs.others(first, universe)?;
    sets.sort_by(|one, other| by_power(*one, *other));
    let at = sets.iter().position(|set| set.is_subset(start.granted)).unwrap_or(0);
    let kept = sets.remove(at);
    if !runs.repeats(kept)? {
        bail!("the command is flaky: with {} it worked once and failed once", named(kept));
    }
    Ok(Some(Proof {
        kept,
        removed: needed.without(kept).union(runs.asked.intersection(start.granted).without(kept)),
        alternatives: sets,
        fails_with_everything,
        runs: runs.made,
    }))
}

/// Returns how often [`minimize`] runs something that needs all of these, if no other set serves: with nothing, with all,
/// with ever smaller halves, with everything, with everything but each one, and once more with what is kept.
pub fn usual_runs(needed: CapabilitySet) -> u64 {
    3 * needed.iter().count() as u64 + 3
}

/// Finds out whether the command works with what it seems to need. If it does not, the capabilities that it possibly
/// needs are added in halves, the least powerful first. Returns `None` if it does not work with all of them either.
///
/// `judged` says that the user's own check judges the runs. Then also what it seemed to need is taken away as far as it
/// works without. The same output and status is not enough for that: `cp -a` prints nothing where it may not change the
/// owner.
///
/// # Errors
/// As for [`minimize`].
pub fn confirm(start: Start, judged: bool, run: impl FnMut(CapabilitySet) -> Result<Trial>) -> Result<Option<Proof>> {
    let mut runs = Runs::new(run, start.repeat);
    let needed = start.needed.intersection(start.everything);
    let all = needed.union(start.possible.intersection(start.everything));
    let Some(base) = runs.first_that_works([needed, all])? else { return Ok(None) };
    let suspects = if judged { base } else { base.without(needed) };
    let kept = runs.shrink(base, &most_powerful_first(suspects))?;
    Ok(Some(Proof { kept, removed: all.without(kept), runs: runs.made, ..Proof::default() }))
}

/// A set in words.
pub fn named(set: CapabilitySet) -> String {
    if set.is_empty() { "no capability".to_owned() } else { set.to_string() }
}

fn most_powerful_first(set: CapabilitySet) -> Vec<Capability> {
    let mut all: Vec<Capability> = set.iter().collect();
    all.sort_by_key(|one| rank(*one));
    all
}

/// Orders sets by their most powerful capabilities. The less powerful set comes first, and of two sets of which one
/// contains the other, the smaller.
fn by_power(one: CapabilitySet, other: CapabilitySet) -> Ordering {
    let ranks = |set| most_powerful_first(set).into_iter().map(rank).collect::<Vec<_>>();
    let (one, other) = (ranks(one), ranks(other));
    match one.iter().zip(&other).find(|(one, other)| one != other) {
        Some((one, other)) => other.cmp(one),
        None => one.len().cmp(&other.len()),
    }
}

/// The runs so far.
struct Runs<R> {
    run: R,
    repeat: u64,
    /// Whether the command works with each set that was tried.
    known: BTreeMap<u64, bool>,
    /// Everything that the kernel was asked for in some run.
    asked: CapabilitySet,
    made: u64,
}

impl<R: FnMut(CapabilitySet) -> Result<Trial>> Runs<R> {
    const fn new(run: R, repeat: u64) -> Self {
        Self { run, repeat, known: BTreeMap::new(), asked: CapabilitySet::EMPTY, made: 0 }
    }

    fn works(&mut self, set: CapabilitySet) -> Result<bool> {
        if let Some(known) = self.known.get(&set.mask()) {
            return Ok(*known);
        }
        let works = self.repeats(set)?;
        self.known.insert(set.mask(), works);
        Ok(works)
    }

    /// Runs with this set until one run fails or `repeat` runs have worked.
    fn repeats(&mut self, set: CapabilitySet) -> Result<bool> {
        for _ in 0..self.repeat.max(1) {
            self.made += 1;
            let trial = (self.run)(set)?;
            self.asked = self.asked.union(trial.asked);
            if !trial.works {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn first_that_works(&mut self, sets: impl IntoIterator<Item = CapabilitySet>) -> Result<Option<CapabilitySet>> {
        for set in sets {
            if self.works(set)? {
                return Ok(Some(set));
            }
        }
        Ok(None)
    }

    /// Takes as many of the suspects from a set that works as can be taken, in halves.
    fn shrink(&mut self, kept: CapabilitySet, suspects: &[Capability]) -> Result<CapabilitySet> {
        if suspects.is_empty() {
            return Ok(kept);
        }
        let without = kept.without(suspects.iter().copied().collect());
        if self.works(without)? {
            return Ok(without);
        }
        if suspects.len() == 1 {
            return Ok(kept);
        }
        let (powerful, weak) = suspects.split_at(suspects.len() / 2);
        let kept = self.shrink(kept, powerful)?;
        self.shrink(kept, weak)
    }

    /// Finds other smallest sets: each lacks some capability of the sets that are known already.
    fn others(&mut self, first: CapabilitySet, universe: CapabilitySet) -> Result<Vec<CapabilitySet>> {
        let mut sets = vec![first];
        let mut tried = BTreeSet::new();
        let mut open = VecDeque::from([(first, CapabilitySet::EMPTY)]);
        while let Some((set, excluded)) = open.pop_front() {
            for capability in most_powerful_first(set) {
                let excluded = excluded.union(capability.into());
                let rest = universe.without(excluded);
                if sets.len() == MOST_SETS || !tried.insert(excluded.mask()) || !self.works(rest)? {
                    continue;
                }
                // What was asked for until now is nearly always enough, and far less to take away.
                let asked = self.asked.union(set).intersection(rest);
                let base = if self.works(asked)? { asked } else { rest };
                let other = self.shrink(base, &most_powerful_first(base))?;
                if !sets.contains(&other) {
                    sets.push(other);
                }
                open.push_back((other, excluded));
            }
        }
        Ok(sets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(list: &str) -> CapabilitySet {
        CapabilitySet::parse(list).unwrap()
    }

    fn start(needed: &str) -> Start {
        Start {
            everything: Capability::all().collect(),
            needed: set(needed),
            possible: CapabilitySet::EMPTY,
            granted: CapabilitySet::EMPTY,
            repeat: 1,
        }
    }

    /// A command that works if it has all of one alternative, and asks for all alternatives.
    fn works_with<'a>(alternatives: &'a [&'a str]) -> impl FnMut(CapabilitySet) -> Result<Trial> + 'a {
        move |held| {
            let works = alternatives.iter().any(|one| set(one).is_subset(held));
            let asked = alternatives.iter().fold(CapabilitySet::EMPTY, |all, one| all.union(set(one)));
            Ok(Trial { works, asked })
        }
    }

    fn proof(start: Start, alternatives: &[&str]) -> Proof {
        minimize(start, works_with(alternatives)).unwrap().unwrap()
    }

    #[test]
    fn what_is_not_needed_is_taken_away() {
        let proof = proof(start("cap_sys_admin,cap_net_raw,cap_syslog"), &["cap_net_raw"]);
        assert_eq!((proof.kept, proof.removed), (set("cap_net_raw"), set("cap_sys_admin,cap_syslog")));
        assert!(proof.alternatives.is_empty() && !proof.fails_with_everything);
    }

    #[test]
    fn of_all_smallest_sets_the_least_powerful_is_kept_and_the_others_are_named() {
        let proof = proof(start("cap_sys_admin"), &["cap_sys_admin", "cap_sys_nice", "cap_bpf,cap_perfmon"]);
        assert_eq!(proof.kept, set("cap_sys_nice"));
        assert_eq!(proof.alternatives, [set("cap_bpf,cap_perfmon"), set("cap_sys_admin")]);
        assert_eq!(proof.removed, set("cap_sys_admin"));
    }

    #[test]
    fn what_the_policy_grants_already_is_kept() {
        let granted = Start { granted: set("cap_sys_admin,cap_chown"), ..start("cap_sys_admin,cap_sys_nice") };
        let proof = proof(granted, &["cap_sys_admin", "cap_sys_nice"]);
        assert_eq!((proof.kept, proof.alternatives), (set("cap_sys_admin"), vec![set("cap_sys_nice")]));
    }

    #[test]
    fn what_only_seemed_speculative_is_kept_where_it_does_not_work_without() {
        let start = Start { possible: set("cap_setuid"), ..start("cap_net_raw") };
        assert_eq!(proof(start, &["cap_net_raw,cap_setuid"]).kept, set("cap_net_raw,cap_setuid"));
    }

    #[test]
    fn what_no_check_showed_is_found_within_everything() {
        // auditctl reads its own set and asks the kernel for nothing.
        let proof = minimize(start(""), |held| {
            Ok(Trial { works: set("cap_audit_control,cap_audit_read").is_subset(held), asked: CapabilitySet::EMPTY })
        });
        let proof = proof.unwrap().unwrap();
        assert_eq!(proof.kept, set("cap_audit_control,cap_audit_read"));
        assert!(proof.runs < 40, "{} runs", proof.runs);
    }

    #[test]
    fn what_refuses_to_run_with_a_capability_is_run_without_it() {
        // mount gives up root for good, and ends if it could become root again. So no run with everything mounts.
        let proof = minimize(start("cap_setuid"), |held| {
            let refuses = held.contains(Capability::SETUID);
            let asked = if refuses { set("cap_setuid") } else { set("cap_setuid,cap_sys_admin") };
            Ok(Trial { works: !refuses && held.contains(Capability::SYS_ADMIN), asked })
        });
        let proof = proof.unwrap().unwrap();
        assert_eq!((proof.kept, proof.fails_with_everything), (set("cap_sys_admin"), true));
        assert!(proof.alternatives.is_empty());
    }

    #[test]
    fn nothing_can_be_taken_from_what_is_kept_or_named() {
        let alternatives = ["cap_sys_ptrace,cap_bpf", "cap_sys_admin,cap_bpf", "cap_kill,cap_net_raw"];
        let proof = proof(start("cap_sys_admin,cap_bpf,cap_kill"), &alternatives);
        assert_eq!(proof.kept, set("cap_kill,cap_net_raw"));
        let found: Vec<CapabilitySet> = proof.alternatives.iter().copied().chain([proof.kept]).collect();
        assert_eq!(found.len(), alternatives.len());
        for kept in found {
            assert!(works_with(&alternatives)(kept).unwrap().works);
            assert!(kept.iter().all(|one| !works_with(&alternatives)(kept.without(one.into())).unwrap().works));
        }
    }

    #[test]
    fn a_command_that_needs_none_ends_with_the_empty_set_after_two_runs() {
        let proof = proof(start("cap_sys_admin"), &[""]);
        assert_eq!((proof.kept, proof.removed, proof.runs), (CapabilitySet::EMPTY, set("cap_sys_admin"), 2));
    }

    #[test]
    fn the_usual_number_of_runs_is_enough_for_what_is_all_needed_and_not_far_above_it() {
        for list in ["", "chown", "chown,kill", "chown,kill,setuid,net_raw,sys_admin", "0-19"] {
            let needed = if list == "0-19" { Capability::all().take(20).collect() } else { set(list) };
            let all = needed.to_string();
            let all = if needed.is_empty() { "" } else { &all };
            let (made, usual) = (proof(start(all), &[all]).runs, usual_runs(needed));
            assert!(made <= usual && usual <= made + 4, "{made} runs for {list}, and not {usual}");
        }
    }

    #[test]
    fn a_command_that_works_only_with_less_is_not_flaky() {
        // bwrap refuses to start with capabilities that it does not expect.
        let everything: CapabilitySet = Capability::all().collect();
        let run = |held: CapabilitySet| {
            let works = set("cap_setuid").is_subset(held) && held != everything;
            Ok(Trial { works, asked: set("cap_setuid,cap_chown") })
        };
        let proof = minimize(start("cap_setuid,cap_chown"), run).unwrap().unwrap();
        assert_eq!((proof.kept, proof.fails_with_everything), (set("cap_setuid"), true));
        let never = minimize(start(""), |_| Ok(Trial { works: false, asked: CapabilitySet::EMPTY }));
        assert_eq!(never.unwrap(), None);
    }

    #[test]
    fn a_set_that_works_once_and_then_not_is_flaky() {
        let mut with_raw = 0;
        let error = minimize(start("cap_net_raw"), |held| {
            with_raw += u64::from(held == set("cap_net_raw"));
            Ok(Trial { works: set("cap_net_raw").is_subset(held) && with_raw < 2, asked: CapabilitySet::EMPTY })
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
        });
        assert_eq!(proof.unwrap().unwrap().kept, set("cap_net_raw"));
    }

    #[test]
    fn a_second_run_confirms_what_is_needed_and_drops_what_is_possible() {
        let start = Start { possible: set("cap_chown,cap_fowner"), ..start("cap_net_raw") };
        let confirm = |alternatives: &[&str]| confirm(start, false, works_with(alternatives)).unwrap();
        let proof = confirm(&["cap_net_raw"]).unwrap();
        assert_eq!((proof.kept, proof.removed, proof.runs), (set("cap_net_raw"), set("cap_chown,cap_fowner"), 1));
        let proof = confirm(&["cap_net_raw,cap_fowner"]).unwrap();
        assert_eq!((proof.kept, proof.removed), (set("cap_net_raw,cap_fowner"), set("cap_chown")));
        assert_eq!(confirm(&["cap_kill"]), None);
        let kept = confirm(&[""]).unwrap().kept;
        assert_eq!(kept, set("cap_net_raw"), "the same output does not show that it is not needed");
    }

    #[test]
    fn what_seemed_needed_is_taken_away_where_a_check_says_that_it_works_without() {
        let start = start("cap_chown,cap_dac_override,cap_fowner");
        for (works, runs) in [("", 2), ("cap_chown,cap_dac_override", 6), ("cap_chown,cap_dac_override,cap_fowner", 6)]
        {
            let proof = confirm(start, true, works_with(&[works])).unwrap().unwrap();
            assert_eq!(proof.kept, set(works));
            assert!(proof.runs <= runs, "{works}: {} runs", proof.runs);
        }
    }

    #[test]
    fn a_set_is_as_powerful_as_its_most_powerful_capability() {
        let mut sets = [set("cap_sys_admin"), set("cap_net_raw,cap_kill"), set("cap_net_raw"), set("")];
        sets.sort_by(|one, other| by_power(*one, *other));
        assert_eq!(sets[0], set(""));
        assert_eq!(sets[3], set("cap_sys_admin"));
        assert!(by_power(set("cap_net_raw"), set("cap_net_raw,cap_wake_alarm")) == Ordering::Less);
    }
}
