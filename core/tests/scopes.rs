//! The filters behind scopes, run by an interpreter of classic BPF: over all numbers of system calls, and over the
//! arguments at which a rule changes its mind.
#![allow(clippy::unwrap_used, clippy::panic)]

use capwrap_core::policy::{GrantScope, Policy};
use capwrap_core::scope::calls::{Architecture, Call, YOUNGEST};
use capwrap_core::scope::confined::Confined;
use capwrap_core::scope::door::{self, Door};
use capwrap_core::scope::filter::{Instruction, OTHER_PROCESSES, Refusal, Wanted};
use capwrap_core::scope::profile::Answer;
use capwrap_core::scope::strength::{ROOT, of};
use capwrap_core::scope::table::{PARAMETERS, Test, rows};
use capwrap_core::scope::uses::Uses;
use capwrap_core::{Capability, CapabilitySet};
use proptest::prelude::*;
use std::collections::BTreeSet;

const KILL: u32 = 0x8000_0000;
const ALLOW: u32 = 0x7fff_0000;
const EPERM: u32 = 0x0005_0001;
const ENOSYS: u32 = 0x0005_0026;

/// `struct seccomp_data`, seccomp(2).
#[derive(Clone, Copy, Debug)]
struct Asked {
    number: u32,
    architecture: u32,
    arguments: [u64; 6],
}

impl Asked {
    fn word(&self, offset: u32) -> u32 {
        match offset {
            0 => self.number,
            4 => self.architecture,
            16..64 if offset.is_multiple_of(4) => {
                let argument = self.arguments[(offset as usize - 16) / 8];
                (argument >> (8 * (offset % 8))) as u32
            }
            _ => panic!("no word at {offset}"),
        }
    }
}

/// Runs a program as the kernel does (kernel/bpf/core.c, and the checks of kernel/seccomp.c:seccomp_check_filter).
/// Returns its answer and the number of instructions that it took.
fn run(program: &[Instruction], asked: &Asked) -> (u32, usize) {
    let (mut accumulator, mut at, mut steps) = (0_u32, 0_usize, 0);
    loop {
        let Instruction { code, yes, no, operand } = program[at];
        steps += 1;
        at += 1;
        let jump = |holds: bool| usize::from(if holds { yes } else { no });
        match code {
            0x20 => accumulator = asked.word(operand),
            0x54 => accumulator &= operand,
            0x05 => at += operand as usize,
            0x15 => at += jump(accumulator == operand),
            0x35 => at += jump(accumulator >= operand),
            0x45 => at += jump(accumulator & operand != 0),
            0x06 => return (operand, steps),
            _ => panic!("no instruction {code:#x}"),
        }
    }
}

/// What bpf_check_classic (net/core/filter.c) demands of every program.
fn assert_valid(program: &[Instruction]) {
    assert!(!program.is_empty() && program.len() <= 4096, "{} instructions", program.len());
    assert_eq!(program.last().unwrap().code, 0x06);
    for (at, one) in program.iter().enumerate() {
        let left = program.len() - at - 1;
        match one.code {
            0x05 => assert!((one.operand as usize) < left),
            0x15 | 0x35 | 0x45 => assert!(usize::from(one.yes) < left && usize::from(one.no) < left),
            0x20 => assert!(one.operand < 64 && one.operand.is_multiple_of(4)),
            _ => {}
        }
    }
}

fn policy(grants: &str) -> Policy {
    let head = "schema = 1\ntool = { path = \"/t\" }\nallow = { users = [\"root\"] }\n";
    Policy::read(&format!("{head}[scope]\nenforce = \"if-possible\"\n{grants}")).unwrap()
}

/// The scopes of a list such as `sys_admin=perf_event_open`, `net_raw` (without a scope) and `mknod=/dev`.
struct Scoped {
    passed: CapabilitySet,
    confined: Vec<Confined>,
}

