//! What the capabilities of one decision are for: the scopes of all grants that hold, together.

use crate::policy::{Grant, GrantScope, Port};
use crate::scope::door::{self, Door, Opening};
use crate::scope::table::{Row, Test};
use crate::{Capability, CapabilitySet};
use std::fmt;
use std::path::{Path, PathBuf};

/// A capability that counts only for what a scope names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confined {
    /// The capability.
    pub capability: Capability,
    /// The doors that stay open.
    pub through: Vec<Door>,
    /// Whether everything stays open besides that a Landlock domain judges ([`Row::judged_by_domain`]), because a grant
    /// has `beneath` or `ports` and no `through`.
    pub what_a_domain_judges: bool,
    /// The paths to which it opens the way; `None` means every path.
    pub beneath: Option<Vec<PathBuf>>,
    /// The ports that it may bind; `None` means every port.
    pub ports: Option<Vec<Port>>,
}

impl Confined {
    /// Returns whether a row of this capability stays open whatever its arguments are.
    pub fn leaves_open(&self, row: &Row) -> bool {
        (self.what_a_domain_judges && row.judged_by_domain)
            || self.through.iter().any(|door| door.name() == row.call || row.doors.contains(&door.name()))
    }

    /// Returns everything that stays open of this capability.
    pub fn openings(&self) -> impl Iterator<Item = Opening> {
        let judged = door::rows_of(self.capability).filter(|row| self.what_a_domain_judges && row.judged_by_domain);
        let judged = judged.map(|row| Opening { call: row.call, when: row.when.to_vec() });
        judged.chain(self.through.iter().flat_map(|door| door.openings(self.capability)))
    }
}

/// Returns whether the scopes refuse to make a socket of this domain, type and protocol (socket(2)), as the kernel names
/// them for one that is there (`SO_DOMAIN`, `SO_TYPE` and `SO_PROTOCOL`, socket(7)).
pub fn refuse_socket(confined: &[Confined], domain: u32, kind: u32, protocol: u32) -> bool {
    let arguments = [domain, kind, protocol, 0, 0, 0];
    let holds = |tests: &[Test]| tests.iter().all(|test| test.holds(&arguments));
    confined.iter().any(|one| {
        let mut rows = door::rows_of(one.capability).filter(|row| row.call == "socket");
        let mut openings = one.openings().filter(|opening| opening.call == "socket");
        rows.any(|row| holds(row.when)) && !openings.any(|opening| holds(&opening.when))
    })
}

/// Returns whether there is a socket that the scopes refuse to make.
pub fn refuse_any_socket(confined: &[Confined]) -> bool {
    let refuses =
        |one: &Confined| door::rows_of(one.capability).any(|row| row.call == "socket" && !one.leaves_open(row));
    confined.iter().any(refuses)
}

/// Formats as `cap_x through A, B` and the like, safe to print, for the record of a launch.
impl fmt::Display for Confined {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scope = GrantScope {
            through: self.through.clone(),
            beneath: self.beneath.clone().unwrap_or_default(),
            ports: self.ports.clone().unwrap_or_default(),
        };
        write!(out, "{} {scope}", self.capability)
    }
}

/// Joins the scopes of the grants that hold. A capability that one of them grants without a scope has none, and neither
/// has one that the caller added. Where two scopes meet, both are open.
pub fn join<'g>(
    grants: impl Iterator<Item = &'g Grant> + Clone,
    passed: CapabilitySet,
    added: CapabilitySet,
) -> Vec<Confined> {
    let of = |capability| {
        let mut grants = grants.clone().filter(move |grant| grant.caps.contains(capability)).peekable();
        grants.peek()?;
        let mut joined = Confined {
            capability,
            through: Vec::new(),
            what_a_domain_judges: false,
            beneath: Some(Vec::new()),
            ports: Some(Vec::new()),
        };
        for grant in grants {
            let scope = &grant.scope;
            if scope.is_empty() {
                return None;
            }
            joined.what_a_domain_judges |= scope.through.is_empty();
            add(&mut joined.through, scope.through.iter().filter(|door| door.opens(capability)));
            widen(&mut joined.beneath, &scope.beneath);
            widen(&mut joined.ports, &scope.ports);
        }
        Some(joined)
    };
    passed.without(added).iter().filter_map(of).collect()
}

fn add<'t, T: Clone + PartialEq + 't>(to: &mut Vec<T>, more: impl IntoIterator<Item = &'t T>) {
    for one in more {
        if !to.contains(one) {
            to.push(one.clone());
        }
    }
}

/// An empty list is no confinement: everything is open.
fn widen<T: Clone + PartialEq>(to: &mut Option<Vec<T>>, more: &[T]) {
    match to {
        Some(list) if !more.is_empty() => add(list, more),
        _ => *to = None,
    }
}

