//! The change of a text as people are shown it.

use crate::output::terminal::Style;
use capwrap_core::text::printable;
use similar::TextDiff;

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

#[cfg(test)]
mod tests {
    use super::*;

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
