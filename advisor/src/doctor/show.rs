//! How it looks, for people and for programs.

use super::finding::{Findings, Judgement, Line, Section, State, Work};
use crate::screen::Style;
use capwrap::printable;
use serde::Serialize;

/// The version of the JSON object. It changes when something in it changes its meaning or goes.
const SCHEMA: u32 = 1;

/// The blanks before a name; the first of them is the mark's.
const MARGIN: usize = 2;
/// The blanks behind it.
const GAP: usize = 2;
/// Fewer columns are not left to what is said, however narrow the screen is.
const LEAST: usize = 30;
/// The blanks before what has no room behind its name.
const NARROW: usize = 6;
/// Longer names stand in a line of their own.
const LONGEST_NAME: usize = 36;

#[derive(Serialize)]
struct Object<'f> {
    schema: u32,
    all_works: bool,
    facts: Vec<Fact<'f>>,
    works: &'f [Work],
}

#[derive(Serialize)]
struct Fact<'f> {
    section: &'f str,
    #[serde(flatten)]
    line: &'f Line,
}

/// One object, without a newline behind it.
pub fn json(findings: &Findings) -> Result<String, serde_json::Error> {
    let facts = findings
        .sections
        .iter()
        .flat_map(|section| section.lines.iter().map(|line| Fact { section: section.name, line }));
    serde_json::to_string_pretty(&Object {
        schema: SCHEMA,
        all_works: findings.all_works(),
        facts: facts.collect(),
        works: &findings.works,
    })
}

/// What people read, on a screen of so many columns.
pub fn text(findings: &Findings, width: usize, styled: bool) -> String {
    let mut page = Page { text: String::new(), width, styled };
    for section in &findings.sections {
        page.heading(section.name);
        page.section(section);
    }
    page.heading("works here");
    page.works(&findings.works);
    page.sum(findings);
    page.text
}

struct Page {
    text: String,
    width: usize,
    styled: bool,
}

/// What is said of something, in one or several lines.
struct Entry<'e> {
    mark: (char, Style),
    name: &'e str,
    said: String,
    mend: Option<&'e str>,
}

impl Page {
    fn heading(&mut self, name: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.line(&[(name, Style::Bold)]);
    }

    fn section(&mut self, section: &Section) {
        if section.name == "sysctls" {
            return self.settings(&section.lines);
        }
        self.entries(&section.lines.iter().map(entry).collect::<Vec<_>>());
    }

    /// Those that say nothing but that they are not here, or cannot be read, are told together.
    fn settings(&mut self, lines: &[Line]) {
        let (read, rest): (Vec<&Line>, Vec<&Line>) = lines.iter().partition(|line| line.value.is_some());
        self.entries(&read.into_iter().map(entry).collect::<Vec<_>>());
        let mut together: Vec<(&Line, Vec<&str>)> = Vec::new();
        for line in rest {
            match together.iter_mut().find(|(first, _)| first.means == line.means) {
                Some((_, names)) => names.push(&line.name),
                None => together.push((line, vec![&line.name])),
            }
        }
        let entries = together.iter().map(|(first, names)| match first.judgement {
            Judgement::Ok => Entry { name: "not here", said: names.join(", "), ..entry(first) },
            _ => Entry { name: "not read", said: format!("{} ({})", names.join(", "), first.means), ..entry(first) },
        });
        self.entries(&entries.collect::<Vec<_>>());
    }

    fn works(&mut self, works: &[Work]) {
        let entries = works.iter().map(|work| {
            let (mark, word) = match work.works {
                State::Yes => ((' ', Style::Plain), "yes"),
                State::No => (('✗', Style::Red), "no"),
                State::Off => (('-', Style::Plain), "not set up"),
                State::Unknown => (('?', Style::Yellow), "not known"),
            };
            let said = format!("{word}: {}", printable::text(&work.why));
            Entry { mark, name: work.name, said, mend: work.mend.as_deref() }
        });
        self.entries(&entries.collect::<Vec<_>>());
    }

    fn entries(&mut self, entries: &[Entry]) {
        let lengths = entries.iter().map(|entry| entry.name.chars().count());
        let mut names = lengths.filter(|length| *length <= LONGEST_NAME).max().unwrap_or(0);
        let mut indent = MARGIN + names + GAP;
        if self.width < indent + LEAST {
            (names, indent) = (0, NARROW);
        }
        let room = self.width.saturating_sub(indent).max(LEAST);
        for Entry { mark: (mark, style), name, said, mend } in entries {
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
            if let Some(mend) = mend {
                self.mend(indent, &format!("mend: {}", printable::text(mend)));
            }
        }
    }

    /// In one line if it can be: it is there to be copied.
    fn mend(&mut self, indent: usize, mend: &str) {
        let fits = |indent: usize| indent + mend.chars().count() <= self.width;
        let indent = if !fits(indent) && fits(NARROW) { NARROW } else { indent };
        for line in wrapped(mend, self.width.saturating_sub(indent).max(LEAST)) {
            self.indented(indent, &line);
        }
    }

    fn indented(&mut self, indent: usize, line: &str) {
        let indented = format!("{:indent$}{line}", "");
        self.line(&[(&indented, Style::Plain)]);
    }

