//! Shows all capabilities in one table.

use crate::analysis::capability_risk;
use crate::analysis::capability_risk::Closeness;
use crate::output::json::SCHEMA;
use crate::output::table::Table;
use crate::output::terminal;
use crate::output::terminal::Style;
use crate::verbs::caps::form::Form;
use anyhow::Result;
use capwrap_core::scope::table::PARAMETERS;
use capwrap_core::scope::{door, strength};
use capwrap_core::{Capability, TABLE};
use serde::Serialize;
use serde_json::{Value, json};

/// Prints the table.
pub fn print(form: Form) -> Result<()> {
    let last = last_capability();
    if form.json {
        let all: Vec<Value> = Capability::all().map(|one| object(one, last)).collect();
        say!(
            "{}",
            crate::output::json::pretty(&json!({ "schema": SCHEMA, "last_capability": last, "capabilities": all }))?
        );
    } else {
        say!("{}", text(last, terminal::width(), form.color.styled()).trim_end());
    }
    Ok(())
}

/// The number of the last capability that this kernel knows, if the kernel shows it.
pub fn last_capability() -> Option<u8> {
    std::fs::read_to_string("/proc/sys/kernel/cap_last_cap").ok()?.trim().parse().ok()
}

/// One capability as JSON for programs.
pub fn object(one: Capability, last: Option<u8>) -> Value {
    let meaning = capability_risk::of(one);
    json!({
        "number": one.number(),
        "name": one.name(),
        "since": TABLE[usize::from(one.number())].since,
        "known_here": last.map(|last| one.number() <= last),
        "opens": meaning.opens,
        "closeness": meaning.closeness,
        "escalation": Some(meaning.escalation).filter(|text| !text.is_empty()),
        "scope": strength::of(one).through.word(),
        "scope_leaves": Some(strength::of(one).leaves).filter(|leaves| *leaves != strength::NOTHING),
        "doors": doors(one),
    })
}

/// The doors that `through` can name for a capability, those with a parameter last.
#[derive(Debug, Serialize)]
pub struct DoorOfCapability {
    /// The name, with a word such as SIGNAL for its parameter.
    pub name: String,
    /// The system calls of which the door opens a use, each once.
    pub calls: Vec<&'static str>,
}

/// Returns the doors of a capability.
pub fn doors(one: Capability) -> Vec<DoorOfCapability> {
    let calls = |name: &str| {
        let mut calls: Vec<&str> = Vec::new();
        for row in door::rows_of(one).filter(|row| row.call == name || row.doors.contains(&name)) {
            if !calls.contains(&row.call) {
                calls.push(row.call);
            }
        }
        calls
    };
    let named = door::names(one).into_iter().map(|name| DoorOfCapability { name: name.to_owned(), calls: calls(name) });
    let parameters = PARAMETERS.iter().filter(|parameter| parameter.capability == one);
    let parameters = parameters.map(|parameter| DoorOfCapability {
        name: format!("{}:{}", parameter.prefix, parameter.kind.placeholder()),
        calls: parameter.calls.iter().map(|(call, _)| *call).collect(),
    });
    named.chain(parameters).collect()
}

/// The style in which a closeness is shown.
pub const fn style(closeness: Closeness) -> Style {
    match closeness {
        Closeness::Root => Style::Red,
        Closeness::Near => Style::Yellow,
        Closeness::Wide => Style::Cyan,
        Closeness::Narrow => Style::Green,
    }
}

fn text(last: Option<u8>, width: u16, styled: bool) -> String {
    let mut table = Table::new(
        &["nr", "capability", "since", "closeness", "what it opens, and what follows from that"],
        width,
        styled,
    );
    for one in Capability::all() {
        let (meaning, row) = (capability_risk::of(one), &TABLE[usize::from(one.number())]);
        let unknown = last.is_some_and(|last| one.number() > last);
        let follows =
            if meaning.escalation.is_empty() { String::new() } else { format!("\n→ {}", meaning.escalation) };
        table.row([
            (one.number().to_string(), Style::Plain),
            (one.name().to_owned(), Style::Bold),
            (row.since.to_owned(), if unknown { Style::Red } else { Style::Plain }),
            (meaning.closeness.name().to_owned(), style(meaning.closeness)),
            (format!("{}{follows}", meaning.opens), Style::Plain),
        ]);
    }
    let table = table.render(&[0, 1, 2, 3], &[0]);
    match last.filter(|last| usize::from(*last) + 1 < TABLE.len()) {
        Some(last) => format!("{table}\nThis kernel knows them up to number {last}.\n"),
        None => table,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_capability_has_its_row_and_no_line_is_wider_than_the_screen() {
        for width in [80, 120] {
            let shown = text(Some(37), width, false);
            for one in Capability::all() {
                let row = format!("{:>2}  {} ", one.number(), one.name());
                assert!(shown.lines().any(|line| line.starts_with(&row)), "{row} is not in\n{shown}");
            }
            assert!(shown.lines().all(|line| line.chars().count() <= usize::from(width)), "{shown}");
            assert!(shown.ends_with("This kernel knows them up to number 37.\n"));
        }
    }
}
