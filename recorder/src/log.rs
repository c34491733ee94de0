//! The messages of this program about itself, for the log of its service manager.

use std::io::Write;

/// Says something. Where nobody can read it, as on a full disk or behind a closed pipe, the recorder goes on: no record
/// depends on it.
pub fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
