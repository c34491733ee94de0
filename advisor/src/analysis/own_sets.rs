//! What programs look for in their own capability sets. The kernel makes no check there, so only what they did with the
//! sets shows it, and for a few programs what their source says.

use crate::analysis::asked_options::is_asked;
use crate::analysis::call_sites::is_program;
use crate::analysis::classify::{Class, Classified};
use crate::analysis::observation::{Credentials, Observation, Target, Verdict};
use crate::analysis::profile::{OwnSets, UseOfSets};
use capwrap_core::{Capability, CapabilitySet};
use std::collections::BTreeSet;

/// A program whose source says what it makes of one capability in its own sets.
struct Known {
    /// The names of the program's file.
    programs: &'static [&'static str],
    /// The capability.
    capability: Capability,
    /// What the program does, as a phrase for people.
    why: &'static str,
}

/// A program whose source says that it ends without a capability in its own sets, if it is asked for something.
struct Insists {
    /// The names of the program's file.
    programs: &'static [&'static str],
    /// The capabilities.
    capabilities: &'static [Capability],
    /// The options by any of which it is asked.
    options: &'static [&'static str],
    /// What the program does, as a phrase for people.
    why: &'static str,
}

/// Programs that look into their own sets and end if a capability is missing, before they use it.
const END_WITHOUT: &[Insists] = &[
    // dnsmasq, src/dnsmasq.c, main: need_cap_net_admin and need_cap_net_raw. A configuration file may ask for it too, which
    // nobody sees here.
    Insists {
        programs: &["dnsmasq"],
        capabilities: &[Capability::NET_ADMIN, Capability::NET_RAW],
        options: &["-F", "--dhcp-range", "--dhcp-relay"],
        why: "dnsmasq gives no addresses without it",
    },
    Insists {
        programs: &["dnsmasq"],
        capabilities: &[Capability::NET_ADMIN],
        options: &["--conntrack", "--ipset", "--nftset"],
        why: "dnsmasq ends without it, if it fills sets",
    },
];

/// Programs that give up all that they hold, unless they hold this capability too.
const KEEP_ONLY_WITH: &[Known] = &[
    // iproute2, lib/utils.c, drop_cap: for users other than root, unless cap_net_admin is inheritable. What the program
    // starts (ip netns exec, ip vrf exec) loses everything too.
    Known { programs: &["ip"], capability: Capability::NET_ADMIN, why: "without it, ip gives up all that it holds" },
    // containers/storage, pkg/unshare/unshare_linux.go, HasCapSysAdmin: for users other than root, these start themselves again
    // in a user namespace.
    Known {
        programs: &["buildah", "podman"],
        capability: Capability::SYS_ADMIN,
        why: "without it, the program makes a user namespace",
    },
];

/// Capabilities with which a program refuses to run for users other than root.
pub struct Refused {
    /// The names of the program's file.
    programs: &'static [&'static str],
    /// The capabilities.
    pub capabilities: CapabilitySet,
    /// The program's reason, as a phrase for people.
    pub why: &'static str,
}

const REFUSE_WITH: &[Refused] = &[
    // util-linux, sys-utils/mount.c and umount.c, suid_drop: they end if setuid(0) succeeds.
    Refused {
        programs: &["mount", "umount"],
        capabilities: CapabilitySet::from_mask(1 << Capability::SETUID.number()),
        why: "it could become root with cap_setuid",
    },
    // bubblewrap, bubblewrap.c, acquire_privs: it ends if it is not setuid and has any. It makes a user namespace instead.
    Refused {
        programs: &["bwrap"],
        capabilities: CapabilitySet::from_mask(u64::MAX),
        why: "it takes its capabilities from a user namespace",
    },
];

/// Returns with what this program refuses to run for users other than root.
pub fn refused_by(executable: &str) -> Option<&'static Refused> {
    REFUSE_WITH.iter().find(|refused| is_program(executable, refused.programs))
}

/// Returns with what these programs together refuse to run for users other than root.
pub fn refused_by_any<'e>(executables: impl IntoIterator<Item = &'e String>) -> CapabilitySet {
    let refused = executables.into_iter().filter_map(|executable| refused_by(executable));
    refused.fold(CapabilitySet::EMPTY, |set, refused| set.union(refused.capabilities))
}

fn kept_with(executable: &str) -> Option<&'static Known> {
    KEEP_ONLY_WITH.iter().find(|known| is_program(executable, known.programs))
}

/// Adds what a program needs in its sets in order to go on, or to keep the rest. A program that uses nothing of what it
/// holds does not need to keep it. `command` says what it is asked for.
pub fn keep(classed: &mut Vec<Classified>, uses: &[OwnSets], command: &[String]) {
    let readers = uses.iter().filter(|one| one.what == UseOfSets::Read);
    let readers: BTreeSet<&str> = readers.map(|one| one.executable.as_str()).collect();
    for executable in readers {
        let insists = END_WITHOUT.iter().filter(|known| {
            is_program(executable, known.programs) && is_asked(command, known.programs, known.options) == Some(true)
        });
        for known in insists {
            let more = known.capabilities.iter().filter_map(|one| looked_for(classed, executable, *one, known.why));
            let more: Vec<Classified> = more.collect();
            classed.extend(more);
        }
        let Some(known) = kept_with(executable) else { continue };
        if classed.iter().any(|one| one.class.counts() && one.observation.executable == executable) {
            classed.extend(looked_for(classed, executable, known.capability, known.why));
        }
    }
}

