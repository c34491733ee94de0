//! `capwrap export`: a policy's grant in the words of another launcher.

use crate::dialects::compose;
use crate::dialects::engine;
use crate::dialects::export_request::Launch;
use crate::dialects::kubernetes;
use crate::dialects::nixos;
use crate::dialects::oci;
use crate::dialects::remarks::Remarks;
use crate::dialects::setcap;
use crate::dialects::systemd;
use crate::dialects::target::Target;
use crate::host::target_machine::TargetMachine;
use crate::store::{atomic_write, policy_lookup};
use anyhow::{Context, Result};
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
        let text = text(&launch, self.to)?;
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

/// The launch in the target's words, with what a reader of them must know.
fn text(launch: &Launch<'_>, target: Target) -> Result<String> {
    let remarks = Remarks::of(launch, target);
    match target {
        Target::Systemd => Ok(systemd::write::drop_in(launch, &remarks)),
        Target::Docker | Target::Podman => Ok(engine::write::command(launch, target, &remarks)),
        Target::Compose => compose::write::file(launch, &remarks),
        Target::Kubernetes => kubernetes::write::pod(launch, &remarks),
        Target::Oci => oci::write::configuration(launch, &remarks),
        Target::Setcap => Ok(setcap::write::script(launch, &remarks)),
        Target::Nixos => Ok(nixos::write::module(launch, &remarks)),
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::dialects::export_request;
    use clap::ValueEnum;

    /// A policy's text in every target's words, under the target's name.
    pub fn everywhere(policy: &str) -> Vec<(String, String)> {
        let (source, facts) = (export_request::tests::source("t", policy), export_request::tests::facts());
        let launch = Launch::of(&source, &facts, None).unwrap();
        let written = |target: &Target| (format!("{target:?}"), text(&launch, *target).unwrap());
        Target::value_variants().iter().map(written).collect()
    }
}
