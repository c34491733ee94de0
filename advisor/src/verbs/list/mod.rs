//! `capwrap list`: lists the tools that the caller may run, those of all enabled policies, or those that could be
//! enabled.
//!
//! ```text
//! caller, policies ── entry ── show
//! ─── (impure) ───    ─── pure ────
//! ```

mod details;
mod entry;
mod show;

use crate::analysis::other_way::{self, OtherWay};
use crate::host::caller;
use crate::host::caller::Asking;
use crate::host::clock;
use crate::host::demands;
use crate::host::installed_file;
use crate::host::policy_facts::{self, Untried};
use crate::host::records::last_use::{self, LastUses};
use crate::output::demanded::Demanded;
use crate::output::error::print_error;
use crate::output::terminal;
use crate::store::{enabled, policy_lookup};
use anyhow::{Context, Result};
use capwrap_core::decision::demand::State;
use capwrap_core::decision::facts::Facts;
use capwrap_core::decision::{Request, decide, demands_for_any_arguments, for_any_arguments};
use capwrap_core::paths;
use capwrap_core::policy::demand::Demand;
use capwrap_core::policy::{Policy, Temporary};
use capwrap_core::text::printable;
use clap::Args;
use entry::{Entry, Granted, LastUse, Scope, Which};
use std::path::{Path, PathBuf};

#[derive(Args)]
pub struct List {
    /// List all enabled policies, with who may run their tools
    #[arg(long, conflicts_with = "available")]
    all: bool,
    /// List the shipped policies that are not enabled
    #[arg(long)]
    available: bool,
    /// List the shipped policies, enabled or not, or those that
    /// have this word in the name, the summary, the tool's path
    /// or a capability; and tools that are better run another way
    #[arg(long, value_name = "WORD", num_args = 0..=1, default_missing_value = "", conflicts_with_all = ["all", "available"], verbatim_doc_comment)]
    shipped: Option<String>,
    /// Show the details too: what each grant is for, and what the tool's demands are for
    #[arg(long, conflicts_with_all = ["names", "json"])]
    long: bool,
    /// Print names alone, one a line
    #[arg(long, conflicts_with = "json")]
    names: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// When to use colour
    #[arg(long, value_name = "WHEN", default_value = "auto", hide_possible_values = true)]
    color: terminal::Color,
}

impl List {
    pub fn run(&self) -> Result<()> {
        let which = match (self.all, self.available, &self.shipped) {
            (_, _, Some(_)) => Which::Shipped,
            (true, ..) => Which::Enabled,
            (false, true, None) => Which::Available,
            (false, false, None) => Which::Own,
        };
        let who = Asking::now()?;
        let (mut entries, mut others) = (entries(which, &who)?, Vec::new());
        if let Some(word) = self.shipped.as_deref().map(str::to_lowercase) {
            entries.retain(|entry| entry.has(&word));
            others = other_way::all()?.into_iter().filter(|other: &OtherWay| other.has(&word)).collect();
        }
        if (self.long || self.json) && matches!(which, Which::Own | Which::Enabled) {
            add_last_uses(&mut entries);
        }
        if self.names {
            entries.iter().for_each(|entry| say!("{}", entry.name));
        } else if self.json {
            say!("{}", show::json(&entries, &others, &who)?);
        } else {
            let (width, styled) = (usize::from(terminal::width()), self.color.styled());
            let look = show::Look { which, long: self.long, width, styled };
            let word = self.shipped.as_deref().unwrap_or_default();
            if which == Which::Shipped {
                say!("{}", show::shipped(&entries, &others, look, word));
            } else {
                say!("{}", show::text(&entries, look, &who.name()));
            }
        }
        Ok(())
    }
}

