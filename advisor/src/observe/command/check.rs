//! Runs a command that decides whether something works, and ends it if it takes too long.

use crate::observe::command::locate::locate;
use anyhow::{Context, Result};
use capwrap_core::text::printable;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::ffi::OsStr;
use std::io::{Read, Seek};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How often it is looked whether the command has ended.
const LOOK: Duration = Duration::from_millis(20);
/// How much of what it writes on standard error is read.
const MOST: u64 = 64 << 10;

/// The answer of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub passed: bool,
    /// The last line that it wrote on standard error; empty if there is none.
    pub said: String,
}

/// Lets the shell run a check with these variables. It is killed at `until`, and when `is_asked` says so; then it has not
/// passed.
///
/// # Errors
/// There is no shell, or the system refuses a step.
pub fn run(
    check: &str,
    variables: &[(&'static str, String)],
    until: Instant,
    is_asked: &dyn Fn() -> Result<bool>,
) -> Result<Answer> {
    let mut errors = tempfile::tempfile().context("cannot keep what the check writes")?;
    let shell = locate(OsStr::new("/bin/sh"), None)?;
    // This process blocks signals to wait for them. The check must not inherit that mask.
    let mut command = Command::new("/proc/self/exe");
    command.args(["become", "--at-once", "--file"]).arg(shell).args(["--", "sh", "-c", check]);
    command.envs(variables.iter().map(|(name, value)| (*name, value)));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(errors.try_clone()?);
    // A group of its own can be ended as a whole, and the terminal's Ctrl-C does not reach it.
    let mut child = command.process_group(0).spawn().context("cannot run the check")?;
    let group = Pid::from_raw(i32::try_from(child.id()).context("an odd process id")?);
    let status = loop {
        if let Some(status) = child.try_wait().context("cannot wait for the check")? {
            break Some(status);
        }
        if Instant::now() >= until || is_asked()? {
            // The group may have ended just now.
            let _ = killpg(group, Signal::SIGKILL);
            child.wait().context("cannot wait for the check")?;
            break None;
        }
        std::thread::sleep(LOOK);
    };
    let mut text = Vec::new();
    errors.rewind()?;
    errors.take(MOST).read_to_end(&mut text)?;
    let text = String::from_utf8_lossy(&text);
    let said = text.lines().map(str::trim).rfind(|line| !line.is_empty()).map(printable::text).unwrap_or_default();
    Ok(Answer { passed: status.is_some_and(|status| status.success()), said })
}
