//! Runs another verb of this program. A verb imports no other verb: where one needs what another finds, it asks for it
//! on a command line, as a person would, and there is one place that judges.

use anyhow::{Context, Result};
use std::io::Write;
use std::process::{Command, Stdio};

/// Runs a verb with these words and this input, and lets it print. The result is its exit code.
///
/// # Errors
/// The program cannot be started, or a signal ended it.
pub fn with_input(words: &[&str], input: &str) -> Result<i32> {
    let cannot = || format!("cannot run capwrap {}", words.join(" "));
    let mut child = Command::new("/proc/self/exe").args(words).stdin(Stdio::piped()).spawn().with_context(cannot)?;
    // One that reads no more says why by its exit code.
    let _ = child.stdin.take().map(|mut stdin| stdin.write_all(input.as_bytes()));
    let status = child.wait().with_context(cannot)?;
    status.code().with_context(|| format!("{}: {status}", cannot()))
}
