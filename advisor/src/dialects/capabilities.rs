//! Writes what a subject needs and nothing else, in the form of what starts it: to be put into a file that is there.

use crate::dialects::target::Target;
use capwrap_core::CapabilitySet;
use serde_json::json;

/// What a subject gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sets {
    /// What it needs.
    pub needed: CapabilitySet,
    /// What it can have at most. It has more than what is needed where setuid programs bring their own.
    pub bounding: CapabilitySet,
    /// What a user other than root gets; `None` for root, who gets the bounding set.
    pub ambient: Option<CapabilitySet>,
}

impl Sets {
    /// What something gets that needs these and whose setuid programs gain those. Only a user other than root, and what has
    /// an ambient set already, gets one.
    pub const fn of(needed: CapabilitySet, gained: CapabilitySet, is_user: bool) -> Self {
        if is_user {
            Self { needed, bounding: needed.union(gained), ambient: Some(needed) }
        } else {
            Self { needed, bounding: needed, ambient: None }
        }
    }
}

/// Whether this launcher starts containers or units, and not commands.
pub const fn starts_services(target: Target) -> bool {
    !matches!(target, Target::Setcap | Target::Nixos)
}

/// Returns the text; `None` for what starts no service.
pub fn text(sets: &Sets, target: Target, name: &str) -> Option<String> {
    Some(match target {
        Target::Systemd => drop_in(sets),
        Target::Docker | Target::Podman => options(sets.bounding) + "\n",
        Target::Compose => compose(sets.bounding, name),
        Target::Kubernetes => kubernetes(sets.bounding),
        Target::Oci => oci(sets),
        Target::Setcap | Target::Nixos => return None,
    })
}

/// Returns the options of `docker run` and of `podman run`. They are about the bounding set, which root gets.
fn options(bounding: CapabilitySet) -> String {
    let adds = bare(bounding).into_iter().map(|name| format!(" --cap-add={name}"));
    format!("--cap-drop=ALL{}", adds.collect::<String>())
}

fn drop_in(sets: &Sets) -> String {
    let words = |set: CapabilitySet| upper(set).join(" ");
    let mut lines = vec!["[Service]".to_owned()];
    // Each assignment extends the list. An empty assignment removes what the unit itself has.
    let mut assign = |key: &str, set: CapabilitySet| {
        lines.push(format!("{key}="));
        if !set.is_empty() {
            lines.push(format!("{key}={}", words(set)));
        }
    };
    if let Some(ambient) = sets.ambient {
        assign("AmbientCapabilities", ambient);
    }
    assign("CapabilityBoundingSet", sets.bounding);
    lines.join("\n") + "\n"
}

fn compose(bounding: CapabilitySet, name: &str) -> String {
    let name = serde_json::Value::from(name);
    let adds = if bounding.is_empty() { String::new() } else { "    cap_add:\n".to_owned() };
    let adds = bare(bounding).iter().fold(adds, |text, name| format!("{text}      - {name}\n"));
    format!("services:\n  {name}:\n    cap_drop:\n      - ALL\n{adds}")
}

fn kubernetes(bounding: CapabilitySet) -> String {
    let adds = if bounding.is_empty() { String::new() } else { "    add:\n".to_owned() };
    let adds = bare(bounding).iter().fold(adds, |text, name| format!("{text}      - {name}\n"));
    format!("securityContext:\n  capabilities:\n    drop:\n      - ALL\n{adds}")
}

fn oci(sets: &Sets) -> String {
    let (needed, bounding) = (upper(sets.needed), upper(sets.bounding));
    let mut all = json!({ "bounding": bounding, "effective": needed, "permitted": needed });
    if let Some(ambient) = sets.ambient {
        all["inheritable"] = json!(upper(ambient));
        all["ambient"] = json!(upper(ambient));
    }
    let document = json!({ "process": { "capabilities": all } });
    format!("{document:#}\n")
}

