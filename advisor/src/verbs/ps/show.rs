//! Shows the launched processes as text for people and as JSON for programs.

use super::entry::Entry;
use crate::host::launched::FoundBy;
use crate::output::page::wrapped;
use crate::output::table::Table;
use crate::output::terminal::Style;
use capwrap_core::text::{duration, printable};
use serde::Serialize;

/// The columns whose words are never broken: pid, user, tool and since.
const WHOLE: [usize; 4] = [0, 1, 2, 3];

#[derive(Serialize)]
struct Object<'e> {
    schema: u32,
    processes: &'e [Entry],
    others: &'e [i32],
    notes: Vec<String>,
}

/// The processes as one JSON object, without a newline after it.
pub fn json(entries: &[Entry], others: &[i32], notes: &[String]) -> Result<String, serde_json::Error> {
    let notes = notes.iter().map(|note| printable::line(note)).collect();
    crate::output::json::pretty(&Object { schema: crate::output::json::SCHEMA, processes: entries, others, notes })
}

/// The text: a table, and what the reader should know about it.
pub fn text(entries: &[Entry], notes: &[String], width: u16, styled: bool) -> String {
    let mut text = if entries.is_empty() {
        "No tool that capwrap launched runs now.\n".to_owned()
    } else {
        let mut table = Table::new(&["pid", "user", "tool", "for", "capabilities", ""], width, styled);
        for entry in entries {
            let remark = remark(entry);
            let style = if entry.allowed_by.is_none() { Style::Yellow } else { Style::Plain };
            table.row([
                (entry.pid.to_string(), Style::Plain),
                (printable::line(&entry.user), Style::Plain),
                (printable::line(&entry.name), Style::Plain),
                (duration::words(entry.seconds), Style::Plain),
                (capabilities(entry), Style::Plain),
                (remark, style),
            ]);
        }
        table.render(&WHOLE, &[0])
    };
    for note in notes {
        text.push('\n');
        for line in wrapped(&format!("note: {}", printable::line(note)), usize::from(width)) {
            text += &line;
            text.push('\n');
        }
    }
    text
}

/// What it holds, and what that is for.
fn capabilities(entry: &Entry) -> String {
    if entry.found_by == FoundBy::Launcher {
        return "not executed yet".to_owned();
    }
    if entry.capabilities.is_empty() {
        return "none any more".to_owned();
    }
    // A scope begins with the capabilities that it is for.
    let is_named =
        |name: &&str, scope: &str| scope.split(' ').next().is_some_and(|list| list.split(',').any(|one| one == *name));
    let scopes = entry.scopes.iter().filter(|scope| entry.capabilities.iter().any(|name| is_named(name, scope)));
    let plain = entry.capabilities.iter().filter(|name| !entry.scopes.iter().any(|scope| is_named(name, scope)));
    let parts = plain.map(|name| (*name).to_owned()).chain(scopes.map(|scope| printable::line(scope)));
    parts.collect::<Vec<_>>().join("; ")
}

fn remark(entry: &Entry) -> String {
    let found = match entry.found_by {
        FoundBy::Record | FoundBy::Tool => None,
        FoundBy::Parent => Some(format!("started by {}", entry.parent)),
        FoundBy::Name => Some("by its name".to_owned()),
        FoundBy::Launcher => Some("starting".to_owned()),
    };
    let ended = entry.allowed_by.is_none().then(|| "no longer allowed".to_owned());
    [ended, found].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry {
            pid: 4711,
            parent: 1,
            started: "2026-11-27T08:00:00Z".to_owned(),
            seconds: 7_260,
            user: "alice".to_owned(),
            uid: 1000,
            name: "tcpdump".to_owned(),
            executable: Some("/usr/bin/tcpdump".to_owned()),
            capabilities: vec!["cap_net_raw"],
            passed: None,
            scopes: vec!["cap_net_raw through socket:packet".to_owned()],
            found_by: FoundBy::Tool,
            allowed_by: Some("user alice".to_owned()),
            reason: None,
        }
    }

    #[test]
    fn each_process_takes_a_row_and_what_is_no_longer_allowed_is_said() {
        let child = Entry {
            pid: 4712,
            parent: 4711,
            found_by: FoundBy::Parent,
            allowed_by: None,
            scopes: Vec::new(),
            capabilities: Vec::new(),
            ..entry()
        };
        let shown = text(&[entry(), child], &["look here".to_owned()], 120, false);
        let lines: Vec<String> =
            shown.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert!(lines[1].starts_with("4711 alice tcpdump 2 h 1 min cap_net_raw through socket:packet"), "{shown}");
        assert!(lines[2].ends_with("none any more no longer allowed, started by 4711"), "{shown}");
        assert_eq!(lines[3..], ["", "note: look here"]);
        assert!(text(&[], &[], 80, false).starts_with("No tool"));
    }
}
