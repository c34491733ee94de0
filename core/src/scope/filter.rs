//! Compiles a decision into a program of classic BPF, the filter of seccomp(2).
//!
//! This is pure code, so that an interpreter can try its programs without a kernel.

use crate::CapabilitySet;
use crate::scope::calls::{Architecture, Call, YOUNGEST};
use crate::scope::confined::{self, Confined};
use crate::scope::door;
use crate::scope::table::Test;
use crate::{Capability, scope::door::Opening};
use std::collections::BTreeMap;

/// One instruction of classic BPF, as `struct sock_filter` has it (linux/filter.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// What it does.
    pub code: u16,
    /// How many instructions a test skips that holds.
    pub yes: u8,
    /// How many instructions a test skips that does not hold.
    pub no: u8,
    /// The operand.
    pub operand: u32,
}

/// What a filter has to do.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'d> {
    /// The capabilities that the tool gets.
    pub passed: CapabilitySet,
    /// Those of them that have a scope.
    pub confined: &'d [Confined],
    /// If the tool may start no other program: the number that the launcher's own execveat has in its sixth argument.
    pub only_exec: Option<u64>,
}

/// What a filter answers to one system call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The system call.
    pub call: &'static str,
    /// How it is refused.
    pub refusal: Refusal,
    /// The uses that are refused.
    pub refused: Refused,
    /// The uses that are allowed all the same, each by all of its tests.
    pub allowed: Vec<Vec<Test>>,
}

/// How a system call is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It fails with EPERM, as it does without the capability.
    NotPermitted,
    /// It fails with ENOSYS, as on a kernel that lacks it: libraries then use an older call.
    NotThere,
}

/// Which uses of a system call are refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// All of them.
    Every,
    /// Those for which all tests of one list hold.
    When(Vec<Vec<Test>>),
    /// All but the one whose sixth argument is this number.
    SixthArgumentIsNot(u64),
}

/// What a scope refuses whatever it names, because it would do past the filter what the filter refuses: io_uring does
/// the work of other calls unseen (io_uring/opdef.c), also on a ring that another process passed.
pub const PAST_THE_FILTER: [&str; 3] = ["io_uring_setup", "io_uring_enter", "io_uring_register"];

/// What would make another process of the same user do the work, one without the filter, or take its descriptors. A tool
/// with cap_sys_ptrace cannot be kept from it.
pub const OTHER_PROCESSES: [&str; 5] = ["ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "kcmp"];

/// The call whose flags lie behind a pointer. A scope answers that there is none, and programs then call clone(2).
pub const CLONE3: &str = "clone3";

impl Wanted<'_> {
    /// Returns whether the launch needs a filter at all.
    pub fn is_nothing(&self) -> bool {
        self.confined.is_empty() && self.only_exec.is_none()
    }

    /// Returns the rules of the scopes, in the order of the calls' names. There are none without a scope.
    pub fn rules(&self) -> Vec<Rule> {
        if self.confined.is_empty() {
            return Vec::new();
        }
        let mut refused: BTreeMap<&'static str, Vec<Vec<Test>>> = BTreeMap::new();
        let mut allowed: BTreeMap<&'static str, Vec<Vec<Test>>> = BTreeMap::new();
        for one in self.confined {
            let closed = door::rows_of(one.capability).filter(|row| !one.leaves_open(row));
            closed.for_each(|row| add(&mut refused, row.call, row.when.to_vec()));
            one.openings().for_each(|Opening { call, when }| add(&mut allowed, call, when));
        }
        // A filter sees the call and not the capability: what a capability without scope needs stays open to all.
        let unconfined = self.passed.without(confined::capabilities(self.confined));
        for row in unconfined.iter().flat_map(door::rows_of) {
            add(&mut allowed, row.call, row.when.to_vec());
        }
        let every = |call, refusal| Rule { call, refusal, refused: Refused::Every, allowed: Vec::new() };
        let always = self.always().map(|call| every(call, Refusal::NotPermitted));
        let mut rules: Vec<Rule> = always.chain([every(CLONE3, Refusal::NotThere)]).collect();
        for (call, uses) in refused {
            let allowed = allowed.remove(call).unwrap_or_default();
            if rules.iter().any(|rule| rule.call == call) || allowed.iter().any(Vec::is_empty) {
                continue;
            }
            let refused = if uses.iter().any(Vec::is_empty) { Refused::Every } else { Refused::When(uses) };
            rules.push(Rule { call, refusal: Refusal::NotPermitted, refused, allowed });
        }
        rules.sort_by_key(|rule| rule.call);
        rules
    }

    /// Returns the calls that the scopes refuse of what these capabilities answer: those that are refused altogether,
    /// and those that are refused in part.
    pub fn refused_of(&self, capabilities: CapabilitySet) -> (Vec<&'static str>, Vec<&'static str>) {
        let confined: Vec<&Confined> =
            self.confined.iter().filter(|one| capabilities.contains(one.capability)).collect();
        let closes = |call: &str| {
            let closed =
                |one: &&Confined| door::rows_of(one.capability).any(|row| row.call == call && !one.leaves_open(row));
            confined.iter().any(closed)
        };
        let rules: Vec<Rule> = self.rules().into_iter().filter(|rule| closes(rule.call)).collect();
        let is_whole = |rule: &&Rule| rule.refused == Refused::Every && rule.allowed.is_empty();
        let (whole, part): (Vec<&Rule>, Vec<&Rule>) = rules.iter().partition(is_whole);
        let calls = |rules: Vec<&Rule>| rules.iter().map(|rule| rule.call).collect();
        (calls(whole), calls(part))
    }

    fn always(&self) -> impl Iterator<Item = &'static str> {
        let separates = !self.passed.contains(Capability::SYS_PTRACE);
        PAST_THE_FILTER.into_iter().chain(OTHER_PROCESSES.into_iter().filter(move |_| separates))
    }

    /// Compiles the program. The program of a launch without scopes knows execve and execveat alone.
    pub fn compile(&self, architecture: Architecture) -> Vec<Instruction> {
        if let (Some(secret), true) = (self.only_exec, self.confined.is_empty()) {
            return only_exec(architecture, secret);
        }
        let mut rules = self.rules();
        if let Some(secret) = self.only_exec {
            let rule = |call, refused| Rule { call, refusal: Refusal::NotPermitted, refused, allowed: Vec::new() };
            rules.push(rule("execve", Refused::Every));
            rules.push(rule("execveat", Refused::SixthArgumentIsNot(secret)));
        }
        Assembler::default().program(architecture, &rules)
    }
}

