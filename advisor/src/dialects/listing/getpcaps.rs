//! Reads the output of getpcaps (libcap).

use crate::dialects::grant::Side;
use anyhow::{Context, Result};
use capwrap_core::capability::setcap_text::ProcessSets;

/// Returns the processes by their ids. The list is empty if the text is another one.
///
/// # Errors
/// A line is in no form that getpcaps prints.
pub fn read(text: &str) -> Result<Vec<(String, Side)>> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let is_row = |line: &&str| row(line).is_some_and(|(_, sets)| ProcessSets::parse(sets).is_ok());
    if !lines.iter().any(is_row) {
        return Ok(Vec::new());
    }
    let sides = lines.iter().enumerate().filter(|(_, line)| !line.is_empty()).map(|(at, line)| {
        let number = at + 1;
        let (id, sets) = row(line).with_context(|| format!("line {number} is no output of getpcaps"))?;
        let sets = ProcessSets::parse(sets).with_context(|| format!("line {number} is no output of getpcaps"))?;
        Ok((id.to_owned(), super::of_sets("getpcaps", sets)))
    });
    sides.collect()
}

/// Splits `1: =ep`, or ``Capabilities for `1': =ep`` as versions before 2.33 print it.
fn row(line: &str) -> Option<(&str, &str)> {
    let line = line.strip_prefix("Capabilities for `").unwrap_or(line);
    let (id, sets) = line.split_once(':')?;
    let id = id.trim_end_matches('\'');
    (!id.is_empty() && id.bytes().all(|digit| digit.is_ascii_digit())).then_some((id, sets.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_a_process() {
        let read = read("1: =ep\n5382: cap_net_raw=p\nCapabilities for `7': = cap_kill+e\n").unwrap();
        let sets: Vec<_> =
            read.iter().map(|(id, side)| (id.as_str(), crate::dialects::grant::shown(side.grant))).collect();
        assert_eq!(sets, [("1", "all".to_owned()), ("5382", "cap_net_raw".to_owned()), ("7", "none".to_owned())]);
        assert!(super::read("1: =ep\nwhat\n").is_err());
        let failed = "Failed to get cap's for process 9: (No such process)\n1: =ep\n";
        assert_eq!(super::read(failed).unwrap_err().to_string(), "line 1 is no output of getpcaps");
        assert!(super::read("1: =ep\n2: cap_ki\n").unwrap_err().to_string().starts_with("line 2"));
        assert!(super::read("1: what\n").unwrap().is_empty());
    }
}
