//! Writes and reads what the settings of a unit say of system calls and ports (systemd.exec(5), systemd.resource-control(5)).

use crate::dialects::boolean::systemd as boolean;
use crate::dialects::export_request::Launch;
use crate::dialects::seccomp::calls::Calls;
use crate::dialects::systemd::syntax::words;
use crate::dialects::systemd::values::Values;
use capwrap_core::scope::filter::Refusal;
use capwrap_core::scope::profile::{Answer, Profile};
use capwrap_core::scope::uses::any_with;
use capwrap_core::text::printable;
use std::collections::BTreeSet;

/// The address families by the names that systemd takes, with their numbers (linux/socket.h). Those that
/// no kernel has any more are left out.
const FAMILIES: [(&str, u32); 32] = [
    ("AF_UNIX", 1),
    ("AF_INET", 2),
    ("AF_AX25", 3),
    ("AF_APPLETALK", 5),
    ("AF_NETROM", 6),
    ("AF_ATMPVC", 8),
    ("AF_X25", 9),
    ("AF_INET6", 10),
    ("AF_ROSE", 11),
    ("AF_KEY", 15),
    ("AF_NETLINK", 16),
    ("AF_PACKET", 17),
    ("AF_ATMSVC", 20),
    ("AF_RDS", 21),
    ("AF_PPPOX", 24),
    ("AF_LLC", 26),
    ("AF_IB", 27),
    ("AF_MPLS", 28),
    ("AF_CAN", 29),
    ("AF_TIPC", 30),
    ("AF_BLUETOOTH", 31),
    ("AF_RXRPC", 33),
    ("AF_PHONET", 35),
    ("AF_IEEE802154", 36),
    ("AF_CAIF", 37),
    ("AF_ALG", 38),
    ("AF_NFC", 39),
    ("AF_VSOCK", 40),
    ("AF_KCM", 41),
    ("AF_QIPCRTR", 42),
    ("AF_SMC", 43),
    ("AF_XDP", 44),
];

/// The calls that make and join namespaces.
pub const NAMESPACES: [&str; 3] = ["clone", "unshare", "setns"];

/// Returns the settings for the scopes of a policy.
pub fn settings(launch: &Launch<'_>) -> Vec<String> {
    let Some(profile) = launch.profile() else { return Vec::new() };
    let refused = |refusal| {
        let of = move |(_, answer): &(&&str, &Answer)| **answer == Answer::Refused(refusal);
        profile.iter().filter(of).map(|(call, _)| *call)
    };
    let absent = refused(Refusal::NotThere).map(|call| format!("{call}:ENOSYS"));
    let calls: Vec<String> = refused(Refusal::NotPermitted).map(str::to_owned).chain(absent).collect();
    // A list of the unit's own that allows calls keeps what it is, and loses these.
    let mut lines = vec![
        format!("SystemCallFilter=~{}", calls.join(" ")),
        "SystemCallErrorNumber=EPERM".to_owned(),
        "SystemCallArchitectures=native".to_owned(),
    ];
    let families = open_families(&profile);
    if families.len() < FAMILIES.len() {
        // A list of refused families compares all 64 bits of a number of which the kernel reads 32, and so lets it through
        // with others set; a list of allowed ones refuses what is greater (systemd, seccomp_restrict_address_families).
        lines.push("RestrictAddressFamilies=".to_owned());
        lines.push(format!("RestrictAddressFamilies={}", families.join(" ")));
    }
    if closes_namespaces(&profile) {
        lines.push("RestrictNamespaces=yes".to_owned());
    }
    let mut ports: Vec<u16> =
        launch.scopes.iter().flat_map(|one| one.ports.iter().flatten()).map(|port| port.0).collect();
    if launch.scopes.iter().any(|one| one.ports.is_some()) {
        ports.sort_unstable();
        ports.dedup();
        // Port 0 stands for one that the kernel chooses, and is in no rule.
        lines.extend(["SocketBindAllow=", "SocketBindDeny=", "SocketBindDeny=tcp:1-65535"].map(str::to_owned));
        lines.extend(ports.iter().map(|port| format!("SocketBindAllow=tcp:{port}")));
    }
    lines
}

/// Returns the address families of which the profile lets sockets through.
fn open_families(profile: &Profile) -> Vec<&'static str> {
    let is_open = |number| match profile.get("socket") {
        Some(Answer::AllowedFor(uses)) => any_with(uses, 0, number),
        _ => true,
    };
    FAMILIES.iter().filter(|(_, number)| is_open(*number)).map(|(name, _)| *name).collect()
}

/// Returns whether the profile lets no namespace be made or joined.
fn closes_namespaces(profile: &Profile) -> bool {
    NAMESPACES.iter().all(|call| profile.get(call).is_some_and(|answer| *answer != Answer::Allowed))
}

