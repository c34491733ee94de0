//! Reads a unit's settings as systemd does (systemd.exec(5), systemd.syntax(7)).

use crate::dialects::boolean::systemd as boolean;
use crate::dialects::grant::{Side, all};
use anyhow::{Result, bail};
use capwrap_core::policy::limits::{Limit, RESOURCES};
use capwrap_core::text::printable;
use capwrap_core::{Capability, CapabilitySet};

/// The sections whose settings apply to processes (systemd.exec(5)).
const SECTIONS: [&str; 4] = ["Service", "Socket", "Mount", "Swap"];

/// The settings that remove capabilities from the bounding set (systemd, unit_patch_contexts).
const TAKERS: [(&str, &[Capability]); 4] = [
    ("PrivateDevices", &[Capability::MKNOD, Capability::SYS_RAWIO]),
    ("ProtectKernelModules", &[Capability::SYS_MODULE]),
    ("ProtectKernelLogs", &[Capability::SYSLOG]),
    ("ProtectClock", &[Capability::SYS_TIME, Capability::WAKE_ALARM]),
];

/// An assignment. A list of them has the order in which systemd reads them.
pub type Assignment = (String, String);

/// What a unit file or a drop-in says.
#[derive(Debug, Default)]
pub struct Settings {
    pub assignments: Vec<Assignment>,
    /// What systemd ignores.
    pub notes: Vec<String>,
}

impl Settings {
    /// Adds what a later file says.
    pub fn extend(&mut self, other: Self) {
        self.assignments.extend(other.assignments);
        self.notes.extend(other.notes);
    }
}

/// Returns the settings of a unit file or drop-in that apply to processes.
///
/// # Errors
/// The name of a section has no end. The error has the line's number.
pub fn of_unit(text: &str, source: &str) -> Result<Settings> {
    settings(text, source, &SECTIONS)
}

/// Returns the settings in these sections. As in systemd, a line without `=` is ignored with a warning.
///
/// # Errors
/// The name of a section has no end. The error has the line's number.
pub fn settings(text: &str, source: &str, sections: &[&str]) -> Result<Settings> {
    let mut found = Settings::default();
    let mut in_section = false;
    for (number, line) in logical_lines(text) {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        let place = || format!("{}:{number}", printable::text(source));
        if let Some(rest) = line.strip_prefix('[') {
            let Some(section) = rest.strip_suffix(']') else {
                bail!("{}: no end of the section's name: {}", place(), printable::text(line));
            };
            in_section = sections.contains(&section);
        } else if let Some((key, value)) = line.split_once('=') {
            if in_section {
                found.assignments.push((key.trim().to_owned(), value.trim().to_owned()));
            }
        } else {
            let shown = printable::text(shortened(line));
            found.notes.push(format!("{}: systemd ignores a line without \"=\": {shown}", place()));
        }
    }
    Ok(found)
}

fn shortened(line: &str) -> &str {
    line.char_indices().nth(60).map_or(line, |(end, _)| &line[..end])
}

/// Joins each line with the lines that continue it after a backslash, and returns it with the number of its first line.
/// Comments are removed, also between continued lines.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (at, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        if line.trim_start().starts_with(['#', ';']) {
            continue;
        }
        let (number, mut whole) = open.take().unwrap_or((at + 1, String::new()));
        // As in systemd, a backslash that is itself escaped continues nothing.
        let backslashes = line.len() - line.trim_end_matches('\\').len();
        if backslashes % 2 == 1 {
            whole.push_str(&line[..line.len() - 1]);
            whole.push(' ');
            open = Some((number, whole));
        } else {
            whole.push_str(line);
            lines.push((number, whole));
        }
    }
    lines.extend(open);
    lines
}

