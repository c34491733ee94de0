//! One side of a comparison: what a process that is started so could use, and what else is said.

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
    /// Other sets that it states, by name. Compared where both sides state them.
    pub sets: BTreeMap<&'static str, CapabilitySet>,
    /// What else it states, by name. Compared likewise.
    pub stated: BTreeMap<String, String>,
    /// What the reader of a comparison should know.
    pub notes: Vec<String>,
    /// Whether it is a policy that has modes.
    pub has_modes: bool,
}

impl Side {
    /// One of this kind that states nothing else.
    pub fn new(kind: &'static str, grant: CapabilitySet, decided: impl Into<String>) -> Self {
        Self { kind, grant, decided: decided.into(), ..Self::default() }
    }

    /// Adds what it states, if it does.
    pub fn state(&mut self, name: impl Into<String>, value: Option<String>) {
        if let Some(value) = value {
            self.stated.insert(name.into(), value);
        }
    }

    /// Adds its bounding set.
    pub fn state_bounding(&mut self, set: CapabilitySet) {
        self.sets.insert("bounding", set);
    }

    /// Adds whether the process and its children gain nothing at exec.
    pub fn state_no_new_privs(&mut self, is_set: Option<bool>) {
        self.state("no_new_privs", is_set.map(|is_set| if is_set { "yes" } else { "no" }.to_owned()));
    }

    /// Adds a resource limit: `None` is unlimited.
    pub fn state_limit(&mut self, resource: &str, limit: Option<u64>) {
        let value = limit.map_or_else(|| "unlimited".to_owned(), |limit| limit.to_string());
        self.state(format!("limit {}", resource.to_ascii_lowercase()), Some(value));
    }

    /// Adds what it sees of the host, each as `SOURCE:TARGET` or `SOURCE:TARGET:ro`.
    pub fn state_mounts(&mut self, mounts: &BTreeSet<String>) {
        let value =
            if mounts.is_empty() { "none".to_owned() } else { mounts.iter().cloned().collect::<Vec<_>>().join(" ") };
        self.state("mounts", Some(value));
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
            first.stated.retain(|name, value| other.stated.get(name) == Some(value));
            first.sets.retain(|name, set| other.sets.get(name) == Some(set));
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
