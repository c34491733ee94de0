//! The input of an explanation.

use capwrap_core::decision::Request;
use std::ffi::OsString;

/// The tool and the arguments that are to be explained.
pub struct Asked {
    /// The tool's name, or the path of a policy.
    pub tool: String,
    /// The tool's own arguments.
    pub arguments: Vec<OsString>,
    pub request: Request,
    pub reason: Option<String>,
}
