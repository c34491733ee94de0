//! The verbs of capwrap. The launcher starts this program after it has given up every capability,
//! so that nothing here can do more than its caller; as root it keeps root's, because root asked.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod enable;
mod in_force;
mod launcher_file;
mod template;
mod write;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "capwrap", disable_help_subcommand = false)]
struct CommandLine {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Put a policy in force, and give the launcher the capabilities that all of them need
    Enable(enable::Enable),
    /// Put a policy out of force, and take its capabilities from the launcher
    Disable(enable::Disable),
}

/// capwrap refused or failed.
const REFUSED: u8 = 125;

fn main() -> ExitCode {
    let verb = match CommandLine::try_parse() {
        Ok(command_line) => command_line.verb,
        Err(error) => return unusable(&error),
    };
    let outcome = match verb {
        Verb::Enable(enable) => enable.run(),
        Verb::Disable(disable) => disable.run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mend = error.downcast_ref::<Mended>().map(|mended| mended.mend.as_str());
            print_error(&format!("{error:#}"), mend)
        }
    }
}

/// An error with what mends it.
#[derive(Debug)]
struct Mended {
    what: String,
    mend: String,
}

impl std::fmt::Display for Mended {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.what)
    }
}

impl std::error::Error for Mended {}

fn mended(what: impl Into<String>, mend: impl Into<String>) -> anyhow::Error {
    anyhow::Error::new(Mended { what: what.into(), mend: mend.into() })
}

fn print_error(message: &str, mend: Option<&str>) -> ExitCode {
    eprintln!("capwrap: {message}");
    if let Some(mend) = mend {
        eprintln!("mend: {mend}");
    }
    ExitCode::from(REFUSED)
}

fn unusable(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        print!("{error}");
        return ExitCode::SUCCESS;
    }
    // Words that the launcher keeps for verbs to come, so that no tool's policy takes their names.
    if let (ErrorKind::InvalidSubcommand, Some(verb)) = (error.kind(), std::env::args().nth(1)) {
        return print_error(&format!("`{verb}` is not in this version"), Some("capwrap --help shows what is"));
    }
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    print_error(first.strip_prefix("error: ").unwrap_or(first), Some("capwrap --help, or capwrap help VERB"))
}
