//! The uses of a system call that a filter lets through, as sets that formats of seccomp profiles can say.
//!
//! libseccomp compares an argument in all of its 64 bits, and takes one comparison for each argument of a rule
//! (seccomp_rule_add(3)). The kernel reads most arguments as 32 bits, so that a comparison of all bits would let through
//! what the kernel refuses, or the other way round. A comparison under a mask says it exactly.

use crate::scope::filter::{Refused, Rule};
use crate::scope::table::Test;

/// What an argument must be: those of its bits that are in the mask have this value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bits {
    /// The bits that matter. None means that the argument may be anything.
    pub mask: u64,
    /// Their value. It has no other bits.
    pub value: u64,
}

/// The uses of a system call whose six arguments are all as these bits say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Uses(pub [Bits; 6]);

/// The bits of which the kernel reads an argument, for all tests but [`Test::NotNull`].
const WORD: u64 = u32::MAX as u64;

impl Bits {
    /// Returns what is of both, if anything is.
    const fn and(self, other: Self) -> Option<Self> {
        if (self.value ^ other.value) & self.mask & other.mask != 0 {
            return None;
        }
        Some(Self { mask: self.mask | other.mask, value: self.value | other.value })
    }

    /// Returns whether all that is of the other is of this.
    const fn covers(self, other: Self) -> bool {
        self.mask & other.mask == self.mask && other.value & self.mask == self.value
    }
}

impl Uses {
    /// Every use.
    pub const ALL: Self = Self([Bits { mask: 0, value: 0 }; 6]);

    /// Returns the uses whose argument is as these bits say.
    pub fn with(argument: u8, bits: Bits) -> Self {
        let mut all = Self::ALL;
        all.0[usize::from(argument)] = bits;
        all
    }

    fn and(self, other: Self) -> Option<Self> {
        let mut both = self;
        for (own, other) in both.0.iter_mut().zip(other.0) {
            *own = own.and(other)?;
        }
        Some(both)
    }

    fn covers(self, other: Self) -> bool {
        self.0.iter().zip(other.0).all(|(own, other)| own.covers(other))
    }

    /// Returns both as one, if they differ in a single bit.
    fn joined(self, other: Self) -> Option<Self> {
        let mut apart = (0..6).filter(|at| self.0[*at] != other.0[*at]);
        let (at, None) = (apart.next()?, apart.next()) else { return None };
        let bit = self.0[at].value ^ other.0[at].value;
        (self.0[at].mask == other.0[at].mask && bit.is_power_of_two()).then(|| {
            let mut joined = self;
            joined.0[at] = Bits { mask: self.0[at].mask & !bit, value: self.0[at].value & !bit };
            joined
        })
    }
}

/// Returns whether one of the uses has this value in the low word of the argument.
pub fn any_with(uses: &[Uses], argument: u8, value: u32) -> bool {
    let with = Uses::with(argument, Bits { mask: WORD, value: value.into() });
    uses.iter().any(|one| one.and(with).is_some())
}

/// Returns the uses that a rule lets through. Some may lie in several of the sets.
pub fn permitted(rule: &Rule) -> Vec<Uses> {
    let rest = match &rule.refused {
        Refused::Every => Vec::new(),
        Refused::When(refused) => refused.iter().fold(vec![Uses::ALL], |left, tests| without(&left, tests)),
        Refused::SixthArgumentIsNot(number) => vec![Uses::with(5, Bits { mask: u64::MAX, value: *number })],
    };
    let open = rule.allowed.iter().flat_map(|tests| passing(&[Uses::ALL], tests));
    fewest(rest.into_iter().chain(open).collect())
}

/// Returns those of the uses that pass all tests.
fn passing(uses: &[Uses], tests: &[Test]) -> Vec<Uses> {
    tests.iter().fold(uses.to_vec(), |left, test| meeting(&left, &inside(test)))
}