/// Returns which settings stand for the calls that the profile refuses in part, as a part of a sentence.
pub fn in_other_words(profile: &Profile) -> &'static str {
    match (open_families(profile).len() == FAMILIES.len(), closes_namespaces(profile)) {
        (true, false) => "",
        (false, false) => ", of which RestrictAddressFamilies= says some",
        (true, true) => ", of which RestrictNamespaces= says some",
        (false, true) => ", of which RestrictAddressFamilies= and RestrictNamespaces= say some",
    }
}

/// Returns which system calls the settings of a unit refuse. A list that names groups, or that names what is allowed, is not
/// compared, and that is a note.
pub fn calls(values: &mut Values<'_>) -> Option<Calls> {
    let said = ["SystemCallFilter", "RestrictNamespaces", "RestrictAddressFamilies"];
    if !said.iter().any(|key| values.all(key).any(|value| !value.is_empty())) {
        return None;
    }
    let mut calls = Calls::default();
    for value in values.all("SystemCallFilter") {
        let Some(list) = value.strip_prefix('~') else {
            if value.is_empty() {
                calls = Calls::default();
                continue;
            }
            values.notes.push("SystemCallFilter= says what is allowed, which is not compared".to_owned());
            return None;
        };
        for word in words(list) {
            let name = word.split(':').next().unwrap_or_default();
            if name.starts_with('@') {
                values.notes.push(format!("SystemCallFilter= names {}, which is not compared", printable::text(name)));
                return None;
            }
            calls.refuse(name);
        }
    }
    let last = |key: &str| values.all(key).next_back().unwrap_or_default();
    let namespaces = last("RestrictNamespaces");
    if !namespaces.is_empty() && boolean(namespaces) != Some(false) {
        NAMESPACES.iter().for_each(|call| calls.refuse_in_part(call));
    }
    if !last("RestrictAddressFamilies").is_empty() {
        calls.refuse_in_part("socket");
    }
    Some(calls)
}

/// Returns the only ports that may be bound, if the settings of a unit refuse the others.
pub fn ports(values: &Values<'_>) -> Option<BTreeSet<String>> {
    let list = |key: &str| {
        let assigned: Vec<&str> = values.all(key).rev().take_while(|value| !value.is_empty()).collect();
        assigned.into_iter().flat_map(words).map(|word| word.replacen(':', "/", 1)).collect::<BTreeSet<_>>()
    };
    (!list("SocketBindDeny").is_empty()).then(|| list("SocketBindAllow"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialects::export_request::tests::{facts, source};
    use crate::dialects::systemd::syntax::of_unit;

    fn of(lines: &str) -> (Option<Calls>, Option<BTreeSet<String>>, Vec<String>) {
        let settings = of_unit(&format!("[Service]\n{lines}"), "x.service").unwrap();
        let mut values = Values { assignments: &settings.assignments, notes: Vec::new() };
        (calls(&mut values), ports(&values), values.notes)
    }

    #[test]
    fn what_is_written_is_read_back_but_for_parts_of_calls() {
        let policy = "schema = 1\n[tool]\npath = \"/t\"\n[allow]\nusers = [\"root\"]\n[[grant]]\ncaps = \"sys_admin\"\n\
                      through = \"quotactl\"\n[[grant]]\ncaps = \"net_bind_service\"\nports = [\"tcp/443\", \"tcp/80\"]\n";
        let (source, facts) = (source("t", policy), facts());
        let launch = Launch::of(&source, &facts, None).unwrap();
        let text = settings(&launch).join("\n");
        let (read, ports, notes) = of(&text);
        let (read, meant) = (read.unwrap(), Calls::of(&launch.profile().unwrap()));
        assert_eq!(read.refused, meant.refused);
        assert!(read.in_part.is_subset(&meant.in_part) && read.in_part.contains("unshare"), "{:?}", read.in_part);
        assert_eq!(ports.unwrap().into_iter().collect::<Vec<_>>(), ["tcp/443", "tcp/80"]);
        assert!(notes.is_empty() && text.contains("RestrictNamespaces=yes"), "{text}");
    }

    #[test]
    fn lists_that_are_not_known_here_are_a_note() {
        assert_eq!(of("User=x\n"), (None, None, Vec::new()));
        for lines in ["SystemCallFilter=~@mount\n", "SystemCallFilter=@system-service\nSystemCallFilter=~mount\n"] {
            let (calls, _, notes) = of(lines);
            assert!(calls.is_none() && notes[0].ends_with("not compared"), "{notes:?}");
        }
        let (calls, _, _) = of("SystemCallFilter=~mount\nSystemCallFilter=\nSystemCallFilter=~reboot:EPERM no_call\n");
        assert_eq!(calls.unwrap().refused.into_iter().collect::<Vec<_>>(), ["reboot"]);
        assert_eq!(of("RestrictNamespaces=no\nSystemCallFilter=~\n").0, Some(Calls::default()));
    }
}