/// Compiles a program that refuses nothing and reports these uses of system calls, and each call by the numbers of another
/// architecture. Each use is a call with all of its tests.
pub fn reporting(
    architecture: Architecture,
    reported: impl Iterator<Item = (&'static str, &'static [Test])>,
) -> Vec<Instruction> {
    let mut uses: BTreeMap<&'static str, Vec<Vec<Test>>> = BTreeMap::new();
    reported.for_each(|(call, when)| add(&mut uses, call, when.to_vec()));
    let rule = |(call, uses): (&'static str, Vec<Vec<Test>>)| {
        let refused = if uses.iter().any(Vec::is_empty) { Refused::Every } else { Refused::When(uses) };
        Rule { call, refusal: Refusal::NotPermitted, refused, allowed: Vec::new() }
    };
    let rules: Vec<Rule> = uses.into_iter().map(rule).collect();
    Assembler { reports: true, ..Assembler::default() }.program(architecture, &rules)
}

fn add(to: &mut BTreeMap<&'static str, Vec<Vec<Test>>>, call: &'static str, when: Vec<Test>) {
    let uses = to.entry(call).or_default();
    if !uses.contains(&when) {
        uses.push(when);
    }
}

// The parts of an instruction's code, bpf(4) and linux/bpf_common.h.
const LOAD_WORD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS
const AND: u16 = 0x54; // BPF_ALU | BPF_AND | BPF_K
const JUMP: u16 = 0x05; // BPF_JMP | BPF_JA
const EQUAL: u16 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const AT_LEAST: u16 = 0x35; // BPF_JMP | BPF_JGE | BPF_K
const ANY_BIT: u16 = 0x45; // BPF_JMP | BPF_JSET | BPF_K
const RETURN: u16 = 0x06; // BPF_RET | BPF_K

// Offsets in `struct seccomp_data`, seccomp(2). On all architectures of `Architecture`, the low word of an argument
// comes first.
const NUMBER: u32 = 0;
const ARCH: u32 = 4;
const fn low(argument: u8) -> u32 {
    16 + 8 * argument as u32
}
const fn high(argument: u8) -> u32 {
    low(argument) + 4
}

// Answers, seccomp(2).
const KILL: u32 = 0x8000_0000; // SECCOMP_RET_KILL_PROCESS
const ALLOW: u32 = 0x7fff_0000; // SECCOMP_RET_ALLOW
const EPERM: u32 = 0x0005_0001; // SECCOMP_RET_ERRNO | EPERM
const ENOSYS: u32 = 0x0005_0026; // SECCOMP_RET_ERRNO | ENOSYS
const REPORT: u32 = 0x7fc0_0000; // SECCOMP_RET_USER_NOTIF