fn scoped(list: &[&str]) -> Scoped {
    let grants: String = list
        .iter()
        .map(|one| match one.split_once('=') {
            None => format!("[[grant]]\ncaps = \"{one}\"\n"),
            Some((caps, path)) if path.starts_with('/') => {
                format!("[[grant]]\ncaps = \"{caps}\"\nbeneath = \"{path}\"\n")
            }
            Some((caps, port)) if port.starts_with("tcp/") => {
                format!("[[grant]]\ncaps = \"{caps}\"\nports = \"{port}\"\n")
            }
            Some((caps, doors)) => {
                let doors: Vec<_> = doors.split(' ').map(|door| format!("\"{door}\"")).collect();
                format!("[[grant]]\ncaps = \"{caps}\"\nthrough = [{}]\n", doors.join(", "))
            }
        })
        .collect();
    let policy = policy(&grants);
    let passed = policy.grants.iter().fold(CapabilitySet::EMPTY, |all, grant| all.union(grant.caps));
    let confined = capwrap_core::scope::confined::join(policy.grants.iter(), passed, CapabilitySet::EMPTY);
    Scoped { passed, confined }
}

impl Scoped {
    fn wanted(&self, only_exec: Option<u64>) -> Wanted<'_> {
        Wanted { passed: self.passed, confined: &self.confined, only_exec }
    }

    fn program(&self, architecture: Architecture) -> Vec<Instruction> {
        let program = self.wanted(None).compile(architecture);
        assert_valid(&program);
        program
    }
}

fn asked(architecture: Architecture, call: &str, arguments: &[u64]) -> Asked {
    let number = Call::named(call).unwrap().number(architecture).unwrap();
    let mut all = [0; 6];
    all[..arguments.len()].copy_from_slice(arguments);
    Asked { number, architecture: architecture.audit_number(), arguments: all }
}

fn answer(scoped: &Scoped, call: &str, arguments: &[u64]) -> u32 {
    let answers: BTreeSet<u32> = Architecture::ALL
        .into_iter()
        .filter(|architecture| Call::named(call).unwrap().number(*architecture).is_some())
        .map(|architecture| run(&scoped.program(architecture), &asked(architecture, call, arguments)).0)
        .collect();
    assert_eq!(answers.len(), 1, "{call}: the architectures disagree: {answers:x?}");
    answers.into_iter().next().unwrap()
}

fn holds(test: &Test, arguments: &[u64; 6]) -> bool {
    let word = |argument: u8| arguments[usize::from(argument)] as u32;
    match *test {
        Test::OneOf { argument, mask, values } => values.iter().any(|value| value == word(argument) & mask),
        Test::NoneOf { argument, values } => values.iter().all(|value| value != word(argument)),
        Test::AnyBit { argument, bits } => word(argument) & bits != 0,
        Test::NotNull { argument } => arguments[usize::from(argument)] != 0,
    }
}

/// What a scope means, said without a filter: a call is refused if it is one that a confined capability answers, and
/// neither a door that the policy names nor a capability without scope has it.
fn meant(scoped: &Scoped, call: &str, arguments: &[u64; 6]) -> u32 {
    let all = |when: &[Test]| when.iter().all(|test| holds(test, arguments));
    if scoped.confined.is_empty() {
        return ALLOW;
    }
    let separates = !scoped.passed.contains(Capability::SYS_PTRACE);
    if call.starts_with("io_uring_") || (separates && OTHER_PROCESSES.contains(&call)) {
        return EPERM;
    }
    if call == "clone3" {
        return ENOSYS;
    }
    let of_confined =
        |row: &capwrap_core::scope::table::Row| scoped.confined.iter().find(|one| one.capability == row.capability);
    let mut refused = false;
    for row in rows().iter().filter(|row| row.call == call && all(row.when) && scoped.passed.contains(row.capability)) {
        match of_confined(row) {
            None => return ALLOW,
            Some(one) if one.what_a_domain_judges && row.judged_by_domain => return ALLOW,
            Some(_) => refused = true,
        }
    }
    let by_door = scoped.confined.iter().any(|one| {
        let openings = one.through.iter().flat_map(|door| door.openings(one.capability));
        openings.into_iter().any(|opening| opening.call == call && all(&opening.when))
    });
    if refused && !by_door { EPERM } else { ALLOW }
}

