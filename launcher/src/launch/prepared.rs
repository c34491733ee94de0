//! What step 10 prepares for step 12.

use std::ffi::{CString, OsString};

/// What the exec needs besides the tool itself.
#[derive(Debug)]
pub struct Prepared {
    pub environment: Vec<(OsString, OsString)>,
    /// The path of a script that is executed by it.
    pub path_of_script: Option<CString>,
    /// The random number by which the filter recognises the launcher's own exec.
    pub exec_tag: u64,
}
