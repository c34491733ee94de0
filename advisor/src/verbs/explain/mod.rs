//! `capwrap explain`: shows what a launch would grant, and why.
//!
//! For this machine the launcher itself answers, so that there is only one decision. This module decides what the
//! launcher cannot answer (another machine, a policy that is not enabled, JSON), with the same library and in the same
//! words.

mod asked;
mod by_launcher;
mod decided;
mod json;
mod launcher_limits;
mod paint;

use crate::host::caller::Asking;
use crate::host::machine::Machine;
use crate::host::process;
use crate::host::target_machine::TargetMachine;
use crate::output::error::{hinted, report};
use crate::output::outcome::REFUSED;
use crate::output::terminal;
use crate::store::{enabled, policy_lookup};
use anyhow::Result;
use asked::Asked;
use capwrap_core::CapabilitySet;
use capwrap_core::decision::{Request, container};
use clap::Args;
use decided::decide;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Args)]
pub struct Explain {
    /// Choose a mode of the policy by name
    #[arg(long, value_name = "NAME")]
    mode: Option<String>,
    /// Pass fewer capabilities to the tool, as in cap_net_admin,cap_bpf
    #[arg(long, value_name = "CAPS")]
    drop: Vec<String>,
    /// Pass more capabilities, out of the policy's optional ones
    #[arg(long, value_name = "CAPS")]
    add: Vec<String>,
    /// The reason, where the policy demands one
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Decide for this kernel release
    #[arg(long, value_name = "RELEASE")]
    kernel: Option<String>,
    /// Decide for the machine whose facts are in this file (more
    /// than once: for each), as `capwrap doctor --json` writes them
    #[arg(long, value_name = "FILE", verbatim_doc_comment)]
    facts: Vec<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// When to use colour
    #[arg(long, value_name = "WHEN", default_value = "auto", hide_possible_values = true)]
    color: terminal::Color,
    /// The tool, or the path of a policy, and the tool's arguments
    #[arg(trailing_var_arg = true, required = true, value_names = ["TOOL", "ARGS"])]
    command: Vec<OsString>,
}

impl Explain {
    pub fn run(&self) -> ExitCode {
        self.explain().unwrap_or_else(|error| {
            report(&error);
            ExitCode::from(REFUSED)
        })
    }

    fn explain(&self) -> Result<ExitCode> {
        let mut asked = self.asked()?;
        let machines = self.machines()?;
        let is_here = machines.iter().all(Option::is_none);
        if is_here && !self.json && is_enabled(&asked.tool) {
            return by_launcher::explain(&asked, self.color.styled());
        }
        // The launcher reads these variables by itself.
        asked.request.drop = asked.request.drop.union(of_variable("CAPWRAP_DROP", "--drop")?);
        asked.request.add = asked.request.add.union(of_variable("CAPWRAP_ADD", "--add")?);
        let source = policy_lookup::load(&asked.tool)?;
        let who = Asking::now()?;
        let mut would_run = true;
        let mut shown = Vec::new();
        for (at, machine) in machines.iter().enumerate() {
            let decided = decide(&source, &asked, machine.as_ref(), &who)?;
            would_run &= decided.would_run;
            if self.json {
                shown.push(decided.shown);
            } else {
                let blank = if at > 0 { "\n" } else { "" };
                say!("{blank}{}", paint::paint(&decided.text, self.color.styled()).trim_end());
            }
        }
        if self.json {
            say!("{}", json::text(&shown)?);
        }
        Ok(if would_run { ExitCode::SUCCESS } else { ExitCode::from(REFUSED) })
    }

    fn asked(&self) -> Result<Asked> {
        let (tool, arguments) = self.command.split_first().map_or((None, &[][..]), |(tool, rest)| (Some(tool), rest));
        let tool = tool.and_then(|tool| tool.to_str());
        let tool = tool.ok_or_else(|| hinted("a name that is not UTF-8 is no tool's", "capwrap list --all"))?;
        let set = |option: &str, lists: &[String]| {
            let sets = lists.iter().map(|list| capabilities(option, list));
            sets.collect::<Result<Vec<_>>>()
                .map(|sets| sets.into_iter().fold(CapabilitySet::EMPTY, CapabilitySet::union))
        };
        Ok(Asked {
            tool: tool.to_owned(),
            arguments: arguments.to_vec(),
            request: Request {
                mode: self.mode.clone(),
                drop: set("--drop", &self.drop)?,
                add: set("--add", &self.add)?,
            },
            reason: self.reason.clone(),
        })
    }

    /// The machines to decide for, in the order of their files. `None` is this machine.
    fn machines(&self) -> Result<Vec<Option<Machine>>> {
        let files: Vec<Option<&PathBuf>> = match self.facts.is_empty() {
            true => vec![None],
            false => self.facts.iter().map(Some).collect(),
        };
        files.into_iter().map(|file| TargetMachine::new(self.kernel.clone(), file.cloned()).other()).collect()
    }
}

/// Whether the policy is enabled. If this cannot be read, the answer is yes, so that the launcher reports the cause.
fn is_enabled(tool: &str) -> bool {
    let is_name = !policy_lookup::is_path(tool) && capwrap_core::policy::is_name(tool);
    is_name && enabled::path(tool).try_exists().unwrap_or(true)
}

/// As the launcher reads it.
fn of_variable(name: &str, option: &str) -> Result<CapabilitySet> {
    let Some(list) = std::env::var_os(name).filter(|list| !list.is_empty()) else { return Ok(CapabilitySet::EMPTY) };
    if !process::in_container() {
        let (message, hint) = container::out_of_place(name, option);
        return Err(hinted(message, hint));
    }
    capabilities(name, &list.to_string_lossy())
}

fn capabilities(source: &str, list: &str) -> Result<CapabilitySet> {
    CapabilitySet::parse(list).map_err(|error| {
        let hint = error.nearest.map_or("capabilities(7) lists them all".to_owned(), |near| format!("write {near}"));
        hinted(format!("{source}: {error}"), hint)
    })
}
