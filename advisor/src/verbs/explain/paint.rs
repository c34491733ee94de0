//! Adds colours to an explanation without changing its words.

use crate::output::terminal::Style;
use capwrap_core::explain::{GRANTED, MISSING_HERE, MISSING_THERE, UNDECIDED};

/// The text with headings and capabilities in colour, or unchanged if `styled` is false.
pub fn paint(text: &str, styled: bool) -> String {
    let mut painted = String::new();
    let mut section = "";
    for (at, line) in text.lines().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let is_heading = indent == 0 && !line.is_empty() && at > 0;
        if is_heading {
            section = line;
        }
        let style = match (indent, section) {
            (0, _) if is_heading => Style::Bold,
            (2, GRANTED) if line.trim_start() != "nothing" => Style::Green,
            (2, MISSING_HERE | MISSING_THERE) => Style::Red,
            (2, UNDECIDED) => Style::Yellow,
            (12, "") | (2, "") if line.contains(" refused: ") => Style::Red,
            _ => Style::Plain,
        };
        let (blanks, words) = line.split_at(indent);
        painted += blanks;
        painted += &style.paint(words, styled && !words.is_empty());
        painted.push('\n');
    }
    painted
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str =
        "t: a tool\n  policy    /p\n\ngranted\n  cap_kill\n      line 1: always\n\nundecided\n  cap_chown\n";

    #[test]
    fn what_is_granted_is_green_and_nothing_is_painted_where_nobody_sees_it() {
        assert_eq!(paint(PAGE, false), PAGE);
        let painted = paint(PAGE, true);
        assert!(
            painted.contains("\x1b[1mgranted\x1b[0m\n  \x1b[32mcap_kill\x1b[0m\n      line 1: always\n"),
            "{painted:?}"
        );
        assert!(painted.contains("  \x1b[33mcap_chown\x1b[0m\n"), "{painted:?}");
    }
}
