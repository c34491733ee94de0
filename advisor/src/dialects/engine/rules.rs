//! How container engines apply the capabilities that a user adds and drops.

use crate::dialects::grant::{Side, all};
use crate::dialects::mount::BindMount;
use crate::output::error::hinted;
use anyhow::Result;
use capwrap_core::policy::limits::Limit;
use capwrap_core::text::printable;
use capwrap_core::{Capability, CapabilitySet};
use std::collections::BTreeSet;

/// The engine whose rules apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Docker,
    Podman,
    /// containerd's command line.
    Nerdctl,
    /// containerd under Kubernetes.
    Kubernetes,
}

/// The default capabilities of Docker and containerd (moby, oci/caps/defaults.go; containerd, oci/spec.go).
const DOCKER: [Capability; 14] = [
    Capability::CHOWN,
    Capability::DAC_OVERRIDE,
    Capability::FSETID,
    Capability::FOWNER,
    Capability::MKNOD,
    Capability::NET_RAW,
    Capability::SETGID,
    Capability::SETUID,
    Capability::SETFCAP,
    Capability::SETPCAP,
    Capability::NET_BIND_SERVICE,
    Capability::SYS_CHROOT,
    Capability::KILL,
    Capability::AUDIT_WRITE,
];

/// The defaults of Docker that Podman does not have (containers-common, containers.conf(5), default_capabilities).
const NOT_PODMAN: [Capability; 3] = [Capability::MKNOD, Capability::NET_RAW, Capability::AUDIT_WRITE];

/// A container as a file or a command requests it.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    pub add: Vec<String>,
    pub drop: Vec<String>,
    pub privileged: bool,
    pub no_new_privs: Option<bool>,
    pub user: Option<String>,
    pub pid: Option<String>,
    pub net: Option<String>,
    /// The limits, by the resource's name.
    pub limits: Vec<(String, Limit)>,
    pub mounts: BTreeSet<BindMount>,
    /// The seccomp profile: `unconfined`, a file, or the profile itself.
    pub seccomp: Option<String>,
    /// Notes for the reader of a comparison.
    pub notes: Vec<String>,
}

impl Asked {
    /// Returns what the engine gives to the container.
    ///
    /// # Errors
    /// No capability has one of the names.
    pub fn side(&self, engine: Engine, kind: &'static str) -> Result<Side> {
        let (add, drop) = (Names::read(&self.add)?, Names::read(&self.drop)?);
        let grant = if self.privileged { all() } else { given(engine, &add, &drop) };
        let decided = match (self.privileged, drop.all) {
            (true, _) => "privileged: every capability".to_owned(),
            (false, true) => "what is added after all are dropped".to_owned(),
            (false, false) => format!("{}'s default set with what is added and dropped", engine.name()),
        };
        let mut side = Side::new(kind, grant, decided);
        side.notes.clone_from(&self.notes);
        // A privileged container has no profile, but for one that it names.
        side.seccomp = self.seccomp.clone().or_else(|| self.privileged.then(|| "unconfined".to_owned()));
        side.stated.bounding = Some(grant);
        side.stated.no_new_privs = self.no_new_privs;
        let said = |word: &Option<String>| word.clone().filter(|word| !word.is_empty() && word != "default");
        side.stated.pid = said(&self.pid);
        side.stated.net = said(&self.net);
        side.stated.mounts = Some(self.mounts.clone());
        for (resource, limit) in &self.limits {
            side.stated.limit(resource, *limit);
        }
        if let Some(user) = self.user.as_deref().filter(|user| !is_root(user)) {
            let user = printable::text(user);
            if engine == Engine::Podman {
                side.grant = given_to_user(&add, grant);
                side.stated.ambient = Some(side.grant);
                side.decided =
                    format!("the ambient set: it runs as user {user}, and Podman makes what is added ambient");
            } else {
                side.notes.push(format!("it runs as user {user}: {}", Engine::NOT_AMBIENT));
            }
        }
        Ok(side)
    }
}

/// Returns the ambient set that Podman gives to a process of another user than root: the added capabilities, if the
/// bounding set has them (podman, `securityConfigureGenerator`).
fn given_to_user(add: &Names, bounding: CapabilitySet) -> CapabilitySet {
    let wanted = if add.all { all() } else { add.set };
    wanted.intersection(bounding)
}

impl Engine {
    /// Why a process of another user than root has nothing of its container's set.
    pub const NOT_AMBIENT: &str = "the engine sets no ambient capabilities, so that it has none of these unless a file \
        that it executes carries them";

    const fn name(self) -> &'static str {
        match self {
            Self::Docker => "Docker",
            Self::Podman => "Podman",
            Self::Nerdctl | Self::Kubernetes => "containerd",
        }
    }

    fn default_set(self) -> CapabilitySet {
        let lacking: &[Capability] = if self == Self::Podman { &NOT_PODMAN } else { &[] };
        DOCKER.iter().filter(|one| !lacking.contains(one)).copied().collect()
    }
}

