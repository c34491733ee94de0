//! The shipped policy that an enabled policy was made from. A copy of it is kept, so that `verify` can report that a newer
//! version is shipped, and `enable --update` knows which side changed what.
//!
//! The copies lie in a folder beside the policies, so that who copies /etc/capwrap to another machine copies what an
//! update needs. No other part of capwrap reads that folder. A copy stays for as long as the policy itself is kept,
//! enabled or disabled.

use crate::analysis::policy_merge::{self, Merged, Take};
use crate::store::{atomic_write, enabled, policy_lookup, trusted_file};
use anyhow::{Context, Result};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Where the copies are kept.
const KEPT: &str = "/etc/capwrap/shipped";

/// What is known about the shipped policy of a name.
#[derive(Debug, PartialEq, Eq)]
pub struct Shipped {
    /// The file of the shipped policy.
    pub path: PathBuf,
    /// Its text now.
    pub now: String,
    /// Its text when the policy here was enabled or last updated; `None` if no copy was kept.
    pub kept: Option<String>,
}

/// How a policy is related to the shipped one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// The shipped policy has nothing that the policy here lacks.
    Current,
    /// The shipped policy has changed since the policy here was made from it.
    Changed,
    /// Both differ, and no copy shows which of them changed.
    NotKnown,
}

impl Relation {
    /// What the relation is, in words.
    pub const fn means(self) -> &'static str {
        match self {
            Self::Current => "nothing is missing here that the shipped policy has",
            Self::Changed => "the shipped policy has changed since this one was made from it",
            Self::NotKnown => "the shipped policy says something else, and no copy shows which of them changed",
        }
    }

    /// The command that shows what is to do, if there is something.
    pub fn hint(self, name: &str) -> Option<String> {
        (self != Self::Current).then(|| format!("capwrap enable {name} --update"))
    }
}

/// Returns the file that keeps the copy for the policy of this name.
pub fn copy(name: &str) -> PathBuf {
    Path::new(KEPT).join(format!("{name}.toml"))
}

/// Returns the file of the shipped policy of this name, whether it exists or not.
///
/// # Errors
/// The name is none of a policy.
pub fn template(name: &str) -> Result<PathBuf> {
    Ok(policy_lookup::templates().join(format!("{}.toml", policy_lookup::checked(name)?)))
}

/// Reads what is shipped and what was kept; `None` if no policy of this name is shipped.
///
/// # Errors
/// Somebody else than root could have written one of the files.
pub fn of(name: &str) -> Result<Option<Shipped>> {
    let path = template(name)?;
    let read = |path: &Path| match path.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        _ => trusted_file::text(path).map(Some),
    };
    let Some(now) = read(&path)? else { return Ok(None) };
    Ok(Some(Shipped { path, now, kept: read(&copy(name))? }))
}

/// Keeps a copy of the shipped policy from which the enabled one was made.
///
/// # Errors
/// The copy cannot be written, which requires root.
pub fn keep(name: &str, text: &str) -> Result<()> {
    enabled::make_directory(Path::new(KEPT))?;
    let path = copy(name);
    atomic_write::replace_for_all(&path, text)
        .with_context(|| format!("the shipped policy is not kept in {}", path.display()))
}

impl Shipped {
    /// Merges the shipped policy into the text of the policy here.
    ///
    /// # Errors
    /// A text is no TOML.
    pub fn merge(&self, local: &str, take: Option<Take>) -> Result<Merged> {
        policy_merge::merge(self.kept.as_deref(), local, &self.now, take)
    }

    /// Returns how the text of the policy here is related to what is shipped.
    ///
    /// # Errors
    /// A text is no TOML.
    pub fn relation(&self, local: &str) -> Result<Relation> {
        let merged = self.merge(local, None)?;
        Ok(if merged.conflicts.is_empty() && policy_merge::says_the_same(&merged.text, local) {
            Relation::Current
        } else if self.kept.is_some() {
            Relation::Changed
        } else {
            Relation::NotKnown
        })
    }
}
