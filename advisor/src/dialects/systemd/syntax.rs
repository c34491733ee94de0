//! Reads the lines of a unit file as systemd does (systemd.syntax(7); systemd, `config_parse` and
//! `extract_first_word`).

use crate::dialects::systemd::unit_name;
use anyhow::{Result, bail};
use capwrap_core::text::printable;

/// What separates words and is removed around a line.
const BLANKS: [char; 4] = [' ', '\t', '\n', '\r'];

/// An assignment. A list of them has the order in which systemd reads them.
pub type Assignment = (String, String);

/// What a unit file or a drop-in says.
#[derive(Debug, Default)]
pub struct Settings {
    /// The name of the unit. It is empty if it is not known.
    pub unit: String,
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
    of_file(text, source, unit_name::of_path(source))
}

/// Returns the settings of a file of this unit.
///
/// # Errors
/// The name of a section has no end. The error has the line's number.
pub fn of_file(text: &str, source: &str, unit: &str) -> Result<Settings> {
    let own = unit_name::sections(unit);
    let mut found = settings(text, source, own)?;
    unit.clone_into(&mut found.unit);
    let others = unit_name::SECTIONS.iter().filter(|section| !own.contains(section));
    let has = |section: &str| logical_lines(text).iter().any(|(_, line)| blank_free(line) == format!("[{section}]"));
    for section in others.filter(|section| has(section)) {
        found.notes.push(format!("systemd ignores the section [{section}] of {}", printable::text(unit)));
    }
    Ok(found)
}

/// Returns the settings in these sections. As in systemd, a line without `=` is ignored with a warning.
///
/// # Errors
/// The name of a section has no end. The error has the line's number.
pub fn settings(text: &str, source: &str, sections: &[&str]) -> Result<Settings> {
    let mut found = Settings::default();
    let mut in_section = false;
    for (number, line) in logical_lines(text) {
        let line = blank_free(&line);
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
                found.assignments.push((blank_free(key).to_owned(), blank_free(value).to_owned()));
            }
        } else {
            let shown = printable::text(shortened(line));
            found.notes.push(format!("{}: systemd ignores a line without \"=\": {shown}", place()));
        }
    }
    Ok(found)
}

fn blank_free(text: &str) -> &str {
    text.trim_matches(BLANKS)
}

fn shortened(line: &str) -> &str {
    line.char_indices().nth(60).map_or(line, |(end, _)| &line[..end])
}

/// Joins each line with the lines that continue it after a backslash, and returns it with the number of its first line.
/// Comments are removed, also between continued lines.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (at, line) in physical_lines(text.strip_prefix('\u{feff}').unwrap_or(text)).into_iter().enumerate() {
        if line.trim_start_matches(BLANKS).starts_with(['#', ';']) {
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

/// Splits a text where systemd's `read_line` does: a line feed, a carriage return and a zero byte each end a line, and
/// so do two or three different ones in a row.
fn physical_lines(text: &str) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(['\n', '\r', '\0']).unwrap_or(rest.len());
        lines.push(&rest[..end]);
        let ends = &rest.as_bytes()[end..];
        let length =
            (0..ends.len().min(3)).take_while(|at| is_end(ends[*at]) && !ends[..*at].contains(&ends[*at])).count();
        rest = &rest[end + length..];
    }
    lines
}

const fn is_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r' | 0)
}

/// Splits a value into words. Quotes keep blanks within a word, and a backslash stands for the letter after it.
pub fn words(value: &str) -> Vec<String> {
    let mut all = Vec::new();
    let (mut word, mut quote): (Option<String>, Option<char>) = (None, None);
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            ('\\', _) => word.get_or_insert_default().extend(letters.next()),
            (_, Some(open)) if letter == open => quote = None,
            ('"' | '\'', None) => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (_, None) if BLANKS.contains(&letter) => all.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    all.extend(word);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_where_systemd_ends_them() {
        assert_eq!(physical_lines("a\r\nb\n\nc\rd\n\re\0"), ["a", "b", "", "c", "d", "e"]);
    }

    #[test]
    fn a_line_that_systemd_ignores_is_reported_with_its_number() {
        let settings = of_unit("[Service]\nUser=x\nwhat is this\n", "x.service").unwrap();
        assert_eq!(settings.notes, ["x.service:3: systemd ignores a line without \"=\": what is this"]);
        let error = of_unit("[Service\n", "x.service").unwrap_err();
        assert_eq!(error.to_string(), "x.service:1: no end of the section's name: [Service");
    }

    #[test]
    fn a_section_of_another_type_is_ignored_and_reported() {
        let settings = of_unit("[Service]\nUser=x\n[Socket]\nUser=y\n", "x.socket").unwrap();
        assert_eq!(settings.assignments, [("User".to_owned(), "y".to_owned())]);
        assert_eq!(settings.notes, ["systemd ignores the section [Service] of x.socket"]);
    }

    #[test]
    fn words_are_split_at_blanks_outside_of_quotes() {
        assert_eq!(words("a 'b c'\\ d \"e\"f \\g"), ["a", "b c d", "ef", "g"]);
        assert_eq!(words("a\u{a0}b 'open c"), ["a\u{a0}b", "open c"]);
    }
}
