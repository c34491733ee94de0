//! Computes what each side has and the other lacks.

use crate::dialects::grant::{Side, Stated};
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
    /// The other settings that both sides state differently: as A states them, and as B does.
    pub stated: (Stated, Stated),
}

impl Difference {
    /// Compares two sides.
    pub fn of(a: Side, b: Side) -> Self {
        Self {
            only_in_a: a.grant.without(b.grant),
            only_in_b: b.grant.without(a.grant),
            in_both: a.grant.intersection(b.grant),
            stated: a.stated.apart(&b.stated),
            a,
            b,
        }
    }

    /// Whether the sides do not differ.
    pub fn is_none(&self) -> bool {
        self.only_in_a.is_empty() && self.only_in_b.is_empty() && self.stated.0.is_empty() && self.stated.1.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialects::mount::BindMount;
    use capwrap_core::Capability;
    use capwrap_core::policy::limits::Limit;

    fn side(list: &str, state: impl FnOnce(&mut Stated)) -> Side {
        let mut side = Side::new("list", CapabilitySet::parse(list).unwrap(), "");
        state(&mut side.stated);
        side
    }

    fn pid(word: &str) -> impl FnOnce(&mut Stated) {
        let word = word.to_owned();
        |stated| stated.pid = Some(word)
    }

    #[test]
    fn what_one_side_alone_states_is_no_difference() {
        let difference = Difference::of(side("bpf", pid("host")), side("bpf", |b| b.net = Some("host".to_owned())));
        assert!(difference.is_none());
        let difference = Difference::of(side("bpf", pid("host")), side("bpf", pid("own")));
        assert!(!difference.is_none());
    }

    #[test]
    fn a_bounding_set_that_differs_is_a_difference() {
        let bounding = |list: &str| side("bpf", |stated| stated.bounding = CapabilitySet::parse(list).ok());
        assert!(Difference::of(bounding("bpf"), side("bpf", |_| {})).is_none());
        assert!(!Difference::of(bounding("bpf"), bounding("bpf,kill")).is_none());
    }

    #[test]
    fn of_everything_that_is_stated_what_differs_is_a_difference() {
        let states: [fn(&mut Stated, bool); 8] = [
            |stated, is_a| stated.ambient = Some(if is_a { Capability::BPF } else { Capability::KILL }.into()),
            |stated, is_a| stated.bounding = Some(if is_a { Capability::BPF } else { Capability::KILL }.into()),
            |stated, is_a| stated.effective = Some(if is_a { Capability::BPF } else { Capability::KILL }.into()),
            |stated, is_a| stated.no_new_privs = Some(is_a),
            |stated, is_a| stated.pid = Some(is_a.to_string()),
            |stated, is_a| stated.net = Some(is_a.to_string()),
            |stated, is_a| stated.mounts = Some([BindMount::new("/a", "/b", is_a)].into()),
            |stated, is_a| stated.limit("CORE", Limit(is_a.into())),
        ];
        for (at, state) in states.iter().enumerate() {
            let [a, b] = [true, false].map(|is_a| side("bpf", |stated| state(stated, is_a)));
            assert!(Difference::of(a.clone(), a.clone()).is_none(), "{at}");
            let difference = Difference::of(a.clone(), b.clone());
            assert_eq!(difference.stated, (a.stated, b.stated), "{at}");
        }
    }

    #[test]
    fn a_side_has_what_the_other_lacks() {
        let difference = Difference::of(side("bpf,kill", |_| {}), side("kill,perfmon", |_| {}));
        let sets = [difference.only_in_a, difference.only_in_b, difference.in_both].map(|set| set.to_string());
        assert_eq!(sets, ["cap_bpf", "cap_perfmon", "cap_kill"]);
    }
}
