//! The change of a text as people are shown it.

use crate::output::terminal::Style;
use capwrap_core::text::printable;
use similar::{ChangeTag, TextDiff};

/// The change of a file as a unified diff; empty if there is none.
pub fn unified(file: &str, before: &str, after: &str, styled: bool) -> String {
    let changes = TextDiff::from_lines(before, after);
    let name = printable::text(file);
    let unified = changes.unified_diff().context_radius(3).header(&name, &name).to_string();
    let line = |line: &str| {
        let style = match line.as_bytes() {
            [b'+', b'+', b'+', ..] | [b'-', b'-', b'-', ..] => Style::Bold,
            [b'+', ..] => Style::Green,
            [b'-', ..] => Style::Red,
            [b'@', ..] => Style::Cyan,
            _ => Style::Plain,
        };
        // An indentation stays as it is.
        let shown: Vec<String> = line.split('\t').map(printable::line).collect();
        style.paint(&shown.join("\t"), styled) + "\n"
    };
    unified.lines().map(line).collect()
}

/// Two lists of lines as one: what both have stands behind blanks, and what only one has behind `-` or `+`.
pub fn whole(before: &[String], after: &[String], styled: bool) -> String {
    let (before, after): (Vec<&str>, Vec<&str>) =
        (before.iter().map(String::as_str).collect(), after.iter().map(String::as_str).collect());
    let changes = TextDiff::from_slices(&before, &after);
    let line = |change: similar::Change<&str>| {
        let (mark, style) = match change.tag() {
            ChangeTag::Equal => (' ', Style::Plain),
            ChangeTag::Delete => ('-', Style::Red),
            ChangeTag::Insert => ('+', Style::Green),
        };
        style.paint(&format!("{mark} {}", printable::line(change.value())), styled) + "\n"
    };
    changes.iter_all_changes().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_in_a_list_stands_among_what_stays() {
        let lines = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(whole(&lines("a b c"), &lines("a d c"), false), "  a\n- b\n+ d\n  c\n");
        assert_eq!(whole(&lines("a"), &lines("a"), true), "  a\n");
    }

    #[test]
    fn a_change_is_a_unified_diff() {
        let (before, after) = ("a\nb\nc\nd\ne\n", "a\nb\nc\nD\ne\n");
        let expected = "--- p.toml\n+++ p.toml\n@@ -1,5 +1,5 @@\n a\n b\n c\n-d\n+D\n e\n";
        assert_eq!(unified("p.toml", before, after, false), expected);
        assert!(unified("p.toml", before, after, true).contains("\x1b[31m-d\x1b[0m\n\x1b[32m+D\x1b[0m\n"));
        assert_eq!(unified("p.toml", before, before, true), "");
        assert!(unified("p.toml", "", after, false).starts_with("--- p.toml\n+++ p.toml\n@@ -0,0 +1,5 @@\n+a\n"));
    }
}
