//! Shows the findings as a page for people and as JSON for programs.

use crate::output::finding::{Judgement, Line};
use crate::output::page::{Entry, Page, counted, entry};
use crate::output::terminal::Style;
use crate::verbs::doctor::finding::{Findings, State, Work};
use capwrap_core::text::printable;
use serde::Serialize;

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

/// The findings as one JSON object, without a newline after it.
pub fn json(findings: &Findings) -> Result<String, serde_json::Error> {
    let facts = findings
        .sections
        .iter()
        .flat_map(|section| section.lines.iter().map(|line| Fact { section: section.name, line }));
    crate::output::json::pretty(&Object {
        schema: crate::output::json::SCHEMA,
        all_works: findings.all_works(),
        facts: facts.collect(),
        works: &findings.works,
    })
}

/// The page for people, for a terminal of this many columns.
pub fn text(findings: &Findings, width: usize, styled: bool) -> String {
    let mut page = Page::new(width, styled);
    for section in &findings.sections {
        page.heading(section.name);
        match section.name {
            "sysctls" => settings(&mut page, &section.lines),
            _ => page.entries(&section.lines.iter().map(entry).collect::<Vec<_>>()),
        }
    }
    page.heading("works here");
    page.entries(&findings.works.iter().map(work).collect::<Vec<_>>());
    sum(&mut page, findings);
    page.text
}

/// Settings that this kernel does not have share one line, and so do settings that cannot be read.
fn settings(page: &mut Page, lines: &[Line]) {
    let (read, rest): (Vec<&Line>, Vec<&Line>) = lines.iter().partition(|line| line.value.is_some());
    page.entries(&read.into_iter().map(entry).collect::<Vec<_>>());
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
    page.entries(&entries.collect::<Vec<_>>());
}

fn work(work: &Work) -> Entry<'_> {
    let (mark, word) = match work.works {
        State::Yes => ((' ', Style::Plain), "yes"),
        State::No => (('✗', Style::Red), "no"),
        State::Off => (('-', Style::Plain), "not set up"),
        State::Unknown => (('?', Style::Yellow), "not known"),
    };
    let said = format!("{word}: {}", printable::text(&work.why));
    Entry { mark, name: work.name, said, hint: work.hint.as_deref() }
}

/// The last line counts the problems and notes. It also explains their marks.
fn sum(page: &mut Page, findings: &Findings) {
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
    page.closing(&words, if findings.all_works() { Style::Green } else { Style::Red });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::reading::Reading;
    use crate::verbs::doctor::examine::examine;
    use crate::verbs::doctor::facts::{Facts, sound};
    use crate::verbs::doctor::works::works;

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
    fn a_problem_has_a_mark_and_its_hint_is_below_it() {
        let shown = text(&findings(&broken()), 80, false);
        let at = shown.find("✗ file ").unwrap();
        let lines: Vec<&str> = shown[at..].lines().take(2).collect();
        assert_eq!(lines, ["✗ file      /usr/local/bin/capwrap: is not there", "            hint: sudo ./install.sh"]);
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
        assert_eq!((&file["judgement"], &file["hint"]), (&"problem".into(), &"sudo ./install.sh".into()));
        let absent = facts.iter().find(|fact| fact["name"] == "kernel.modules_disabled").unwrap();
        assert!(absent["value"].is_null());
        assert_eq!(object["works"][0]["name"], "launching");
        assert_eq!(object["works"][0]["works"], "no");
    }
}