/// Returns those of the uses that do not pass all tests.
fn without(uses: &[Uses], tests: &[Test]) -> Vec<Uses> {
    let split = |one: &Uses| {
        // What no test is about stays whole.
        if passing(&[*one], tests).is_empty() {
            return vec![*one];
        }
        let (mut failing, mut left) = (Vec::new(), vec![*one]);
        for test in tests {
            failing.extend(meeting(&left, &outside(test)));
            left = meeting(&left, &inside(test));
        }
        failing
    };
    uses.iter().flat_map(split).collect()
}

fn meeting(some: &[Uses], others: &[Uses]) -> Vec<Uses> {
    some.iter().flat_map(|one| others.iter().filter_map(|other| one.and(*other))).collect()
}

fn inside(test: &Test) -> Vec<Uses> {
    match *test {
        Test::OneOf { argument, mask, values } => equal(argument, mask.into(), values.iter()),
        Test::NoneOf { argument, values } => unequal(argument, WORD, values.iter()),
        Test::AnyBit { argument, bits } => set(argument, bits.into()),
        Test::NotNull { argument } => set(argument, u64::MAX),
    }
}

fn outside(test: &Test) -> Vec<Uses> {
    match *test {
        Test::OneOf { argument, mask, values } => unequal(argument, mask.into(), values.iter()),
        Test::NoneOf { argument, values } => equal(argument, WORD, values.iter()),
        Test::AnyBit { argument, bits } => vec![Uses::with(argument, Bits { mask: bits.into(), value: 0 })],
        Test::NotNull { argument } => vec![Uses::with(argument, Bits { mask: u64::MAX, value: 0 })],
    }
}

fn equal(argument: u8, mask: u64, values: impl Iterator<Item = u32>) -> Vec<Uses> {
    let possible = values.map(u64::from).filter(|value| value & !mask == 0);
    possible.map(|value| Uses::with(argument, Bits { mask, value })).collect()
}

fn unequal(argument: u8, mask: u64, values: impl Iterator<Item = u32>) -> Vec<Uses> {
    let possible: Vec<u64> = values.map(u64::from).filter(|value| value & !mask == 0).collect();
    let mut all = Vec::new();
    apart(mask, Bits::default(), &possible, &mut all);
    all.into_iter().map(|bits| Uses::with(argument, bits)).collect()
}

/// Adds what differs from all values in the bits that are left, where the decided bits are equal to those of each.
fn apart(left: u64, decided: Bits, values: &[u64], to: &mut Vec<Bits>) {
    let Some(first) = values.first() else { return to.push(decided) };
    if left == 0 {
        return;
    }
    // A bit in which all values agree takes one set, if it is decided before they part.
    let agreed = values.iter().fold(left, |agreed, value| agreed & !(value ^ first));
    let from = if agreed == 0 { left } else { agreed };
    let bit = 1 << (63 - from.leading_zeros());
    for value in [0, bit] {
        let own: Vec<u64> = values.iter().copied().filter(|one| one & bit == value).collect();
        let decided = Bits { mask: decided.mask | bit, value: decided.value | value };
        apart(left & !bit, decided, &own, to);
    }
}

fn set(argument: u8, bits: u64) -> Vec<Uses> {
    let each = (0..64).map(|bit| 1_u64 << bit).filter(|bit| bits & bit != 0);
    each.map(|bit| Uses::with(argument, Bits { mask: bit, value: bit })).collect()
}

/// Returns the same uses in fewer sets.
fn fewest(mut uses: Vec<Uses>) -> Vec<Uses> {
    loop {
        uses.sort_unstable();
        uses.dedup();
        let covered = |at: usize| (0..uses.len()).any(|other| other != at && uses[other].covers(uses[at]));
        let mut kept: Vec<Uses> = (0..uses.len()).filter(|at| !covered(*at)).map(|at| uses[at]).collect();
        let before = kept.len();
        let mut at = 0;
        while at < kept.len() {
            match (at + 1..kept.len()).find_map(|other| Some((other, kept[at].joined(kept[other])?))) {
                Some((other, joined)) => {
                    kept[at] = joined;
                    kept.swap_remove(other);
                }
                None => at += 1,
            }
        }
        if kept.len() == before {
            return kept;
        }
        uses = kept;
    }
}