/// Values at which some test changes its mind, in the low word, with and without high bits.
fn interesting(call: &str, argument: u8) -> Vec<u64> {
    let mut values = BTreeSet::from([0_u64, 1, 33, u64::MAX]);
    let mut add = |value: u32| {
        for near in [value, value.wrapping_sub(1), value.wrapping_add(1)] {
            values.extend([u64::from(near), u64::from(near) | 0xdead_0000_0000_0000]);
        }
    };
    for test in rows().iter().filter(|row| row.call == call).flat_map(|row| row.when) {
        match *test {
            Test::OneOf { argument: at, mask, values } if at == argument => {
                values.iter().for_each(|value| [value, value | !mask].into_iter().for_each(&mut add));
            }
            Test::NoneOf { argument: at, values } if at == argument => values.iter().for_each(&mut add),
            Test::AnyBit { argument: at, bits } if at == argument => [bits, !bits].into_iter().for_each(&mut add),
            _ => {}
        }
    }
    values.into_iter().collect()
}

/// Sets of arguments for a call: each argument at each of its values, with the others at some of theirs.
fn arguments_of(call: &str) -> Vec<[u64; 6]> {
    let per_argument: Vec<Vec<u64>> = (0..6).map(|argument| interesting(call, argument)).collect();
    let compared: Vec<usize> = (0..6).filter(|at| per_argument[*at].len() > 4).collect();
    let mut all = vec![[0; 6]];
    for at in compared {
        // The product of three long lists is too much: thin out what is there already.
        let kept: Vec<[u64; 6]> = all.iter().copied().step_by(all.len().div_ceil(120)).collect();
        let with = |base: &[u64; 6], value: u64| {
            let mut own = *base;
            own[at] = value;
            own
        };
        all = kept
            .iter()
            .flat_map(|base| per_argument[at].iter().map(|value| with(base, *value)).collect::<Vec<_>>())
            .collect();
    }
    all.push([u64::MAX; 6]);
    all
}

const EXAMPLES: &[&[&str]] = &[
    &["sys_admin=perf_event_open"],
    &["sys_admin=bpf:look"],
    &["sys_admin=perf_event_open", "bpf", "perfmon"],
    &["net_raw=socket:raw-icmp"],
    &["net_raw=socket:packet", "net_admin"],
    &["net_raw=socket:raw sockopt:mark", "net_admin=netlink:route"],
    &["kill=kill:HUP kill:0"],
    &["mknod=mknod:1:3"],
    &["mknod=/dev"],
    &["dac_read_search=/var/log"],
    &["net_bind_service=tcp/443"],
    &["setuid=setuid:33", "setgid=setgid:33"],
    &["sys_boot=reboot:reboot", "syslog=syslog:read"],
    &["sys_resource=prlimit64", "sys_nice=setpriority"],
    &["sys_ptrace", "sys_admin=perf_event_open"],
    &["sys_ptrace=ptrace"],
];

#[test]
fn a_filter_answers_what_the_policy_means_for_every_call_and_all_arguments_that_matter() {
    for example in EXAMPLES {
        let scoped = scoped(example);
        for architecture in Architecture::ALL {
            let program = scoped.program(architecture);
            for call in Call::all() {
                let Some(number) = call.number(architecture) else { continue };
                for arguments in arguments_of(call.name) {
                    let asked = Asked { number, architecture: architecture.audit_number(), arguments };
                    let (got, _) = run(&program, &asked);
                    assert_eq!(got, meant(&scoped, call.name, &arguments), "{example:?}: {} {arguments:x?}", call.name);
                }
            }
            let named: BTreeSet<u32> = Call::all().iter().filter_map(|call| call.number(architecture)).collect();
            for number in (0..=YOUNGEST).filter(|number| !named.contains(number)) {
                let asked = Asked { number, architecture: architecture.audit_number(), arguments: [u64::MAX; 6] };
                assert_eq!(run(&program, &asked).0, ALLOW, "{example:?}: call {number}");
            }
        }
    }
}

