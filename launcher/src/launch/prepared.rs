//! What step 10 prepares for the last one.

use std::ffi::OsString;

/// What the exec needs besides the tool itself.
#[derive(Debug)]
pub struct Prepared {
    pub environment: Vec<(OsString, OsString)>,
    /// A random number, by which the filter recognises the launcher's own exec.
    pub exec_tag: u64,
}
