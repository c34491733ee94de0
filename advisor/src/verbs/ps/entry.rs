//! A process of the list.

use crate::host::launched::FoundBy;
use serde::Serialize;

/// A process that capwrap launched, as it is shown.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    pub pid: i32,
    pub parent: i32,
    /// When it started, in the form of RFC 3339.
    pub started: String,
    /// The seconds since then.
    pub seconds: u64,
    pub user: String,
    pub uid: u32,
    /// The policy's name.
    pub name: String,
    /// The file that it runs; null where the kernel does not show it to the caller.
    pub executable: Option<String>,
    /// What it holds now.
    pub capabilities: Vec<&'static str>,
    /// What capwrap passed, by the record; null without one.
    pub passed: Option<Vec<String>>,
    /// What the capabilities were for, by the record or else by the policy of now.
    pub scopes: Vec<String>,
    pub found_by: FoundBy,
    /// Why its user may run the tool now; null if they may not any more.
    pub allowed_by: Option<String>,
    /// The reason that was given, by the record.
    pub reason: Option<String>,
}
