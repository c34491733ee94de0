//! Derives what the command needs from its classified checks, with the evidence, or the reason why the run is
//! inconclusive.

use crate::analysis::call_sites;
use crate::analysis::classify::{Class, Classified};
use crate::analysis::observation::count;
use capwrap_core::{Capability, CapabilitySet};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The result of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// What the command needs, in the order of the capabilities' numbers.
    pub needed: Vec<Need>,
    /// The capabilities that the policy grants for this run and the command never needed in it. A program that sets its
    /// own capability sets may ask for some in them, and the kernel makes no check for that. So without a proof none is
    /// removable then.
    pub removable: CapabilitySet,
    /// The executables that set their own capability sets.
    pub set_own: BTreeSet<String>,
    /// The executables that read their own capability sets as a whole. For them the same holds.
    pub read_own: BTreeSet<String>,
    /// The capabilities that only speculative checks asked for, or that a program looked for in its own sets. If the
    /// command fails with what it needs alone, try one of these first.
    pub possible: CapabilitySet,
    /// The capabilities that were asked for and refused, and that this machine can give to no command. A policy that
    /// grants one would be refused at each launch.
    pub unattainable: CapabilitySet,
}

/// One capability that is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// The capability.
    pub capability: Capability,
    /// The broader capability that the kernel was asked for, if this one would suffice in its place.
    pub in_place_of: Option<Capability>,
    /// Whether no check for it passed, because it was not granted.
    pub denied: bool,
    /// How often it was asked for.
    pub times: u64,
    /// The places where it was asked for, the most frequent first.
    pub evidence: Vec<Evidence>,
}

/// A place where a capability was asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Evidence {
    /// The file that the process executed.
    pub executable: String,
    /// The system call, if there was one.
    pub system_call: Option<String>,
    /// The kernel's function that asked, if the kernel names one.
    pub function: Option<String>,
    /// How often it was asked for there.
    pub times: u64,
}

impl Needs {
    /// The needed capabilities as a set.
    pub fn set(&self) -> CapabilitySet {
        self.needed.iter().map(|need| need.capability).collect()
    }

    /// Takes into account what programs looked for in their own sets, where the kernel makes no check: these
    /// capabilities, or what these executables looked for, which is not known.
    #[must_use]
    pub fn looking(mut self, named: CapabilitySet, readers: BTreeSet<String>) -> Self {
        self.possible = self.possible.union(named).without(self.set());
        self.removable = if readers.is_empty() { self.removable.without(named) } else { CapabilitySet::EMPTY };
        self.read_own = readers;
        self
    }

    /// Returns the needs after a proof: the command keeps `kept`, and works without `removed`.
    #[must_use]
    pub fn proven(mut self, kept: CapabilitySet, removed: CapabilitySet) -> Self {
        self.needed.retain(|need| kept.contains(need.capability));
        for capability in kept.without(self.set()).iter() {
            self.needed.push(Need { capability, in_place_of: None, denied: false, times: 0, evidence: Vec::new() });
        }
        self.needed.sort_by_key(|need| need.capability);
        self.removable = self.removable.union(removed).without(kept);
        self.possible = self.possible.without(kept);
        self
    }

    /// Sets apart what is needed and is not among `attainable`, the capabilities that this machine can give.
    #[must_use]
    pub fn within(mut self, attainable: CapabilitySet) -> Self {
        self.unattainable = self.set().without(attainable);
        self.needed.retain(|need| attainable.contains(need.capability));
        self
    }

    /// Returns the capabilities that the command wanted and never got.
    pub fn denied(&self) -> CapabilitySet {
        self.needed.iter().filter(|need| need.denied).map(|need| need.capability).collect()
    }
}

/// The reason why a policy is not refined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inconclusive {
    /// Records were lost between the kernel and user space.
    Lost(Vec<(String, u64)>),
    /// Not one process of the command was seen.
    NothingSeen,
    /// What runs made no check while it was watched.
    Idle,
}

impl fmt::Display for Inconclusive {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost(counters) => {
                let counters: Vec<_> = counters.iter().map(|(name, times)| loss(name, *times)).collect();
                write!(out, "{}; the counts are not whole, so nothing is concluded", counters.join(", "))
            }
            Self::Idle => out.write_str("it made no check while it was watched, so nothing is concluded"),
            Self::NothingSeen => out.write_str("the probe saw no process of the command, so the policy is not refined"),
        }
    }
}

impl std::error::Error for Inconclusive {}

impl Inconclusive {
    /// Returns what may be done about it.
    pub fn advice(&self) -> Option<&'static str> {
        match self {
            // A preemptible kernel skips a program on a CPU where it interrupted the same one (kernel/bpf/trampoline.c:
            // __bpf_prog_enter_recur), and does not say of which process.
            Self::Lost(counters) if counters.iter().all(|(name, _)| name == SKIPPED) => Some(
                "the kernel skips it where it interrupted it for another process, and does not say for which; learn once \
                 more, or with --minimize, which proves what it finds",
            ),
            _ => None,
        }
    }
}

