//! Makes a decision from policy, facts and arguments: which capabilities the tool gets, and why.

pub mod accounts;
pub mod arguments;
pub mod authorise;
pub mod code_variables;
pub mod condition;
pub mod container;
pub mod demand;
pub mod environment;
pub mod facts;
pub mod getopt;
pub mod launcher_needs;
pub mod probe;
pub mod questions;
pub mod shortfall_cause;

use crate::decision::arguments::Arguments;
use crate::decision::condition::Condition;
use crate::decision::facts::Facts;
use crate::decision::probe::Probe;
use crate::decision::questions::Questions;
use crate::policy::demand::Demand;
use crate::policy::{Bounding, Grant, Policy};
use crate::scope::confined::{self, Confined};
use crate::text::nearest;
use crate::{Capability, CapabilitySet};
use std::ffi::OsString;
use std::fmt;

/// What the caller requests besides the tool: to drop capabilities, to add some of `[optional]`, or
/// a mode by name.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// `--mode`: the mode to use, whatever the arguments say about modes.
    pub mode: Option<String>,
    /// `--drop`: the capabilities that capwrap does not pass to the tool.
    pub drop: CapabilitySet,
    /// `--add`: the optional capabilities of the policy that capwrap passes to the tool.
    pub add: CapabilitySet,
}

/// What capwrap passes to the tool, what it uses itself, and what it withholds, each with the
/// reason.
#[derive(Debug)]
pub struct Decision<'p> {
    /// What the tool gets. It is never more than what grants and `--add` name, without what
    /// `--drop` names.
    pub passed: CapabilitySet,
    /// Those of the passed capabilities that count only for what a scope names, in the order of their numbers.
    pub confined: Vec<Confined>,
    /// What the launcher uses itself and does not pass on.
    pub borrowed: Vec<Borrowed>,
    /// What keeps uid 0 from gaining more at exec.
    pub root: RootConfinement,
    /// Every grant of the policy and whether it holds, in the order of the file.
    pub grants: Vec<Weighed<'p>>,
    /// What the tool needs besides capabilities in this launch, in the order of the file.
    pub demands: Vec<&'p Demand>,
    /// The mode that the caller requested.
    pub mode: Option<String>,
    /// What `--add` added.
    pub added: CapabilitySet,
    /// The part of `--drop` that the tool would have got.
    pub dropped: CapabilitySet,
}

/// A grant and the decision on it.
#[derive(Debug)]
pub struct Weighed<'p> {
    /// The grant.
    pub grant: &'p Grant,
    /// Whether it holds, and if not, why not.
    pub outcome: Outcome<'p>,
}

/// Whether a grant holds, or a demand is made.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome<'p> {
    /// Every condition holds.
    Holds,
    /// This condition does not hold.
    Fails(&'p Condition),
    /// `--mode` named a mode that it is not for.
    OtherMode,
}

/// What keeps uid 0 from gaining its whole bounding set at exec (capabilities(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RootConfinement {
    /// The caller is not uid 0, is confined already, or has a bounding set within the decision.
    NotNeeded,
    /// The launcher sets and locks the securebit noroot.
    LockNoRoot,
}

/// A capability that the launcher uses for one call. This use does not pass it to the tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Borrowed {
    /// The capability.
    pub capability: Capability,
    /// What the launcher uses it for.
    pub purpose: String,
}

impl Decision<'_> {
    /// Returns the borrowed capabilities as a set.
    pub fn borrowed_set(&self) -> CapabilitySet {
        self.borrowed.iter().map(|borrowed| borrowed.capability).collect()
    }
}

/// A request that the policy does not allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestError {
    /// `--add` names a capability that is not in `[optional]`.
    NotOptional {
        /// The requested capabilities that are not in `[optional]`.
        refused: CapabilitySet,
        /// The capabilities in `[optional]`.
        optional: CapabilitySet,
    },
    /// `--mode` names a mode that no grant and no demand has.
    UnknownMode {
        /// The name that the caller gave.
        given: String,
        /// The modes of the policy.
        known: Vec<String>,
    },
}

impl fmt::Display for RequestError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOptional { refused, .. } => {
                write!(out, "cannot add {refused}: not among the policy's optional capabilities")
            }
            Self::UnknownMode { given, .. } => write!(out, "cannot use mode {given:?}: the policy has no such mode"),
        }
    }
}

