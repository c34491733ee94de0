//! A page of entries with marks and hints, for people, on a screen of any width.

use crate::output::finding::{Judgement, Line};
use crate::output::terminal::Style;
use capwrap_core::text::printable;

/// The number of blanks before a name. The mark takes the place of the first.
const MARGIN: usize = 2;
/// The number of blanks behind a name.
const GAP: usize = 2;
/// The text of an entry always has at least this many columns, however narrow the screen is.
const LEAST: usize = 30;
/// The number of blanks before a text that has no room behind its name.
const NARROW: usize = 6;
/// A name longer than this is printed on its own line.
const LONGEST_NAME: usize = 36;

/// The page, as far as it is written.
pub struct Page {
    pub text: String,
    width: usize,
    styled: bool,
}

/// The text of an entry, of one or several lines.
pub struct Entry<'e> {
    pub mark: (char, Style),
    pub name: &'e str,
    pub said: String,
    pub hint: Option<&'e str>,
}

impl Page {
    /// Makes an empty page with this many columns.
    pub const fn new(width: usize, styled: bool) -> Self {
        Self { text: String::new(), width, styled }
    }

    /// Writes a heading, with a blank line before it unless it comes first.
    pub fn heading(&mut self, name: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.line(&[(name, Style::Bold)]);
    }

    /// Writes the names, the text behind each name, and the hint below.
    pub fn entries(&mut self, entries: &[Entry]) {
        let lengths = entries.iter().map(|entry| entry.name.chars().count());
        let mut names = lengths.filter(|length| *length <= LONGEST_NAME).max().unwrap_or(0);
        let mut indent = MARGIN + names + GAP;
        if self.width < indent + LEAST {
            (names, indent) = (0, NARROW);
        }
        let room = self.width.saturating_sub(indent).max(LEAST);
        for Entry { mark: (mark, style), name, said, hint } in entries {
            let mut lines = wrapped(said, room).into_iter();
            let margin = format!("{mark:<MARGIN$}");
            let is_long = name.chars().count() > names;
            let first = if is_long { String::new() } else { lines.next().unwrap_or_default() };
            let shown =
                if is_long || first.is_empty() { (*name).to_owned() } else { format!("{name:<names$}{:GAP$}", "") };
            self.line(&[(&margin, *style), (&shown, Style::Plain), (&first, Style::Plain)]);
            for line in lines {
                self.indented(indent, &line);
            }
            if let Some(hint) = hint {
                // A backslash is not doubled, because users copy the command.
                self.hint(indent, &format!("hint: {}", printable::line(hint)));
            }
        }
    }

    /// Writes the hint on one line if possible, because users copy it.
    fn hint(&mut self, indent: usize, hint: &str) {
        let fits = |indent: usize| indent + hint.chars().count() <= self.width;
        let indent = if !fits(indent) && fits(NARROW) { NARROW } else { indent };
        for line in wrapped(hint, self.width.saturating_sub(indent).max(LEAST)) {
            self.indented(indent, &line);
        }
    }

    fn indented(&mut self, indent: usize, line: &str) {
        let indented = format!("{:indent$}{line}", "");
        self.line(&[(&indented, Style::Plain)]);
    }

    /// Writes the closing text, with a blank line before it.
    pub fn closing(&mut self, words: &str, style: Style) {
        self.text.push('\n');
        for line in wrapped(words, self.width) {
            self.line(&[(&line, style)]);
        }
    }

    fn line(&mut self, parts: &[(&str, Style)]) {
        for (part, style) in parts {
            self.text += &style.paint(part, self.styled && !part.trim().is_empty());
        }
        self.text.truncate(self.text.trim_end_matches(' ').len());
        self.text.push('\n');
    }
}

/// Returns `1 note`, `2 notes` or `2 processes`.
pub fn counted(number: usize, what: &str) -> String {
    let ending = match what {
        _ if number == 1 => "",
        what if what.ends_with('s') || what.ends_with("ch") => "es",
        _ => "s",
    };
    format!("{number} {what}{ending}")
}

/// Makes the entry of a judged fact.
pub fn entry(line: &Line) -> Entry<'_> {
    let mark = match line.judgement {
        Judgement::Ok => (' ', Style::Plain),
        Judgement::Note => ('!', Style::Yellow),
        Judgement::Problem => ('✗', Style::Red),
    };
    let value = line.value.as_deref().map(printable::text).unwrap_or_default();
    let means = printable::text(&line.means);
    let said = match (value.is_empty(), means.is_empty()) {
        (false, false) => format!("{value}: {means}"),
        _ => value + &means,
    };
    Entry { mark, name: &line.name, said, hint: line.hint.as_deref() }
}

/// Wraps the text in lines of at most `room` columns. A word that is too long for one line, such as a list of
/// capabilities, is broken after a comma, or at the end of the line.
pub fn wrapped(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let length = |text: &str| text.chars().count();
    for word in text.split(' ').flat_map(|word| pieces(word, room)) {
        let Some(line) = lines.last_mut() else { break };
        let (piece, joins) = word;
        let blank = if line.is_empty() || joins { "" } else { " " };
        if length(line) + length(blank) + length(piece) <= room {
            *line += blank;
            *line += piece;
        } else {
            lines.push(piece.to_owned());
        }
    }
    lines
}

/// The column in which what has a label begins, as in `  note     …`.
const LABELLED: usize = 11;

/// Wraps a line that says something under a label, or a line without a label, for a terminal. What does not fit goes on
/// below the place where it began. A terminal of a few columns breaks the line itself.
pub fn below_label(text: &str, width: u16) -> Vec<String> {
    let width = usize::from(width);
    let indent = if text.starts_with("  ") { LABELLED } else { 2 };
    let first = if text.starts_with("  ") { LABELLED } else { 0 };
    let Some((label, said)) = text.split_at_checked(first) else { return vec![text.to_owned()] };
    if text.chars().count() <= width || width < 2 * indent {
        return vec![text.to_owned()];
    }
    let lines = wrapped(said, width - indent).into_iter().enumerate();
    lines.map(|(at, line)| if at == 0 { format!("{label}{line}") } else { format!("{:indent$}{line}", "") }).collect()
}

/// Splits a word that is too long. The flag of each part states whether it continues the part before it.
fn pieces(word: &str, room: usize) -> Vec<(&str, bool)> {
    if word.chars().count() <= room {
        return vec![(word, false)];
    }
    let mut pieces = Vec::new();
    for part in word.split_inclusive(',') {
        let mut rest = part;
        while let Some((at, _)) = rest.char_indices().nth(room) {
            pieces.push((&rest[..at], !pieces.is_empty()));
            rest = &rest[at..];
        }
        pieces.push((rest, !pieces.is_empty()));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_label_goes_on_below_the_place_where_it_began() {
        let line = "  allowed  user alice, user bob until 2026";
        assert_eq!(below_label(line, 42), [line]);
        assert_eq!(below_label(line, 30), ["  allowed  user alice, user", "           bob until 2026"]);
        assert_eq!(below_label("launcher has cap_a,cap_b", 16), ["launcher has", "  cap_a,cap_b"]);
        assert_eq!(below_label(line, 9), [line]);
        assert_eq!(below_label("", 9), [""]);
    }

    #[test]
    fn what_is_too_long_for_a_line_is_cut_behind_a_comma() {
        assert_eq!(wrapped("has cap_a,cap_b,cap_c here", 12), ["has cap_a,", "cap_b,cap_c", "here"]);
        assert_eq!(wrapped("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(wrapped("", 3), [""]);
    }
}
