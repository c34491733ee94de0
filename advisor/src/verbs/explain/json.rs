//! An explanation as JSON for programs.

use crate::host::machine::Machine;
use crate::output::demanded::Demanded;
use anyhow::Result;
use capwrap_core::Capability;
use capwrap_core::CapabilitySet;
use capwrap_core::explain::{Explanation, Reason};
use capwrap_core::text::printable;
use serde::Serialize;
use std::collections::BTreeMap;

/// Facts that an explanation itself does not contain.
pub struct About<'m> {
    /// The machine that the decision is for; `None` is this machine.
    pub machine: Option<&'m Machine>,
    /// Whether the policy is enabled on this machine.
    pub is_enabled: bool,
    /// Whether no known fact would keep the tool from running.
    pub would_run: bool,
}

#[derive(Serialize)]
struct Object<'o> {
    schema: u32,
    #[serde(flatten)]
    machine: &'o Shown,
}

#[derive(Serialize)]
struct Objects<'o> {
    schema: u32,
    machines: &'o [Shown],
}

/// The JSON object for one machine.
#[derive(Serialize)]
pub struct Shown {
    policy: Policy,
    /// `this`, or the file with the machine's facts; `None` where only a kernel release was given.
    machine: Option<String>,
    kernel: String,
    /// Its number.
    last_capability: u8,
    arguments: Vec<String>,
    mode: Option<String>,
    /// The lines about the circumstances, by label.
    about: BTreeMap<String, String>,
    would_run: bool,
    passed: Vec<&'static str>,
    granted: Vec<Because>,
    not_granted: Vec<Because>,
    undecided: Vec<Because>,
    borrowed: Vec<Borrowed>,
    demands: Vec<Demanded>,
    missing: Vec<Missing>,
}

#[derive(Serialize)]
struct Policy {
    name: String,
    path: String,
    summary: String,
    enabled: bool,
}

#[derive(Serialize)]
struct Because {
    capabilities: Vec<&'static str>,
    line: Option<usize>,
    conditions: Vec<Condition>,
    /// What the capabilities are for, a line each.
    scope: Vec<String>,
    why: Option<String>,
}

#[derive(Serialize)]
struct Condition {
    /// The condition as a policy file writes it.
    condition: Option<String>,
    /// The fact that decided it; `None` where it is not known.
    fact: Option<String>,
}

#[derive(Serialize)]
struct Borrowed {
    capability: &'static str,
    purpose: String,
}

#[derive(Serialize)]
struct Missing {
    capabilities: Vec<String>,
    why: String,
    hint: Option<String>,
}

/// One JSON object without a newline after it: the object of the only machine, or a list of several.
pub fn text(machines: &[Shown]) -> Result<String> {
    Ok(match machines {
        [machine] => crate::output::json::pretty(&Object { schema: crate::output::json::SCHEMA, machine })?,
        machines => crate::output::json::pretty(&Objects { schema: crate::output::json::SCHEMA, machines })?,
    })
}

/// The JSON object for one explanation.
pub fn shown(explanation: &Explanation<'_>, about: &About<'_>) -> Shown {
    let Explanation { policy, facts, decision, .. } = explanation;
    let list = |reasons: Vec<Reason>| reasons.into_iter().map(because).collect();
    let borrowed = decision.borrowed.iter();
    let missing = explanation.shortfalls.iter();
    Shown {
        policy: Policy {
            name: explanation.name.to_owned(),
            path: printable::text(explanation.file),
            summary: printable::text(&policy.summary),
            enabled: about.is_enabled,
        },
        machine: match about.machine {
            None => Some("this".to_owned()),
            Some(machine) => machine.file.as_ref().map(printable::text),
        },
        kernel: facts.kernel.to_string(),
        last_capability: facts.last_capability,
        arguments: explanation.arguments.iter().map(printable::text).collect(),
        mode: decision.mode.clone(),
        about: explanation
            .context
            .iter()
            .map(|(label, text)| (label.replace(' ', "_"), text.clone()))
            .chain(explanation.beside_scopes().map(|said| ("scopes".to_owned(), said)))
            .chain(explanation.what_fails().map(|fails| ("note".to_owned(), fails)))
            .fold(BTreeMap::new(), |mut all: BTreeMap<String, String>, (label, text)| {
                // Several lines can have the same label.
                all.entry(label).and_modify(|said| *said = format!("{said}; {text}")).or_insert(text);
                all
            }),
        would_run: about.would_run,
        passed: names(decision.passed),
        granted: list(explanation.granted()),
        not_granted: list(explanation.withheld()),
        undecided: list(explanation.unknown()),
        borrowed: borrowed
            .map(|one| Borrowed { capability: one.capability.name(), purpose: one.purpose.clone() })
            .collect(),
        demands: explanation.demands.iter().map(|one| Demanded::new(one.demand, &one.state)).collect(),
        missing: missing
            .map(|one| Missing {
                capabilities: one.what.split(',').map(str::to_owned).collect(),
                why: one.why.clone(),
                hint: one.hint.clone(),
            })
            .collect(),
    }
}

fn because(reason: Reason) -> Because {
    let conditions = reason.met.into_iter();
    Because {
        capabilities: names(reason.capabilities),
        line: reason.line,
        conditions: conditions.map(|met| Condition { condition: met.condition, fact: met.fact }).collect(),
        scope: reason.scope,
        why: reason.why,
    }
}

fn names(set: CapabilitySet) -> Vec<&'static str> {
    set.iter().map(Capability::name).collect()
}