/// Returns a check that stands for what a program looked for in its own sets, unless the kernel asked it for the same.
fn looked_for(
    classed: &[Classified],
    executable: &str,
    capability: Capability,
    why: &'static str,
) -> Option<Classified> {
    let mut of_it = classed.iter().filter(|one| one.observation.executable == executable);
    let first = of_it.clone().next()?;
    if of_it.any(|one| one.class.counts() && one.observation.capability == capability) {
        return None;
    }
    let observation = Observation {
        capability,
        verdict: Verdict::Granted,
        options: None,
        target: Target::Own,
        credentials: Credentials::Own,
        system_call: Some("capget".to_owned()),
        argument: None,
        call_site: Vec::new(),
        times: 1,
        ..first.observation.clone()
    };
    Some(Classified { observation, class: Class::Needed, why: why.to_owned(), instead: None, processes: 1 })
}

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
            match kept_with(executable) {
                Some(known) => looks.named = looks.named.union(known.capability.into()),
                None => _ = looks.readers.insert(executable.to_owned()),
            }
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
    use crate::analysis::classify::class;
    use crate::analysis::classify::tests::{granted, with_everything};
    use crate::analysis::needs;

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
        let both = [("own", UseOfSets::Read, ""), ("node", UseOfSets::Read, "")];
        assert_eq!(looked(&both), (CapabilitySet::EMPTY, vec!["node".to_owned(), "own".to_owned()]));
        assert_eq!(looked(&[("ip", UseOfSets::Read, "")]), (set("net_admin"), Vec::new()));
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

    #[test]
    fn ip_needs_cap_net_admin_in_order_to_keep_what_it_needs() {
        let own = |what| [OwnSets { executable: "/usr/bin/ip".to_owned(), what, named: CapabilitySet::EMPTY }];
        let with = |seen: Observation, uses: &[OwnSets]| {
            let mut classed = class(&[seen], &with_everything());
            keep(&mut classed, uses, &[]);
            needs::needed(classed.iter().map(|one| (one.class, one.observation.capability, one.instead)))
        };
        let by = |program: &str, seen: Observation| Observation { executable: format!("/usr/bin/{program}"), ..seen };
        let mount = granted("sys_admin", "mount", &["may_mount"]);
        let read = own(UseOfSets::Read);
        assert_eq!(with(by("ip", mount.clone()), &read), set("sys_admin,net_admin"));
        assert_eq!(with(by("mount", mount.clone()), &read), set("sys_admin"), "another program's need");
        assert_eq!(with(by("ip", mount), &own(UseOfSets::Asked)), set("sys_admin"), "as root it does not read them");
        let nothing = granted("sys_admin", "mmap", &["cap_vm_enough_memory"]);
        assert_eq!(with(by("ip", nothing), &read), CapabilitySet::EMPTY, "ip link show needs nothing");
    }

    #[test]
    fn dnsmasq_ends_without_what_it_looks_for_if_the_options_ask_for_it() {
        let with = |what, command: &str| {
            let bind = granted("net_bind_service", "bind", &["__inet_bind"]);
            let mut classed =
                class(&[Observation { executable: "/usr/sbin/dnsmasq".into(), ..bind }], &with_everything());
            let uses = [OwnSets { executable: "/usr/sbin/dnsmasq".to_owned(), what, named: CapabilitySet::EMPTY }];
            let command: Vec<String> = command.split(' ').map(str::to_owned).collect();
            keep(&mut classed, &uses, &command);
            needs::needed(classed.iter().map(|one| (one.class, one.observation.capability, one.instead)))
        };
        for (command, expected) in [
            ("dnsmasq -d --dhcp-range=10.0.0.5,10.0.0.9", "net_bind_service,net_admin,net_raw"),
            ("sh -c exec dnsmasq -d -F 10.0.0.5,10.0.0.9", "net_bind_service,net_admin,net_raw"),
            ("dnsmasq -d --ipset=/example.org/one", "net_bind_service,net_admin"),
            ("dnsmasq -d -p 53", "net_bind_service"),
        ] {
            assert_eq!(with(UseOfSets::Read, command), set(expected), "{command}");
            assert_eq!(with(UseOfSets::Asked, command), set("net_bind_service"), "{command}");
        }
    }

    #[test]
    fn mount_refuses_to_run_if_it_could_become_root_and_bwrap_with_anything() {
        let all: CapabilitySet = Capability::all().collect();
        let left = |executable: &str| refused_by(executable).map(|refused| all.without(refused.capabilities));
        for (executable, expected) in [
            ("/usr/bin/mount", Some(all.without(set("setuid")))),
            ("/bin/umount", Some(all.without(set("setuid")))),
            ("/usr/bin/bwrap", Some(CapabilitySet::EMPTY)),
            ("/usr/sbin/mount.nfs", None),
        ] {
            assert_eq!(left(executable), expected, "{executable}");
        }
    }
}
