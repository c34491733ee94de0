//! Reads a settings file of systemd-nspawn (systemd.nspawn(5)).

use crate::dialects::boolean::systemd as boolean;
use crate::dialects::grant::{Side, all};
use crate::dialects::systemd;
use crate::dialects::systemd::values::Values;
use anyhow::Result;
use capwrap_core::policy::limits::RESOURCES;
use capwrap_core::text::printable;
use capwrap_core::{Capability, CapabilitySet};
use std::path::Path;

/// What a container keeps if nothing is set (systemd-nspawn(1), "--capability="; nspawn.c, `arg_caps_retain`).
const DEFAULT: [Capability; 26] = [
    Capability::AUDIT_CONTROL,
    Capability::AUDIT_WRITE,
    Capability::CHOWN,
    Capability::DAC_OVERRIDE,
    Capability::DAC_READ_SEARCH,
    Capability::FOWNER,
    Capability::FSETID,
    Capability::IPC_OWNER,
    Capability::KILL,
    Capability::LEASE,
    Capability::LINUX_IMMUTABLE,
    Capability::MKNOD,
    Capability::NET_BIND_SERVICE,
    Capability::NET_BROADCAST,
    Capability::NET_RAW,
    Capability::SETFCAP,
    Capability::SETGID,
    Capability::SETPCAP,
    Capability::SETUID,
    Capability::SYS_ADMIN,
    Capability::SYS_BOOT,
    Capability::SYS_CHROOT,
    Capability::SYS_NICE,
    Capability::SYS_PTRACE,
    Capability::SYS_RESOURCE,
    Capability::SYS_TTY_CONFIG,
];

/// The settings of `[Network]` that are booleans and give the container a network of its own (nspawn-settings.c,
/// `settings_private_network`).
const NETWORK_SWITCHES: [&str; 2] = ["Private", "VirtualEthernet"];
/// Those that name something for it.
const NETWORK_NAMES: [&str; 6] = ["VirtualEthernetExtra", "Interface", "MACVLAN", "IPVLAN", "Bridge", "Zone"];

/// The folders whose files systemd-nspawn trusts (systemd.nspawn(5), ".nspawn File Discovery").
const TRUSTED: [&str; 2] = ["/etc/systemd/nspawn", "/run/systemd/nspawn"];

/// The sections of a settings file. Their case counts.
const SECTIONS: [&str; 3] = ["[Exec]", "[Files]", "[Network]"];

/// Whether the text has the section of what a container executes.
pub fn is_one(text: &str) -> bool {
    text.lines().any(|line| line.trim() == "[Exec]")
}

