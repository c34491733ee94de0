//! With what rights learning is done: root passes everything to the command; a user with what loading the probe
//! takes learns what a command is denied; others start the learner that a policy allows.

use crate::observe::probe::rights;
use crate::output::error;
use crate::output::error::hinted;
use crate::store::enabled;
use anyhow::{Error, Result};
use caps::CapSet;
use capwrap_core::paths;
use capwrap_core::{Capability, CapabilitySet};
use nix::unistd::geteuid;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

/// The policy whose tool is the learner.
pub const LEARNER: &str = "capwrap-learn";

/// What learning can do here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Root passes all of this to the command.
    Root(CapabilitySet),
    /// Watch the command and what it is denied.
    Watcher,
    /// Neither.
    Nobody,
}

/// Who this is.
pub fn own() -> Result<Access> {
    if geteuid().is_root() {
        return Ok(Access::Root(to_hand_over()?));
    }
    Ok(if rights::lacking().is_empty() { Access::Watcher } else { Access::Nobody })
}

/// What this process holds and may pass on through an exec.
fn to_hand_over() -> Result<CapabilitySet> {
    let read = |set| -> Result<CapabilitySet> {
        Ok(caps::read(None, set)?.into_iter().filter_map(|one| Capability::from_number(one.index())).collect())
    };
    Ok(read(CapSet::Permitted)?.intersection(read(CapSet::Bounding)?))
}

/// The launcher, as it is installed.
pub fn launcher() -> PathBuf {
    PathBuf::from(paths::PREFIX).join("bin/capwrap")
}

/// Becomes the learner that a policy allows, with this verb, and marks it as started so. It returns only where it cannot
/// start the learner, or where this process is the learner already: then its policy grants too little.
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
            format!("sudo capwrap {verb} …; or once, as root: capwrap enable {LEARNER} --user NAME"),
        );
    }
    let error = Command::new(launcher()).arg(LEARNER).arg(verb).arg("--by-policy").args(arguments).exec();
    anyhow::anyhow!("cannot start {}: {}", launcher().display(), error::reason(&error))
}
