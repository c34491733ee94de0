//! Computes what a unit's processes could use from its settings (systemd.exec(5)).

use crate::dialects::boolean::systemd as boolean;
use crate::dialects::grant::{Side, all};
use crate::dialects::systemd::refusal::is_refused;
use crate::dialects::systemd::scope;
use crate::dialects::systemd::syntax::Settings;
use crate::dialects::systemd::unit_name;
use crate::dialects::systemd::values::{EVERY_BIT, Values, has_noroot, limit};
use crate::output::error::hinted;
use anyhow::Result;
use capwrap_core::policy::limits::RESOURCES;
use capwrap_core::text::printable;
use capwrap_core::{Capability, CapabilitySet};

/// The settings that remove capabilities from the bounding set (systemd, unit_patch_contexts).
const TAKERS: [(&str, &[Capability]); 4] = [
    ("PrivateDevices", &[Capability::MKNOD, Capability::SYS_RAWIO]),
    ("ProtectKernelModules", &[Capability::SYS_MODULE]),
    ("ProtectKernelLogs", &[Capability::SYSLOG]),
    ("ProtectClock", &[Capability::SYS_TIME, Capability::WAKE_ALARM]),
];

/// The settings for which systemd installs a seccomp filter. Versions without `keep_seccomp_privileges` set no_new_privs
/// for it where a process has no cap_sys_admin (systemd 252, `context_has_no_new_privileges`).
const FILTERS: [&str; 15] = [
    "SystemCallFilter",
    "SystemCallLog",
    "SystemCallArchitectures",
    "RestrictAddressFamilies",
    "RestrictNamespaces",
    "RestrictRealtime",
    "RestrictSUIDSGID",
    "MemoryDenyWriteExecute",
    "LockPersonality",
    "ProtectClock",
    "ProtectHostname",
    "ProtectKernelLogs",
    "ProtectKernelModules",
    "ProtectKernelTunables",
    "PrivateDevices",
];

/// The words of `PrivateUsers=` that are no booleans (systemd 257).
const USER_NAMESPACES: [&str; 4] = ["self", "identity", "full", "managed"];

/// The settings without which no unit starts a process (systemd.service(5), systemd.socket(5), systemd.mount(5),
/// systemd.swap(5)).
const STARTERS: [&str; 23] = [
    "ExecStart",
    "ExecStartPre",
    "ExecStartPost",
    "ExecCondition",
    "ExecReload",
    "ExecStop",
    "ExecStopPre",
    "ExecStopPost",
    "BusName",
    "SuccessAction",
    "What",
    "Where",
    "ListenStream",
    "ListenDatagram",
    "ListenSequentialPacket",
    "ListenFIFO",
    "ListenSpecial",
    "ListenNetlink",
    "ListenMessageQueue",
    "ListenUSBFunction",
    // systemctl show prints the addresses of sockets together.
    "Listen",
    "ExecStartEx",
    "ExecStopEx",
];

