//! What each side has and the other lacks.

use crate::dialects::grant::Side;
use capwrap_core::CapabilitySet;

/// Two sides and how they differ.
pub struct Difference {
    pub a: Side,
    pub b: Side,
    /// What A could use and B could not.
    pub only_in_a: CapabilitySet,
    /// What B could use and A could not.
    pub only_in_b: CapabilitySet,
    /// What both could use.
    pub in_both: CapabilitySet,
    /// Other sets that both state, and differently.
    pub sets: Vec<StatedSet>,
    /// What else both state, and differently.
    pub stated: Vec<Stated>,
}

/// A set that both sides state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatedSet {
    pub name: &'static str,
    pub a: CapabilitySet,
    pub b: CapabilitySet,
}

/// Something else that both sides state.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Stated {
    pub name: String,
    pub a: String,
    pub b: String,
}

impl Difference {
    /// Compares.
    pub fn of(a: Side, b: Side) -> Self {
        let both = a.stated.iter().filter_map(|(name, value)| Some((name, value, b.stated.get(name)?)));
        let stated = both
            .filter(|(_, a, b)| a != b)
            .map(|(name, a, b)| Stated { name: name.clone(), a: a.clone(), b: b.clone() })
            .collect();
        let both = a.sets.iter().filter_map(|(name, set)| Some(StatedSet { name, a: *set, b: *b.sets.get(name)? }));
        let sets = both.filter(|set| set.a != set.b).collect();
        Self {
            sets,
            only_in_a: a.grant.without(b.grant),
            only_in_b: b.grant.without(a.grant),
            in_both: a.grant.intersection(b.grant),
            stated,
            a,
            b,
        }
    }

    /// Whether there is none.
    pub const fn is_none(&self) -> bool {
        self.only_in_a.is_empty() && self.only_in_b.is_empty() && self.sets.is_empty() && self.stated.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(list: &str, stated: &[(&str, &str)]) -> Side {
        let mut side = Side::new("list", CapabilitySet::parse(list).unwrap(), "");
        for (name, value) in stated {
            side.state(*name, Some((*value).to_owned()));
        }
        side
    }

    #[test]
    fn what_one_side_alone_states_is_no_difference() {
        let difference = Difference::of(side("bpf", &[("pid", "host")]), side("bpf", &[("net", "host")]));
        assert!(difference.is_none());
        let difference = Difference::of(side("bpf", &[("pid", "host")]), side("bpf", &[("pid", "own")]));
        assert!(!difference.is_none());
    }

    #[test]
    fn a_bounding_set_that_differs_is_a_difference() {
        let (mut one, mut other) = (side("bpf", &[]), side("bpf", &[]));
        one.state_bounding(CapabilitySet::parse("bpf").unwrap());
        assert!(Difference::of(one.clone(), other.clone()).is_none());
        other.state_bounding(CapabilitySet::parse("bpf,kill").unwrap());
        assert!(!Difference::of(one, other).is_none());
    }

    #[test]
    fn a_side_has_what_the_other_lacks() {
        let difference = Difference::of(side("bpf,kill", &[]), side("kill,perfmon", &[]));
        let sets = [difference.only_in_a, difference.only_in_b, difference.in_both].map(|set| set.to_string());
        assert_eq!(sets, ["cap_bpf", "cap_perfmon", "cap_kill"]);
    }
}
