//! Subjects for tools that run on although their users may not run them any more.

use crate::host::launched::{FoundBy, Known, Launched};
use crate::host::still_allowed::Now;
use crate::output::finding::Line;
use crate::verbs::verify::judged::{Judged, Kind, Subject};
use anyhow::Result;
use capwrap_core::decision::accounts;
use capwrap_core::text::{printable, shell};
use std::collections::BTreeMap;

/// The most processes of a user that are named.
const NAMED: usize = 8;

/// A subject for each policy by which such a process runs, of the policies that `is_meant` says yes to. That a process goes on
/// when its grant has ended is no fault, so each line is a note.
pub fn subjects(is_meant: impl Fn(&str) -> bool) -> Vec<Subject> {
    found(is_meant).unwrap_or_else(|error| {
        let line = Judged::unread("processes", "those that capwrap launched", &format!("{error:#}"));
        vec![Subject { kind: Kind::Process, name: "running tools".to_owned(), path: None, lines: vec![line] }]
    })
}

fn found(is_meant: impl Fn(&str) -> bool) -> Result<Vec<Subject>> {
    let running = Known::read()?.running()?;
    let now = Now::read(&running.processes)?;
    // What the launcher has not executed yet, the launcher may still refuse.
    let executed = running.processes.iter().filter(|one| one.found_by != FoundBy::Launcher);
    let mut by_policy: BTreeMap<&str, BTreeMap<u32, Vec<&Launched>>> = BTreeMap::new();
    for one in executed {
        // A record that the process sent to the journal itself does not hide it: every policy named for it is judged.
        for policy in one.policies().filter(|policy| is_meant(policy) && now.allowed_by(policy, one.uid).is_none()) {
            by_policy.entry(policy).or_default().entry(one.uid).or_default().push(one);
        }
    }
    let subject = |(policy, users): (&str, BTreeMap<u32, Vec<&Launched>>)| {
        let is_enabled = now.is_enabled(policy);
        let lines = users.into_iter().map(|(uid, processes)| {
            line(policy, is_enabled, &accounts::name(&now.local.passwd, uid), &processes).into()
        });
        Subject { kind: Kind::Process, name: policy.to_owned(), path: None, lines: lines.collect() }
    };
    Ok(by_policy.into_iter().map(subject).collect())
}

/// The line about what a user runs by a policy that does not allow it any more.
fn line(policy: &str, is_enabled: bool, user: &str, processes: &[&Launched]) -> Line {
    let mut named: Vec<String> = processes.iter().take(NAMED).map(|one| one.pid.to_string()).collect();
    if let Some(more) = processes.len().checked_sub(NAMED).filter(|more| *more > 0) {
        named.push(format!("{more} more"));
    }
    let value = format!("user {}: process {}", printable::text(user), named.join(", "));
    let why = if is_enabled { "may not run it any more" } else { "runs it by a policy that is not enabled any more" };
    let by_name =
        if processes.iter().all(|one| one.found_by == FoundBy::Name) { " (found by its name alone)" } else { "" };
    let hint = shell::argument(user).map(|user| format!("capwrap revoke {policy} --user {user} --kill"));
    Line::note("goes on", value).means(format!("{} {why}{by_name}", printable::text(user))).optional_hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use capwrap_core::CapabilitySet;

    fn process(pid: i32, found_by: FoundBy) -> Launched {
        Launched {
            pid,
            parent: 1,
            ticks: 0,
            started: 0,
            uid: 1000,
            policy: "tcpdump".to_owned(),
            also: Vec::new(),
            executable: None,
            capabilities: CapabilitySet::EMPTY,
            found_by,
            record: None,
        }
    }

    #[test]
    fn many_processes_of_a_user_take_one_line_with_its_hint() {
        let all: Vec<Launched> = (1..=10).map(|pid| process(pid, FoundBy::Parent)).collect();
        let said = line("tcpdump", true, "alice", &all.iter().collect::<Vec<_>>());
        assert_eq!(said.value.as_deref(), Some("user alice: process 1, 2, 3, 4, 5, 6, 7, 8, 2 more"));
        assert_eq!(said.means, "alice may not run it any more");
        assert_eq!(said.hint.as_deref(), Some("capwrap revoke tcpdump --user alice --kill"));
        let said = line("tcpdump", false, "alice", &[&process(7, FoundBy::Name)]);
        assert!(said.means.ends_with("not enabled any more (found by its name alone)"), "{said:?}");
    }
}