/// The names as the kernel's headers spell them: `CAP_BPF`.
pub fn upper(set: CapabilitySet) -> Vec<String> {
    set.iter().map(|capability| capability.name().to_uppercase()).collect()
}

/// The names without their prefix, as container engines spell them: `BPF`.
pub fn bare(set: CapabilitySet) -> Vec<String> {
    upper(set).iter().map(|name| name.trim_start_matches("CAP_").to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialects::detect;
    use crate::dialects::grant::Side;
    use crate::dialects::read::{self, Read};

    const fn of_root(needed: CapabilitySet) -> Sets {
        Sets { needed, bounding: needed, ambient: None }
    }

    fn set(list: &str) -> CapabilitySet {
        CapabilitySet::parse(list).unwrap()
    }

    #[test]
    fn the_words_of_each_launcher_are_these() {
        let sets = of_root(set("chown,net_bind_service"));
        let of = |target| text(&sets, target, "web").unwrap();
        assert_eq!(of(Target::Docker), "--cap-drop=ALL --cap-add=CHOWN --cap-add=NET_BIND_SERVICE\n");
        assert_eq!(of(Target::Podman), of(Target::Docker));
        assert_eq!(
            of(Target::Systemd),
            "[Service]\nCapabilityBoundingSet=\nCapabilityBoundingSet=CAP_CHOWN CAP_NET_BIND_SERVICE\n"
        );
        assert_eq!(
            of(Target::Compose),
            "services:\n  \"web\":\n    cap_drop:\n      - ALL\n    cap_add:\n      - CHOWN\n      - NET_BIND_SERVICE\n"
        );
        assert_eq!(
            of(Target::Kubernetes),
            "securityContext:\n  capabilities:\n    drop:\n      - ALL\n    add:\n      - CHOWN\n      - NET_BIND_SERVICE\n"
        );
        assert!(of(Target::Oci).contains("\"CAP_NET_BIND_SERVICE\""));
        assert_eq!(text(&sets, Target::Setcap, "web"), None);
    }

    #[test]
    fn a_user_gets_the_ambient_set_and_setuid_programs_keep_theirs() {
        let sets = Sets { needed: set("net_raw"), bounding: set("net_raw,setuid"), ambient: Some(set("net_raw")) };
        assert_eq!(
            text(&sets, Target::Systemd, "x").unwrap(),
            "[Service]\nAmbientCapabilities=\nAmbientCapabilities=CAP_NET_RAW\nCapabilityBoundingSet=\n\
             CapabilityBoundingSet=CAP_SETUID CAP_NET_RAW\n"
        );
    }

    #[test]
    fn what_needs_nothing_gets_nothing() {
        let sets = of_root(CapabilitySet::EMPTY);
        assert_eq!(text(&sets, Target::Systemd, "x").unwrap(), "[Service]\nCapabilityBoundingSet=\n");
        assert_eq!(text(&sets, Target::Docker, "x").unwrap(), "--cap-drop=ALL\n");
        assert!(!text(&sets, Target::Compose, "x").unwrap().contains("add"));
        assert!(!text(&sets, Target::Kubernetes, "x").unwrap().contains("add"));
    }

    #[test]
    fn what_is_written_is_read_back_as_the_same_set() {
        for list in ["chown", "chown,setgid,setuid,net_bind_service", "sys_admin,bpf,perfmon"] {
            let sets = of_root(set(list));
            let of = |target| text(&sets, target, "web").unwrap();
            let grants = [
                of(Target::Systemd),
                format!("docker run {} image", of(Target::Docker).trim()),
                format!("podman run {} image", of(Target::Podman).trim()),
                of(Target::Compose),
                of(Target::Oci),
            ];
            for text in grants {
                let side = match read::text(detect::form(&text, "export"), &text, "export").unwrap() {
                    Read::One(side) => *side,
                    Read::Several(sides) => Side::choose(sides, None).unwrap().unwrap(),
                };
                assert_eq!(side.grant, set(list), "{text}");
            }
        }
    }
}