impl RequestError {
    /// Returns what to request instead.
    pub fn hint(&self) -> String {
        match self {
            Self::NotOptional { optional, .. } if optional.is_empty() => {
                "the policy has no [optional] table".to_owned()
            }
            Self::NotOptional { optional, .. } => format!("it allows --add {optional}"),
            Self::UnknownMode { known, .. } if known.is_empty() => {
                "leave --mode out: the policy has no modes".to_owned()
            }
            Self::UnknownMode { given, known } => match nearest::name(given, known.iter().map(String::as_str)) {
                Some(near) => format!("--mode {near}"),
                None => format!("its modes are {}", known.join(", ")),
            },
        }
    }
}

impl std::error::Error for RequestError {}

/// Decides on a launch. The function is pure: the same policy, facts, arguments and request give
/// the same decision.
///
/// # Errors
/// The policy does not allow the request.
pub fn decide<'p>(
    policy: &'p Policy,
    facts: &Facts,
    arguments: &[OsString],
    request: &Request,
) -> Result<Decision<'p>, RequestError> {
    check(policy, request)?;
    let arguments = read_arguments(policy, arguments);
    let weigh =
        |modes: &[String], when: &'p [Condition]| weigh(modes, when, facts, &arguments, request.mode.as_deref());
    let grants: Vec<Weighed<'p>> =
        policy.grants.iter().map(|grant| Weighed { grant, outcome: weigh(&grant.modes, &grant.when) }).collect();
    let demands = policy.demands.iter().filter(|demand| weigh(&demand.modes, &demand.when) == Outcome::Holds).collect();
    let holding = grants.iter().filter(|weighed| weighed.outcome == Outcome::Holds).map(|weighed| weighed.grant);
    let granted = holding.clone().fold(request.add, |set, grant| set.union(grant.caps));
    let passed = granted.without(request.drop);
    let confined = confined::join(holding, passed, request.add);
    let root = confine_root(facts, passed);
    Ok(Decision {
        passed,
        confined,
        borrowed: borrow(policy, facts, root),
        root,
        grants,
        demands,
        mode: request.mode.clone(),
        added: request.add.without(request.drop),
        dropped: granted.intersection(request.drop),
    })
}

fn check(policy: &Policy, request: &Request) -> Result<(), RequestError> {
    let optional = policy.optional();
    if !request.add.is_subset(optional) {
        return Err(RequestError::NotOptional { refused: request.add.without(optional), optional });
    }
    match &request.mode {
        Some(given) if !policy.modes().contains(&given.as_str()) => Err(RequestError::UnknownMode {
            given: given.clone(),
            known: policy.modes().into_iter().map(str::to_owned).collect(),
        }),
        _ => Ok(()),
    }
}

/// Weighs the modes and conditions of a grant or of a demand.
fn weigh<'p>(
    modes: &[String],
    when: &'p [Condition],
    facts: &Facts,
    arguments: &Arguments<'_>,
    mode: Option<&str>,
) -> Outcome<'p> {
    let named = match mode {
        Some(mode) if !modes.is_empty() => {
            if !modes.iter().any(|own| own == mode) {
                return Outcome::OtherMode;
            }
            true
        }
        _ => false,
    };
    when.iter()
        .filter(|condition| !(named && condition.is_about_arguments()))
        .find(|condition| !condition.holds(facts, arguments))
        .map_or(Outcome::Holds, Outcome::Fails)
}

/// Returns what the policy grants on a machine, whatever the arguments are: everything that its
/// conditions on the machine and the caller allow, for the named mode or for every mode. Launchers
/// that pass one set for all calls, as a service manager does, need this.
pub fn for_any_arguments(policy: &Policy, facts: &Facts, mode: Option<&str>) -> CapabilitySet {
    grants_for_any_arguments(policy, facts, mode).fold(CapabilitySet::EMPTY, |all, grant| all.union(grant.caps))
}

/// Returns the grants whose union is [`for_any_arguments`], in the order of the file.
pub fn grants_for_any_arguments<'p>(
    policy: &'p Policy,
    facts: &Facts,
    mode: Option<&str>,
) -> impl Iterator<Item = &'p Grant> {
    policy.grants.iter().filter(move |grant| serves(&grant.modes, mode) && holds_for_some_arguments(&grant.when, facts))
}

