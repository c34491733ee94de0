//! The back ends that observe checks, with the result of trying each.

use crate::output::finding::{Judgement, Line};
use crate::verbs::doctor::facts::Facts;
use capwrap_core::Capability;

/// What each back end reports of a check, by the back end's name.
const SEES: [(&str, &str); 3] = [
    ("fexit", "verdict, options and namespace"),
    ("tp_btf", "verdict and namespace; options by the call site"),
    ("kprobe", "verdict and options"),
];

pub fn back_ends(facts: &Facts) -> Vec<Line> {
    let used = facts.back_end();
    facts
        .back_ends
        .iter()
        .map(|tried| match &tried.outcome {
            Ok(()) => {
                let sees = SEES.iter().find(|(name, _)| *name == tried.name).map_or("", |(_, sees)| sees);
                let used = if used == Some(&tried.name) { "works, and is used" } else { "works" };
                Line::ok(&tried.name, used).means(format!("sees {sees}"))
            }
            Err(why) if !facts.may_trace() && is_refusal(why) => {
                let both = facts.asked_for(&[Capability::BPF, Capability::PERFMON]);
                Line::note(&tried.name, "not known").means(format!("it takes {both}, not held here"))
            }
            Err(why) => {
                let judgement = if used.is_some() || !facts.may_trace() { Judgement::Note } else { Judgement::Problem };
                Line::new(&tried.name, judgement, "does not work").means(plain(why))
            }
        })
        .collect()
}

fn is_refusal(why: &str) -> bool {
    let why = why.to_lowercase();
    why.contains("operation not permitted") || why.contains("permission denied")
}

/// Removes the numbers of errors, and the announcement of a verifier log that is not shown.
fn plain(why: &str) -> String {
    let why = why.trim_end().trim_end_matches("Verifier output:").trim_end().trim_end_matches('.');
    let mut parts = why.split(" (os error ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once(')').map_or("", |(_, rest)| rest))
}
