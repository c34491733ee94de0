//! `capwrap history`: who ran which tool, when, with which capabilities and why, and what was changed.
//!
//! ```text
//! times, records ── show
//!  (impure)         pure
//! ```

mod check;
mod show;
mod times;

use crate::host::clock;
use crate::host::records::Records;
use crate::host::records::kept::Filter;
use crate::output::error::{note, report};
use crate::output::outcome::Outcome;
use anyhow::Result;
use capwrap_core::record::write::Event;
use clap::Args;
use std::process::ExitCode;

#[derive(Args)]
pub struct History {
    /// Show the records of this tool alone
    #[arg(value_name = "TOOL")]
    tool: Option<String>,
    /// Show what this user did
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// Show what happened from this time on: a length such as 2d or
    /// 90m before now, or a date such as 2026-11-27T08:00
    #[arg(long, value_name = "TIME", value_parser = times::parse, verbatim_doc_comment)]
    since: Option<times::Time>,
    /// Show what happened before this time
    #[arg(long, value_name = "TIME", value_parser = times::parse)]
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
    /// A hash that was kept elsewhere: the chain must have it
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
        let filter = Filter {
            since: time(self.since),
            until: time(self.until),
            name: self.tool,
            user: self.user,
            events: if self.refused { vec![Event::Refusal.word()] } else { Vec::new() },
        };
        let records = Records::open(&filter)?;
        records.notes.iter().for_each(|what| note(what));
        let outcome = if records.notes.is_empty() { Outcome::Clean } else { Outcome::NotAll };
        let mut printed = show::Printer::new(self.json);
        for record in records {
            if !printed.print(&record?)? {
                break;
            }
        }
        printed.end()?;
        Ok(outcome)
    }
}
