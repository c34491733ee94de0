//! For which machine a policy is decided: this one, or another.

use crate::learn::machine;
use anyhow::Result;
use capwrap::facts::Facts;
use capwrap::policy::Policy;
use clap::Args;
use std::path::PathBuf;

/// The machine that a decision is for.
#[derive(Args, Clone, Debug, Default)]
pub struct Elsewhere {
    /// Decide for this kernel release
    #[arg(long, value_name = "RELEASE")]
    kernel: Option<String>,
    /// Decide for the machine whose facts are in this file
    #[arg(long, value_name = "FILE")]
    facts: Option<PathBuf>,
}

impl Elsewhere {
    /// What the policy's conditions ask, as that machine answers.
    pub fn facts(&self, policy: &Policy) -> Result<Facts> {
        machine::facts(policy)
    }
}
