//! Whether the rows that prove a shipped policy exist: a row for each mode, and a measured line for each row.
//!
//! `tests/guests/README.md` describes the rows, and `tests/policies/table.py` the table of results.

use crate::analysis::findings::found::{Found, Severity};
use anyhow::{Context, Result};
use capwrap_core::policy::Policy;
use std::collections::BTreeSet;
use toml_edit::DocumentMut;

/// What the table says of a row that was not run.
const NOT_MEASURED: &str = "not measured";

/// Returns what is missing. `rows` is the text of the policy's file of rows, if there is one, and `results` the table.
///
/// # Errors
/// The rows are no TOML, or a row has no name.
pub fn missing(name: &str, policy: &Policy, rows: Option<&str>, results: &str) -> Result<Vec<Found>> {
    let whole = |code, message: String| Found::warning(code, 0..0, message);
    let Some(rows) = rows else {
        let found = whole("no-rows", format!("{name} has no file of rows, so nothing shows that its tool works"));
        return Ok(vec![found.hint("tests/policies/new TOOL 'COMMAND' makes a draft")]);
    };
    let document: DocumentMut = rows.parse().with_context(|| format!("the rows of {name}"))?;
    // A table names only the suites that cannot show the tool.
    if document.get("skip").is_some_and(toml_edit::Item::is_str) {
        return Ok(Vec::new());
    }
    let tables = document.get("row").and_then(|rows| rows.as_array_of_tables()).into_iter().flatten();
    let names = tables.map(|row| row.get("name").and_then(|name| name.as_str()).map(str::to_owned));
    let names = names.collect::<Option<Vec<String>>>().with_context(|| format!("a row of {name} has no name"))?;
    // Without its programs, which Debian has no package of, nobody can measure a row.
    let severity = if document.contains_key("tools") { Severity::Note } else { Severity::Warning };
    let mut found = Vec::new();
    if names.is_empty() {
        found.push(whole("no-rows", format!("the file of rows of {name} has no row")));
    }
    let modes: BTreeSet<&String> = policy.grants.iter().flat_map(|grant| &grant.modes).collect();
    for mode in modes {
        let is_of = |row: &String| row.split_once(':').is_some_and(|(of, _)| of == mode.as_str());
        if !names.iter().any(is_of) {
            let message = format!("no row of {name} shows the mode {mode}");
            found.push(Found::new(severity, "mode-without-row", 0..0, message));
        }
    }
    let lines: Vec<Vec<&str>> = results
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split('|').map(str::trim).collect::<Vec<_>>())
        .filter(|fields| fields.first() == Some(&name))
        .collect();
    for row in &names {
        let mut of_row = lines.iter().filter(|fields| fields.get(1) == Some(&row.as_str())).peekable();
        let is_missing = of_row.peek().is_none();
        let is_measured = of_row.any(|fields| fields.get(6).is_some_and(|result| *result != NOT_MEASURED));
        if is_missing || !is_measured {
            let message = format!("the row {row:?} of {name} was not measured");
            let one = Found::new(severity, "row-not-measured", 0..0, message);
            found.push(one.hint("tests/policies/run --stale measures what is missing"));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESULTS: &str = "# head\npolicy | row | suite | settings | tool | kernel | result | granted | superfluous | date | digest\n\
        t | one | bookworm | - | 1 | 6.1 | shown | - | - | 2026-11-27 | 0\nt | two | bookworm | - | - | - | not measured | - | - | - | 0\n\
        other | three | bookworm | - | 1 | 6.1 | shown | - | - | 2026-11-27 | 0\n";

    fn codes(rows: Option<&str>) -> Vec<(Severity, &'static str)> {
        let text = "schema = 1\ntool = { path = \"/t\" }\nallow = { users = [\"root\"] }\n\
                    [[grant]]\nmode = \"m\"\ncaps = \"cap_kill\"\n";
        let found = missing("t", &Policy::read(text).unwrap(), rows, RESULTS).unwrap();
        found.into_iter().map(|one| (one.severity, one.code)).collect()
    }

    #[test]
    fn each_mode_needs_a_row_and_each_row_a_measured_line() {
        let warning = |code| (Severity::Warning, code);
        assert_eq!(codes(None), [warning("no-rows")]);
        assert_eq!(codes(Some("")), [warning("no-rows"), warning("mode-without-row")]);
        assert_eq!(codes(Some("skip = \"a reason\"")), []);
        assert_eq!(codes(Some("[[row]]\nname = \"one\"\n")), [warning("mode-without-row")]);
        let measured = "[[row]]\nname = \"m: three\"\n[[row]]\nname = \"two\"\n";
        assert_eq!(codes(Some(measured)), [warning("row-not-measured"), warning("row-not-measured")]);
        let notes = [(Severity::Note, "row-not-measured"); 2];
        assert_eq!(codes(Some(&format!("tools = [\"t\"]\n{measured}"))), notes);
        assert!(
            missing(
                "t",
                &Policy::read("schema = 1\ntool = { path = \"/t\" }\nallow = { users = [\"root\"] }\n").unwrap(),
                Some("[[row]]\n"),
                ""
            )
            .is_err()
        );
    }
}
