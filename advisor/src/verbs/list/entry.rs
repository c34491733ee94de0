//! A tool of the list.

use capwrap_core::CapabilitySet;
use std::path::PathBuf;

/// What is shown of it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What the caller types.
    pub name: String,
    /// Its policy's file.
    pub policy: PathBuf,
    /// One line, printable.
    pub summary: String,
    /// The first of its paths that exists.
    pub installed: Option<PathBuf>,
    /// All of them.
    pub paths: Vec<PathBuf>,
    /// Why the caller may run it, or why not.
    pub allowed_by: Result<String, String>,
    /// The users and groups that the policy allows, in words.
    pub allows: String,
    /// The instant from which nobody may, in words.
    pub until: Option<String>,
    /// Whether `--reason` is demanded.
    pub reason_demanded: bool,
    /// What it grants here without arguments.
    pub always: CapabilitySet,
    /// What it grants here at most, whatever the arguments are.
    pub grants: CapabilitySet,
    /// The same where everything that only a launch can try says yes.
    pub possible: CapabilitySet,
    /// What the caller may add.
    pub optional: CapabilitySet,
}
