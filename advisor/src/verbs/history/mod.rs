//! `capwrap history`: who ran which tool, when, with which capabilities and why, and what was changed.
//!
//! ```text
//! times, records ── show
//!  (impure)         pure
//! ```

mod check;
mod show;
mod times;

use crate::host::records::kept::Filter;
use crate::host::records::{self, Records};
use crate::host::{caller, clock};
use crate::output::error::{note, report};
use crate::output::outcome::Outcome;
use anyhow::{Result, bail};
use capwrap_core::record::line;
use capwrap_core::record::write::Event;
use capwrap_core::text::printable;
use clap::Args;
use std::process::ExitCode;

#[derive(Args)]
pub struct History {
    /// Show the records of this tool alone
    #[arg(value_name = "TOOL")]
    tool: Option<String>,
    /// Show what this user did: a name, or a number as in '#1001'
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// Show what happened from this time on: a length such as 2d or
    /// 90m before now, today, yesterday, 08:00, or a date such as
    /// 2026-11-27T08:00 in your time zone
    #[arg(long, value_name = "TIME", value_parser = times::parse, allow_hyphen_values = true, verbatim_doc_comment)]
    since: Option<times::Time>,
    /// Show what happened before this time
    #[arg(long, value_name = "TIME", value_parser = times::parse, allow_hyphen_values = true)]
    until: Option<times::Time>,
    /// Show refused launches alone
    #[arg(long)]
    refused: bool,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
    /// Check the chain of the recorder's files instead
    #[arg(long, conflicts_with_all = ["tool", "user", "since", "until", "refused", "json"])]
    verify: bool,
    /// With --verify: a hash that was kept elsewhere, which the chain must have
    #[arg(long, value_name = "HASH", requires = "verify", value_parser = check::hash)]
    against: Vec<check::Hash>,
}

impl History {
    pub fn run(self) -> ExitCode {
        let outcome = if self.verify { check::files(&self.against) } else { self.show() };
        outcome
            .unwrap_or_else(|error| {
                report(&error);
                Outcome::NotAll
            })
            .into()
    }

    /// Prints the records. The outcome says whether all that there are could be read.
    fn show(self) -> Result<Outcome> {
        let now = clock::now();
        let time = |time: Option<times::Time>| time.map(|time| time.microseconds(now));
        let (since, until) = (time(self.since), time(self.until));
        if let (Some(since), Some(until)) = (since, until)
            && since >= until
        {
            let [since, until] = [since, until].map(line::time);
            bail!("--since is {since}, and --until is not later: {until}");
        }
        let number = self.user.as_deref().and_then(|user| user.strip_prefix('#')?.parse().ok());
        let filter = Filter {
            since,
            until,
            name: self.tool,
            user: self.user.filter(|_| number.is_none()),
            uid: number,
            events: if self.refused { vec![Event::Refusal.word()] } else { Vec::new() },
        };
        let records = Records::open(&filter)?;
        records.notes.iter().for_each(|what| note(what));
        let outcome = if records.notes.is_empty() { Outcome::Clean } else { Outcome::NotAll };
        let local = caller::local_accounts().unwrap_or_default();
        let mut printed = show::Printer::new(self.json, local.passwd);
        for record in records {
            if !printed.print(&record?)? {
                break;
            }
        }
        printed.end(|| nothing(&filter, self.refused));
        Ok(outcome)
    }
}

/// What to say where no record was found.
fn nothing(filter: &Filter, refused: bool) -> String {
    if !records::are_kept() {
        return "Nothing on this machine keeps records for `capwrap history`: no recorder runs, and there is no journal. \
                `capwrap doctor` says what to start."
            .to_owned();
    }
    let is_all = filter.since.or(filter.until).is_none() && !refused;
    let is_all = is_all && filter.name.as_ref().or(filter.user.as_ref()).is_none() && filter.uid.is_none();
    let mut text = if is_all { "There is no record yet." } else { "No record matches." }.to_owned();
    if let Some(user) = filter.user.as_ref().filter(|user| caller::is_unknown(user)) {
        text += &format!(" There is no user {:?} (a number is written as '#1001').", printable::line(user));
    }
    if refused {
        text += " The recorder keeps no refusals: they are in the journal alone.";
    }
    if !nix::unistd::geteuid().is_root() {
        text += " You see your own records; root and the group adm see all.";
    }
    text
}