/// Computes the set by the rules of each engine. In moby's `TweakCapabilities` an added capability wins. Podman's
/// `MergeCapabilities` refuses a name that is on both lists. In nerdctl's `generateCapOpts`, and in the
/// `WithCapabilities` of containerd's CRI for Kubernetes, a dropped capability wins. If ALL is on both lists, nerdctl
/// adds last and the CRI drops last. If ALL is dropped, nerdctl ignores the other names on that list.
fn given(engine: Engine, add: &Names, drop: &Names) -> CapabilitySet {
    match engine {
        Engine::Docker | Engine::Podman if add.all => all().without(drop.set),
        Engine::Docker | Engine::Podman if drop.all => add.set,
        Engine::Docker | Engine::Podman => engine.default_set().without(drop.set).union(add.set),
        Engine::Nerdctl => match (add.all, drop.all) {
            (true, true) => all(),
            (true, false) => all().without(drop.set),
            (false, true) => add.set,
            (false, false) => engine.default_set().union(add.set).without(drop.set),
        },
        Engine::Kubernetes => {
            let base = match (add.all, drop.all) {
                (_, true) => CapabilitySet::EMPTY,
                (true, false) => all(),
                (false, false) => engine.default_set(),
            };
            base.union(add.set).without(drop.set)
        }
    }
}

/// A list that may contain the word ALL.
struct Names {
    all: bool,
    set: CapabilitySet,
}

impl Names {
    fn read(names: &[String]) -> Result<Self> {
        let is_all = |name: &&String| ["all", "cap_all"].contains(&name.trim().to_ascii_lowercase().as_str());
        let named = names.iter().filter(|name| !is_all(name));
        let set = named.map(|name| capability(name)).collect::<Result<CapabilitySet>>()?;
        Ok(Self { all: names.iter().any(|name| is_all(&name)), set })
    }
}

/// Returns the capability of that name.
///
/// # Errors
/// No capability has the name. The hint is the nearest name.
pub fn capability(name: &str) -> Result<Capability> {
    Capability::parse(name).map_err(|unknown| {
        let what = format!("unknown capability \"{}\"", printable::text(name));
        match unknown.nearest {
            Some(near) => hinted(what, format!("write {near}")),
            None => hinted(what, "capwrap caps lists them"),
        }
    })
}

fn is_root(user: &str) -> bool {
    ["", "0", "root"].contains(&user.split(':').next().unwrap_or_default())
}

/// Reads `no-new-privileges`, `no-new-privileges:true` or `no-new-privileges=false`. It returns `None` for any other
/// option.
pub fn no_new_privs(option: &str) -> Option<bool> {
    let rest = option.strip_prefix("no-new-privileges")?;
    match rest.trim_start_matches([':', '=']) {
        "" | "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// Reads `seccomp=FILE` or `seccomp:FILE`. It returns `None` for any other option.
pub fn seccomp(option: &str) -> Option<String> {
    Some(option.strip_prefix("seccomp")?.strip_prefix([':', '='])?.to_owned())
}

/// Returns the hard limit of `SOFT:HARD`, `BOTH`, `unlimited` or `-1`, and `None` for any other text.
pub fn limit(text: &str) -> Option<Limit> {
    match text.rsplit(':').next()?.trim() {
        "-1" | "unlimited" | "infinity" => Some(Limit::UNLIMITED),
        number => number.parse().ok().map(Limit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(engine: Engine, add: &[&str], drop: &[&str]) -> String {
        let words = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect();
        let asked = Asked { add: words(add), drop: words(drop), ..Asked::default() };
        asked.side(engine, "x").unwrap().grant.to_string()
    }

    #[test]
    fn dropping_all_leaves_what_is_added() {
        for engine in [Engine::Docker, Engine::Podman, Engine::Nerdctl, Engine::Kubernetes] {
            assert_eq!(granted(engine, &["BPF", "CAP_PERFMON"], &["ALL"]), "cap_perfmon,cap_bpf");
        }
    }

    #[test]
    fn engines_differ_in_what_they_give_unasked_and_in_who_wins() {
        // These masks are the CapBnd of a container of each engine.
        assert_eq!(Engine::Docker.default_set().mask(), 0x0000_0000_a804_25fb);
        assert_eq!(Engine::Podman.default_set().mask(), 0x0000_0000_8004_05fb);
        assert!(!granted(Engine::Podman, &[], &[]).contains("net_raw"));
        assert!(granted(Engine::Docker, &["KILL"], &["KILL"]).contains("cap_kill"));
        for engine in [Engine::Nerdctl, Engine::Kubernetes] {
            assert_eq!(engine.default_set(), Engine::Docker.default_set());
            assert!(!granted(engine, &["KILL"], &["KILL"]).contains("cap_kill"));
            assert!(!granted(engine, &["ALL"], &["KILL"]).contains("cap_kill"));
            assert!(granted(engine, &["BPF"], &["KILL"]).contains("cap_bpf"));
        }
    }

    #[test]
    fn nerdctl_adds_all_last_and_kubernetes_drops_all_last() {
        let everything = all().to_string();
        assert_eq!(granted(Engine::Nerdctl, &["ALL"], &["ALL"]), everything);
        assert_eq!(granted(Engine::Kubernetes, &["ALL"], &["ALL"]), "none");
        assert_eq!(granted(Engine::Nerdctl, &["KILL"], &["ALL", "KILL"]), "cap_kill");
        assert_eq!(granted(Engine::Kubernetes, &["KILL"], &["ALL", "KILL"]), "none");
    }
}
