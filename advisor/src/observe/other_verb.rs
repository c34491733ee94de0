//! Runs another verb of this program. A verb imports no other verb: where one needs what another finds, it asks for it
//! on a command line, as a person would, and there is one place that judges.

use anyhow::{Context, Result, bail};
use capwrap_core::text::printable;
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

/// Runs a verb that prints JSON, whatever its exit code is, and returns the object.
///
/// # Errors
/// The program cannot be started, or it printed no JSON; then the error has what it printed instead.
pub fn json(words: &[&str]) -> Result<serde_json::Value> {
    let cannot = || format!("cannot run capwrap {}", words.join(" "));
    let output = Command::new("/proc/self/exe").args(words).stdin(Stdio::null()).output().with_context(cannot)?;
    match serde_json::from_slice(&output.stdout) {
        Ok(object) => Ok(object),
        Err(_) => bail!("{}: {}", cannot(), printable::text(String::from_utf8_lossy(&output.stderr).trim())),
    }
}
