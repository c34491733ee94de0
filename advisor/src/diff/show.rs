//! A difference as a page for people, and as JSON for programs.

use super::compare::{Difference, Stated};
use super::side::Side;
use crate::meaning::{self, Closeness};
use crate::screen::Style;
use crate::table::Table;
use anyhow::{Context, Result};
use capwrap::{Capability, CapabilitySet, printable};
use serde::Serialize;

/// The page.
pub fn text(difference: &Difference, width: u16, styled: bool, verbose: bool) -> String {
    let Difference { a, b, only_in_a, only_in_b, in_both, stated } = difference;
    let mut page = String::new();
    for (mark, side) in [("A", a), ("B", b)] {
        page += &heading(mark, side, width, styled);
    }
    page += &section("only in A", *only_in_a, width, styled);
    page += &section("only in B", *only_in_b, width, styled);
    if verbose {
        page += &section("in both", *in_both, width, styled);
    }
    if !stated.is_empty() {
        let mut table = Table::new(&["  stated", "A", "B"], width, styled);
        for Stated { name, a, b } in stated {
            let cells = [&format!("  {name}"), a, b].map(|text| (printable::text(text), Style::Plain));
            table.row(cells);
        }
        page += &format!("\n{}", table.render(&[0], &[]));
    }
    page.push('\n');
    page += &closing(difference, width, styled);
    page
}

fn heading(mark: &str, side: &Side, width: u16, styled: bool) -> String {
    let mark = Style::Bold.paint(mark, styled);
    let mut text = format!("{mark}  {}  ({})\n", Style::Bold.paint(&printable::text(&side.label), styled), side.kind);
    let how_many = (0..64).filter(|bit| side.grant.mask() >> bit & 1 != 0).count();
    for line in std::iter::once(&format!("{how_many} of {}", side.decided)).chain(&side.notes) {
        text += &wrapped(line, width, "   ");
    }
    text
}

fn section(name: &str, set: CapabilitySet, width: u16, styled: bool) -> String {
    let rows: Vec<Row> = rows(set);
    if rows.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&["   #", name, "closeness", "opens"], width, styled);
    for row in &rows {
        let style = row.closeness.map_or(Style::Plain, colour);
        table.row([
            (row.number.to_string(), Style::Plain),
            (row.name.clone(), style),
            (row.closeness.map_or("", Closeness::name).to_owned(), style),
            (row.opens.unwrap_or("unknown to this capwrap").to_owned(), Style::Plain),
        ]);
    }
    format!("\n{}", table.render(&[0, 1, 2], &[0]))
}

const fn colour(closeness: Closeness) -> Style {
    match closeness {
        Closeness::Root => Style::Red,
        Closeness::Near => Style::Yellow,
        Closeness::Wide => Style::Cyan,
        Closeness::Narrow => Style::Green,
    }
}

fn closing(difference: &Difference, width: u16, styled: bool) -> String {
    if difference.is_none() {
        let text = format!("No difference: both have {}.", counted(difference.in_both));
        return Style::Green.paint(wrapped(&text, width, "").trim_end(), styled) + "\n";
    }
    let mut sentences = Vec::new();
    for (one, other, set) in [("A", "B", difference.only_in_a), ("B", "A", difference.only_in_b)] {
        if !set.is_empty() {
            let roots = meaning::root_alone(set);
            let is_root = match roots.iter().count() {
                0 => String::new(),
                1 => format!(", and {roots} is root by itself"),
                many => format!(", of which {many} are root by themselves"),
            };
            sentences.push(format!("{one} has {} that {other} lacks{is_root}.", counted(set)));
        }
    }
    if difference.only_in_a.is_empty() && difference.only_in_b.is_empty() {
        sentences.push("The capabilities are the same; what else is stated is not.".to_owned());
    } else if !difference.in_both.is_empty() {
        sentences.push(format!("Both have {}.", counted(difference.in_both)));
    }
    wrapped(&sentences.join(" "), width, "")
}

/// `1 capability`, `3 capabilities`.
fn counted(set: CapabilitySet) -> String {
    match rows(set).len() {
        1 => "1 capability".to_owned(),
        many => format!("{many} capabilities"),
    }
}

/// The text in lines of the screen, each after a margin.
fn wrapped(text: &str, width: u16, margin: &str) -> String {
    let room = usize::from(width).saturating_sub(margin.len()).max(30);
    let mut lines: Vec<String> = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() || line.chars().count() + 1 + word.chars().count() <= room => {
                if !line.is_empty() {
                    line.push(' ');
                }
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.iter().map(|line| format!("{margin}{line}\n")).collect()
}

#[derive(Serialize)]
struct Row {
    number: u8,
    name: String,
    /// Null where the capability has no name here.
    opens: Option<&'static str>,
    closeness: Option<Closeness>,
    escalation: Option<&'static str>,
}

fn rows(set: CapabilitySet) -> Vec<Row> {
    let members = (0..64).filter(|bit| set.mask() >> bit & 1 != 0);
    let row = |number| match Capability::from_number(number) {
        Some(capability) => {
            let meaning = meaning::of(capability);
            Row {
                number,
                name: capability.name().to_owned(),
                opens: Some(meaning.opens),
                closeness: Some(meaning.closeness),
                escalation: Some(meaning.escalation),
            }
        }
        None => Row { number, name: format!("bit {number}"), opens: None, closeness: None, escalation: None },
    };
    members.map(row).collect()
}

#[derive(Serialize)]
struct Object<'d> {
    schema: u32,
    a: SideObject<'d>,
    b: SideObject<'d>,
    only_in_a: Vec<Row>,
    only_in_b: Vec<Row>,
    in_both: Vec<String>,
    /// What else both state, and differently.
    stated: &'d [Stated],
    different: bool,
}

#[derive(Serialize)]
struct SideObject<'d> {
    label: String,
    kind: &'static str,
    /// Hexadecimal, as in /proc/PID/status.
    mask: String,
    capabilities: Vec<String>,
    decided: &'d str,
    stated: &'d std::collections::BTreeMap<String, String>,
    notes: &'d [String],
}

/// The object. Its keys stay what they are.
///
/// # Errors
/// None that a difference can cause.
pub fn json(difference: &Difference) -> Result<String> {
    let object = Object {
        schema: 1,
        a: side_object(&difference.a),
        b: side_object(&difference.b),
        only_in_a: rows(difference.only_in_a),
        only_in_b: rows(difference.only_in_b),
        in_both: rows(difference.in_both).into_iter().map(|row| row.name).collect(),
        stated: &difference.stated,
        different: !difference.is_none(),
    };
    serde_json::to_string_pretty(&object).context("cannot write JSON")
}

fn side_object(side: &Side) -> SideObject<'_> {
    SideObject {
        label: printable::text(&side.label),
        kind: side.kind,
        mask: format!("{:016x}", side.grant.mask()),
        capabilities: rows(side.grant).into_iter().map(|row| row.name).collect(),
        decided: &side.decided,
        stated: &side.stated,
        notes: &side.notes,
    }
}
