//! Shows the findings as text for people and as JSON for programs.

use crate::analysis::findings::found::{Found, Linted, Severity};
use crate::output::page::{counted, wrapped};
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use capwrap_core::text::printable;
use serde_json::{Value, json};

/// The findings as one JSON object, without a newline after it.
pub fn json(linted: &[Linted]) -> Result<String, serde_json::Error> {
    let file = |one: &Linted| {
        let text = one.text.as_deref().unwrap_or_default();
        let found: Vec<Value> = one.found.iter().map(|found| object(found, text)).collect();
        json!({ "name": one.name, "unread": one.text.as_ref().err(), "found": found })
    };
    let files: Vec<Value> = linted.iter().map(file).collect();
    crate::output::json::pretty(&json!({ "schema": crate::output::json::SCHEMA, "files": files }))
}

fn object(found: &Found, text: &str) -> Value {
    let before = text.get(..found.span.start).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    json!({
        "severity": found.severity,
        "code": found.code,
        "line": before.matches('\n').count() + 1,
        "column": before[line_start..].chars().count() + 1,
        "message": found.message,
        "hint": found.hint,
    })
}

/// The text for people.
pub fn text(linted: &[Linted], width: usize, styled: bool) -> String {
    let renderer = if styled { Renderer::styled() } else { Renderer::plain() }.term_width(width);
    let mut shown = String::new();
    for file in linted {
        let text = match &file.text {
            Ok(text) => harmless(text),
            Err(why) => {
                shown += &format!("error: cannot read {}: {why}\n\n", file.name);
                continue;
            }
        };
        for found in &file.found {
            shown += &renderer.render(&[group(found, &file.name, &text, width)]);
            shown += "\n\n";
        }
    }
    shown + &sum(linted) + "\n"
}

fn group<'a>(found: &'a Found, name: &'a str, text: &'a str, width: usize) -> Group<'a> {
    // The renderer does not wrap lines, but it indents further lines of a message. So the message is wrapped here.
    let lines = |words: String| wrapped(&words, width.saturating_sub(12).max(30)).join("\n");
    let level = match found.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let span = found.span.start.min(text.len())..found.span.end.min(text.len());
    let snippet = Snippet::source(text).path(name).annotation(AnnotationKind::Primary.span(span));
    let group =
        level.primary_title(lines(printable::text(format!("{} [{}]", found.message, found.code)))).element(snippet);
    match &found.hint {
        Some(hint) => group.element(Level::HELP.with_name("hint").message(lines(printable::line(hint)))),
        None => group,
    }
}

/// The text with every character replaced that would move a cursor or hide something. Byte positions in the text stay
/// the same.
fn harmless(text: &str) -> String {
    let is_plain = |c: char| matches!(c, '\n' | '\t' | '\\') || printable::text(c.to_string()) == c.to_string();
    text.chars().fold(String::with_capacity(text.len()), |mut shown, c| {
        match c {
            '\r' => shown.push(' '),
            c if is_plain(c) => shown.push(c),
            c => shown.extend(std::iter::repeat_n('?', c.len_utf8())),
        }
        shown
    })
}

fn sum(linted: &[Linted]) -> String {
    let of = |severity| linted.iter().flat_map(|one| &one.found).filter(|found| found.severity == severity).count();
    let words = [(Severity::Error, "error"), (Severity::Warning, "warning"), (Severity::Note, "note")];
    let counts: Vec<String> = words.iter().map(|(severity, word)| counted(of(*severity), word)).collect();
    let policies = |count: usize| if count == 1 { "1 policy".to_owned() } else { format!("{count} policies") };
    let unread = linted.iter().filter(|one| one.text.is_err()).count();
    let read = format!("{}: {}", policies(linted.len() - unread), counts.join(", "));
    match (unread, linted.len() - unread) {
        (0, _) => read,
        (unread, 0) => format!("{} not read", policies(unread)),
        (unread, _) => format!("{read}; {} not read", policies(unread)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn linted(text: &str, span: std::ops::Range<usize>) -> Linted {
        let found = Found::warning("no-why", span, "cap_kill: what for?").hint("why = \"…\"");
        Linted { name: "t.toml".to_owned(), text: Ok(text.to_owned()), found: vec![found] }
    }

    #[test]
    fn what_was_not_read_is_not_counted_as_free_of_errors() {
        let missing = || Linted { name: "x".to_owned(), text: Err("no such file".to_owned()), found: Vec::new() };
        assert_eq!(sum(&[missing()]), "1 policy not read");
        let one = linted("schema = 1\n", 0..6);
        assert_eq!(sum(&[missing(), one]), "1 policy: 0 errors, 1 warning, 0 notes; 1 policy not read");
    }

    #[test]
    fn the_line_is_shown_with_what_is_meant_marked() {
        let shown = text(&[linted("schema = 1\ncaps = \"kill\"\n", 18..24)], 80, false);
        assert_eq!(
            shown,
            "\
warning: cap_kill: what for? [no-why]
 --> t.toml:2:8
  |
2 | caps = \"kill\"
  |        ^^^^^^
  |
  = hint: why = \"…\"

1 policy: 0 errors, 1 warning, 0 notes
"
        );
    }

    #[test]
    fn nothing_in_a_file_reaches_the_terminal_as_a_command() {
        let shown = text(&[linted("a = \"\u{1b}[2J\u{202e}\u{85}\"\r\nb = 1\r\n", 4..9)], 80, false);
        assert!(!shown.contains(['\u{1b}', '\u{202e}', '\u{85}', '\r']), "{shown:?}");
        assert!(shown.contains("^^^^^"), "{shown}");
    }

    #[test]
    fn the_object_has_lines_and_columns_from_1() {
        let object: Value = serde_json::from_str(&json(&[linted("ü = 1\nü = \"kill\"\n", 12..18)]).unwrap()).unwrap();
        let found = &object["files"][0]["found"][0];
        assert_eq!((&found["line"], &found["column"], &found["code"]), (&2.into(), &5.into(), &"no-why".into()));
    }
}