#[test]
fn younger_calls_are_not_there_and_other_architectures_end_the_process() {
    let scoped = scoped(&["sys_admin=perf_event_open"]);
    for architecture in Architecture::ALL {
        let program = scoped.program(architecture);
        let ask = |number, architecture| run(&program, &Asked { number, architecture, arguments: [0; 6] }).0;
        let own = architecture.audit_number();
        for number in [YOUNGEST + 1, 1000, 0x3fff_ffff, 0x8000_0000, u32::MAX] {
            assert_eq!(ask(number, own), ENOSYS, "{number}");
        }
        // perf_event_open of x32, which no other architecture has.
        let x32 = if architecture == Architecture::X86_64 { KILL } else { ENOSYS };
        assert_eq!(ask(0x4000_0000 + 298, own), x32);
        // AUDIT_ARCH_I386, and every other one.
        for other in [0x4000_0003, 0x4000_0028, 0].into_iter().chain(Architecture::ALL.map(Architecture::audit_number))
        {
            if other != own {
                assert_eq!(ask(0, other), KILL, "{other:x}");
            }
        }
    }
}

#[test]
fn cap_sys_admin_for_counters_does_not_mount() {
    let scoped = scoped(&["sys_admin=perf_event_open"]);
    for (call, arguments, expected) in [
        ("perf_event_open", &[0_u64][..], ALLOW),
        ("ioctl", &[3, 0x2400], ALLOW),
        ("ioctl", &[3, 0x5401], ALLOW),
        ("ioctl", &[3, 0x5412], EPERM),
        ("ioctl", &[3, 0xffff_ffff_0000_5412], EPERM),
        ("mount", &[], EPERM),
        ("fsopen", &[], EPERM),
        ("bpf", &[5], EPERM),
        ("bpf", &[99], EPERM),
        ("unshare", &[0x0002_0000], EPERM),
        ("unshare", &[0x400], ALLOW),
        ("clone", &[17], ALLOW),
        ("clone", &[0x1000_0011], EPERM),
        ("clone", &[0x4000_0000_1000_0011], EPERM),
        ("clone3", &[], ENOSYS),
        ("io_uring_setup", &[], EPERM),
        ("io_uring_enter", &[], EPERM),
        ("pidfd_getfd", &[], EPERM),
        ("ptrace", &[], EPERM),
        ("execve", &[], ALLOW),
    ] {
        assert_eq!(answer(&scoped, call, arguments), expected, "{call} {arguments:x?}");
    }
}

#[test]
fn a_capability_counts_in_no_part_of_a_call_that_no_door_names() {
    let refused = |grants: &[&str], calls: &[(&str, &[u64])]| {
        let scoped = scoped(grants);
        for (call, arguments) in calls {
            assert_eq!(answer(&scoped, call, arguments), EPERM, "{grants:?}: {call} {arguments:x?}");
        }
    };
    let (bluetooth, qrtr, isdn, smc) = (31, 42, 34, [3, 6, 31]);
    refused(
        &["net_admin=netlink:route"],
        &[
            ("setsockopt", &[3, 0, 16]),
            ("setsockopt", &[3, 0, 17]),
            ("setsockopt", &[3, 41, 34]),
            ("setsockopt", &[3, 41, 35]),
            ("setsockopt", &[3, 1, 75]),
            ("getsockopt", &[3, 0, 83]),
            ("ioctl", &[3, 0x5423]),
            ("ioctl", &[3, 0x4008_8a01]),
            ("socket", &[bluetooth, 3, 1]),
            ("socket", &[qrtr, 2, 0]),
        ],
    );
    refused(&["net_raw=socket:packet"], &[("setsockopt", &[3, 41, 6]), ("socket", &[isdn, 3, 0])]);
    refused(&["net_bind_service=bind"], &[("setsockopt", &smc), ("socket", &[6, 5, 0])]);
    refused(&["sys_rawio=iopl"], &[("ioctl", &[3, 1])]);
}

