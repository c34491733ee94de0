//! `capwrap export`: prints a policy's grant in the format of another launcher.

use crate::dialects;
use crate::dialects::export_request::Launch;
use crate::dialects::target::Target;
use crate::host::installed_file;
use crate::host::target_machine::TargetMachine;
use crate::store::{atomic_write, policy_lookup};
use anyhow::{Context, Result};
use capwrap_core::text::printable;
use clap::Args;
use std::path::PathBuf;

#[derive(Args)]
pub struct Export {
    /// The policy, by its name or by the path of its file
    #[arg(value_name = "NAME")]
    policy: String,
    /// The launcher to write it for
    #[arg(long, value_name = "LAUNCHER")]
    to: Target,
    /// Export what this mode grants, not what all modes grant together
    #[arg(long, value_name = "MODE")]
    mode: Option<String>,
    #[command(flatten)]
    target_machine: TargetMachine,
    /// Write into this file, not to standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Export {
    pub fn run(&self) -> Result<()> {
        let source = policy_lookup::load(&self.policy)?;
        let facts = self.target_machine.facts(&source.policy)?;
        let launch = Launch::of(&source, &facts, self.mode.as_deref())?;
        // This is the path that a launch would take, if one exists.
        let launch = match installed_file::first(&source.policy.tool.paths) {
            // setcap(8) refuses a link.
            Some(path) if self.to == Target::Setcap && path.is_symlink() => {
                let file = path.canonicalize().with_context(|| format!("cannot follow {}", printable::text(path)))?;
                launch.with_file_behind(path, &file)
            }
            Some(path) => launch.with_tool(path),
            None => launch,
        };
        let text = dialects::write::text(&launch, self.to)?;
        match &self.output {
            Some(path) => {
                let path = std::path::absolute(path).with_context(|| format!("cannot write {}", path.display()))?;
                atomic_write::replace(&path, &text)
            }
            None => {
                say!("{}", text.trim_end());
                Ok(())
            }
        }
    }
}
