//! `enable --update`: takes what changed in the shipped policy, and leaves alone what was changed here.

use crate::analysis::policy_merge::{Conflict, Take};
use crate::output::diff;
use crate::output::error::hinted;
use crate::store::enabled;
use crate::store::shipped::Shipped;
use anyhow::{Error, Result};
use capwrap_core::text::printable;
use clap::ValueEnum;

/// The values of `--take`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Side {
    /// What the policy of this machine says.
    Local,
    /// What the shipped policy says.
    Shipped,
}

impl From<Side> for Take {
    fn from(side: Side) -> Self {
        match side {
            Side::Local => Self::Local,
            Side::Shipped => Self::Shipped,
        }
    }
}

/// An update that is planned.
#[derive(Debug)]
pub struct Update {
    /// The text of the policy with the update in it.
    pub text: String,
    /// What to say about it.
    pub notes: Vec<String>,
}

/// Merges the shipped policy into the text of the policy here.
///
/// # Errors
/// Both sides changed the same part, and no side is to be taken. The parts are printed.
pub fn plan(name: &str, shipped: &Shipped, local: &str, take: Option<Side>) -> Result<Update> {
    let merged = shipped.merge(local, take.map(Take::from))?;
    if take.is_none() && !merged.conflicts.is_empty() {
        return Err(conflicts(name, shipped, &merged.conflicts));
    }
    let side = if take == Some(Side::Shipped) { "the shipped policy's is taken" } else { "it stays as it is here" };
    let decided = merged.conflicts.iter().map(|one| format!("{}: {side}", printable::line(&one.part)));
    let kept = merged.kept.iter().map(|part| {
        format!("{}: the shipped policy has changed it, and it stays as it is here", printable::line(part))
    });
    Ok(Update { notes: decided.chain(kept).collect(), text: merged.text })
}

fn conflicts(name: &str, shipped: &Shipped, conflicts: &[Conflict]) -> Error {
    let side = |side: &Option<String>| side.as_deref().map_or("nothing".to_owned(), printable::line);
    for Conflict { part, local, shipped } in conflicts {
        say!("{name}: {} is not the same", printable::line(part));
        say!("  here     {}", side(local));
        say!("  shipped  {}", side(shipped));
    }
    let why = if shipped.kept.is_some() {
        "the policy here and the shipped one both changed them, in different ways"
    } else {
        "no copy was kept of the shipped policy from which it was enabled, so nobody knows which side changed them"
    };
    let parts =
        if conflicts.len() == 1 { "1 part differs".to_owned() } else { format!("{} parts differ", conflicts.len()) };
    hinted(
        format!("{name} is not updated: {parts}, and {why}"),
        format!(
            "capwrap enable {name} --update --take local, or --take shipped; or edit {} first",
            enabled::path(name).display()
        ),
    )
}

/// Prints the change of the policy's text.
pub fn show(name: &str, before: &str, text: &str) {
    let change = diff::unified(&enabled::path(name).display().to_string(), before, text, false);
    say!("{}", change.trim_end());
}

/// The error where the change was shown and is not to be made yet.
pub fn not_yet(name: &str, take: Option<Side>) -> Error {
    let take = match take {
        None => "",
        Some(Side::Local) => " --take local",
        Some(Side::Shipped) => " --take shipped",
    };
    hinted(
        format!("{name} is not updated yet: this is what would change"),
        format!("capwrap enable {name} --update{take} --yes"),
    )
}