/// The bit that marks a call of the x32 ABI, which shares x86-64's architecture number.
const X32: u32 = 0x4000_0000;
/// From here on, no number is one of a call on any architecture: the kernel answers ENOSYS.
const NEGATIVE: u32 = 0x8000_0000;

/// Returns whether a call is made by the numbers of another architecture, or of the x32 ABI: it ends the process.
pub fn is_foreign(architecture: Architecture, audit_number: u32, number: u32) -> bool {
    let is_x32 = architecture == Architecture::X86_64 && (X32..NEGATIVE).contains(&number);
    audit_number != architecture.audit_number() || is_x32
}

const fn instruction(code: u16, yes: u8, no: u8, operand: u32) -> Instruction {
    Instruction { code, yes, no, operand }
}

/// The program behind `children = "none"`: every execve and execveat fails except one with `secret` as its sixth
/// argument. A call by the numbers of another architecture (32-bit code) ends the process, because there the numbers
/// mean other system calls.
fn only_exec(architecture: Architecture, secret: u64) -> Vec<Instruction> {
    let number = |name| Call::named(name).and_then(|call| call.number(architecture)).unwrap_or(u32::MAX);
    let load = |offset| instruction(LOAD_WORD, 0, 0, offset);
    let equal = |value, yes, no| instruction(EQUAL, yes, no, value);
    let answer = |action| instruction(RETURN, 0, 0, action);
    vec![
        load(ARCH),
        equal(architecture.audit_number(), 1, 0),
        answer(KILL),
        load(NUMBER),
        instruction(AT_LEAST, 7, 0, X32), // to EPERM
        equal(number("execve"), 6, 0),    // to EPERM
        equal(number("execveat"), 0, 4),  // no: to ALLOW
        load(low(5)),
        equal(secret as u32, 0, 3), // no: to EPERM
        load(high(5)),
        equal((secret >> 32) as u32, 0, 1), // no: to EPERM
        answer(ALLOW),
        answer(EPERM),
    ]
}

/// Where a jump goes: an instruction that is in the program already, counted from its end, or an answer.
#[derive(Clone, Copy)]
enum Target {
    Placed(usize),
    Answer(u32),
}

/// Builds a program from its end to its beginning, so that every jump goes to what is there already.
#[derive(Default)]
struct Assembler {
    /// The program, last instruction first.
    backwards: Vec<Instruction>,
    /// Where each answer was placed last.
    answers: BTreeMap<u32, usize>,
    /// Whether the program reports what the rules are about, and refuses nothing.
    reports: bool,
}

impl Assembler {
    fn program(mut self, architecture: Architecture, rules: &[Rule]) -> Vec<Instruction> {
        let number = |rule: &Rule| Call::numbered(rule.call)?.number(architecture);
        let mut rules: Vec<(u32, &Rule)> = rules.iter().filter_map(|rule| Some((number(rule)?, rule))).collect();
        rules.sort_by_key(|(number, _)| *number);
        let (kill, absent) = if self.reports { (REPORT, ALLOW) } else { (KILL, ENOSYS) };
        let mut next = self.tree(&rules);
        next = self.compare(AT_LEAST, YOUNGEST + 1, Target::Answer(absent), next);
        if architecture == Architecture::X86_64 {
            next = self.compare(AT_LEAST, X32, Target::Answer(kill), next);
            next = self.compare(AT_LEAST, NEGATIVE, Target::Answer(absent), next);
        }
        next = self.load(NUMBER, next);
        next = self.compare(EQUAL, architecture.audit_number(), next, Target::Answer(kill));
        self.load(ARCH, next);
        self.backwards.reverse();
        self.backwards
    }

    /// Finds the rule of a number by a balanced tree of comparisons.
    fn tree(&mut self, rules: &[(u32, &Rule)]) -> Target {
        if rules.len() <= 2 {
            return rules.iter().rev().fold(Target::Answer(ALLOW), |next, (number, rule)| {
                let block = self.rule(rule);
                self.compare(EQUAL, *number, block, next)
            });
        }
        let (left, right) = rules.split_at(rules.len() / 2);
        let (least, right) = (right[0].0, self.tree(right));
        let left = self.tree(left);
        self.compare(AT_LEAST, least, right, left)
    }

