//! Runs the programs of managers: `systemctl`, and those of container engines.

use crate::observe::command::locate::locate;
use crate::output::error;
use crate::output::error::hinted;
use anyhow::{Context, Result, bail};
use capwrap_core::text::printable;
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::os::unix::process::CommandExt;
use std::process::{Command, Output, Stdio};

/// Runs a manager's program and returns what it printed on standard output. `None` means that there is no such program.
///
/// # Errors
/// The program does not run, or says that it failed. The error has what it said.
pub fn ask(program: &str, words: &[&str]) -> Result<Option<String>> {
    let Some(output) = output(program, words)? else { return Ok(None) };
    if !output.status.success() {
        bail!("{program} {}: {}", words.join(" "), said(&output));
    }
    let text = String::from_utf8(output.stdout).with_context(|| format!("{program} prints what is no text"))?;
    Ok(Some(text))
}

/// Runs a manager's program that stops or starts something. What it starts must not inherit that this process blocks
/// signals, and the Ctrl-C that ends a watch must not reach it.
///
/// # Errors
/// There is no such program, or it says that it failed. The error has what it said.
pub fn order(program: &str, words: &[&str]) -> Result<()> {
    let file = locate(OsStr::new(program), std::env::var_os("PATH"))?;
    let mut command = Command::new("/proc/self/exe");
    command.args(["become", "--at-once", "--file"]).arg(file).arg("--").arg(program).args(words);
    let output = with_plain_words(&mut command).process_group(0).output();
    let output = output.with_context(|| format!("cannot run {program}"))?;
    if !output.status.success() {
        bail!("{program} {}: {}", words.join(" "), said(&output));
    }
    Ok(())
}

/// Runs a manager's program, whatever it says. `None` means that there is no such program.
pub fn output(program: &str, words: &[&str]) -> Result<Option<Output>> {
    match with_plain_words(Command::new(program).args(words)).output() {
        Ok(output) => Ok(Some(output)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(hinted(
            format!("cannot run {program}: {}", error::reason(&error)),
            format!("check the file of {program} and the directories of PATH"),
        )),
    }
}

/// Lets a program print what this program can read.
fn with_plain_words(command: &mut Command) -> &mut Command {
    command.stdin(Stdio::null()).env("LC_ALL", "C").env("SYSTEMD_COLORS", "0")
}

/// Returns the last line that says why a program failed.
pub fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let line = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
    let line = line.trim_start_matches("Error: ");
    if line.is_empty() { format!("it ended with {}", output.status) } else { printable::text(line) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_not_there_is_told_from_one_that_fails() {
        assert!(ask("no-such-program-here", &[]).unwrap().is_none());
        let error = order("no-such-program-here", &[]).unwrap_err().to_string();
        assert_eq!(error, "cannot run no-such-program-here: there is no such command");
        let error = ask("sh", &["-c", "echo first >&2; echo 'Error: no such container' >&2; exit 125"]).unwrap_err();
        assert!(error.to_string().ends_with(": no such container"), "{error}");
        let error = ask("false", &[]).unwrap_err();
        assert!(error.to_string().ends_with("it ended with exit status: 1"), "{error}");
        assert_eq!(ask("echo", &["a", "b"]).unwrap().unwrap(), "a b\n");
    }
}
