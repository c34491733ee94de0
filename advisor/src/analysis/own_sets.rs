//! What programs look for in their own capability sets. The kernel makes no check there, so only what they did with the
//! sets shows it.

use crate::analysis::profile::{OwnSets, UseOfSets};
use capwrap_core::{Capability, CapabilitySet};
use std::collections::BTreeSet;

/// The capability with the number 0.
const FIRST: Capability = Capability::CHOWN;

/// What the programs of a run looked for in their own sets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Looks {
    /// The capabilities that they named. They may do something else, or fail, where one of these is missing.
    pub named: CapabilitySet,
    /// The executables that read their sets as a whole. What they looked for is not known.
    pub readers: BTreeSet<String>,
}

/// Finds out what programs looked for. `held` is what the command held.
pub fn looks(uses: &[OwnSets], held: CapabilitySet) -> Looks {
    let mut looks = Looks::default();
    let executables: BTreeSet<&str> = uses.iter().map(|one| one.executable.as_str()).collect();
    for executable in executables {
        let with = |what| {
            let those = uses.iter().filter(move |one| one.executable == executable && one.what == what);
            those.map(|one| one.named)
        };
        let any = |what| with(what).next().is_some();
        let all = |what| with(what).fold(CapabilitySet::EMPTY, CapabilitySet::union);
        let asked = all(UseOfSets::Asked);
        // Libraries ask too. libcap's constructor looks for the last capability, and asks for numbers beyond it. libcap-ng
        // asks for the first one to find out whether the kernel can answer, and for all of them to make a copy.
        let by_library = any(UseOfSets::AskedBeyond) || asked == FIRST.into() || names_most(asked, held);
        if !by_library {
            looks.named = looks.named.union(asked);
        }
        looks.named = looks.named.union(all(UseOfSets::Raised));
        // A program that only gives capabilities up sets most of what it held. One that sets a few has named them.
        let set = with(UseOfSets::Set).filter(|set| !names_most(*set, held));
        looks.named = set.fold(looks.named, CapabilitySet::union);
        if any(UseOfSets::Read) {
            looks.readers.insert(executable.to_owned());
        }
    }
    looks
}

fn names_most(named: CapabilitySet, held: CapabilitySet) -> bool {
    named.iter().count() * 2 > held.iter().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(list: &str) -> CapabilitySet {
        CapabilitySet::parse(list).unwrap()
    }

    fn looked(uses: &[(&str, UseOfSets, &str)]) -> (CapabilitySet, Vec<String>) {
        let uses: Vec<OwnSets> = uses
            .iter()
            .map(|(executable, what, named)| {
                let named = if *named == "everything" { Capability::all().collect() } else { set(named) };
                OwnSets { executable: (*executable).to_owned(), what: *what, named }
            })
            .collect();
        let Looks { named, readers } = looks(&uses, Capability::all().collect());
        (named, readers.into_iter().collect())
    }

    #[test]
    fn a_capability_that_a_program_names_is_one_that_it_looks_for() {
        let ping = [("ping", UseOfSets::Set, "net_admin,net_raw"), ("ping", UseOfSets::Set, "")];
        assert_eq!(looked(&ping), (set("net_admin,net_raw"), Vec::new()));
        let own = [("own", UseOfSets::Asked, "sys_admin"), ("own", UseOfSets::Raised, "bpf")];
        assert_eq!(looked(&own), (set("sys_admin,bpf"), Vec::new()));
    }

    #[test]
    fn who_reads_its_sets_as_a_whole_is_named_without_what_it_looks_for() {
        let ip = [("ip", UseOfSets::Read, ""), ("node", UseOfSets::Read, "")];
        assert_eq!(looked(&ip), (CapabilitySet::EMPTY, vec!["ip".to_owned(), "node".to_owned()]));
    }

    #[test]
    fn the_questions_of_libraries_are_about_no_capability() {
        let libcap = [
            ("ip", UseOfSets::Asked, "mac_override"),
            ("ip", UseOfSets::Asked, "checkpoint_restore"),
            ("ip", UseOfSets::AskedBeyond, ""),
        ];
        let first = [("useradd", UseOfSets::Asked, "chown")];
        let copy = [("pam", UseOfSets::Asked, "everything"), ("setcap", UseOfSets::Set, "everything")];
        for library in [&libcap[..], &first, &copy] {
            assert_eq!(looked(library), (CapabilitySet::EMPTY, Vec::new()));
        }
        // What one program's library asks says nothing about another program.
        let both = [libcap[2], ("own", UseOfSets::Asked, "bpf")];
        assert_eq!(looked(&both).0, set("bpf"));
    }
}