/// The entries of the list. A policy that cannot be used permits nobody. It is reported, but the verb does not fail.
fn entries(which: Which, who: &Asking) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for (name, path) in candidates(which)? {
        match read(which, &path).and_then(|policy| entry(&name, &path, &policy, who)) {
            Ok(entry) if which == Which::Own && entry.allowed_by.is_err() => {}
            Ok(entry) => entries.push(entry),
            Err(error) => print_error(&format!("policy {name} cannot be used: {error:#}"), None),
        }
    }
    Ok(entries)
}

fn candidates(which: Which) -> Result<Vec<(String, PathBuf)>> {
    let enabled = enabled::names().with_context(|| format!("cannot list {}", paths::POLICIES))?;
    if matches!(which, Which::Own | Which::Enabled) {
        return Ok(enabled.into_iter().map(|name| (name.clone(), enabled::path(&name))).collect());
    }
    let templates = policy_lookup::templates();
    let shipped =
        enabled::names_in(&templates)?.into_iter().filter(|name| which == Which::Shipped || !enabled.contains(name));
    Ok(shipped.map(|name| (name.clone(), templates.join(format!("{name}.toml")))).collect())
}

fn read(which: Which, path: &Path) -> Result<Policy> {
    match which {
        Which::Available | Which::Shipped => policy_lookup::read(&policy_lookup::text(path)?, path),
        Which::Own | Which::Enabled => enabled::read(path),
    }
}

fn entry(name: &str, path: &Path, policy: &Policy, who: &Asking) -> Result<Entry> {
    // The first leaves out what only the launcher can try. The other takes every such answer as yes.
    let known = Facts { uid0: who.is_root(), ..policy_facts::of(policy, None, Untried::LeftOut)? };
    let most = Facts { uid0: who.is_root(), ..policy_facts::of(policy, None, Untried::SaysYes)? };
    let at_once = decide(policy, &known, &[], &Request::default()).map(|decision| decision.passed);
    let demanded: Vec<&Demand> = demands_for_any_arguments(policy, &known, None).collect();
    let most_granted = for_any_arguments(policy, &most, None);
    let states = demands::states(&demanded, &who.caller, most_granted)?;
    let said = |(demand, state): (&Demand, State)| (format!("{}: {state}", demand.need), Demanded::new(demand, &state));
    let details = details::of(path, policy);
    let installed = installed_file::first(&policy.tool.paths);
    // A reason is only demanded at the launch.
    let allowed_by = who.authorised(&policy.allow, Some("to be given"));
    Ok(Entry {
        name: name.to_owned(),
        policy: path.to_owned(),
        enabled: enabled::path(name).exists(),
        summary: printable::text(&policy.summary),
        installed: installed.cloned(),
        paths: policy.tool.paths.clone(),
        allowed_by: allowed_by.map(|allowed_by| allowed_by.to_string()).map_err(|denial| denial.to_string()),
        allows: caller::allowed(&policy.allow),
        temporary: policy.allow.temporary.iter().map(granted).collect(),
        until: caller::until(&policy.allow),
        reason_demanded: policy.allow.reason,
        always: at_once.unwrap_or_default(),
        grants: for_any_arguments(policy, &known, None),
        possible: most_granted,
        mentioned: policy.grantable().union(policy.grantable_to_root()).union(policy.optional()),
        optional: policy.optional(),
        scopes: Scope::all(policy),
        demands: demanded.into_iter().zip(states).map(said).collect(),
        last_use: None,
        details,
    })
}

fn add_last_uses(entries: &mut [Entry]) {
    let names: Vec<String> = entries.iter().map(|entry| entry.name.clone()).collect();
    let uses = LastUses::since(last_use::long_ago(clock::now()), &names);
    for entry in entries {
        let used = uses.of(&entry.name);
        entry.last_use = used.map(|record| LastUse { time: record.when(), user: record.get("user").to_owned() });
    }
}

fn granted(entry: &Temporary) -> Granted {
    Granted {
        user: entry.user.to_string(),
        until: entry.written.clone(),
        left: entry.left(clock::now()).unwrap_or(0),
        reason: entry.reason.clone(),
        by: entry.by.clone(),
    }
}