#[test]
fn cap_net_raw_for_icmp_does_not_sniff() {
    let scoped = scoped(&["net_raw=socket:raw-icmp"]);
    for (call, arguments, expected) in [
        ("socket", &[2_u64, 3, 1][..], ALLOW),
        ("socket", &[2, 0x80803, 1], ALLOW),
        ("socket", &[10, 3, 58], ALLOW),
        ("socket", &[2, 2, 0], ALLOW),
        ("socket", &[17, 3, 0x300], EPERM),
        ("socket", &[0xffff_ffff_0000_0011, 3, 0x300], EPERM),
        ("socket", &[2, 10, 0x300], EPERM),
        ("socket", &[2, 3, 6], EPERM),
        ("socket", &[2, 3, 255], EPERM),
        ("socket", &[10, 3, 1], EPERM),
        ("socket", &[44, 3, 0], EPERM),
        ("setsockopt", &[3, 0, 3], EPERM),
        ("setsockopt", &[3, 41, 36], EPERM),
        ("setsockopt", &[3, 255, 36], EPERM),
        ("setsockopt", &[3, 1, 36], EPERM),
        ("setsockopt", &[3, 1, 2], ALLOW),
    ] {
        assert_eq!(answer(&scoped, call, arguments), expected, "{call} {arguments:x?}");
    }
}

#[test]
fn a_policy_without_scopes_has_the_filter_that_it_always_had() {
    let scoped = scoped(&["net_raw", "sys_admin"]);
    assert!(scoped.wanted(None).is_nothing());
    let secret = 0x0123_4567_89ab_cdef;
    for (architecture, arch, execve, execveat) in [
        (Architecture::X86_64, 0xc000_003e, 59, 322),
        (Architecture::Aarch64, 0xc000_00b7, 221, 281),
        (Architecture::Riscv64, 0xc000_00f3, 221, 281),
    ] {
        let program = scoped.wanted(Some(secret)).compile(architecture);
        let plain: Vec<_> = program.iter().map(|one| (one.code, one.yes, one.no, one.operand)).collect();
        assert_eq!(
            plain,
            [
                (0x20, 0, 0, 4),
                (0x15, 1, 0, arch),
                (0x06, 0, 0, 0x8000_0000),
                (0x20, 0, 0, 0),
                (0x35, 7, 0, 0x4000_0000),
                (0x15, 6, 0, execve),
                (0x15, 0, 4, execveat),
                (0x20, 0, 0, 56),
                (0x15, 0, 3, 0x89ab_cdef),
                (0x20, 0, 0, 60),
                (0x15, 0, 1, 0x0123_4567),
                (0x06, 0, 0, 0x7fff_0000),
                (0x06, 0, 0, 0x0005_0001),
            ]
        );
    }
}

#[test]
fn a_scope_and_a_tool_without_children_share_one_program() {
    let scoped = scoped(&["sys_admin=perf_event_open"]);
    let secret = 0x0123_4567_89ab_cdef;
    for architecture in Architecture::ALL {
        let program = scoped.wanted(Some(secret)).compile(architecture);
        assert_valid(&program);
        let ask = |call, sixth| run(&program, &asked(architecture, call, &[0, 0, 0, 0, 0, sixth])).0;
        assert_eq!(ask("execveat", secret), ALLOW);
        for wrong in [0, !secret, secret ^ 1, secret ^ 1 << 63, secret & 0xffff_ffff] {
            assert_eq!(ask("execveat", wrong), EPERM);
        }
        assert_eq!(
            (ask("execve", secret), ask("mount", secret), ask("perf_event_open", secret)),
            (EPERM, EPERM, ALLOW)
        );
    }
}