/// Returns what a process of the unit could use. It returns `None` if the settings say nothing about any process, as
/// those of a timer or of an empty drop-in.
pub fn side(settings: &Settings, kind: &'static str) -> Option<Side> {
    let assignments = &settings.assignments;
    let mut notes = settings.notes.clone();
    let ambient = merged(assignments, "AmbientCapabilities", CapabilitySet::EMPTY, &mut notes);
    let bounding = merged(assignments, "CapabilityBoundingSet", all(), &mut notes);
    let says = |key: &str| assignments.iter().any(|(own, _)| own == key);
    let last = |key: &str| assignments.iter().rev().find(|(own, _)| own == key).map(|(_, value)| value.as_str());
    let is_on = |key: &str| last(key).and_then(boolean);
    let mut taken = CapabilitySet::EMPTY;
    for (setting, taken_away) in TAKERS.iter().filter(|(setting, _)| is_on(setting) == Some(true)) {
        let set: CapabilitySet = taken_away.iter().copied().collect();
        notes.push(format!("{setting}=yes takes {set} from the bounding set"));
        taken = taken.union(set);
    }
    let bounding = bounding.without(taken);
    let user = last("User").filter(|user| !user.is_empty());
    let other = if is_on("DynamicUser") == Some(true) { user.or(Some("of its own")) } else { user };
    let other = other.filter(|user| !["root", "0"].contains(user));
    // Only a whole unit states by its silence that root runs it.
    let is_whole =
        user.is_some() || assignments.iter().any(|(key, _)| STARTERS.iter().any(|start| key.starts_with(start)));
    let of_ambient = ambient.intersection(bounding);
    let (grant, decided) = match other {
        Some(user) => {
            let user = printable::text(user);
            (of_ambient, format!("the ambient set within the bounding set: it runs as user {user}"))
        }
        None if is_whole => (bounding, "the bounding set: it runs as root".to_owned()),
        None if says("AmbientCapabilities") => {
            (of_ambient, "the ambient set within the bounding set: the user is not stated here".to_owned())
        }
        None if says("CapabilityBoundingSet") || !taken.is_empty() => {
            (bounding, "the bounding set: the user is not stated here".to_owned())
        }
        None => return None,
    };
    let mut side = Side::new(kind, grant, decided);
    if says("CapabilityBoundingSet") || !taken.is_empty() {
        side.stated.bounding = Some(bounding);
    }
    side.stated.no_new_privs = is_on("NoNewPrivileges");
    for resource in RESOURCES {
        if let Some(limit) = last(&format!("Limit{}", resource.to_ascii_uppercase())).and_then(limit) {
            side.stated.limit(resource, limit);
        }
    }
    if says("ExecStart") && assignments.iter().any(|(key, value)| key == "ExecStart" && is_privileged(value)) {
        side.notes.push(RUNS_WITH_MORE.to_owned());
    }
    if last("PrivateUsers").is_some_and(|value| !value.is_empty() && boolean(value) != Some(false)) {
        side.notes.push(
            "PrivateUsers=: these count in the unit's own user namespace alone, and nothing on the host".to_owned(),
        );
    }
    side.notes.append(&mut notes);
    Some(side)
}

/// The note on a command that systemd runs with more than the settings say.
pub const RUNS_WITH_MORE: &str = "a command of ExecStart= begins with + or !: systemd runs it with more than this";

/// How the settings begin without which no unit starts a process (systemd.service(5), systemd.socket(5),
/// systemd.mount(5), systemd.swap(5)).
const STARTERS: [&str; 4] = ["Exec", "Listen", "What", "BusName"];

/// Whether a command has a prefix that lifts restrictions (systemd.service(5)).
fn is_privileged(command: &str) -> bool {
    command.chars().take_while(|letter| "@-:+!|".contains(*letter)).any(|letter| "+!".contains(letter))
}

/// Merges all assignments of a list as systemd's config_parse_capability_set does. An assignment replaces the list if
/// the list so far is the initial one, or if the assignment is empty. Otherwise it adds to the list or, after `~`,
/// removes from it.
fn merged(assignments: &[Assignment], key: &str, initial: CapabilitySet, notes: &mut Vec<String>) -> CapabilitySet {
    let values = assignments.iter().filter(|(own, _)| own == key).map(|(_, value)| value.as_str());
    values.fold(initial, |set, value| {
        let (inverted, list) = value.strip_prefix('~').map_or((false, value), |list| (true, list));
        let sum = named(list, key, notes);
        match (sum.is_empty() || set == initial, inverted) {
            (true, false) => sum,
            (true, true) => all().without(sum),
            (false, false) => set.union(sum),
            (false, true) => set.without(sum),
        }
    })
}

/// Returns the capabilities of a list. As in systemd, unknown names are left out.
fn named(list: &str, key: &str, notes: &mut Vec<String>) -> CapabilitySet {
    let mut set = CapabilitySet::EMPTY;
    for word in &words(list) {
        match known(word) {
            Some(capability) => set.insert(capability),
            None => notes.push(format!("{key}= names \"{}\", which systemd ignores", printable::text(word))),
        }
    }
    set
}

