//! Explains a decision without the launcher: for another machine, or as JSON.

use crate::host::caller::{Asking, allowed, until};
use crate::host::demands;
use crate::host::installed_file;
use crate::host::landlock;
use crate::host::machine::Machine;
use crate::host::policy_facts::{self, Untried};
use crate::output::error::hinted;
use crate::store::enabled;
use crate::store::policy_lookup::Source;
use crate::verbs::explain::asked;
use crate::verbs::explain::json;
use crate::verbs::explain::json::{About, Shown};
use crate::verbs::explain::launcher_limits;
use crate::verbs::explain::launcher_limits::Rights;
use anyhow::Result;
use capwrap_core::decision;
use capwrap_core::decision::Decision;
use capwrap_core::decision::demand::{self, Judged, State};
use capwrap_core::decision::facts::Facts;
use capwrap_core::decision::shortfall_cause::Cause;
use capwrap_core::explain::{Explanation, MISSING_HERE, MISSING_THERE, Shortfall};
use capwrap_core::policy::demand::{Demand, Need};
use capwrap_core::scope::domain::{Asked, abi_since};
use capwrap_core::text::printable;
use capwrap_core::{Capability, CapabilitySet};
use std::path::Path;

/// An explanation in two forms.
pub struct Decided {
    /// The text for people.
    pub text: String,
    /// The values for programs.
    pub shown: Shown,
    /// Whether no known fact would keep the tool from running.
    pub would_run: bool,
}

/// Decides for a machine; `None` is this machine.
pub fn decide(source: &Source, asked: &asked::Asked, machine: Option<&Machine>, who: &Asking) -> Result<Decided> {
    let mut facts = policy_facts::of(&source.policy, machine, Untried::LeftOut)?;
    let rights = if machine.is_none() { Some(launcher_limits::rights()?) } else { None };
    let is_enabled = source.path == enabled::path(&source.name);
    facts.uid0 = who.is_root();
    // Root's bounding set is full unless the machine's facts say otherwise.
    let lacks = machine.map_or(CapabilitySet::EMPTY, |machine| machine.bounding_lacks);
    facts.bounding = rights.as_ref().map_or_else(|| known(&facts).without(lacks), |rights| rights.bounding);
    let decision = decision::decide(&source.policy, &facts, &asked.arguments, &asked.request)
        .map_err(|error| hinted(format!("{}: {error}", source.name), error.hint()))?;
    let holds = |capability| match (&rights, machine) {
        (Some(rights), _) => cause_here(capability, source, &facts, rights, is_enabled),
        (None, Some(machine)) => cause_there(capability, source, &facts, machine),
        (None, None) => None,
    };
    let shortfalls = shortfalls(source, &decision, &facts, holds);
    let (mut context, mut refused) = context(source, asked, machine, who, &facts, is_enabled);
    let (gaps, is_beyond_kernel) = scopes(source, &decision, machine, &facts);
    context.extend(gaps.into_iter().map(|said| ("scopes", said)));
    refused |= is_beyond_kernel;
    let demands = judged(&decision, machine.is_some(), who)?;
    let explanation = Explanation {
        name: &source.name,
        file: &source.path,
        policy: &source.policy,
        facts: &facts,
        arguments: &asked.arguments,
        decision: &decision,
        shortfalls: &shortfalls,
        demands: &demands,
        missing: if machine.is_none() { MISSING_HERE } else { MISSING_THERE },
        dropped: asked.request.drop,
        context: &context,
    };
    let would_run = !refused && shortfalls.is_empty();
    let about = About { machine, is_enabled, would_run };
    Ok(Decided { text: explanation.render(), shown: json::shown(&explanation, &about), would_run })
}

/// What the decision demands, and whether it holds for the caller. Whether a path of another machine can be used, only
/// that machine knows.
fn judged<'p>(decision: &Decision<'p>, is_elsewhere: bool, who: &Asking) -> Result<Vec<Judged<'p>>> {
    let states = match is_elsewhere {
        false => demands::states(&decision.demands, &who.caller, decision.passed)?,
        true => {
            let there = State::Unknown("only that machine can say".to_owned());
            let state = |demand: &&Demand| match &demand.need {
                Need::Uid0 => demand::of_uid0(who.is_root()),
                _ => there.clone(),
            };
            decision.demands.iter().map(state).collect()
        }
    };
    Ok(decision.demands.iter().zip(states).map(|(demand, state)| Judged { demand, state }).collect())
}

fn known(facts: &Facts) -> CapabilitySet {
    Capability::all().filter(|capability| facts.knows(*capability)).collect()
}

