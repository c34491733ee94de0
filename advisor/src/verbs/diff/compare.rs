//! Computes what each side has and the other lacks.

use crate::dialects::grant::{Side, Stated};
use crate::dialects::seccomp::calls::Calls;
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
    pub fn of(mut a: Side, mut b: Side) -> Self {
        unsaid(&a, &mut b);
        unsaid(&b, &mut a);
        let in_both = a.grant.intersection(b.grant);
        // Of what one side lacks, the other's scope says nothing new.
        for scopes in [&mut a.stated.scopes, &mut b.stated.scopes].into_iter().flatten() {
            scopes.retain(|capability, _| in_both.contains(*capability));
        }
        Self {
            only_in_a: a.grant.without(b.grant),
            only_in_b: b.grant.without(a.grant),
            in_both,
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

/// Notes what one side refuses and the other says nothing of, because it is no difference that is shown.
fn unsaid(one: &Side, other: &mut Side) {
    let (of_one, of_other) = (&one.stated, &other.stated);
    let refuses = |calls: &Calls| !calls.refused.is_empty() || !calls.in_part.is_empty();
    if of_one.calls.as_ref().is_some_and(refuses) && of_other.calls.is_none() {
        other.notes.push("it does not say which system calls it refuses, so these are not compared".to_owned());
    }
    if of_one.ports.is_some() && of_other.ports.is_none() {
        other.notes.push("it does not say which ports may be bound, so these are not compared".to_owned());
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
        let states: [fn(&mut Stated, bool); 11] = [
            |stated, is_a| stated.ambient = Some(if is_a { Capability::BPF } else { Capability::KILL }.into()),
            |stated, is_a| stated.bounding = Some(if is_a { Capability::BPF } else { Capability::KILL }.into()),
            |stated, is_a| stated.effective = Some(if is_a { Capability::BPF } else { Capability::KILL }.into()),
            |stated, is_a| stated.no_new_privs = Some(is_a),
            |stated, is_a| stated.pid = Some(is_a.to_string()),
            |stated, is_a| stated.net = Some(is_a.to_string()),
            |stated, is_a| stated.mounts = Some([BindMount::new("/a", "/b", is_a)].into()),
            |stated, is_a| stated.limit("CORE", Limit(is_a.into())),
            |stated, is_a| {
                stated.calls.get_or_insert_default().refuse(if is_a { "mount" } else { "reboot" });
            },
            |stated, is_a| {
                let door = if is_a { "cap_bpf through bpf:look" } else { "cap_bpf without a scope" };
                stated.scopes = Some([(Capability::BPF, [door.to_owned()].into())].into());
            },
            |stated, is_a| stated.ports = Some([if is_a { "tcp/443" } else { "tcp/80" }.to_owned()].into()),
        ];
        for (at, state) in states.iter().enumerate() {
            let [a, b] = [true, false].map(|is_a| side("bpf", |stated| state(stated, is_a)));
            assert!(Difference::of(a.clone(), a.clone()).is_none(), "{at}");
            let difference = Difference::of(a.clone(), b.clone());
            assert_eq!(difference.stated, (a.stated, b.stated), "{at}");
        }
    }

    #[test]
    fn what_one_side_refuses_and_the_other_says_nothing_of_is_a_note_of_the_other() {
        let scoped = side("bpf", |stated| {
            stated.calls.get_or_insert_default().refuse_in_part("socket");
            stated.ports = Some([].into());
        });
        let difference = Difference::of(side("bpf", |_| {}), scoped);
        assert!(difference.is_none() && difference.b.notes.is_empty());
        assert_eq!(difference.a.notes.len(), 2, "{:?}", difference.a.notes);
    }

    #[test]
    fn a_scope_of_what_the_other_side_lacks_is_no_difference_of_its_own() {
        let scoped = |list: &str| {
            side(list, |stated| {
                let scope = |one: Capability| (one, [format!("{one} without a scope")].into());
                stated.scopes = Some(CapabilitySet::parse(list).unwrap().iter().map(scope).collect());
            })
        };
        let difference = Difference::of(scoped("bpf"), scoped("bpf,kill"));
        assert!(difference.stated.0.is_empty() && difference.stated.1.is_empty());
    }

    #[test]
    fn a_side_has_what_the_other_lacks() {
        let difference = Difference::of(side("bpf,kill", |_| {}), side("kill,perfmon", |_| {}));
        let sets = [difference.only_in_a, difference.only_in_b, difference.in_both].map(|set| set.to_string());
        assert_eq!(sets, ["cap_bpf", "cap_perfmon", "cap_kill"]);
    }
}
