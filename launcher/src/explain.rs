//! A decision in words: each capability with the policy's line, the fact and the reason that it
//! rests on, and what this machine cannot give with why.

use crate::arguments::Arguments;
use crate::capability_set::CapabilitySet;
use crate::decision::{Decision, Outcome, Weighed, options_with_value};
use crate::facts::Facts;
use crate::policy::{Bounding, Children, Delivery, Policy};
use crate::printable;
use std::ffi::OsString;
use std::fmt::Write;
use std::path::Path;

/// Something that a decision needs and the machine or the caller's circumstances do not give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortfall {
    /// What is missing: a capability's name, or a sentence's subject such as `the ambient set`.
    pub what: String,
    /// Its most likely cause.
    pub why: String,
    /// The command or the change that gives it, where there is one.
    pub mend: Option<String>,
}

/// Everything that an explanation speaks of.
pub struct Explanation<'a> {
    /// The policy's name: what the user types.
    pub name: &'a str,
    /// The policy's file.
    pub file: &'a Path,
    /// What it says.
    pub policy: &'a Policy,
    /// The facts that were looked up.
    pub facts: &'a Facts,
    /// The tool's arguments.
    pub arguments: &'a [OsString],
    /// What was decided.
    pub decision: &'a Decision<'a>,
    /// What is missing; empty: the launch can be met.
    pub shortfalls: &'a [Shortfall],
    /// Lines about the caller, the tool and the circumstances: label and text.
    pub context: &'a [(&'static str, String)],
}

impl Explanation<'_> {
    /// The explanation as lines of text, each table aligned in itself.
    pub fn render(&self) -> String {
        let mut out = format!("{}: {}\n", self.name, printable::text(&self.policy.summary));
        let mut context = vec![("policy", self.file.display().to_string())];
        context.extend(self.context.iter().cloned());
        context.push(("delivery", self.manner()));
        for (label, text) in context {
            line(&mut out, &format!("  {label:<9} {text}"));
        }
        self.table(&mut out, "granted", self.granted(), "  nothing\n");
        self.table(&mut out, "not granted", self.withheld(), "");
        let borrowed = &self.decision.borrowed;
        let borrowed = borrowed.iter().map(|one| vec![one.capability.to_string(), one.purpose.clone()]).collect();
        self.table(&mut out, "used by the launcher, not handed over", borrowed, "");
        let missing = self.shortfalls.iter().map(|one| {
            let mend = one.mend.as_ref().map_or(String::new(), |mend| format!("; mend: {mend}"));
            vec![one.what.clone(), format!("{}{mend}", one.why)]
        });
        self.table(&mut out, "missing here", missing.collect(), "");
        out
    }

    fn table(&self, out: &mut String, title: &str, rows: Vec<Vec<String>>, empty: &str) {
        if rows.is_empty() && empty.is_empty() {
            return;
        }
        line(out, title);
        out.push_str(if rows.is_empty() { empty } else { "" });
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns)
            .map(|column| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0))
            .collect();
        for row in rows {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
            line(out, &format!("  {}", cells.collect::<Vec<_>>().join("  ")));
        }
    }

    /// One row for each capability and the grant that it comes from.
    fn granted(&self) -> Vec<Vec<String>> {
        let mut rows = Vec::new();
        for weighed in self.decision.grants.iter().filter(|weighed| weighed.outcome == Outcome::Holds) {
            let handed = weighed.grant.caps.intersection(self.decision.handed);
            rows.extend(handed.iter().map(|capability| self.row(capability.to_string(), weighed)));
        }
        if let Some(optional) = &self.policy.optional {
            rows.extend(self.decision.added.iter().map(|capability| {
                let why = optional.why.as_deref().unwrap_or("optional").to_owned();
                vec![capability.to_string(), format!("line {}", optional.line), "--add".to_owned(), printable::text(why)]
            }));
        }
        rows
    }

    /// One row for each grant that does not hold, one for what was dropped.
    fn withheld(&self) -> Vec<Vec<String>> {
        let failed = self.decision.grants.iter().filter(|weighed| weighed.outcome != Outcome::Holds);
        let mut rows: Vec<Vec<String>> =
            failed.map(|weighed| self.row(weighed.grant.caps.without(self.decision.handed).to_string(), weighed)).collect();
        rows.retain(|row| row[0] != CapabilitySet::EMPTY.to_string());
        if !self.decision.dropped.is_empty() {
            rows.push(vec![self.decision.dropped.to_string(), String::new(), "--drop".to_owned(), "shed by the caller".to_owned()]);
        }
        if let Some(optional) = &self.policy.optional {
            let left = optional.caps.without(self.decision.handed).without(self.decision.dropped);
            if !left.is_empty() {
                let how = format!("not asked for with --add {left}");
                rows.push(vec![left.to_string(), format!("line {}", optional.line), how, String::new()]);
            }
        }
        rows
    }

    fn row(&self, what: String, weighed: &Weighed<'_>) -> Vec<String> {
        let with_value = options_with_value(self.policy);
        let arguments = Arguments::new(self.arguments, &with_value);
        let fact = match weighed.outcome {
            Outcome::Fails(condition) => format!("{condition}: {}", condition.fact(self.facts, &arguments)),
            Outcome::OtherMode => {
                let asked = self.decision.mode.as_deref().unwrap_or_default();
                format!("mode {}: --mode is {asked}", weighed.grant.modes.join(" or "))
            }
            Outcome::Holds if weighed.grant.when.is_empty() => "always".to_owned(),
            Outcome::Holds => {
                let mode = self.decision.mode.as_ref().filter(|mode| weighed.grant.modes.contains(mode));
                let by_mode = mode.map(|mode| format!("--mode {mode}"));
                let conditions = weighed.grant.when.iter().filter(|one| mode.is_none() || !one.is_about_arguments());
                let facts = conditions.map(|one| one.fact(self.facts, &arguments));
                by_mode.into_iter().chain(facts).collect::<Vec<_>>().join(", ")
            }
        };
        let why = weighed.grant.why.as_deref().unwrap_or("no reason given");
        vec![what, format!("line {}", weighed.grant.line), fact, printable::text(why)]
    }

    fn manner(&self) -> String {
        let exec = &self.policy.exec;
        let mut manner = match exec.deliver {
            Delivery::Ambient => "ambient".to_owned(),
            Delivery::Inheritable => "inheritable (only the marked file gets them, its children do not)".to_owned(),
        };
        for (said, holds) in [
            (", no_new_privs", exec.no_new_privs),
            (", starts no other program", exec.children == Children::None),
            (", bounding set reduced", exec.bounding == Bounding::Drop),
        ] {
            manner.push_str(if holds { said } else { "" });
        }
        for (resource, limit) in &exec.limits {
            // Writing to a String cannot fail.
            let _ = write!(manner, ", {} {limit}", resource.name());
        }
        manner
    }
}

fn line(out: &mut String, text: &str) {
    out.push_str(text.trim_end());
    out.push('\n');
}