#[test]
fn finding_a_call_takes_few_steps_and_a_program_few_instructions() {
    let scoped = scoped(&["sys_admin=perf_event_open"]);
    let program = scoped.program(Architecture::X86_64);
    assert!(program.len() < 435, "{} instructions: the prototype has 435", program.len());
    // getppid, which no rule is about.
    let getppid = Asked { number: 110, architecture: 0xc000_003e, arguments: [0; 6] };
    let (answer, steps) = run(&program, &getppid);
    assert!(answer == ALLOW && steps <= 16, "{steps} steps");
    let ioctl = asked(Architecture::X86_64, "ioctl", &[0, 0x5401]);
    assert!(run(&program, &ioctl).1 <= 40, "{:?}", run(&program, &ioctl));
}

/// Every door of a capability by the names that the table has, and some with parameters.
fn doors_of(capability: Capability) -> Vec<String> {
    let mut names: Vec<String> = door::names(capability).into_iter().map(str::to_owned).collect();
    for parameter in PARAMETERS.iter().filter(|parameter| parameter.capability == capability) {
        names.extend(["HUP", "1:3", "33", "0"].map(|value| format!("{}:{value}", parameter.prefix)));
    }
    names.retain(|name| Door::parse(name, capability.into()).is_ok());
    names
}

#[derive(Clone, Debug)]
struct Example {
    grants: Vec<(Capability, Vec<prop::sample::Index>)>,
}

impl Example {
    fn scopes(&self) -> Vec<(Capability, GrantScope)> {
        let scope = |(capability, chosen): &(Capability, Vec<prop::sample::Index>)| {
            let all = doors_of(*capability);
            let parse = |name: &String| Door::parse(name, (*capability).into()).unwrap();
            let through =
                if all.is_empty() { Vec::new() } else { chosen.iter().map(|at| parse(at.get(&all))).collect() };
            (*capability, GrantScope { through, ..GrantScope::default() })
        };
        self.grants.iter().map(scope).collect()
    }
}

fn join(scopes: &[(Capability, GrantScope)]) -> Scoped {
    let grants: Vec<_> = policy(&"[[grant]]\ncaps = \"kill\"\n".repeat(scopes.len().max(1))).grants;
    let grants: Vec<_> = grants
        .into_iter()
        .zip(scopes)
        .map(|(grant, (capability, scope))| capwrap_core::policy::Grant {
            caps: (*capability).into(),
            scope: scope.clone(),
            ..grant
        })
        .collect();
    let passed: CapabilitySet = scopes.iter().map(|(capability, _)| *capability).collect();
    Scoped { passed, confined: capwrap_core::scope::confined::join(grants.iter(), passed, CapabilitySet::EMPTY) }
}

fn examples() -> impl Strategy<Value = Example> {
    let capability = (0..41_u8).prop_map(|number| Capability::from_number(number).unwrap());
    let grant = (capability, prop::collection::vec(any::<prop::sample::Index>(), 0..4));
    prop::collection::vec(grant, 1..5).prop_map(|grants| Example { grants })
}

fn calls() -> impl Strategy<Value = (u32, [u64; 6])> {
    let argument = prop_oneof![0..70_u64, any::<u64>(), Just(0x5412), Just(0x2400), any::<u32>().prop_map(u64::from)];
    (0..600_u32, prop::array::uniform6(argument))
}

