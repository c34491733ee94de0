//! What `capwrap edit` enables.

use anyhow::{Result, bail};
use std::path::{Path, PathBuf};

/// A text that a person wrote in the place of a policy's.
#[derive(Clone)]
pub struct Edited {
    /// The file from which the editing began.
    pub source: PathBuf,
    /// What it said then.
    pub before: String,
    /// What it is to say.
    pub text: String,
}

impl Edited {
    /// Checks that the policy still says what it did when the editing began.
    ///
    /// # Errors
    /// It does not.
    pub fn check(&self, name: &str, source: &Path, before: &str) -> Result<()> {
        if self.source == source && self.before == before {
            return Ok(());
        }
        bail!("somebody changed the policy {name} while you edited it")
    }
}
