//! Properties that hold for every policy, machine and request.
#![allow(clippy::unwrap_used, clippy::panic)]

use capwrap_core::capability::xattr::Attribute;
use capwrap_core::decision::facts::{Answer, Facts, KernelVersion};
use capwrap_core::decision::launcher_needs::{Kernels, needed_by_launcher};
use capwrap_core::decision::probe::Probe;
use capwrap_core::decision::{Decision, Outcome, Request, decide};
use capwrap_core::policy::{FileCapabilities, Policy};
use capwrap_core::{Capability, CapabilitySet};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use std::ffi::OsString;

/// Conditions of every kind. Each holds on some machines or calls and not on others.
const CONDITIONS: [&str; 10] = [
    "kernel = \">=5.8\"",
    "kernel_has = \"cap_bpf\"",
    "kernel_lacks = \"cap_checkpoint_restore\"",
    "sysctl = { \"kernel.perf_event_paranoid\" = \">1\", \"kernel.unprivileged_bpf_disabled\" = \"!=0\" }",
    "probe = \"perf_uprobe_needs_sys_admin\"",
    "uid0 = true",
    "uid0 = false",
    "subcommand = \"run\"",
    "arg = \"-p\"",
    "option = [\"-m\", \"--mode\"], value = [\"text\", \"pcap\"]",
];
/// Two conditions that hold on no machine of this test.
const FALSE: [&str; 2] = ["kernel = \"<2.6\"", "sysctl = { \"kernel.never\" = \"1\" }"];
const ARGUMENTS: [&str; 7] = ["run", "-p", "-m", "text", "--mode=pcap", "--", "stop"];

fn any_set() -> impl Strategy<Value = CapabilitySet> {
    (0_u64..1 << 41).prop_map(CapabilitySet::from_mask)
}

/// Yields a few capabilities, as one grant names them.
fn few() -> impl Strategy<Value = CapabilitySet> {
    vec(0_u8..41, 1..4)
        .prop_map(|numbers| numbers.iter().fold(0, |mask, number| mask | 1 << number))
        .prop_map(CapabilitySet::from_mask)
}

#[derive(Clone, Debug)]
struct Grant {
    caps: CapabilitySet,
    when: Vec<&'static str>,
    mode: Option<&'static str>,
}

fn any_grant() -> impl Strategy<Value = Grant> {
    let mode = prop_oneof![Just(None), select(vec!["a", "b"]).prop_map(Some)];
    // Both conditions on uid0 in one table would be the same key twice.
    let when = subsequence(CONDITIONS.to_vec(), 0..4)
        .prop_filter("one key twice", |when| when.iter().filter(|condition| condition.starts_with("uid0")).count() < 2);
    (few(), when, mode).prop_map(|(caps, when, mode)| Grant { caps, when, mode })
}

fn text(grants: &[Grant], optional: CapabilitySet) -> String {
    let mut text = "schema = 1\ntool = { path = \"/t\" }\nallow = { users = [\"root\"] }\n".to_owned();
    let list = |set: CapabilitySet| set.iter().map(|one| format!("{:?}", one.name())).collect::<Vec<_>>().join(", ");
    for Grant { caps, when, mode } in grants {
        text += &format!("[[grant]]\ncaps = [{}]\nwhen = {{ {} }}\n", list(*caps), when.join(", "));
        text += &mode.map_or(String::new(), |mode| format!("mode = \"{mode}\"\n"));
    }
    if !optional.is_empty() {
        text += &format!("[optional]\ncaps = [{}]\n", list(optional));
    }
    text
}

prop_compose! {
    fn any_facts()(
        minor in 0_u32..20, major in 4_u32..8, last in 37_u8..=40, paranoid in 0_u8..4, bpf in 0_u8..3, yes: bool, uid0: bool, confined: bool,
        bounding in any_set(),
    ) -> Facts {
        Facts {
            kernel: KernelVersion { major, minor, patch: 0 },
            last_capability: last,
            sysctls: [("kernel.perf_event_paranoid", paranoid), ("kernel.unprivileged_bpf_disabled", bpf)]
                .map(|(name, value)| (name.to_owned(), Some(value.to_string())))
                .into(),
            probes: [(Probe::PerfUprobeNeedsSysAdmin, Answer::found(yes, ""))].into(),
            uid0,
            root_is_confined: confined,
            bounding,
            hard_limits: Vec::new(),
        }
    }
}

/// Yields a policy's grants and `[optional]`, a machine, and a call.
fn any_case() -> impl Strategy<Value = (Vec<Grant>, CapabilitySet, Facts, Vec<&'static str>, Option<&'static str>)> {
    let mode = prop_oneof![Just(None), select(vec!["a", "b"]).prop_map(Some)];
    (vec(any_grant(), 0..6), few(), any_facts(), subsequence(ARGUMENTS.to_vec(), 0..5), mode)
        .prop_filter("a mode that is there", |(grants, .., mode)| {
            mode.is_none() || grants.iter().any(|grant| grant.mode == *mode)
        })
}