/// Returns the capabilities that a list of [`Confined`] is about.
pub fn capabilities(confined: &[Confined]) -> CapabilitySet {
    confined.iter().map(|one| one.capability).collect()
}

/// Returns every path of a list of [`Confined`], with the capability that it confines.
pub fn paths(confined: &[Confined]) -> impl Iterator<Item = (Capability, &Path)> {
    confined.iter().flat_map(|one| one.beneath.iter().flatten().map(|path| (one.capability, path.as_path())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;

    fn joined(grants: &str, added: &str) -> Vec<Confined> {
        let head =
            "schema = 1\ntool = { path = \"/t\" }\nallow = { users = [\"root\"] }\n[optional]\ncaps = \"sys_admin\"\n";
        let policy = Policy::read(&format!("{head}{grants}")).unwrap();
        let passed = policy.grants.iter().fold(CapabilitySet::EMPTY, |all, grant| all.union(grant.caps));
        join(policy.grants.iter(), passed, CapabilitySet::parse(added).unwrap())
    }

    fn doors(confined: &Confined) -> Vec<&str> {
        confined.through.iter().map(Door::name).collect()
    }

    #[test]
    fn both_scopes_of_a_capability_are_open_and_no_scope_wins() {
        let first = "[[grant]]\ncaps = [\"sys_admin\", \"perfmon\"]\nthrough = \"perf_event_open\"\n";
        let two = joined(&format!("{first}[[grant]]\ncaps = \"sys_admin\"\nthrough = \"bpf:look\"\n"), "");
        assert_eq!(doors(&two[0]), ["perf_event_open", "bpf:look"]);
        assert_eq!((two.len(), doors(&two[1])), (2, vec!["perf_event_open"]));
        let unscoped = joined(&format!("{first}[[grant]]\ncaps = \"sys_admin\"\n"), "");
        assert_eq!(capabilities(&unscoped), Capability::PERFMON.into());
        assert_eq!(capabilities(&joined(first, "sys_admin")), Capability::PERFMON.into());
    }

    #[test]
    fn a_scope_without_paths_lets_the_other_reach_every_path() {
        let beneath = "[[grant]]\ncaps = \"mknod\"\nbeneath = \"/dev\"\n";
        let one = joined(beneath, "");
        assert_eq!(paths(&one).collect::<Vec<_>>(), [(Capability::MKNOD, Path::new("/dev"))]);
        assert!(one[0].what_a_domain_judges && one[0].through.is_empty() && one[0].ports.is_none());
        let two = joined(&format!("{beneath}[[grant]]\ncaps = \"mknod\"\nthrough = \"mknod:1:3\"\n"), "");
        assert!(two[0].beneath.is_none() && two[0].what_a_domain_judges, "{two:?}");
        let both = joined("[[grant]]\ncaps = \"mknod\"\nbeneath = \"/dev\"\nthrough = \"mknod:1:3\"\n", "");
        assert!(both[0].beneath.is_some() && !both[0].what_a_domain_judges);
    }

    #[test]
    fn a_socket_that_could_not_be_made_is_refused_in_a_callers_hand_too() {
        let bind = joined("[[grant]]\ncaps = \"net_bind_service\"\nports = \"tcp/443\"\n", "");
        for (domain, kind, protocol) in
            [(2, 1, 262), (10, 1, 262), (10, 1, 132), (2, 5, 132), (2, 6, 33), (40, 1, 0), (31, 5, 0)]
        {
            assert!(refuse_socket(&bind, domain, kind, protocol), "{domain} {kind} {protocol}");
        }
        for (domain, kind, protocol) in [(1, 1, 0), (1, 5, 0), (2, 1, 6), (10, 1, 6), (2, 2, 17), (31, 1, 3)] {
            assert!(!refuse_socket(&bind, domain, kind, protocol), "{domain} {kind} {protocol}");
        }
        let both = "[[grant]]\ncaps = \"net_bind_service\"\nports = \"tcp/443\"\nthrough = [\"bind\", \"socket:other-protocols\"]\n[scope]\nenforce = \"if-possible\"\n";
        assert!(!refuse_socket(&joined(both, ""), 2, 1, 262));
        let ping = joined("[[grant]]\ncaps = \"net_raw\"\nthrough = \"socket:raw-icmp\"\n", "");
        assert!(refuse_any_socket(&bind) && refuse_any_socket(&ping) && !refuse_any_socket(&joined(both, "")));
        let read = joined("[[grant]]\ncaps = \"dac_read_search\"\nbeneath = \"/var/log\"\n", "");
        assert!(!refuse_any_socket(&read) && !refuse_socket(&read, 17, 3, 3));
        assert!(refuse_socket(&ping, 17, 3, 3) && !refuse_socket(&ping, 2, 3, 1) && !refuse_socket(&ping, 2, 2, 17));
        assert!(!refuse_socket(&[], 2, 1, 262));
    }
}