    fn rule(&mut self, rule: &Rule) -> Target {
        let refuse = Target::Answer(match rule.refusal {
            _ if self.reports => REPORT,
            Refusal::NotPermitted => EPERM,
            Refusal::NotThere => ENOSYS,
        });
        let refused = match &rule.refused {
            Refused::Every => refuse,
            Refused::When(uses) => {
                uses.iter().rev().fold(Target::Answer(ALLOW), |next, tests| self.all(tests, refuse, next))
            }
            Refused::SixthArgumentIsNot(number) => {
                let word = self.compare(EQUAL, (number >> 32) as u32, Target::Answer(ALLOW), refuse);
                let word = self.load(high(5), word);
                let word = self.compare(EQUAL, *number as u32, word, refuse);
                self.load(low(5), word)
            }
        };
        rule.allowed.iter().rev().fold(refused, |next, tests| self.all(tests, Target::Answer(ALLOW), next))
    }

    fn all(&mut self, tests: &[Test], yes: Target, no: Target) -> Target {
        tests.iter().rev().fold(yes, |next, test| self.test(test, next, no))
    }

    fn test(&mut self, test: &Test, yes: Target, no: Target) -> Target {
        match *test {
            Test::OneOf { argument, mask, values } => {
                let mut next = self.among(&sorted(values.iter()), yes, no);
                if mask != u32::MAX {
                    next = self.before(instruction(AND, 0, 0, mask), next);
                }
                self.load(low(argument), next)
            }
            Test::NoneOf { argument, values } => {
                let next = self.among(&sorted(values.iter()), no, yes);
                self.load(low(argument), next)
            }
            Test::AnyBit { argument, bits } => {
                let next = self.compare(ANY_BIT, bits, yes, no);
                self.load(low(argument), next)
            }
            Test::NotNull { argument } => {
                let word = self.compare(EQUAL, 0, no, yes);
                let word = self.load(high(argument), word);
                let word = self.compare(EQUAL, 0, word, yes);
                self.load(low(argument), word)
            }
        }
    }

    /// Looks for what was loaded in a sorted list.
    fn among(&mut self, values: &[u32], yes: Target, no: Target) -> Target {
        if values.len() <= 3 {
            return values.iter().rev().fold(no, |next, value| self.compare(EQUAL, *value, yes, next));
        }
        let (left, right) = values.split_at(values.len() / 2);
        let (least, right) = (right[0], self.among(right, yes, no));
        let left = self.among(left, yes, no);
        self.compare(AT_LEAST, least, right, left)
    }

    /// Places an instruction that loads a word and goes on with `next`.
    fn load(&mut self, offset: u32, next: Target) -> Target {
        self.before(instruction(LOAD_WORD, 0, 0, offset), next)
    }

    /// Places an instruction that goes on with `next`.
    fn before(&mut self, instruction: Instruction, next: Target) -> Target {
        let at = self.place(next);
        if at + 1 != self.backwards.len() {
            self.jump(at);
        }
        self.push(instruction)
    }

    fn compare(&mut self, code: u16, operand: u32, yes: Target, no: Target) -> Target {
        let (mut yes, mut no) = (self.place(yes), self.place(no));
        // A comparison skips 255 instructions at most; a jump of its own goes further. Placing one moves both.
        while self.skipped(yes) > u8::MAX.into() || self.skipped(no) > u8::MAX.into() {
            let far = if self.skipped(yes) > self.skipped(no) { &mut yes } else { &mut no };
            let Target::Placed(at) = self.jump(*far) else { break };
            *far = at;
        }
        let (yes, no) = (self.skipped(yes) as u8, self.skipped(no) as u8);
        self.push(instruction(code, yes, no, operand))
    }

    /// Returns where a target is in the program. An answer is placed again where the last one is too far.
    fn place(&mut self, target: Target) -> usize {
        match target {
            Target::Placed(at) => at,
            Target::Answer(answer) => match self.answers.get(&answer) {
                // Two instructions may be placed before the one that jumps.
                Some(at) if self.skipped(*at) + 2 <= u8::MAX.into() => *at,
                _ => {
                    self.push(instruction(RETURN, 0, 0, answer));
                    let at = self.backwards.len() - 1;
                    self.answers.insert(answer, at);
                    at
                }
            },
        }
    }

    fn jump(&mut self, at: usize) -> Target {
        let skipped = self.skipped(at);
        self.push(instruction(JUMP, 0, 0, skipped as u32))
    }

    /// Returns how many instructions lie between the next that is placed and the one at `at`.
    fn skipped(&self, at: usize) -> usize {
        self.backwards.len() - at - 1
    }

    fn push(&mut self, instruction: Instruction) -> Target {
        self.backwards.push(instruction);
        Target::Placed(self.backwards.len() - 1)
    }
}

fn sorted(values: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut values: Vec<u32> = values.collect();
    values.sort_unstable();
    values.dedup();
    values
}
