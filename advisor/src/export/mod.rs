//! `capwrap export`: a policy's grant in the words of another launcher.

mod comment;
mod compose;
mod container;
mod kubernetes;
mod launch;
mod mount;
mod nixos;
mod oci;
mod quote;
mod remarks;
mod setcap;
mod systemd;
mod target;

use crate::host::target_machine::Elsewhere;
use crate::store::{atomic_write, policy_lookup};
use anyhow::{Context, Result};
use clap::Args;
use launch::Launch;
use remarks::Remarks;
use std::path::PathBuf;
use target::Target;

#[derive(Args)]
pub struct Export {
    /// The policy, by its name or by the path of its file
    #[arg(value_name = "NAME")]
    policy: String,
    /// Whose words to write it in
    #[arg(long, value_name = "LAUNCHER")]
    to: Target,
    /// Export what this mode is granted, not what all modes are together
    #[arg(long, value_name = "MODE")]
    mode: Option<String>,
    #[command(flatten)]
    elsewhere: Elsewhere,
    /// Write into this file, not to standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Export {
    pub fn run(&self) -> Result<()> {
        let source = policy_lookup::load(&self.policy)?;
        let facts = self.elsewhere.facts(&source.policy)?;
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
        Target::Systemd => Ok(systemd::drop_in(launch, &remarks)),
        Target::Docker | Target::Podman => Ok(container::command(launch, target, &remarks)),
        Target::Compose => compose::file(launch, &remarks),
        Target::Kubernetes => kubernetes::pod(launch, &remarks),
        Target::Oci => oci::configuration(launch, &remarks),
        Target::Setcap => Ok(setcap::script(launch, &remarks)),
        Target::Nixos => Ok(nixos::module(launch, &remarks)),
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use clap::ValueEnum;

    /// A policy's text in every target's words, under the target's name.
    pub fn everywhere(policy: &str) -> Vec<(String, String)> {
        let (source, facts) = (launch::tests::source("t", policy), launch::tests::facts());
        let launch = Launch::of(&source, &facts, None).unwrap();
        let written = |target: &Target| (format!("{target:?}"), text(&launch, *target).unwrap());
        Target::value_variants().iter().map(written).collect()
    }
}