proptest! {
    #[test]
    fn every_program_is_valid_and_means_what_the_policy_says(
        example in examples(), at in any::<prop::sample::Index>(), pick in any::<prop::sample::Index>()
    ) {
        let scoped = join(&example.scopes());
        if scoped.confined.is_empty() {
            return Ok(());
        }
        for architecture in Architecture::ALL {
            let program = scoped.program(architecture);
            let call = at.get(Call::all());
            let Some(number) = call.number(architecture) else { continue };
            let arguments = *pick.get(&arguments_of(call.name));
            let asked = Asked { number, architecture: architecture.audit_number(), arguments };
            prop_assert_eq!(run(&program, &asked).0, meant(&scoped, call.name, &arguments), "{} {:?}", call.name, arguments);
        }
    }

    /// `children = "none"` is all that a launch without scopes has: with a scope, no call is allowed that it refuses.
    #[test]
    fn a_scope_never_allows_more_than_no_scope((number, arguments) in calls(), example in examples(), secret in any::<u64>()) {
        let with = join(&example.scopes());
        let without = Scoped { passed: with.passed, confined: Vec::new() };
        for architecture in Architecture::ALL {
            let asked = Asked { number, architecture: architecture.audit_number(), arguments };
            let (strict, plain) = (with.wanted(Some(secret)).compile(architecture), without.wanted(Some(secret)).compile(architecture));
            prop_assert!(run(&strict, &asked).0 != ALLOW || run(&plain, &asked).0 == ALLOW);
        }
    }

    /// One grant more, with a scope of a capability that had none: no call is allowed that was refused. And a door less
    /// never opens anything.
    #[test]
    fn to_add_a_scope_or_to_take_a_door_away_never_allows_a_call((number, arguments) in calls(), example in examples()) {
        let scopes = example.scopes();
        let own: Vec<_> = scopes.iter().enumerate().filter(|(at, one)| scopes[..*at].iter().all(|other| other.0 != one.0)).map(|(_, one)| one.clone()).collect();
        let wide = join(&own);
        for at in 0..own.len() {
            let mut less = own.clone();
            let capability = less[at].0;
            match less[at].1.through.pop() {
                Some(_) if !less[at].1.through.is_empty() => {}
                // What had one door or none gets one that it did not have: a scope where there was none.
                Some(_) => continue,
                None => match doors_of(capability).first() {
                    Some(name) => less[at].1.through.push(Door::parse(name, capability.into()).unwrap()),
                    None => continue,
                },
            }
            let narrow = join(&less);
            for architecture in Architecture::ALL {
                let asked = Asked { number, architecture: architecture.audit_number(), arguments };
                let allowed = |scoped: &Scoped| scoped.confined.is_empty() || run(&scoped.program(architecture), &asked).0 == ALLOW;
                prop_assert!(!allowed(&narrow) || allowed(&wide), "{:?} {:?}", asked, less[at]);
            }
        }
    }
}

#[test]
fn what_leaves_everything_open_is_refused_in_a_policy_that_promises_a_scope() {
    let read = |capability: Capability, door: &str| {
        let head = "schema = 1\ntool = { path = \"/t\" }\nallow = { users = [\"root\"] }\n";
        Policy::read(&format!("{head}[[grant]]\ncaps = \"{capability}\"\nthrough = \"{door}\"\n"))
    };
    for capability in Capability::all() {
        for name in doors_of(capability) {
            let root = ROOT.iter().any(|root| root.capability == capability && root.door == name);
            assert_eq!(
                read(capability, &name).is_ok(),
                of(capability).through.confines() && !root,
                "{capability} {name}"
            );
        }
    }
}

/// What libseccomp answers to a profile: a comparison is of all 64 bits of an argument, under the mask.
fn profile_answer(answer: Option<&Answer>, arguments: &[u64; 6]) -> u32 {
    let is_in = |uses: &Uses| uses.0.iter().zip(arguments).all(|(bits, argument)| argument & bits.mask == bits.value);
    match answer {
        Some(Answer::Allowed) => ALLOW,
        Some(Answer::AllowedFor(uses)) if uses.iter().any(is_in) => ALLOW,
        Some(Answer::Refused(Refusal::NotThere)) => ENOSYS,
        _ => EPERM,
    }
}