/// The needed capabilities that `cause` reports as missing, grouped by cause. The tool's capabilities come first.
fn shortfalls(
    source: &Source,
    decision: &Decision<'_>,
    facts: &Facts,
    cause: impl Fn(Capability) -> Option<Cause>,
) -> Vec<Shortfall> {
    let mut lacking: Vec<(Cause, CapabilitySet)> = Vec::new();
    for capability in decision.passed.iter().chain(decision.borrowed_set().without(decision.passed).iter()) {
        let Some(cause) = cause(capability) else { continue };
        match lacking.iter_mut().find(|(known, _)| *known == cause) {
            Some((_, set)) => set.insert(capability),
            None => lacking.push((cause, capability.into())),
        }
    }
    lacking.into_iter().map(|(cause, set)| Shortfall::new(cause, set, &source.name, decision, facts)).collect()
}

/// Why the launcher would not hold the capability here, in the order in which the launcher checks. A policy that is not
/// enabled is treated as enabled, because enabling it gives the launcher's file what it needs.
fn cause_here(
    capability: Capability,
    source: &Source,
    facts: &Facts,
    rights: &Rights,
    is_enabled: bool,
) -> Option<Cause> {
    if !facts.knows(capability) {
        Some(Cause::UnknownToKernel)
    } else if !rights.bounding.contains(capability) {
        Some(Cause::BoundingSet)
    } else if facts.uid0 {
        None
    } else if rights.no_new_privs {
        Some(Cause::NoNewPrivs)
    } else {
        let lacks = is_enabled && !rights.launcher.contains(capability);
        lacks.then(|| Cause::of_file(&source.policy, capability))
    }
}

/// Why the launcher would not hold the capability on another machine, as far as the machine's facts show.
fn cause_there(capability: Capability, source: &Source, facts: &Facts, machine: &Machine) -> Option<Cause> {
    if !facts.knows(capability) {
        Some(Cause::UnknownToKernel)
    } else if machine.bounding_lacks.contains(capability) {
        Some(Cause::BoundingSet)
    } else if facts.uid0 {
        None
    } else {
        let lacks = machine.launcher.is_some_and(|carried| !carried.contains(capability));
        lacks.then(|| Cause::of_file(&source.policy, capability))
    }
}

/// The lines about the circumstances, and whether one of them would keep the tool from running.
fn context(
    source: &Source,
    asked: &asked::Asked,
    machine: Option<&Machine>,
    who: &Asking,
    facts: &Facts,
    is_enabled: bool,
) -> (Vec<(&'static str, String)>, bool) {
    let paths: Vec<String> = source.policy.tool.paths.iter().map(printable::text).collect();
    let mut lines = Vec::new();
    let mut refused = false;
    if !is_enabled {
        lines.push(("enabled", "no; explained as if it were".to_owned()));
    }
    match machine {
        Some(machine) => {
            if let Some(file) = &machine.file {
                lines.push(("machine", printable::text(file)));
            }
            let until = until(&source.policy.allow).map_or(String::new(), |until| format!(", until {until}"));
            let caller = match facts.uid0 {
                true => "root".to_owned(),
                false => format!("whom it allows: {}", allowed(&source.policy.allow)),
            };
            lines.push(("caller", caller + &until));
            lines.push(("tool", paths.join(", or ")));
        }
        None => {
            let ground = who.authorised(&source.policy.allow, asked.reason.as_deref());
            refused |= is_enabled && ground.is_err();
            lines.push((
                "caller",
                match ground {
                    Ok(ground) => format!("{}, as {ground}", who.name()),
                    Err(denial) => format!("refused: {} may not run {}: {denial}", who.name(), source.name),
                },
            ));
            let installed = installed_file::first(&source.policy.tool.paths);
            refused |= installed.is_none();
            let missing = || format!("refused: {} is not installed: no {}", source.name, paths.join(", nor "));
            lines.push((
                "tool",
                installed.map_or_else(missing, |path: &std::path::PathBuf| printable::text(Path::new(path))),
            ));
        }
    }
    lines.push(("kernel", kernel(facts, machine)));
    (lines, refused)
}

/// What the kernel does not enforce of the scopes, and whether the launch would be refused for it. Of another machine the
/// release alone is known, so Landlock is taken to be on.
fn scopes(source: &Source, decision: &Decision<'_>, machine: Option<&Machine>, facts: &Facts) -> (Vec<String>, bool) {
    let by_release = abi_since(facts.kernel);
    let abi = if machine.is_some() { Some(by_release) } else { landlock::abi().is().copied() };
    let (Some(asked), Some(abi)) = (Asked::of(&source.policy, decision), abi) else { return (Vec::new(), false) };
    let (mut lines, refused) = asked.plan(abi).said();
    if machine.is_some() && abi > 0 {
        lines.push(format!("taken for granted: Landlock is on, with the ABI {abi} of the release"));
    }
    (lines, refused)
}

fn kernel(facts: &Facts, machine: Option<&Machine>) -> String {
    let Some(machine) = machine else { return facts.kernel.to_string() };
    let last =
        Capability::from_number(machine.last_capability).map_or("one that capwrap does not know", Capability::name);
    let by_release = if machine.by_release { " by its release (distributions may add some)" } else { "" };
    format!("{}, whose last capability is {last}{by_release}", facts.kernel)
}
