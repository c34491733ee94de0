//! Metrics in the text format that node_exporter's textfile collector reads.
//!
//! <https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>

use crate::output::finding::Judgement;
use crate::output::outcome::Outcome;
use crate::verbs::verify::judged::{Kind, Subject};
use capwrap_core::text::printable;
use std::fmt::Write;

/// All metrics. `now` is in seconds since 1970.
pub fn text(subjects: &[Subject], outcome: Outcome, now: i64) -> String {
    let mut out = String::new();
    for (name, help, judgement) in [
        ("capwrap_verify_problems", "What is not as the policy says.", Judgement::Problem),
        ("capwrap_verify_notes", "What is worth knowing.", Judgement::Note),
    ] {
        head(&mut out, name, help);
        for subject in subjects {
            let kind = match subject.kind {
                Kind::Policy => "policy",
                Kind::Launcher => "launcher",
                Kind::File => "file",
                Kind::Process => "process",
            };
            // Writing to a String cannot fail.
            let _ = writeln!(
                out,
                "{name}{{kind=\"{kind}\",name=\"{}\"}} {}",
                label(&subject.name),
                subject.count(judgement)
            );
        }
    }
    for (name, help, value) in [
        ("capwrap_verify_complete", "Whether everything could be checked.", i64::from(outcome != Outcome::NotAll)),
        ("capwrap_verify_last_run_timestamp_seconds", "When this was found.", now),
    ] {
        head(&mut out, name, help);
        let _ = writeln!(out, "{name} {value}");
    }
    out
}

fn head(out: &mut String, name: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge");
}

/// The format knows no other escapes than these three, so a hidden character is written as text.
fn label(value: &str) -> String {
    printable::line(value).replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::finding::Line;

    #[test]
    fn each_subject_has_its_counts_and_the_run_its_time() {
        let subject = Subject {
            kind: Kind::File,
            name: "/odd\"\\na\u{9b}\nme".to_owned(),
            path: None,
            lines: vec![Line::problem("mode", "4755").into(), Line::note("x", "y").into()],
        };
        let text = text(&[subject], Outcome::NotAll, 1_700_000_000);
        for line in [
            "# TYPE capwrap_verify_problems gauge",
            "capwrap_verify_problems{kind=\"file\",name=\"/odd\\\"\\\\na\\\\u{9b}\\\\u{a}me\"} 1",
            "capwrap_verify_notes{kind=\"file\",name=\"/odd\\\"\\\\na\\\\u{9b}\\\\u{a}me\"} 1",
            "capwrap_verify_complete 0",
            "capwrap_verify_last_run_timestamp_seconds 1700000000",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line} is not in\n{text}");
        }
    }
}
