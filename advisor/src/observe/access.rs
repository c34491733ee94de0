//! The access with which learning runs. Root passes all its capabilities to the command. A user with the capabilities
//! for loading the probe learns what a command is denied. Other users start the learner that a policy allows.

use crate::observe::probe::rights;
use crate::output::error;
use crate::output::error::hinted;
use crate::output::usage;
use crate::store::{enabled, file_caps};
use anyhow::{Error, Result};
use caps::CapSet;
use capwrap_core::{Capability, CapabilitySet};
use nix::unistd::geteuid;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// The policy whose tool is the learner.
pub const LEARNER: &str = "capwrap-learn";

/// What this process can learn here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Root passes all of these capabilities to the command.
    Root(CapabilitySet),
    /// This process can watch the command and see what it is denied.
    Watcher,
    /// This process can do neither.
    Nobody,
}

/// Finds the access of this process.
pub fn own() -> Result<Access> {
    if geteuid().is_root() {
        return Ok(Access::Root(to_hand_over()?));
    }
    Ok(if rights::lacking().is_empty() { Access::Watcher } else { Access::Nobody })
}

impl Access {
    /// Returns the capabilities that a launch from here can pass to a command at most.
    pub fn attainable(self) -> Result<CapabilitySet> {
        match self {
            Self::Root(all) => Ok(all),
            Self::Watcher | Self::Nobody => own_set(CapSet::Bounding),
        }
    }
}

/// Returns the capabilities that this process holds and may pass on through an exec.
fn to_hand_over() -> Result<CapabilitySet> {
    Ok(own_set(CapSet::Permitted)?.intersection(own_set(CapSet::Bounding)?))
}

fn own_set(set: CapSet) -> Result<CapabilitySet> {
    Ok(caps::read(None, set)?.into_iter().filter_map(|one| Capability::from_number(one.index())).collect())
}

/// Executes the learner that a policy allows, with this verb, and marks it as started so. This function returns only if
/// it cannot start the learner, or if this process is already the learner: then its policy grants too little.
pub fn start_learner(verb: &str, is_learner: bool, arguments: impl Iterator<Item = OsString>) -> Error {
    let doing = if verb == "trace" { "tracing" } else { "learning" };
    if is_learner {
        return hinted(
            format!(
                "the policy {LEARNER} grants too little: {doing} takes {}",
                rights::joined(&rights::lacking(), " and ")
            ),
            format!("capwrap explain {LEARNER} shows what it grants here, and what it does not"),
        );
    }
    if !enabled::path(LEARNER).exists() {
        return hinted(
            format!("{doing} takes root, or {}, and neither is here", rights::joined(rights::taken(), " and ")),
            format!("{}  # or once, as root: capwrap enable {LEARNER} --user NAME", usage::as_root(verb)),
        );
    }
    let launcher = file_caps::installed();
    let error = Command::new(&launcher).arg(LEARNER).arg(verb).arg("--by-policy").args(arguments).exec();
    anyhow::anyhow!("cannot start {}: {}", launcher.display(), error::reason(&error))
}
