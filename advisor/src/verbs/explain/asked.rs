//! What an explanation is asked of.

use capwrap_core::decision::Request;
use std::ffi::OsString;

/// What is to be explained.
pub struct Asked {
    /// The tool's name, or the path of a policy.
    pub tool: String,
    /// The tool's own.
    pub arguments: Vec<OsString>,
    pub request: Request,
    pub reason: Option<String>,
}
