//! `capwrap ps`: the tools that run now, with the capabilities that they hold.
//!
//! ```text
//! launched, caller ── entry ── show
//!     (impure)               pure
//! ```

mod entry;
mod show;

use crate::host::launched::{Known, Launched};
use crate::host::still_allowed::Now;
use crate::output::terminal;
use anyhow::Result;
use capwrap_core::decision::accounts;
use clap::Args;
use entry::Entry;

#[derive(Args)]
pub struct Ps {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// When to use colour
    #[arg(long, value_name = "WHEN", default_value = "auto", hide_possible_values = true)]
    color: terminal::Color,
}

impl Ps {
    pub fn run(&self) -> Result<()> {
        let known = Known::read()?;
        let running = known.running()?;
        let now = Now::read(&running.processes)?;
        let entries: Vec<Entry> = running.processes.iter().map(|one| entry(one, &now)).collect();
        let notes: Vec<String> = known.notes.iter().cloned().chain(others(&running.others)).collect();
        if self.json {
            say!("{}", show::json(&entries, &running.others, &notes)?);
        } else {
            let text = show::text(&entries, &notes, terminal::width(), self.color.styled());
            say!("{}", text.trim_end());
        }
        Ok(())
    }
}

fn entry(one: &Launched, now: &Now) -> Entry {
    let field = |name: &str| {
        let value = one.record.as_ref()?.fields.get(name)?;
        Some(value.clone()).filter(|value| !value.is_empty())
    };
    let scopes = match (&one.record, now.policy(&one.policy)) {
        (Some(_), _) => field("scopes").map_or(Vec::new(), |all| all.split("; ").map(str::to_owned).collect()),
        (None, Some(policy)) => {
            let scoped = policy.grants.iter().filter(|grant| !grant.scope.is_empty());
            scoped.map(|grant| format!("{} {}", grant.caps, grant.scope)).collect()
        }
        (None, None) => Vec::new(),
    };
    let seconds = u64::try_from(now.seconds.saturating_sub(one.started)).unwrap_or(0);
    Entry {
        pid: one.pid,
        parent: one.parent,
        started: jiff::Timestamp::from_second(one.started)
            .map_or_else(|_| one.started.to_string(), |at| at.to_string()),
        seconds,
        user: accounts::name(&now.local.passwd, one.uid),
        uid: one.uid,
        name: one.policy.clone(),
        executable: one.executable.as_ref().map(capwrap_core::text::printable::text),
        capabilities: one.capabilities.iter().map(capwrap_core::Capability::name).collect(),
        passed: field("capabilities").map(|list| names(&list)),
        scopes,
        found_by: one.found_by,
        allowed_by: now.allowed_by(&one.policy, one.uid).map(|by| by.to_string()),
        reason: field("reason"),
    }
}

/// The names in a list of a record.
fn names(list: &str) -> Vec<String> {
    list.split(',').filter(|name| !name.is_empty() && *name != "none").map(str::to_owned).collect()
}

/// The note about processes that hold ambient capabilities for which no launch accounts.
fn others(pids: &[i32]) -> Option<String> {
    let some = pids.iter().take(8).map(i32::to_string).collect::<Vec<_>>().join(", ");
    let more = if pids.len() > 8 { " and more" } else { "" };
    (!pids.is_empty()).then(|| {
        format!(
            "other processes hold ambient capabilities, and no launch accounts for them (a service can have them from \
             its manager): {some}{more}"
        )
    })
}