/// Returns what the tool needs besides capabilities in some launch on a machine, for the named mode or for every mode,
/// in the order of the file.
pub fn demands_for_any_arguments<'p>(
    policy: &'p Policy,
    facts: &Facts,
    mode: Option<&str>,
) -> impl Iterator<Item = &'p Demand> {
    policy
        .demands
        .iter()
        .filter(move |demand| serves(&demand.modes, mode) && holds_for_some_arguments(&demand.when, facts))
}

/// Whether a grant or a demand of these modes is one of the named mode, or of every mode.
fn serves(modes: &[String], mode: Option<&str>) -> bool {
    mode.is_none_or(|mode| modes.is_empty() || modes.iter().any(|own| own == mode))
}

/// Whether all conditions hold that are not about the arguments.
fn holds_for_some_arguments(when: &[Condition], facts: &Facts) -> bool {
    let none = Arguments::new(&[], Vec::new(), None);
    when.iter().all(|condition| condition.is_about_arguments() || condition.holds(facts, &none))
}

/// Reads the arguments as the policy describes them.
pub fn read_arguments<'a>(policy: &'a Policy, all: &'a [OsString]) -> Arguments<'a> {
    Arguments::new(all, options_with_value(policy), policy.arguments.as_ref())
}

/// Returns the options that, according to the policy, take a value.
fn options_with_value(policy: &Policy) -> Vec<&str> {
    let by_condition = policy.conditions().filter_map(|condition| match condition.inner() {
        Condition::Option { names, values } if !values.is_empty() => Some(names),
        _ => None,
    });
    let declared = policy.arguments.iter().map(|rules| &rules.with_value);
    declared.chain(by_condition).flatten().map(String::as_str).collect()
}

fn confine_root(facts: &Facts, passed: CapabilitySet) -> RootConfinement {
    if facts.uid0 && !facts.root_is_confined && !facts.bounding.is_subset(passed) {
        RootConfinement::LockNoRoot
    } else {
        RootConfinement::NotNeeded
    }
}

fn borrow(policy: &Policy, facts: &Facts, root: RootConfinement) -> Vec<Borrowed> {
    let mut borrowed: Vec<Borrowed> = probes(policy)
        .filter(|probe| facts.knows(probe.borrows()))
        .map(|probe| Borrowed { capability: probe.borrows(), purpose: format!("asks the probe {probe}") })
        .collect();
    if root == RootConfinement::LockNoRoot {
        borrowed.push(Borrowed {
            capability: Capability::SETPCAP,
            purpose: "locks the securebit noroot, so that uid 0 gains nothing at exec".to_owned(),
        });
    }
    for (resource, limit) in &policy.exec.limits {
        if let Some(hard) = facts.hard_limit(*resource).filter(|hard| hard < limit) {
            borrowed.push(Borrowed {
                capability: Capability::SYS_RESOURCE,
                purpose: format!("raises the {} limit from {hard} to {limit}", resource.name()),
            });
        }
    }
    if policy.exec.bounding == Bounding::Drop {
        borrowed.push(Borrowed {
            capability: Capability::SETPCAP,
            purpose: "reduces the bounding set to the grant".to_owned(),
        });
    }
    borrowed
}