fn decided<T>(
    text: &str,
    facts: &Facts,
    words: &[&str],
    request: &Request,
    then: impl FnOnce(&Decision<'_>) -> T,
) -> T {
    let policy = Policy::read(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let arguments: Vec<OsString> = words.iter().map(OsString::from).collect();
    then(&decide(&policy, facts, &arguments, request).unwrap_or_else(|error| panic!("{error}\n{text}")))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 1000 }))]

    #[test]
    fn a_decision_holds_no_capability_that_no_grant_names(
        (grants, optional, facts, words, mode) in any_case(), add in any_set(), drop in any_set(),
    ) {
        let add = add.intersection(optional);
        let request = Request { mode: mode.map(str::to_owned), drop, add };
        decided(&text(&grants, optional), &facts, &words, &request, |decision| {
            let named = grants.iter().fold(add, |all, grant| all.union(grant.caps));
            prop_assert!(decision.passed.is_subset(named));
            // The result is also exactly what the grants that hold name, with what was added,
            // without what was dropped.
            let hold = decision.grants.iter().filter(|weighed| weighed.outcome == Outcome::Holds);
            let granted = hold.fold(add, |all, weighed| all.union(weighed.grant.caps));
            prop_assert_eq!(decision.passed, granted.without(drop));
            Ok(())
        })?;
    }

    #[test]
    fn the_launcher_carries_what_a_launch_on_its_kernel_can_take_and_never_more_than_on_any(
        (grants, optional, facts, words, mode) in any_case(),
    ) {
        let facts = Facts { uid0: false, ..facts };
        let request = Request { mode: mode.map(str::to_owned), drop: CapabilitySet::EMPTY, add: optional };
        let text = text(&grants, optional);
        let policy = Policy::read(&text).unwrap();
        let here = needed_by_launcher(&policy, Kernels::KnowingUpTo(facts.last_capability));
        let known = CapabilitySet::from_mask(u64::MAX >> (63 - facts.last_capability));
        prop_assert!(here.is_subset(known));
        prop_assert!(here.is_subset(needed_by_launcher(&policy, Kernels::Any)));
        decided(&text, &facts, &words, &request, |decision| {
            prop_assert!(decision.passed.intersection(known).is_subset(here));
            prop_assert!(decision.borrowed_set().is_subset(here));
            Ok(())
        })?;
    }

    #[test]
    fn dropping_more_leaves_less(
        (grants, optional, facts, words, mode) in any_case(), some in any_set(), others in any_set(),
    ) {
        let text = text(&grants, optional);
        let passed = |drop| {
            let request = Request { mode: mode.map(str::to_owned), drop, add: optional };
            decided(&text, &facts, &words, &request, |decision| decision.passed)
        };
        prop_assert!(passed(some.union(others)).is_subset(passed(some)));
        prop_assert_eq!(passed(some.union(others)), passed(some).without(others));
        prop_assert!(passed(some).intersection(some).is_empty());
    }

    #[test]
    fn a_grant_under_a_false_condition_changes_nothing(
        (mut grants, optional, facts, words, mode) in any_case(), more in any_grant(), false_one in select(FALSE.to_vec()), at: prop::sample::Index,
    ) {
        let request = Request { mode: mode.map(str::to_owned), ..Request::default() };
        let passed = |grants: &[Grant]| decided(&text(grants, optional), &facts, &words, &request, |decision| decision.passed);
        let before = passed(&grants);
        let key = false_one.split(' ').next().unwrap_or_default();
        let when = more.when.into_iter().filter(|own| !own.starts_with(key)).chain([false_one]).collect();
        grants.insert(at.index(grants.len() + 1), Grant { when, ..more });
        prop_assert_eq!(passed(&grants), before);
    }

    #[test]
    fn another_condition_never_grants_more(
        (mut grants, optional, facts, words, mode) in any_case(), condition in select(CONDITIONS.to_vec()), at: prop::sample::Index,
    ) {
        prop_assume!(!grants.is_empty());
        // The name of a mode replaces a condition on arguments, and without the name the condition
        // has no effect.
        let request = Request { mode: mode.map(str::to_owned), ..Request::default() };
        let passed = |grants: &[Grant]| decided(&text(grants, optional), &facts, &words, &request, |decision| decision.passed);
        let before = passed(&grants);
        let narrowed = at.index(grants.len());
        let key = condition.split(' ').next();
        prop_assume!(grants[narrowed].when.iter().all(|own| own.split(' ').next() != key));
        grants[narrowed].when.push(condition);
        prop_assert!(passed(&grants).is_subset(before));
    }

    #[test]
    fn the_attribute_of_a_file_is_read_as_it_was_written(
        effective: bool, permitted: u64, inheritable: u64, root_id: Option<u32>,
    ) {
        let (permitted, inheritable) = (CapabilitySet::from_mask(permitted), CapabilitySet::from_mask(inheritable));
        let attribute = Attribute { capabilities: FileCapabilities { effective, permitted, inheritable }, root_id };
        prop_assert_eq!(Attribute::decode(&attribute.encode()), Ok(attribute));
    }

    #[test]
    fn the_bytes_of_an_attribute_are_written_as_they_were_read(
        effective: bool, version in 2_u8..=3, rest in vec(any::<u8>(), 20),
    ) {
        let length = if version == 2 { 20 } else { 24 };
        let bytes = [&[u8::from(effective), 0, 0, version], &rest[..]].concat();
        prop_assert_eq!(Attribute::decode(&bytes[..length]).unwrap().encode(), &bytes[..length]);
    }

    #[test]
    fn capabilities_are_read_as_they_are_said(effective: bool, permitted in any_set(), inheritable in any_set()) {
        // The effective bit with no capabilities has no notation, and it has no effect.
        let effective = effective && !permitted.union(inheritable).is_empty();
        let all = FileCapabilities { effective, permitted, inheritable };
        prop_assert_eq!(FileCapabilities::parse(&all.to_string()), Ok(all));
        let names: Vec<&str> = permitted.iter().map(Capability::name).collect();
        prop_assume!(!names.is_empty());
        prop_assert_eq!(CapabilitySet::parse(&names.join(",")), Ok(permitted));
    }
}
