//! `capwrap doctor`: reports what works on this machine, what does not, and the hint.
//!
//! ```text
//! look ── facts ── examine, works ── show
//! (impure)         ─────── pure ───────
//! ```

mod examine;
mod facts;
mod finding;
mod look;
mod show;
mod sysctls;
mod works;

use crate::output::error;
use crate::output::outcome::Outcome;
use crate::output::terminal;
use clap::Args;
use std::path::Path;
use std::process::ExitCode;

#[derive(Args)]
pub struct Doctor {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// When to use colour
    #[arg(long, value_name = "WHEN", default_value = "auto", hide_possible_values = true)]
    color: terminal::Color,
}

impl Doctor {
    pub fn run(&self) -> ExitCode {
        // Everything that cannot be read is a fact like others. But without /proc there are no facts at all.
        if !Path::new("/proc/self/status").exists() {
            error::print_error("cannot look: /proc is not mounted", Some("mount -t proc proc /proc"));
            return Outcome::NotAll.into();
        }
        let facts = look::look();
        let findings = finding::Findings { sections: examine::examine(&facts), works: works::works(&facts) };
        if self.json {
            match show::json(&findings) {
                Ok(text) => say!("{text}"),
                Err(error) => {
                    error::print_error(&format!("cannot write JSON: {error}"), None);
                    return Outcome::NotAll.into();
                }
            }
        } else {
            let shown = show::text(&findings, usize::from(terminal::width()), self.color.styled());
            say!("{}", shown.trim_end());
        }
        if findings.all_works() { Outcome::Clean.into() } else { Outcome::Found.into() }
    }
}