/// Splits a value as systemd's extract_first_word does: quotes keep blanks within a word.
pub fn words(value: &str) -> Vec<String> {
    let mut all = Vec::new();
    let (mut word, mut quote): (Option<String>, Option<char>) = (None, None);
    for letter in value.chars() {
        match (letter, quote) {
            (_, Some(open)) if letter == open => quote = None,
            ('"' | '\'', None) => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (_, None) if letter.is_whitespace() => all.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    all.extend(word);
    all
}

/// Reads a capability as systemd's capability_from_name does: a name with its prefix in any case, or a number.
fn known(word: &str) -> Option<Capability> {
    if let Ok(number) = word.parse::<u8>() {
        return Capability::from_number(number);
    }
    let is_whole = word.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("cap_"));
    is_whole.then(|| Capability::parse(word).ok())?
}

/// Returns the hard limit of `SOFT:HARD` or `BOTH`. Suffixes have the base 1024.
fn limit(text: &str) -> Option<Limit> {
    let hard = text.rsplit(':').next()?.trim();
    if hard == "infinity" {
        return Some(Limit::UNLIMITED);
    }
    let digits = hard.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let power = match &hard[digits.len()..] {
        "" | "B" => 0,
        "K" => 1,
        "M" => 2,
        "G" => 3,
        "T" => 4,
        _ => return None,
    };
    let number: u64 = digits.parse().ok()?;
    number.checked_mul(1 << (10 * power)).map(Limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &str) -> Side {
        side(&of_unit(&format!("[Service]\nExecStart=/x\n{lines}"), "x.service").unwrap(), "systemd unit").unwrap()
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
    }

    #[test]
    fn a_service_of_root_has_its_bounding_set() {
        let unit = of(
            "AmbientCapabilities=CAP_KILL\nCapabilityBoundingSet=CAP_KILL \\\n# between\n  CAP_BPF\nLimitMEMLOCK=64M",
        );
        assert_eq!(unit.grant.to_string(), "cap_kill,cap_bpf");
        assert_eq!(unit.stated.limits["memlock"], Limit(64 * 1024 * 1024));
        assert!(unit.decided.contains("root"));
    }

    #[test]
    fn a_name_that_systemd_ignores_is_reported() {
        let unit = of("CapabilityBoundingSet=BPF CAP_KILL");
        assert_eq!((unit.grant.to_string().as_str(), unit.notes.len()), ("cap_kill", 1));
    }

    #[test]
    fn a_line_that_systemd_ignores_is_reported_with_its_number() {
        let settings = of_unit("[Service]\nUser=x\nwhat is this\n", "x.service").unwrap();
        assert_eq!(settings.notes, ["x.service:3: systemd ignores a line without \"=\": what is this"]);
        let error = of_unit("[Service\n", "x.service").unwrap_err();
        assert_eq!(error.to_string(), "x.service:1: no end of the section's name: [Service");
    }

    #[test]
    fn a_quoted_list_is_one_word_which_systemd_does_not_know() {
        let unit = of("User=nobody\nAmbientCapabilities=\"CAP_NET_ADMIN CAP_NET_RAW\" 'CAP_BPF'");
        assert_eq!((unit.grant.to_string().as_str(), unit.notes.len()), ("cap_bpf", 1));
    }

    #[test]
    fn what_states_no_user_or_starts_no_process_is_said_to() {
        let of = |text: &str| side(&of_unit(text, "x").unwrap(), "systemd unit");
        let drop_in = of("[Service]\nAmbientCapabilities=CAP_NET_BIND_SERVICE\n").unwrap();
        assert_eq!(drop_in.grant.to_string(), "cap_net_bind_service");
        assert!(drop_in.decided.contains("the user is not stated"), "{}", drop_in.decided);
        assert!(of("[Unit]\nDescription=x\n[Timer]\nOnCalendar=daily\n").is_none());
        assert!(of("[Service]\nRestart=always\n").is_none());
        let private = of("[Service]\nExecStart=/x\nUser=nobody\nPrivateUsers=yes\nAmbientCapabilities=CAP_BPF\n");
        assert!(private.unwrap().notes[0].contains("own user namespace"));
    }
}