#[test]
fn a_profile_answers_what_the_filter_answers_or_refuses_what_engines_refuse() {
    for example in EXAMPLES {
        let scoped = scoped(example);
        let (profile, mut sets) = (scoped.wanted(None).profile(), 0);
        let in_a_container = scoped.wanted(None).profile_of_a_container();
        for call in Call::all() {
            let answer = profile.get(call.name);
            sets += if let Some(Answer::AllowedFor(uses)) = answer { uses.len() } else { 0 };
            let is_of_the_scope =
                rows().iter().any(|row| row.call == call.name && scoped.passed.contains(row.capability));
            for arguments in arguments_of(call.name) {
                let expected = meant(&scoped, call.name, &arguments);
                let got = profile_answer(answer, &arguments);
                assert_eq!(got, expected, "{example:?}: {} {arguments:x?}", call.name);
                // Engines refuse by themselves what is for capabilities that are not passed.
                if is_of_the_scope || expected != ALLOW {
                    let got = profile_answer(in_a_container.get(call.name), &arguments);
                    assert_eq!(got, expected, "{example:?}: {} {arguments:x?}", call.name);
                }
            }
        }
        assert!(sets < 600, "{example:?}: {sets} sets of uses");
    }
}

#[test]
fn a_profile_lets_through_no_more_than_engines_do() {
    let scoped = scoped(&["net_raw=socket:raw-icmp"]);
    let profile = scoped.wanted(None).profile_of_a_container();
    for call in ["mount", "unshare", "keyctl", "userfaultfd", "bpf", "setns"] {
        assert_eq!(profile[call], Answer::Refused(Refusal::NotPermitted), "{call}");
    }
    assert_eq!(profile_answer(profile.get("clone"), &[0x1000_0011, 0, 0, 0, 0, 0]), EPERM);
    assert_eq!(profile_answer(profile.get("clone"), &[0x11, 0, 0, 0, 0, 0]), ALLOW);
    assert_eq!(profile["read"], Answer::Allowed);
    assert!(!profile.contains_key("uselib"));
}

#[test]
fn what_is_watched_is_reported_and_nothing_is_refused() {
    use capwrap_core::scope::filter::CLONE3;
    use capwrap_core::scope::places::namings;
    use capwrap_core::scope::watch::{FOREIGN, Seen, always_refused, is_reported};
    for (architecture, places) in Architecture::ALL.into_iter().flat_map(|one| [(one, false), (one, true)]) {
        let program = capwrap_core::scope::watch::program(architecture, places);
        let mut reported = 0;
        for number in (0..600).chain([0x4000_0029, 0x8000_0000]) {
            for arguments in [[0; 6], [2, 3, 1, 0, 0, 0], [16, 3, 4, 0, 0, 0], [7, 36, 0x1234, 0x2_0000, 0x1000, 4]] {
                let asked = Asked { number, architecture: architecture.audit_number(), arguments };
                let (answer, _) = run(&program, &asked);
                let seen = Seen::of(architecture, architecture.audit_number(), number, &arguments);
                let expected = seen.is_some_and(|seen| {
                    always_refused().chain([CLONE3, FOREIGN]).any(|call| call == seen.call)
                        || rows().iter().any(|row| is_reported(row) && seen.is_of(row))
                });
                let expected = expected || places && namings(architecture, number).next().is_some();
                assert_eq!(answer, if expected { 0x7fc0_0000 } else { 0x7fff_0000 }, "{number} {arguments:?}");
                reported += usize::from(expected);
            }
        }
        assert!(reported > 100, "{reported}");
        let other = Asked { number: 4, architecture: 0x4000_0003, arguments: [0; 6] };
        assert_eq!(run(&program, &other).0, 0x7fc0_0000);
    }
}
