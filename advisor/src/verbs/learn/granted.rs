//! What a policy grants for a command line on this machine, and in which of the circumstances that it distinguishes.

use crate::analysis::circumstances::Circumstances;
use crate::host::policy_facts::{self, Untried};
use crate::verbs::learn::tool::Tool;
use anyhow::Result;
use capwrap_core::CapabilitySet;
use capwrap_core::decision;
use capwrap_core::decision::facts::Facts;
use capwrap_core::decision::{Outcome, Request};
use std::ffi::OsString;

/// The policy's decision for this run.
#[derive(Clone, Debug, Default)]
pub struct Granted {
    /// The capabilities that the policy grants.
    pub set: CapabilitySet,
    /// Which of its grants hold, by their index in the file, from 0.
    pub holding: Vec<usize>,
    /// The circumstances of the run, as the policy's conditions say them.
    pub circumstances: Circumstances,
}

impl Granted {
    /// Decides what the tool's policy grants for these arguments, to uid 0 or to another user; nothing if there is no
    /// policy.
    pub fn by(tool: &Tool, arguments: &[OsString], uid0: bool) -> Result<Self> {
        let Some(found) = &tool.policy else { return Ok(Self::default()) };
        // Every probe is assumed to say yes, so that nothing is proposed that the policy already grants where it does.
        let facts = Facts { uid0, ..policy_facts::of(&found.policy, None, Untried::SaysYes)? };
        let decision = decision::decide(&found.policy, &facts, arguments, &Request::default())?;
        let weighed = decision.grants.iter().enumerate();
        let holding = weighed.filter(|(_, one)| one.outcome == Outcome::Holds).map(|(place, _)| place).collect();
        let circumstances = Circumstances::of(&found.policy, &facts, arguments)?;
        Ok(Self { set: decision.passed, holding, circumstances })
    }
}
