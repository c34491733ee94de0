//! `capwrap diff`: shows what one grant has and another lacks, and what that opens.
//!
//! ```text
//! read ── compare ── show
//! (impure)  ── pure ──
//! ```

mod compare;
pub mod operand;
mod show;

use crate::host::target_machine::TargetMachine;
use crate::output::error::{hinted, report};
use crate::output::outcome::Outcome;
use crate::output::terminal;
use anyhow::Result;
use clap::Args;
use compare::Difference;
use std::process::ExitCode;

#[derive(Args)]
pub struct Diff {
    /// A policy, profile, unit, pid:N, mask, list or file of another launcher; - for standard input, FILE#NAME for one of several
    #[arg(value_name = "A")]
    a: String,
    /// What to compare it with
    #[arg(value_name = "B")]
    b: String,
    /// Compare this mode of policies, and not all of them together
    #[arg(long, value_name = "NAME")]
    mode: Option<String>,
    #[command(flatten)]
    target_machine: TargetMachine,
    /// List what both have, too
    #[arg(short, long)]
    verbose: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// When to use colour
    #[arg(long, value_name = "WHEN", default_value = "auto", hide_possible_values = true)]
    color: terminal::Color,
}

impl Diff {
    pub fn run(&self) -> ExitCode {
        match self.compare() {
            Ok(outcome) => outcome.into(),
            Err(error) => {
                report(&error);
                Outcome::NotAll.into()
            }
        }
    }

    fn compare(&self) -> Result<Outcome> {
        if self.a == "-" && self.b == "-" {
            return Err(hinted("cannot read both sides from standard input", "name a file for one of them"));
        }
        let asked = operand::Asked { mode: self.mode.as_deref(), target_machine: &self.target_machine };
        let (a, b) = (operand::read(&self.a, &asked)?, operand::read(&self.b, &asked)?);
        if let Some(mode) = self.mode.as_ref().filter(|_| !a.has_modes && !b.has_modes) {
            return Err(hinted(
                format!("cannot use mode {mode:?}: neither side is a policy with modes"),
                "leave --mode out",
            ));
        }
        let difference = Difference::of(a, b);
        if self.json {
            say!("{}", show::json(&difference)?);
        } else {
            let page = show::text(&difference, terminal::width(), self.color.styled(), self.verbose);
            say!("{}", page.trim_end());
        }
        Ok(if difference.is_none() { Outcome::Clean } else { Outcome::Found })
    }
}
