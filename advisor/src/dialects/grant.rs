//! One side of a comparison: the capabilities that a process started in this way could use, and other properties.

use crate::dialects::mount::BindMount;
use crate::dialects::seccomp::calls::Calls;
use capwrap_core::policy::limits::Limit;
use capwrap_core::text::printable;
use capwrap_core::{Capability, CapabilitySet};
use std::collections::{BTreeMap, BTreeSet};

/// What was read about one side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Side {
    /// The name that the user gave it.
    pub label: String,
    /// The kind of the side, such as `systemd unit`.
    pub kind: &'static str,
    /// The capabilities that the process could use.
    pub grant: CapabilitySet,
    /// Which of the process's sets the grant is, and why.
    pub decided: String,
    /// Its other properties. A comparison covers those that both sides state.
    pub stated: Stated,
    /// Notes for the reader of a comparison.
    pub notes: Vec<String>,
    /// Whether the side is a policy that has modes.
    pub has_modes: bool,
    /// What it says of its seccomp profile, until that is read.
    pub seccomp: Option<String>,
}

/// The properties of a side besides its grant. A property that the side does not state is `None` or has no entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stated {
    pub ambient: Option<CapabilitySet>,
    pub bounding: Option<CapabilitySet>,
    pub effective: Option<CapabilitySet>,
    /// Whether the process and its children gain nothing at exec.
    pub no_new_privs: Option<bool>,
    /// The process namespace, as container engines write it: `host`, `container:NAME`.
    pub pid: Option<String>,
    /// The network namespace, in the same form.
    pub net: Option<String>,
    /// The mounts of the host's files.
    pub mounts: Option<BTreeSet<BindMount>>,
    /// Resource limits by their names in lower case. Engines accept names that policies do not have.
    pub limits: BTreeMap<String, Limit>,
    /// The system calls that are refused.
    pub calls: Option<Calls>,
    /// The only ports that may be bound, as `tcp/443`.
    pub ports: Option<BTreeSet<String>>,
    /// What each capability counts for, as `cap_net_raw through socket:packet`.
    pub scopes: Option<BTreeMap<Capability, BTreeSet<String>>>,
}

impl Stated {
    /// Adds a resource limit. Its name may have any case.
    pub fn limit(&mut self, resource: &str, limit: Limit) {
        self.limits.insert(resource.to_ascii_lowercase(), limit);
    }

    /// Returns the properties that both sides state differently, with this side's values and the other's values.
    pub fn apart(&self, other: &Self) -> (Self, Self) {
        (self.shared(other, false), other.shared(self, false))
    }

    /// Whether the side states no properties.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the properties that both sides state: the equal ones if `alike`, and otherwise the different ones.
    fn shared(&self, other: &Self, alike: bool) -> Self {
        fn kept<T: Clone + PartialEq>(own: Option<&T>, other: Option<&T>, alike: bool) -> Option<T> {
            own.filter(|own| other.is_some_and(|other| (*own == other) == alike)).cloned()
        }
        // The pattern names all fields, so that the compiler reports a new field that is missing here.
        let Self { ambient, bounding, effective, no_new_privs, pid, net, mounts, limits, calls, ports, scopes } = self;
        let limit =
            |(name, limit): (&String, &Limit)| Some((name.clone(), kept(Some(limit), other.limits.get(name), alike)?));
        Self {
            ambient: kept(ambient.as_ref(), other.ambient.as_ref(), alike),
            bounding: kept(bounding.as_ref(), other.bounding.as_ref(), alike),
            effective: kept(effective.as_ref(), other.effective.as_ref(), alike),
            no_new_privs: kept(no_new_privs.as_ref(), other.no_new_privs.as_ref(), alike),
            pid: kept(pid.as_ref(), other.pid.as_ref(), alike),
            net: kept(net.as_ref(), other.net.as_ref(), alike),
            mounts: kept(mounts.as_ref(), other.mounts.as_ref(), alike),
            limits: limits.iter().filter_map(limit).collect(),
            calls: kept(calls.as_ref(), other.calls.as_ref(), alike),
            ports: kept(ports.as_ref(), other.ports.as_ref(), alike),
            scopes: kept(scopes.as_ref(), other.scopes.as_ref(), alike),
        }
    }
}

impl Side {
    /// Makes a side of this kind that states nothing else.
    pub fn new(kind: &'static str, grant: CapabilitySet, decided: impl Into<String>) -> Self {
        Self { kind, grant, decided: decided.into(), ..Self::default() }
    }

    /// Returns the picked side of those that were read from one file, or all of them together.
    ///
    /// # Errors
    /// No side has the picked name. The error holds the names that exist.
    pub fn choose(sides: Vec<(String, Self)>, picked: Option<&str>) -> Result<Option<Self>, Vec<String>> {
        let names: Vec<String> = sides.iter().map(|(name, _)| name.clone()).collect();
        let mut chosen = sides.into_iter().filter(|(name, _)| picked.is_none_or(|picked| picked == name));
        let Some((_, mut first)) = chosen.next() else {
            return if picked.is_some() { Err(names) } else { Ok(None) };
        };
        let mut several = false;
        for (_, other) in chosen {
            several = true;
            first.grant = first.grant.union(other.grant);
            // The sides together state a property only if they agree on it.
            first.stated = first.stated.shared(&other.stated, true);
            for note in other.notes {
                if !first.notes.contains(&note) {
                    first.notes.push(note);
                }
            }
        }
        if several {
            let names: Vec<String> = names.iter().map(printable::text).collect();
            first.decided = format!("what {} have together; FILE#NAME picks one", names.join(", "));
        }
        Ok(Some(first))
    }
}

/// Returns every capability that has a name.
pub fn all() -> CapabilitySet {
    Capability::all().collect()
}

/// Writes a set as `all`, as `all but …` if that is shorter, or as names. Bits without a name become numbers.
pub fn shown(set: CapabilitySet) -> String {
    let missing = all().without(set);
    let unnamed = (0..64).filter(|bit| set.without(all()).mask() >> bit & 1 != 0).map(|bit: u32| format!("bit {bit}"));
    let named = if missing.is_empty() {
        "all".to_owned()
    } else if missing.iter().count() < set.iter().count() {
        format!("all but {missing}")
    } else {
        set.to_string()
    };
    std::iter::once(named).chain(unnamed).collect::<Vec<_>>().join(" and ")
}