    /// How many there are of what was marked: this line explains the marks.
    fn sum(&mut self, findings: &Findings) {
        let lines = || findings.sections.iter().flat_map(|section| &section.lines);
        let of = |judgement| lines().filter(|line| line.judgement == judgement).count();
        let failing = findings.works.iter().filter(|work| work.works == State::No).count();
        let works = match failing {
            0 if findings.works.iter().all(|work| work.works == State::Yes) => "everything works here".to_owned(),
            0 if findings.works.iter().all(|work| work.works != State::Unknown) => {
                "everything that is set up works here".to_owned()
            }
            0 => "nothing is known not to work here".to_owned(),
            1 => "one thing does not work here".to_owned(),
            many => format!("{many} things do not work here"),
        };
        let (problems, notes) = (of(Judgement::Problem), of(Judgement::Note));
        let words = format!("{works}; ✗ {}, ! {}", counted(problems, "problem"), counted(notes, "note"));
        self.text.push('\n');
        let style = if findings.all_works() { Style::Green } else { Style::Red };
        for line in wrapped(&words, self.width) {
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

fn counted(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

fn entry(line: &Line) -> Entry<'_> {
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
    Entry { mark, name: &line.name, said, mend: line.mend.as_deref() }
}

/// The words in lines of at most so many columns. What is too long for one, as a list of
/// capabilities is, is cut behind a comma, or where the line ends.
fn wrapped(text: &str, room: usize) -> Vec<String> {
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

/// A word, or its parts, each with whether it belongs to what is before it.
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
    use super::super::facts::{Facts, Reading, sound};
    use super::super::{examine::examine, works::works};
    use super::*;

    fn findings(facts: &Facts) -> Findings {
        Findings { sections: examine(facts), works: works(facts) }
    }

    fn broken() -> Facts {
        let mut facts = sound();
        facts.launcher.file = Reading::Absent;
        facts.kernel.lockdown = Reading::Is("\x1b[31m".to_owned());
        facts.sysctls.insert("kernel.perf_event_paranoid", Reading::Is("4".to_owned()));
        facts
    }

    #[test]
    fn no_line_is_wider_than_the_screen() {
        for facts in [sound(), broken()] {
            for width in [40, 80, 100, 120, 200] {
                let shown = text(&findings(&facts), width, false);
                for line in shown.lines() {
                    assert!(line.chars().count() <= width, "{width}: {line}");
                    assert_eq!(line, line.trim_end());
                }
            }
        }
    }

    #[test]
    fn without_colour_there_is_no_escape_sequence_and_with_it_the_same_text() {
        let plain = text(&findings(&broken()), 80, false);
        assert!(!plain.contains('\x1b'));
        let mut styled = text(&findings(&broken()), 80, true);
        assert!(styled.contains("\x1b[31m✗"));
        for code in ["\x1b[0m", "\x1b[1m", "\x1b[31m", "\x1b[32m", "\x1b[33m"] {
            styled = styled.replace(code, "");
        }
        assert_eq!(styled, plain);
    }

    #[test]
    fn a_problem_has_a_mark_and_its_mend_is_below_it() {
        let shown = text(&findings(&broken()), 80, false);
        let at = shown.find("✗ file ").unwrap();
        let lines: Vec<&str> = shown[at..].lines().take(2).collect();
        assert_eq!(lines, ["✗ file      /usr/local/bin/capwrap: is not there", "            mend: sudo ./install.sh"]);
        assert!(shown.contains("✗ launching             no: the launcher is not installed\n"), "{shown}");
    }

    #[test]
    fn settings_that_are_not_here_share_a_line_as_do_those_that_cannot_be_read() {
        let mut facts = sound();
        assert!(text(&findings(&facts), 120, false).contains("\nsysctls\n  not here  fs.protected_hardlinks, "));
        let hidden = Reading::Unreadable("/proc/sys is not there".to_owned());
        facts.sysctls.values_mut().for_each(|value| *value = hidden.clone());
        let shown = text(&findings(&facts), 120, false);
        assert!(shown.contains("\n! not read  fs.protected_hardlinks, "), "{shown}");
    }

    #[test]
    fn the_object_has_every_fact_and_all_that_works() {
        let object: serde_json::Value = serde_json::from_str(&json(&findings(&broken())).unwrap()).unwrap();
        assert_eq!((&object["schema"], &object["all_works"]), (&1.into(), &false.into()));
        let facts = object["facts"].as_array().unwrap();
        let file = facts.iter().find(|fact| fact["section"] == "launcher" && fact["name"] == "file").unwrap();
        assert_eq!((&file["judgement"], &file["mend"]), (&"problem".into(), &"sudo ./install.sh".into()));
        let absent = facts.iter().find(|fact| fact["name"] == "kernel.modules_disabled").unwrap();
        assert!(absent["value"].is_null());
        assert_eq!(object["works"][0]["name"], "launching");
        assert_eq!(object["works"][0]["works"], "no");
    }

    #[test]
    fn what_is_too_long_for_a_line_is_cut_behind_a_comma() {
        assert_eq!(wrapped("has cap_a,cap_b,cap_c here", 12), ["has cap_a,", "cap_b,cap_c", "here"]);
        assert_eq!(wrapped("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(wrapped("", 3), [""]);
    }
}
