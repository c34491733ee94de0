//! What step 10 prepares for the last one.

use std::ffi::OsString;

/// What the exec needs besides the tool itself.
#[derive(Debug)]
pub struct Prepared {
    pub environment: Vec<(OsString, OsString)>,
    /// What tells the launcher's own exec apart from every later one.
    pub exec_tag: u64,
}
