//! Counts how often each check was made, for --unique and --summary.

use crate::analysis::observation::{Target, Verdict};
use crate::verbs::trace::describe::Described;
use crate::verbs::trace::lines;
use crate::verbs::trace::lines::Look;
use capwrap_core::Capability;
use capwrap_core::text::printable;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

/// Checks with the same key are counted together.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    capability: Capability,
    executable: String,
    system_call: Option<String>,
    target: Target,
}

#[derive(Default)]
struct Times {
    granted: u64,
    denied: u64,
    /// How many of these have no effect on the result.
    speculative: u64,
}

impl Times {
    const fn all(&self) -> u64 {
        self.granted + self.denied
    }
}

/// Checks with the same key are shown only once.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    executable: String,
    capability: Capability,
    verdict: Verdict,
    system_call: Option<String>,
    call_site: Vec<String>,
}

/// The counts of checks.
#[derive(Default)]
pub struct Summary {
    rows: BTreeMap<Row, Times>,
    met: BTreeSet<Place>,
}

impl Summary {
    /// Counts a check. Returns whether it is the first one with its program, capability, verdict and call site.
    pub fn count(&mut self, one: &Described) -> bool {
        let seen = &one.observation;
        let row = Row {
            capability: seen.capability,
            executable: seen.executable.clone(),
            system_call: seen.system_call.clone(),
            target: seen.target,
        };
        let times = self.rows.entry(row).or_default();
        times.speculative += u64::from(one.speculative);
        match seen.verdict {
            Verdict::Granted => times.granted += 1,
            Verdict::Denied => times.denied += 1,
        }
        self.met.insert(Place {
            executable: seen.executable.clone(),
            capability: seen.capability,
            verdict: seen.verdict,
            system_call: seen.system_call.clone(),
            call_site: seen.call_site.clone(),
        })
    }

    /// The counts as a table, the most frequent first.
    pub fn table(&self, look: Look) -> String {
        let mut table = table(look, &["CAPABILITY", "GRANTED", "DENIED", "USERNS", "SYSCALL", "EXE"]);
        for (row, times) in self.sorted() {
            table.add_row([
                row.capability.name().to_owned(),
                times.granted.to_string(),
                times.denied.to_string(),
                lines::target(row.target).to_owned(),
                row.system_call.clone().unwrap_or_else(|| "-".to_owned()),
                printable::text(&row.executable).clone(),
            ]);
        }
        text(&table)
    }

    /// The sum for each capability as a table, the most frequent first.
    pub fn totals(&self, look: Look) -> String {
        let mut sums: BTreeMap<Capability, Times> = BTreeMap::new();
        for (row, times) in &self.rows {
            let sum = sums.entry(row.capability).or_default();
            sum.granted += times.granted;
            sum.denied += times.denied;
        }
        let mut sums: Vec<_> = sums.into_iter().collect();
        sums.sort_by_key(|(_, times)| std::cmp::Reverse(times.all()));
        let mut table = table(look, &["TOTAL", "GRANTED", "DENIED"]);
        for (capability, times) in sums {
            table.add_row([capability.name().to_owned(), times.granted.to_string(), times.denied.to_string()]);
        }
        text(&table)
    }

    /// Writes one JSON object in each line.
    pub fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        for (row, times) in self.sorted() {
            let object = json!({
                "schema": crate::output::json::SCHEMA,
                "capability": row.capability.name(),
                "granted": times.granted,
                "denied": times.denied,
                "speculative": times.speculative,
                "target": lines::target(row.target),
                "system_call": row.system_call,
                "executable": row.executable,
            });
            writeln!(out, "{}", crate::output::json::line(&object)?)?;
        }
        Ok(())
    }

    fn sorted(&self) -> Vec<(&Row, &Times)> {
        let mut rows: Vec<_> = self.rows.iter().collect();
        rows.sort_by_key(|(_, times)| std::cmp::Reverse(times.all()));
        rows
    }
}

/// A table whose second and third columns are numbers.
fn table(look: Look, head: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(look.width.unwrap_or(u16::MAX));
    table.set_header(head.to_vec());
    for number in [1, 2] {
        if let Some(column) = table.column_mut(number) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn text(table: &Table) -> String {
    table.lines().map(|line| format!("{}\n", line.trim_end().strip_prefix(' ').unwrap_or(line.trim_end()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verbs::trace::lines::tests::described;

    #[test]
    fn the_same_check_is_the_first_once_and_counted_each_time() {
        let mut summary = Summary::default();
        assert!(summary.count(&described()));
        assert!(!summary.count(&described()));
        let mut granted = described();
        granted.observation.verdict = Verdict::Granted;
        assert!(summary.count(&granted));
        let mut elsewhere = described();
        elsewhere.observation.call_site.push("may_open".to_owned());
        assert!(summary.count(&elsewhere));
        let text = summary.table(Look { width: Some(80), styled: false });
        let words: Vec<&str> = text.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!(words, ["cap_dac_read_search", "1", "3", "own", "newfstatat", "/usr/bin/tool"]);
    }

    #[test]
    fn the_totals_add_up_a_capability_over_programs_and_system_calls() {
        let mut summary = Summary::default();
        let mut elsewhere = described();
        elsewhere.observation.executable = "/usr/bin/other".to_owned();
        let mut granted = described();
        granted.observation.verdict = Verdict::Granted;
        for one in [described(), elsewhere, granted] {
            summary.count(&one);
        }
        let text = summary.totals(Look { width: Some(80), styled: false });
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines, [vec!["TOTAL", "GRANTED", "DENIED"], vec!["cap_dac_read_search", "1", "2"]]);
    }
}