/// Returns what a process of the unit could use. It returns `None` if the settings say nothing about any process, as
/// those of a timer or of an empty drop-in.
///
/// # Errors
/// systemd refuses to load a unit with these settings.
pub fn side(settings: &Settings, kind: &'static str) -> Result<Option<Side>> {
    if let Some((key, value)) = settings.assignments.iter().find(|one| is_refused(one, &settings.unit)) {
        let what = format!("systemd refuses to load a unit with {key}={}", printable::text(value));
        let hint = if key == "User" { "a user's name or number" } else { "write yes or no" };
        return Err(hinted(what, hint));
    }
    let mut values = Values { assignments: &settings.assignments, notes: settings.notes.clone() };
    let ambient = values.capabilities("AmbientCapabilities", CapabilitySet::EMPTY);
    let bounding = values.capabilities("CapabilityBoundingSet", EVERY_BIT);
    let mut taken = CapabilitySet::EMPTY;
    for (setting, taken_away) in TAKERS {
        if values.is_on(setting) == Some(true) {
            let set: CapabilitySet = taken_away.iter().copied().collect();
            values.notes.push(format!("{setting}=yes takes {set} from the bounding set"));
            taken = taken.union(set);
        }
    }
    let bounding = bounding.without(taken).intersection(all());
    let user = user(&mut values, &settings.unit);
    let is_dynamic = values.is_on("DynamicUser") == Some(true);
    let is_noroot = values.valid("SecureBits", has_noroot) == Some(true);
    let other = if is_dynamic { user.as_deref().or(Some("of its own")) } else { user.as_deref() };
    let other = other.filter(|user| !["root", "0"].contains(user));
    // Only a whole unit states by its silence that root runs it.
    let is_whole = user.is_some() || STARTERS.iter().any(|key| values.says(key));
    let of_ambient = ambient.intersection(bounding);
    let (grant, decided) = match other {
        Some(user) => {
            let user = printable::text(user);
            (of_ambient, format!("the ambient set within the bounding set: it runs as user {user}"))
        }
        None if is_noroot => {
            (of_ambient, "the ambient set within the bounding set: SecureBits=noroot gives uid 0 no more".to_owned())
        }
        None if is_whole => (bounding, "the bounding set: it runs as root".to_owned()),
        None if values.says("AmbientCapabilities") => {
            (of_ambient, "the ambient set within the bounding set: the user is not stated here".to_owned())
        }
        None if values.says("CapabilityBoundingSet") || !taken.is_empty() => {
            (bounding, "the bounding set: the user is not stated here".to_owned())
        }
        None => return Ok(None),
    };
    let mut side = Side::new(kind, grant, decided);
    if values.says("CapabilityBoundingSet") || !taken.is_empty() {
        side.stated.bounding = Some(bounding);
    }
    // Processes of a dynamic user gain nothing at exec (systemd.exec(5), "DynamicUser=").
    side.stated.no_new_privs = if is_dynamic { Some(true) } else { values.is_on("NoNewPrivileges") };
    let is_unprivileged = (other.is_some() || is_noroot) && !grant.contains(Capability::SYS_ADMIN);
    let filter = FILTERS.iter().find(|key| is_set(values.all(key).next_back()));
    if let (Some(false), true, Some(key)) = (side.stated.no_new_privs, is_unprivileged, filter) {
        side.stated.no_new_privs = None;
        side.notes
            .push(format!("some versions of systemd set no_new_privs for {key}=, whatever NoNewPrivileges= says"));
    }
    for resource in RESOURCES {
        let key = format!("Limit{}", resource.to_ascii_uppercase());
        if let Some(limit) = values.valid(&key, |text| limit(resource, text)) {
            side.stated.limit(resource, limit);
        }
    }
    side.stated.calls = scope::calls(&mut values);
    side.stated.ports = scope::ports(&values);
    if is_privileged(&values) {
        side.notes.push(RUNS_WITH_MORE.to_owned());
    }
    let is_namespace = |value: &str| USER_NAMESPACES.contains(&value).then_some(true).or_else(|| boolean(value));
    if values.valid("PrivateUsers", is_namespace) == Some(true) {
        side.notes.push(
            "PrivateUsers=: these count in the unit's own user namespace alone, and nothing on the host".to_owned(),
        );
    }
    side.notes.append(&mut values.notes);
    Ok(Some(side))
}

/// Whether the value of a setting turns something on.
fn is_set(value: Option<&str>) -> bool {
    value.is_some_and(|value| !value.is_empty() && boolean(value) != Some(false))
}

/// Returns the user whom the settings name last. An empty assignment resets to root.
fn user(values: &mut Values<'_>, unit: &str) -> Option<String> {
    let mut user = None;
    for value in values.all("User") {
        let (name, is_open) = unit_name::expanded(value, unit);
        if is_open {
            values.notes.push(format!(
                "User={}: what the specifiers stand for is not known here, and it is taken for another user than root",
                printable::text(value)
            ));
        }
        user = Some(name).filter(|name| !name.is_empty());
    }
    user
}