/// Returns the probes that the policy's conditions name, each once.
fn probes(policy: &Policy) -> impl Iterator<Item = Probe> {
    Questions::of(policy).probes.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::facts::{Answer, KernelVersion};
    use crate::policy::limits::{Limit, Resource};

    const HEAD: &str = "schema = 1\ntool = { path = \"/t\" }\nallow = { users = [\"root\"] }\n";

    fn policy(rest: &str) -> Policy {
        Policy::read(&format!("{HEAD}{rest}")).unwrap()
    }

    fn facts() -> Facts {
        Facts { kernel: KernelVersion { major: 6, minor: 1, patch: 0 }, last_capability: 40, ..Facts::default() }
    }

    fn passed(policy: &Policy, facts: &Facts, arguments: &[&str]) -> String {
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        decide(policy, facts, &arguments, &Request::default()).unwrap().passed.to_string()
    }

    fn set(list: &str) -> CapabilitySet {
        CapabilitySet::parse(list).unwrap()
    }

    #[test]
    fn the_union_of_all_grants_that_hold_is_passed_to_the_tool() {
        let policy = policy(
            "[[grant]]\ncaps = \"chown\"\n[[grant]]\ncaps = [\"chown\", \"kill\"]\nwhen = { kernel = \">=5\" }\n\
             [[grant]]\ncaps = \"sys_admin\"\nwhen = { kernel = \"<5\" }\n",
        );
        assert_eq!(passed(&policy, &facts(), &[]), "cap_chown,cap_kill");
    }

    #[test]
    fn whatever_the_arguments_are_what_the_machine_lets_through_is_granted() {
        let policy = policy(
            "[[grant]]\ncaps = \"chown\"\nwhen = { subcommand = \"run\" }\n\
             [[grant]]\ncaps = \"kill\"\nmode = \"m\"\nwhen = { arg = \"-m\" }\n\
             [[grant]]\ncaps = \"sys_admin\"\nwhen = { kernel = \"<5\", arg = \"-a\" }\n",
        );
        assert_eq!(for_any_arguments(&policy, &facts(), None).to_string(), "cap_chown,cap_kill");
        assert_eq!(for_any_arguments(&policy, &facts(), Some("m")).to_string(), "cap_chown,cap_kill");
        assert_eq!(for_any_arguments(&policy, &facts(), Some("other")).to_string(), "cap_chown");
    }

    #[test]
    fn all_conditions_of_a_grant_must_hold_and_one_of_each_list() {
        let policy = policy(
            "[[grant]]\ncaps = \"kill\"\nwhen = { kernel = [\"<5\", \">=6\"], kernel_has = [\"bpf\", \"syslog\"], subcommand = \"run\", arg = [\"-a\", \"-b\"], uid0 = false }\n",
        );
        assert_eq!(passed(&policy, &facts(), &["run", "-b"]), "cap_kill");
        for arguments in [&["run"][..], &["-b"], &["stop", "-b"], &["run", "-bb"]] {
            assert_eq!(passed(&policy, &facts(), arguments), "none", "{arguments:?}");
        }
        assert_eq!(passed(&policy, &Facts { uid0: true, ..facts() }, &["run", "-b"]), "none");
        let older = Facts { kernel: KernelVersion { major: 5, minor: 10, patch: 0 }, ..facts() };
        assert_eq!(passed(&policy, &older, &["run", "-b"]), "none");
    }

    #[test]
    fn what_the_kernel_knows_counts_and_not_its_release() {
        let policy = policy(
            "[[grant]]\ncaps = \"bpf\"\nwhen = { kernel_has = \"bpf\" }\n[[grant]]\ncaps = \"sys_admin\"\nwhen = { kernel_lacks = \"bpf\" }\n",
        );
        let rhel_8 =
            Facts { kernel: KernelVersion { major: 4, minor: 18, patch: 0 }, last_capability: 39, ..Facts::default() };
        assert_eq!(passed(&policy, &rhel_8, &[]), "cap_bpf");
        assert_eq!(passed(&policy, &Facts { last_capability: 37, ..rhel_8 }, &[]), "cap_sys_admin");
    }

    #[test]
    fn a_setting_that_the_kernel_lacks_and_a_probe_that_nobody_asked_hold_nothing() {
        let policy = policy(
            "[[grant]]\ncaps = \"kill\"\nwhen = { sysctl = { \"kernel.x\" = \"!=7\" } }\n[[grant]]\ncaps = \"chown\"\nwhen = { probe = \"perf_uprobe_needs_sys_admin\" }\n",
        );
        assert_eq!(passed(&policy, &facts(), &[]), "none");
        let mut known = facts();
        known.sysctls.insert("kernel.x".into(), Some("3\n".into()));
        known.probes.insert(Probe::PerfUprobeNeedsSysAdmin, Answer::found(true, ""));
        assert_eq!(passed(&policy, &known, &[]), "cap_chown,cap_kill");
    }

    #[test]
    fn a_grant_holds_where_no_key_of_unless_does() {
        let policy = policy(
            "[[grant]]\ncaps = \"net_admin\"\nwhen = { kernel_has = \"bpf\" }\n\
             unless = { probe = \"perf_uprobe_needs_sys_admin\", sysctl = { \"kernel.x\" = \">2\" }, option = \"-a\" }\n",
        );
        let mut known = facts();
        known.sysctls.insert("kernel.x".into(), Some("2\n".into()));
        known.probes.insert(Probe::PerfUprobeNeedsSysAdmin, Answer::found(false, ""));
        assert_eq!(passed(&policy, &known, &[]), "cap_net_admin");
        // A kernel without the setting cannot have it above 2.
        let mut without = known.clone();
        without.sysctls.insert("kernel.x".into(), None);
        assert_eq!(passed(&policy, &without, &[]), "cap_net_admin");
        assert_eq!(passed(&policy, &known, &["-a"]), "none");
        let mut above = known.clone();
        above.sysctls.insert("kernel.x".into(), Some("3".into()));
        assert_eq!(passed(&policy, &above, &[]), "none");
        let mut fixed = known.clone();
        fixed.probes.insert(Probe::PerfUprobeNeedsSysAdmin, Answer::found(true, ""));
        assert_eq!(passed(&policy, &fixed, &[]), "none");
        assert_eq!(passed(&policy, &Facts { last_capability: 37, ..known }, &[]), "none");
    }

    #[test]
    fn what_is_not_known_is_no_ground_for_unless() {
        let policy = policy(
            "[[grant]]\ncaps = \"kill\"\nunless = { sysctl = { \"kernel.x\" = \"1\" } }\n\
             [[grant]]\ncaps = \"chown\"\nunless = { probe = \"perf_uprobe_needs_sys_admin\" }\n",
        );
        assert_eq!(passed(&policy, &facts(), &[]), "none");
        assert_eq!(Questions::of(&policy).sysctls, ["kernel.x"]);
        assert_eq!(Questions::of(&policy).probes, [Probe::PerfUprobeNeedsSysAdmin]);
        // A probe that is only assumed leaves no grant out, of either kind.
        let mut assumed = facts();
        assumed.probes.insert(Probe::PerfUprobeNeedsSysAdmin, Answer::NOT_TRIED);
        assert_eq!(passed(&policy, &assumed, &[]), "cap_chown");
    }

    #[test]
    fn a_mode_by_name_replaces_the_arguments_of_unless_too() {
        let policy = policy(
            "[[grant]]\ncaps = \"kill\"\nmode = \"a\"\nunless = { option = \"-o\", value = \"v\", kernel = \"<5\" }\n",
        );
        assert_eq!(passed(&policy, &facts(), &["-o", "v"]), "none");
        assert_eq!(passed(&policy, &facts(), &["-o", "w"]), "cap_kill");
        assert_eq!(for_any_arguments(&policy, &facts(), None).to_string(), "cap_kill");
        let arguments: Vec<OsString> = ["-o", "v"].iter().map(OsString::from).collect();
        let request = Request { mode: Some("a".into()), ..Request::default() };
        assert_eq!(decide(&policy, &facts(), &arguments, &request).unwrap().passed.to_string(), "cap_kill");
        let old = Facts { kernel: KernelVersion { major: 4, minor: 19, patch: 0 }, ..facts() };
        assert_eq!(decide(&policy, &old, &arguments, &request).unwrap().passed.to_string(), "none");
    }

    #[test]
    fn a_demand_is_made_by_the_same_conditions_and_modes_as_a_grant() {
        let policy = policy(
            "[[grant]]\ncaps = \"kill\"\n\
             [[demand]]\nwritable = \"/a\"\nwhy = \"w\"\nunless = { option = [\"-a\", \"--artifacts\"] }\n\
             [[demand]]\nreadable = \"/b\"\nwhy = \"w\"\nmode = \"m\"\nwhen = { subcommand = \"trace\" }\n\
             [[demand]]\nuid0 = true\nwhy = \"w\"\nwhen = { kernel = \"<5\", sysctl = { \"kernel.x\" = \"1\" } }\n",
        );
        let made = |arguments: &[&str], mode: Option<&str>| {
            let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
            let request = Request { mode: mode.map(str::to_owned), ..Request::default() };
            let decision = decide(&policy, &facts(), &arguments, &request).unwrap();
            assert_eq!(decision.passed.to_string(), "cap_kill");
            decision.demands.iter().map(|demand| demand.need.key()).collect::<Vec<_>>()
        };
        assert_eq!(made(&[], None), ["writable"]);
        assert_eq!(made(&["-a", "x", "trace"], None), Vec::<&str>::new());
        assert_eq!(made(&["trace"], None), ["writable", "readable"]);
        assert_eq!(made(&["--artifacts=x"], Some("m")), ["readable"]);
        assert_eq!(Questions::of(&policy).sysctls, ["kernel.x"]);
        let of_any = |mode| -> Vec<&str> {
            demands_for_any_arguments(&policy, &facts(), mode).map(|demand| demand.need.key()).collect()
        };
        assert_eq!(of_any(None), ["writable", "readable"]);
        assert_eq!(of_any(Some("m")), ["writable", "readable"]);
        assert_eq!(of_any(Some("other")), ["writable"]);
    }

    #[test]
    fn a_mode_by_name_stands_in_for_what_the_arguments_say_and_for_nothing_else() {
        let policy = policy(
            "[[grant]]\ncaps = \"kill\"\nmode = [\"a\", \"b\"]\n\
             [[grant]]\ncaps = \"chown\"\nmode = \"a\"\nwhen = { arg = \"-a\" }\n\
             [[grant]]\ncaps = \"setuid\"\nmode = \"a\"\nwhen = { arg = \"-a\", kernel = \"<5\" }\n\
             [[grant]]\ncaps = \"setgid\"\n",
        );
        let with = |mode: Option<&str>, arguments: &[&str]| {
            let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
            let request = Request { mode: mode.map(str::to_owned), ..Request::default() };
            decide(&policy, &facts(), &arguments, &request).map(|decision| decision.passed.to_string())
        };
        assert_eq!(with(None, &[]).unwrap(), "cap_kill,cap_setgid");
        assert_eq!(with(None, &["-a"]).unwrap(), "cap_chown,cap_kill,cap_setgid");
        assert_eq!(with(Some("a"), &[]).unwrap(), "cap_chown,cap_kill,cap_setgid");
        assert_eq!(with(Some("b"), &["-a"]).unwrap(), "cap_kill,cap_setgid");
        assert_eq!(with(Some("bb"), &[]).unwrap_err().hint(), "--mode b");
    }

    #[test]
    fn dropping_only_takes_away_and_adding_only_what_is_optional() {
        let policy = policy("[[grant]]\ncaps = [\"kill\", \"chown\"]\n[optional]\ncaps = \"syslog\"\n");
        let with = |drop: &str, add: &str| {
            let request = Request { mode: None, drop: set(drop), add: set(add) };
            decide(&policy, &facts(), &[], &request).map(|decision| decision.passed)
        };
        assert_eq!(with("", "syslog").unwrap(), set("kill,chown,syslog"));
        assert_eq!(with("syslog,kill,bpf", "syslog").unwrap(), set("chown"));
        assert!(
            matches!(with("", "syslog,bpf"), Err(RequestError::NotOptional { refused, .. }) if refused == set("bpf"))
        );
        assert!(with("bpf", "bpf").is_err(), "what is dropped too must still be allowed");
    }

    #[test]
    fn a_capability_is_borrowed_only_where_a_limit_must_be_raised() {
        let policy = policy("[exec]\nlimits = { memlock = 1000 }\n");
        let memlock = Resource::parse("memlock").unwrap();
        for (hard, borrows) in [(999, true), (1000, false), (u64::MAX, false)] {
            let facts = Facts { hard_limits: vec![(memlock, Limit(hard))], ..facts() };
            let decision = decide(&policy, &facts, &[], &Request::default()).unwrap();
            assert_eq!(!decision.borrowed_set().is_empty(), borrows, "{hard}");
            assert!(decision.passed.is_empty());
        }
    }

    #[test]
    fn root_is_confined_where_exec_would_give_it_more() {
        let policy = policy("[[grant]]\ncaps = [\"kill\", \"chown\"]\n");
        for (uid0, confined, bounding, expected) in [
            (false, false, u64::MAX, RootConfinement::NotNeeded),
            (true, false, u64::MAX, RootConfinement::LockNoRoot),
            (true, true, u64::MAX, RootConfinement::NotNeeded),
            (true, false, set("kill").mask(), RootConfinement::NotNeeded),
            (true, false, 1 << 63, RootConfinement::LockNoRoot),
        ] {
            let bounding = CapabilitySet::from_mask(bounding);
            let facts = Facts { uid0, root_is_confined: confined, bounding, ..facts() };
            assert_eq!(decide(&policy, &facts, &[], &Request::default()).unwrap().root, expected);
        }
    }
}