/// The counter of the runs of the probe that the kernel skipped.
const SKIPPED: &str = "missed_runs";

/// Says what a counter of losses counted, and how often.
fn loss(name: &str, times: u64) -> String {
    let (thing, happened) = match name {
        "checks" => ("check", "found no room"),
        "processes" => ("process", "could not be followed"),
        "call_sites" => ("call site", "could not be kept"),
        "executables" => ("program", "could not be named"),
        "events" => ("event", "found no room"),
        SKIPPED => ("run of the probe", "was skipped"),
        other => (other, "was lost"),
    };
    match times {
        1 => format!("one {thing} {happened}"),
        _ => format!("{times} times a {thing} {happened}"),
    }
}

/// Decides what is needed. `granted` is what the policy grants for this run. `processes` is the number of processes that
/// the probe followed. `lost` holds the counters of lost records, by name.
///
/// A run without any check is a result like any other: a kernel can make each check of a small program where no probe
/// sees it, because the compiler inlined `cap_vm_enough_memory` with what it calls (Debian's 6.1 and 6.12).
///
/// # Errors
/// The counts are incomplete, or the probe followed no process.
pub fn decide(
    checks: &[Classified],
    granted: CapabilitySet,
    processes: u64,
    lost: &BTreeMap<String, u64>,
) -> Result<Needs, Inconclusive> {
    let lost: Vec<(String, u64)> =
        lost.iter().filter(|(_, times)| **times > 0).map(|(name, times)| (name.clone(), *times)).collect();
    if !lost.is_empty() {
        return Err(Inconclusive::Lost(lost));
    }
    if processes == 0 {
        return Err(Inconclusive::NothingSeen);
    }
    let set = needed(checks.iter().map(|check| (check.class, check.observation.capability, check.instead)));
    let counting = checks.iter().filter(|check| check.class.counts());
    let counting: CapabilitySet = counting.map(|check| check.observation.capability).collect();
    let set_own: BTreeSet<String> = checks.iter().filter(|check| sets_own(check)).map(of_whom).collect();
    Ok(Needs {
        needed: set.iter().map(|capability| need(capability, set, checks)).collect(),
        // A capability that was used in place of another was still used. Only a proof removes it.
        removable: if set_own.is_empty() { granted.without(set).without(counting) } else { CapabilitySet::EMPTY },
        set_own,
        read_own: BTreeSet::new(),
        possible: possible(checks).without(set),
        unattainable: CapabilitySet::EMPTY,
    })
}

/// Returns whether this is the check that the kernel makes when a process sets its own capability sets, or takes a
/// capability out of its bounding set (security/commoncap.c: cap_inh_is_capped, cap_prctl_drop).
fn sets_own(check: &Classified) -> bool {
    let call = check.observation.system_call.as_deref();
    let site = &check.observation.call_site;
    let is_prctl = || call == Some("prctl") && site.iter().any(|function| function == "cap_task_prctl");
    let is_own = check.class != Class::Foreign && check.observation.capability == Capability::SETPCAP;
    is_own && (call == Some("capset") || is_prctl())
}

fn of_whom(check: &Classified) -> String {
    check.observation.executable.clone()
}

/// Returns the capabilities of speculative checks, without those that every program makes.
pub fn possible(checks: &[Classified]) -> CapabilitySet {
    let worth_telling = |check: &&Classified| check.class == Class::Speculative && !check.why.starts_with(OVERCOMMIT);
    checks.iter().filter(worth_telling).map(|check| check.observation.capability).collect()
}

/// The beginning of the reason for the most frequent check of all.
const OVERCOMMIT: &str = "memory overcommit";

/// Returns the capabilities that checks of these classes need. If a check allows a substitute, and the capability that
/// it asks for is needed anyway, that capability serves for both.
pub fn needed(checks: impl Iterator<Item = (Class, Capability, Option<Capability>)>) -> CapabilitySet {
    let counting: BTreeSet<_> =
        checks.filter(|(class, _, _)| class.counts()).map(|(_, capability, instead)| (capability, instead)).collect();
    let outright =
        counting.iter().filter(|(_, instead)| instead.is_none()).map(|(capability, _)| *capability).collect();
    let replaced = counting.iter().filter_map(|(capability, instead)| instead.map(|instead| (*capability, instead)));
    replaced.fold(
        outright,
        |set: CapabilitySet, (capability, instead)| {
            if set.contains(capability) { set } else { set.union(instead.into()) }
        },
    )
}