/// The note on a command that systemd runs with more than the settings say.
pub const RUNS_WITH_MORE: &str = "a command of ExecStart= begins with + or !: systemd runs it with more than this";

/// Whether a command has a prefix that lifts restrictions (systemd.service(5)). An empty assignment resets the list.
fn is_privileged(values: &Values<'_>) -> bool {
    let commands = values.all("ExecStart").rev().take_while(|command| !command.is_empty());
    commands.into_iter().any(|command| {
        let prefix: String = command.chars().take_while(|letter| "@-:+!|".contains(*letter)).collect();
        // `!!` counts only on kernels without ambient capabilities.
        prefix.replace("!!", "").contains(['+', '!'])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialects::systemd::syntax::of_unit;
    use capwrap_core::policy::limits::Limit;

    fn of(lines: &str) -> Side {
        let settings = of_unit(&format!("[Service]\nExecStart=/x\n{lines}"), "x@i.service").unwrap();
        side(&settings, "systemd unit").unwrap().unwrap()
    }

    fn ambient(lines: &str) -> String {
        crate::dialects::grant::shown(of(&format!("User=nobody\n{lines}")).grant)
    }

    #[test]
    fn lists_add_up_and_an_empty_one_resets() {
        assert_eq!(
            ambient("AmbientCapabilities=CAP_KILL\nAmbientCapabilities=cap_bpf 12"),
            "cap_kill,cap_net_admin,cap_bpf"
        );
        assert_eq!(
            ambient("AmbientCapabilities=CAP_KILL\nAmbientCapabilities=\nAmbientCapabilities=CAP_BPF"),
            "cap_bpf"
        );
        assert_eq!(ambient("AmbientCapabilities=CAP_KILL\nAmbientCapabilities="), "none");
    }

    #[test]
    fn a_tilde_takes_away_or_is_all_but() {
        assert_eq!(ambient("AmbientCapabilities=CAP_KILL CAP_BPF\nAmbientCapabilities=~CAP_BPF"), "cap_kill");
        assert_eq!(ambient("AmbientCapabilities=~"), "all");
        assert_eq!(ambient("AmbientCapabilities=~CAP_BPF CAP_KILL"), "all but cap_kill,cap_bpf");
        assert_eq!(ambient("AmbientCapabilities=~\nCapabilityBoundingSet=CAP_BPF"), "cap_bpf");
        // All names together are not the initial set of systemd, which has more bits. So another list is added.
        let names: Vec<String> = Capability::all().map(|one| one.name().to_owned()).collect();
        let lines = format!("CapabilityBoundingSet={}\nCapabilityBoundingSet=CAP_BPF", names.join(" "));
        assert_eq!(of(&lines).grant, all());
    }

    #[test]
    fn a_service_of_root_has_its_bounding_set() {
        let unit = of(
            "AmbientCapabilities=CAP_KILL\nCapabilityBoundingSet=CAP_KILL \\\n# between\n  CAP_BPF\nLimitMEMLOCK=64M",
        );
        assert_eq!(unit.grant.to_string(), "cap_kill,cap_bpf");
        assert_eq!(unit.stated.limits["memlock"], Limit(64 * 1024 * 1024));
        assert!(unit.decided.contains("root"));
        let unit = of("AmbientCapabilities=CAP_KILL\nCapabilityBoundingSet=CAP_KILL CAP_BPF\nSecureBits=noroot");
        assert_eq!(unit.grant.to_string(), "cap_kill");
    }

    #[test]
    fn what_systemd_ignores_is_reported_and_what_was_before_it_stays() {
        let unit =
            of("CapabilityBoundingSet=BPF CAP_KILL\nNoNewPrivileges=yes\nNoNewPrivileges=maybe\nLimitNOFILE=64K");
        assert_eq!((unit.grant.to_string().as_str(), unit.stated.no_new_privs), ("cap_kill", Some(true)));
        assert_eq!(
            unit.notes,
            [
                "CapabilityBoundingSet= names \"BPF\", which systemd ignores",
                "systemd ignores NoNewPrivileges=maybe",
                "systemd ignores LimitNOFILE=64K",
            ]
        );
    }

    #[test]
    fn a_quoted_list_is_one_word_which_systemd_does_not_know() {
        let unit = of("User=nobody\nAmbientCapabilities=\"CAP_NET_ADMIN CAP_NET_RAW\" 'CAP_BPF'");
        assert_eq!((unit.grant.to_string().as_str(), unit.notes.len()), ("cap_bpf", 1));
    }

    #[test]
    fn the_user_may_be_that_of_the_instance_and_must_be_one() {
        assert!(of("User=%i").decided.ends_with("as user i"));
        assert_eq!(of("User=%u").grant, all());
        let unit = of("User=%H\nAmbientCapabilities=CAP_KILL");
        assert_eq!((unit.grant.to_string().as_str(), unit.notes.len()), ("cap_kill", 1));
        for refused in ["User=a:b", "User=%i", "DynamicUser=maybe"] {
            let settings = of_unit(&format!("[Service]\nExecStart=/x\n{refused}\n"), "x.service").unwrap();
            let error = side(&settings, "x").unwrap_err().to_string();
            assert!(error.starts_with("systemd refuses to load a unit with "), "{error}");
        }
    }

    #[test]
    fn a_dynamic_user_gains_nothing_at_exec() {
        let unit = of("DynamicUser=yes\nAmbientCapabilities=CAP_KILL\nNoNewPrivileges=no");
        assert_eq!((unit.grant.to_string().as_str(), unit.stated.no_new_privs), ("cap_kill", Some(true)));
    }

    #[test]
    fn what_a_filter_of_system_calls_brings_along_is_left_open() {
        let unit = of("User=nobody\nNoNewPrivileges=no\nLockPersonality=yes");
        assert_eq!((unit.stated.no_new_privs, unit.notes.len()), (None, 1));
        let unit = of("User=nobody\nNoNewPrivileges=no\nLockPersonality=no\nSystemCallFilter=");
        assert_eq!((unit.stated.no_new_privs, unit.notes.len()), (Some(false), 0));
        assert_eq!(of("NoNewPrivileges=no\nLockPersonality=yes").stated.no_new_privs, Some(false));
    }

    #[test]
    fn a_command_with_more_than_the_settings_is_reported_unless_it_was_reset() {
        let notes = |lines: &str| of(lines).notes.len();
        assert_eq!((notes("ExecStart=-+/y"), notes("ExecStart=!/y"), notes("ExecStart=!!/y")), (1, 1, 0));
        assert_eq!(notes("ExecStart=+/y\nExecStart=\nExecStart=/z"), 0);
    }

    #[test]
    fn what_states_no_user_or_starts_no_process_is_said_to() {
        let of = |text: &str| side(&of_unit(text, "x").unwrap(), "systemd unit").unwrap();
        let drop_in = of("[Service]\nAmbientCapabilities=CAP_NET_BIND_SERVICE\n").unwrap();
        assert_eq!(drop_in.grant.to_string(), "cap_net_bind_service");
        assert!(drop_in.decided.contains("the user is not stated"), "{}", drop_in.decided);
        assert!(of("[Unit]\nDescription=x\n[Timer]\nOnCalendar=daily\n").is_none());
        assert!(of("[Service]\nRestart=always\nExecPaths=/x\n").is_none());
        let private = of("[Service]\nExecStart=/x\nUser=nobody\nPrivateUsers=yes\nAmbientCapabilities=CAP_BPF\n");
        assert!(private.unwrap().notes[0].contains("own user namespace"));
    }
}
