//! One side of a comparison: what a process that is started so could use, and what else is said.

use crate::dialects::mount::BindMount;
use capwrap_core::policy::limits::Limit;
use capwrap_core::text::printable;
use capwrap_core::{Capability, CapabilitySet};
use std::collections::{BTreeMap, BTreeSet};

/// What was read of one side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Side {
    /// How the user named it.
    pub label: String,
    /// What it is, as `systemd unit`.
    pub kind: &'static str,
    /// What the process could use.
    pub grant: CapabilitySet,
    /// Which of its sets that is, and why.
    pub decided: String,
    /// What else it states. Compared where both sides state it.
    pub stated: Stated,
    /// What the reader of a comparison should know.
    pub notes: Vec<String>,
    /// Whether it is a policy that has modes.
    pub has_modes: bool,
}

/// What a side states besides its grant. What it does not speak of is `None`, or has no entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stated {
    pub ambient: Option<CapabilitySet>,
    pub bounding: Option<CapabilitySet>,
    pub effective: Option<CapabilitySet>,
    /// Whether the process and its children gain nothing at exec.
    pub no_new_privs: Option<bool>,
    /// The process namespace, in the words of container engines: `host`, `container:NAME`.
    pub pid: Option<String>,
    /// The network namespace, likewise.
    pub net: Option<String>,
    /// What it sees of the host.
    pub mounts: Option<BTreeSet<BindMount>>,
    /// Resource limits by their names in lower case. Engines take names that policies do not have.
    pub limits: BTreeMap<String, Limit>,
}

impl Stated {
    /// Adds a resource limit, whatever the case of its name.
    pub fn limit(&mut self, resource: &str, limit: Limit) {
        self.limits.insert(resource.to_ascii_lowercase(), limit);
    }

    /// What both state, and differently: in the words of this one, and of the other.
    pub fn apart(&self, other: &Self) -> (Self, Self) {
        (self.shared(other, false), other.shared(self, false))
    }

    /// Whether it states nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What both state: where they are alike, or where they are not.
    fn shared(&self, other: &Self, alike: bool) -> Self {
        fn kept<T: Clone + PartialEq>(own: Option<&T>, other: Option<&T>, alike: bool) -> Option<T> {
            own.filter(|own| other.is_some_and(|other| (*own == other) == alike)).cloned()
        }
        // All fields by name: none that is added is forgotten.
        let Self { ambient, bounding, effective, no_new_privs, pid, net, mounts, limits } = self;
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
        }
    }
}

impl Side {
    /// One of this kind that states nothing else.
    pub fn new(kind: &'static str, grant: CapabilitySet, decided: impl Into<String>) -> Self {
        Self { kind, grant, decided: decided.into(), ..Self::default() }
    }

    /// One of several that were read from one file: the named one, or all of them together.
    ///
    /// # Errors
    /// The names that there are, where none is the one that was picked.
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
            // What they do not agree on is nothing that they state together.
            first.stated = first.stated.shared(&other.stated, true);
            first.notes.extend(other.notes);
        }
        if several {
            let names: Vec<String> = names.iter().map(printable::text).collect();
            first.decided = format!("what {} have together; FILE#NAME picks one", names.join(", "));
        }
        Ok(Some(first))
    }
}

/// Every capability that has a name.
pub fn all() -> CapabilitySet {
    Capability::all().collect()
}

/// A set in words: `all`, `all but …` where that is shorter, or the names. Bits without a name are numbers.
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