/// Returns what the container's first process has. As in nspawn.c (`merge_settings`), `Capability=` adds to the default
/// list, a network of its own adds cap_net_admin, and `DropCapability=` removes last.
///
/// # Errors
/// The name of a section has no end. The error has the line's number.
pub fn side(text: &str, source: &str) -> Result<Side> {
    let exec = systemd::syntax::settings(text, source, &["Exec"])?;
    let network = systemd::syntax::settings(text, source, &["Network"])?;
    let mut values = Values { assignments: &exec.assignments, notes: exec.notes.clone() };
    let mut network = Values { assignments: &network.assignments, notes: Vec::new() };
    let added = values.added("Capability");
    let dropped = values.added("DropCapability");
    let ambient = values.added("AmbientCapability");
    let is_private = NETWORK_SWITCHES.iter().any(|key| network.is_on(key) == Some(true))
        || NETWORK_NAMES.iter().any(|key| network.all(key).any(|value| !value.is_empty()));
    let own: CapabilitySet = if is_private { Capability::NET_ADMIN.into() } else { CapabilitySet::EMPTY };
    let kept = DEFAULT.into_iter().collect::<CapabilitySet>().union(added).union(own).without(dropped);
    let kept = kept.intersection(all());
    let user = values.all("User").next_back().filter(|user| !["", "root", "0"].contains(user));
    let mut side = match user {
        Some(user) => Side::new(
            "nspawn settings",
            ambient.intersection(kept),
            format!("the ambient set: it runs as user {}", printable::text(user)),
        ),
        None => Side::new("nspawn settings", kept, "the default list of systemd-nspawn with what is added and dropped"),
    };
    side.stated.bounding = Some(kept);
    side.stated.no_new_privs = values.is_on("NoNewPrivileges");
    for resource in RESOURCES {
        let key = format!("Limit{}", resource.to_ascii_uppercase());
        if let Some(limit) = values.valid(&key, |text| systemd::values::limit(resource, text)) {
            side.stated.limit(resource, limit);
        }
    }
    let users = values.all("PrivateUsers").next_back();
    if users.is_some_and(|value| boolean(value) != Some(false)) {
        side.notes.push(
            "PrivateUsers=: these count in the container's own user namespace alone, and nothing on the host"
                .to_owned(),
        );
    }
    if !is_private && !dropped.contains(Capability::NET_ADMIN) && !added.contains(Capability::NET_ADMIN) {
        side.notes.push(
            "systemd-nspawn@.service gives each container a network of its own, and with it cap_net_admin".to_owned(),
        );
    }
    let is_trusted =
        Path::new(source).parent().is_some_and(|folder| TRUSTED.iter().any(|one| folder == Path::new(one)));
    if !is_trusted && values.says("Capability") {
        side.notes.push(format!("systemd-nspawn ignores Capability= in files outside of {}", TRUSTED.join(" and ")));
    }
    let sections = text.lines().map(str::trim).filter(|line| line.starts_with('['));
    for section in sections.filter(|line| !SECTIONS.contains(line)) {
        side.notes.push(format!("systemd-nspawn ignores the section {}", printable::text(section)));
    }
    side.notes.append(&mut values.notes);
    Ok(side)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Side {
        side(text, "/etc/systemd/nspawn/x.nspawn").unwrap()
    }

    #[test]
    fn a_container_keeps_the_default_list_with_what_is_added_and_dropped() {
        let default = of("[Exec]\nBoot=yes\n").grant;
        // The list of nspawn.c has 26 names, and cap_net_admin is not one of them.
        assert_eq!((default.iter().count(), default.contains(Capability::NET_ADMIN)), (26, false));
        let has = |text: &str| of(text).grant.without(default).to_string();
        assert_eq!(has("[Exec]\nCapability=CAP_BPF cap_syslog\nCapability=\n"), "cap_syslog,cap_bpf");
        assert_eq!(has("[Exec]\n[Network]\nVirtualEthernet=yes\n"), "cap_net_admin");
        assert_eq!(has("[Exec]\n[Network]\nBridge=br0\n"), "cap_net_admin");
        assert_eq!(has("[Exec]\nDropCapability=CAP_NET_ADMIN\n[Network]\nPrivate=on\n"), "none");
        assert_eq!(of("[Exec]\nCapability=all\n").grant, all());
        assert_eq!(of("[Exec]\nDropCapability=all\n").grant, CapabilitySet::EMPTY);
    }

    #[test]
    fn what_limits_the_settings_is_a_note() {
        let user = of("[Exec]\nUser=x\nAmbientCapability=CAP_KILL\nDropCapability=CAP_NET_ADMIN\nPrivateUsers=pick\n");
        assert_eq!(user.grant.to_string(), "cap_kill");
        assert!(user.notes[0].starts_with("PrivateUsers="), "{:?}", user.notes);
        let unknown = of("[Exec]\r\nCapability=KILL\r\nDropCapability=CAP_NET_ADMIN\r\n");
        assert_eq!(unknown.notes, ["Capability= names \"KILL\", which systemd ignores"]);
        let small = of("[exec]\nCapability=all\n[Network]\nPrivate=1\n[X-A]\n");
        assert_eq!(small.notes.len(), 2, "{:?}", small.notes);
        assert_eq!(small.notes[0], "systemd-nspawn ignores the section [exec]");
        let beside = side("[Exec]\nCapability=CAP_NET_ADMIN\n", "/var/lib/machines/x.nspawn").unwrap();
        assert!(
            beside.notes[0].starts_with("systemd-nspawn ignores Capability= in files outside"),
            "{:?}",
            beside.notes
        );
    }
}
