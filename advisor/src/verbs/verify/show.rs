//! Shows the subjects as text for people and as JSON for programs.

use crate::output::finding::{Judgement, Line};
use crate::output::outcome::Outcome;
use crate::output::page::{Entry, Page, counted, entry};
use crate::output::terminal::Style;
use crate::verbs::verify::judged::{Judged, Kind, Subject};
use capwrap_core::text::printable;
use serde::Serialize;
use std::path::Path;

/// How the text is shown.
pub struct Look {
    /// The number of columns of the terminal.
    pub width: usize,
    /// Whether the text may have colours.
    pub styled: bool,
    /// Whether lines without a problem are shown, too.
    pub verbose: bool,
    /// How many files a scan has read.
    pub files: Option<u64>,
}

#[derive(Serialize)]
struct Object<'s> {
    schema: u32,
    clean: bool,
    complete: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    files_scanned: Option<u64>,
    subjects: Vec<Shown<'s>>,
}

#[derive(Serialize)]
struct Shown<'s> {
    kind: Kind,
    name: &'s str,
    path: Option<String>,
    problems: usize,
    notes: usize,
    lines: Vec<&'s Line>,
}

/// The result as one JSON object, without a newline after it.
pub fn json(subjects: &[Subject], outcome: Outcome, files_scanned: Option<u64>) -> Result<String, serde_json::Error> {
    let shown = subjects.iter().map(|subject| Shown {
        kind: subject.kind,
        name: &subject.name,
        path: subject.path.as_deref().map(printable::text),
        problems: subject.count(Judgement::Problem),
        notes: subject.count(Judgement::Note),
        lines: subject.lines.iter().map(|judged| &judged.line).collect(),
    });
    let (clean, complete) = (outcome == Outcome::Clean, outcome != Outcome::NotAll);
    crate::output::json::pretty(&Object {
        schema: crate::output::json::SCHEMA,
        clean,
        complete,
        files_scanned,
        subjects: shown.collect(),
    })
}

/// The text for people. A subject without a problem takes one line; any other is shown with all that is wrong.
pub fn text(subjects: &[Subject], outcome: Outcome, look: &Look) -> String {
    let verbose = look.verbose;
    let mut page = Page::new(look.width, look.styled);
    let is_shown = |subject: &&Subject| {
        verbose
            || subject.kind == Kind::File
            || subject.lines.iter().any(|judged| judged.line.judgement != Judgement::Ok)
    };
    let (shown, right): (Vec<&Subject>, Vec<&Subject>) = subjects.iter().partition(is_shown);
    for subject in shown {
        page.heading(&subject.name);
        let lines = subject.lines.iter().filter(|judged| {
            verbose
                || subject.kind == Kind::File
                || judged.line.judgement != Judgement::Ok
                || judged.line.name == "tool"
        });
        page.entries(&lines.map(|Judged { line, .. }| entry(line)).collect::<Vec<_>>());
    }
    if !right.is_empty() {
        page.heading("no problems found");
        let entries = right.iter().map(|subject| Entry {
            mark: (' ', Style::Plain),
            name: &subject.name,
            said: subject.path.as_deref().map(|path: &Path| printable::text(path)).unwrap_or_default(),
            hint: None,
        });
        page.entries(&entries.collect::<Vec<_>>());
    }
    let of = |judgement| subjects.iter().map(|subject| subject.count(judgement)).sum::<usize>();
    let (problems, notes) = (of(Judgement::Problem), of(Judgement::Note));
    let said = match outcome {
        Outcome::Clean => "everything matches the policies",
        Outcome::Found => "not everything matches the policies",
        Outcome::NotAll => "not everything could be checked",
    };
    let scanned = look.files.map(|files| format!(" in {}", counted(files as usize, "file"))).unwrap_or_default();
    let words = format!("{said}{scanned}: ✗ {}, ! {}", counted(problems, "problem"), counted(notes, "note"));
    page.closing(&words, if outcome == Outcome::Clean { Style::Green } else { Style::Red });
    page.text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subjects() -> Vec<Subject> {
        let subject = |kind, name: &str, line: Line| Subject {
            kind,
            name: name.to_owned(),
            path: Some(format!("/usr/bin/{name}").into()),
            lines: vec![Line::ok("tool", format!("/usr/bin/{name}")).into(), line.into()],
        };
        vec![
            subject(Kind::Policy, "good", Line::ok("capabilities", "none")),
            subject(
                Kind::Policy,
                "bad",
                Line::problem("mode", "4755").means("it is setuid").hint("chmod u-s /usr/bin/bad"),
            ),
        ]
    }

    #[test]
    fn what_is_right_takes_one_line_and_what_is_wrong_its_hint() {
        assert_eq!(
            text(&subjects(), Outcome::Found, &Look { width: 80, styled: false, verbose: false, files: None }),
            "\
bad
  tool  /usr/bin/bad
✗ mode  4755: it is setuid
        hint: chmod u-s /usr/bin/bad

no problems found
  good  /usr/bin/good

not everything matches the policies: ✗ 1 problem, ! 0 notes
"
        );
    }

    #[test]
    fn a_command_can_be_copied_whatever_its_path_is_and_moves_no_cursor() {
        let mut subjects = subjects();
        let path = capwrap_core::text::shell::path(std::path::Path::new("/opt/it's")).unwrap();
        subjects[1].lines.push(Line::problem("mode", "4755").hint(format!("chmod ug-s {path}")).into());
        subjects[1].lines.push(Line::problem("mode", "4755").hint("a\nb\u{1b}[2J").into());
        let look = Look { width: 80, styled: false, verbose: false, files: None };
        let shown = text(&subjects, Outcome::Found, &look);
        assert!(shown.contains(r"hint: chmod ug-s '/opt/it'\''s'"), "{shown}");
        assert!(shown.contains(r"hint: a\u{a}b\u{1b}[2J"), "{shown}");
    }

    #[test]
    fn the_object_has_every_line_whether_right_or_wrong() {
        let object: serde_json::Value =
            serde_json::from_str(&json(&subjects(), Outcome::Found, None).unwrap()).unwrap();
        assert_eq!(
            (&object["schema"], &object["clean"], &object["complete"]),
            (&1.into(), &false.into(), &true.into())
        );
        assert_eq!(object["subjects"][0]["lines"][1]["judgement"], "ok");
        assert_eq!(object["subjects"][1]["problems"], 1);
        assert_eq!(object["subjects"][1]["kind"], "policy");
    }
}