fn need(capability: Capability, set: CapabilitySet, checks: &[Classified]) -> Need {
    let asked_for = |check: &&Classified| {
        let observation = &check.observation;
        check.class.counts()
            && match check.instead {
                Some(instead) if !set.contains(observation.capability) => instead == capability,
                _ => observation.capability == capability,
            }
    };
    let about: Vec<&Classified> = checks.iter().filter(asked_for).collect();
    let outright = about.iter().any(|check| check.observation.capability == capability);
    let mut places: BTreeMap<_, u64> = BTreeMap::new();
    for Classified { observation, .. } in &about {
        let function = call_sites::asking_function(&observation.call_site).map(str::to_owned);
        let place = (observation.executable.clone(), observation.system_call.clone(), function);
        count(places.entry(place).or_default(), observation.times);
    }
    let mut evidence: Vec<Evidence> = places
        .into_iter()
        .map(|((executable, system_call, function), times)| Evidence { executable, system_call, function, times })
        .collect();
    evidence.sort_by_key(|place| std::cmp::Reverse(place.times));
    Need {
        capability,
        in_place_of: about.first().filter(|_| !outright).map(|check| check.observation.capability),
        denied: about.iter().all(|check| check.class == Class::Denied),
        times: about.iter().map(|check| check.observation.times).fold(0, u64::saturating_add),
        evidence,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::classify::class;
    use crate::analysis::classify::tests::{denied, granted, with_everything, with_nothing};
    use crate::analysis::observation::Observation;

    const NONE_LOST: BTreeMap<String, u64> = BTreeMap::new();

    fn set(list: &str) -> CapabilitySet {
        CapabilitySet::parse(list).unwrap()
    }

    fn noise() -> Observation {
        granted("sys_admin", "mmap", &["cap_vm_enough_memory"])
    }

    #[test]
    fn what_is_needed_comes_with_its_evidence_and_noise_is_left_out() {
        let socket = granted("net_raw", "socket", &["ns_capable", "packet_create"]);
        let elsewhere = Observation { executable: "/usr/bin/child".into(), process: 101, times: 7, ..socket.clone() };
        let chmod = granted("fsetid", "fchmod", &["in_group_or_capable", "setattr_prepare"]);
        let checks = class(
            &[noise(), socket.clone(), Observation { process: 102, ..socket }, elsewhere, chmod],
            &with_everything(),
        );
        let needs = decide(&checks, set("net_raw,sys_admin,chown"), 1, &NONE_LOST).unwrap();
        assert_eq!(needs.set(), set("net_raw"));
        assert_eq!(needs.removable, set("sys_admin,chown"));
        assert_eq!(needs.possible, set("fsetid"), "what every program asks for is left out");
        let need = &needs.needed[0];
        assert_eq!((need.times, need.denied, need.in_place_of), (9, false, None));
        let places: Vec<_> = need.evidence.iter().map(|place| (place.executable.as_str(), place.times)).collect();
        assert_eq!(places, [("/usr/bin/child", 7), ("/usr/bin/tool", 2)]);
        assert_eq!(need.evidence[0].function.as_deref(), Some("packet_create"));
    }

    #[test]
    fn nothing_is_removable_without_a_proof_where_a_program_sets_its_own_capability_sets() {
        let own = |call: &str, site: &[&str]| granted("setpcap", call, site);
        let inner = Observation {
            target: crate::analysis::observation::Target::Inner,
            ..own("capset", &["cap_capset", "security_capset"])
        };
        for (seen, sets) in [
            (own("capset", &["ns_capable", "cap_capset", "security_capset"]), true),
            (own("prctl", &["ns_capable", "cap_task_prctl"]), true),
            (own("prctl", &["ns_capable", "seccomp_prepare_filter"]), false),
            (inner, false),
            (noise(), false),
        ] {
            let checks = class(std::slice::from_ref(&seen), &with_everything());
            let needs = decide(&checks, set("kill"), 1, &NONE_LOST).unwrap();
            let who: Vec<&str> = needs.set_own.iter().map(String::as_str).collect();
            assert_eq!(who, if sets { vec!["/usr/bin/tool"] } else { Vec::new() }, "{seen:?}");
            assert_eq!(needs.removable, if sets { CapabilitySet::EMPTY } else { set("kill") }, "{seen:?}");
            let proven = needs.proven(CapabilitySet::EMPTY, set("kill"));
            assert_eq!(proven.removable, set("kill"));
        }
    }

    #[test]
    fn what_a_program_looks_for_in_its_own_sets_is_possible_and_not_removable() {
        let needs = |readers: &[&str]| {
            let seen = [granted("net_raw", "socket", &["packet_create"])];
            let needs = decide(&class(&seen, &with_everything()), set("kill,bpf"), 1, &NONE_LOST).unwrap();
            needs.looking(set("net_raw,bpf"), readers.iter().map(|&name| name.to_owned()).collect())
        };
        let named = needs(&[]);
        assert_eq!((named.set(), named.possible, named.removable), (set("net_raw"), set("bpf"), set("kill")));
        let read = needs(&["/usr/bin/ip"]);
        assert_eq!((read.set(), read.removable), (set("net_raw"), CapabilitySet::EMPTY));
        assert_eq!(read.proven(set("net_raw"), set("kill")).removable, set("kill"));
    }

    #[test]
    fn what_was_refused_for_want_of_a_grant_is_needed_and_marked() {
        let checks = class(&[denied("sys_time", "clock_settime", &["cap_settime"])], &with_nothing());
        let needs = decide(&checks, CapabilitySet::EMPTY, 1, &NONE_LOST).unwrap();
        assert_eq!((needs.set(), needs.denied()), (set("sys_time"), set("sys_time")));
    }

    #[test]
    fn what_the_machine_cannot_give_is_set_apart_from_what_a_policy_grants() {
        let seen = [denied("sys_resource", "msgctl", &["msgctl_down"]), denied("kill", "kill", &["kill_ok_by_cred"])];
        let needs = decide(&class(&seen, &with_nothing()), CapabilitySet::EMPTY, 1, &NONE_LOST).unwrap();
        let needs = needs.within(CapabilitySet::known_up_to(40).without(set("sys_resource")));
        assert_eq!((needs.set(), needs.denied(), needs.unattainable), (set("kill"), set("kill"), set("sys_resource")));
    }

    #[test]
    fn a_narrower_capability_that_would_do_is_needed_in_the_place_of_the_one_asked_for() {
        let ioprio = granted("sys_admin", "ioprio_set", &["capable", "ioprio_check_cap"]);
        let checks = class(std::slice::from_ref(&ioprio), &with_everything());
        let needs = decide(&checks, set("sys_admin"), 1, &NONE_LOST).unwrap();
        assert_eq!(needs.set(), set("sys_nice"));
        assert_eq!(needs.needed[0].in_place_of, Some(Capability::SYS_ADMIN));
        assert_eq!(needs.removable, CapabilitySet::EMPTY, "it was used: only a proof takes it away");

        let checks = class(&[ioprio, granted("sys_admin", "mount", &["may_mount"])], &with_everything());
        let needs = decide(&checks, CapabilitySet::EMPTY, 1, &NONE_LOST).unwrap();
        assert_eq!(needs.set(), set("sys_admin"), "needed anyway, it serves for both");
        assert_eq!(needs.needed[0].times, 2);
    }

    #[test]
    fn a_proof_goes_before_what_was_counted() {
        let seen = [granted("net_raw", "socket", &["packet_create"]), granted("chown", "fchown", &["chown_ok"])];
        let needs = decide(&class(&seen, &with_everything()), set("kill"), 1, &NONE_LOST).unwrap();
        let needs = needs.proven(set("net_raw,sys_nice"), set("chown"));
        assert_eq!(needs.set(), set("net_raw,sys_nice"));
        assert_eq!(needs.removable, set("kill,chown"));
        assert_eq!((needs.needed[0].times, needs.needed[1].times), (1, 0));
    }

    #[test]
    fn a_loss_refuses_and_says_of_what() {
        let refused = |lost| {
            decide(&class(&[noise()], &with_everything()), CapabilitySet::EMPTY, 1, &BTreeMap::from(lost)).unwrap_err()
        };
        let refusal = refused([("checks".to_owned(), 1), ("missed_runs".to_owned(), 5), ("processes".to_owned(), 0)]);
        let expected = "one check found no room, 5 times a run of the probe was skipped; the counts are not whole, so nothing \
                        is concluded";
        assert_eq!((refusal.to_string().as_str(), refusal.advice()), (expected, None));
        let skipped = refused([("checks".to_owned(), 0), ("missed_runs".to_owned(), 1), ("processes".to_owned(), 0)]);
        assert!(skipped.advice().unwrap().contains("learn once more"), "only this loss goes away by itself");
    }

    #[test]
    fn seeing_no_process_refuses_and_seeing_no_check_of_one_does_not() {
        let checks = class(&[noise()], &with_everything());
        assert_eq!(decide(&checks, CapabilitySet::EMPTY, 0, &NONE_LOST), Err(Inconclusive::NothingSeen));
        let needs = decide(&[], set("kill"), 1, &NONE_LOST).unwrap();
        assert_eq!(
            (needs.set(), needs.removable, needs.possible),
            (CapabilitySet::EMPTY, set("kill"), CapabilitySet::EMPTY)
        );
        let needs = decide(&class(&[noise()], &with_everything()), CapabilitySet::EMPTY, 1, &NONE_LOST).unwrap();
        assert_eq!(needs.needed, []);
    }
}
