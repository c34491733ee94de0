//! The last step before the command: a process of its own that leaves the learner's session where that is asked for,
//! waits until the probe is ready, and becomes the command, or the launcher that becomes it.

use crate::output::error;
use crate::output::outcome;
use anyhow::{Context, Result};
use caps::CapSet;
use clap::Args;
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal, raise};
use std::ffi::OsString;
use std::io::{IsTerminal, stderr, stdin, stdout};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// The exit status if the command was found and is not executable.
const CANNOT_RUN: u8 = 126;
/// The exit status if the command was not found.
const NOT_FOUND: u8 = 127;

/// A hidden verb. [`super::start`] starts it, and nobody else has a use for it.
#[derive(Args)]
pub struct Become {
    /// Lead a session of its own, whose terminal is the one among the standard descriptors, if there is one.
    #[arg(long)]
    own_session: bool,
    /// Keep the capabilities, of which the launcher passes on a part.
    #[arg(long)]
    keep: bool,
    /// Execute it at once, with all that this process has: only the signals are unblocked.
    #[arg(long)]
    at_once: bool,
    /// The file to execute, where it is not the command's first word.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    command: Vec<OsString>,
}

impl Become {
    /// Executes the command. It returns only if the command did not start.
    pub fn run(self) -> ExitCode {
        if let Err(error) = self.prepare() {
            error::print_error(&format!("{error:#}"), None);
            return ExitCode::from(outcome::REFUSED);
        }
        let file = self.file.as_deref().unwrap_or(Path::new(&self.command[0]));
        let error = Command::new(file).arg0(&self.command[0]).args(&self.command[1..]).exec();
        let name = self.command[0].to_string_lossy();
        let missing = error.kind() == std::io::ErrorKind::NotFound;
        error::print_error(&format!("cannot run {name}: {}", error::reason(&error)), None);
        ExitCode::from(if missing { NOT_FOUND } else { CANNOT_RUN })
    }

    fn prepare(&self) -> Result<()> {
        if self.at_once {
            return SigSet::empty().thread_set_mask().context("cannot reset the signal mask");
        }
        if self.own_session {
            lead_session()?;
        }
        // The learner that started this process sees it stop, makes the probe wait for it, and lets it continue. If the
        // learner died, nobody would continue this process.
        prctl::set_pdeathsig(Some(Signal::SIGKILL)).context("cannot ask to end with the learner")?;
        raise(Signal::SIGSTOP).context("cannot stop")?;
        prctl::set_pdeathsig(None).context("cannot go on without the learner")?;
        // The learner blocks signals to wait for them. The command must not inherit that mask.
        SigSet::empty().thread_set_mask().context("cannot reset the signal mask")?;
        if !self.keep {
            for set in [CapSet::Ambient, CapSet::Inheritable, CapSet::Effective, CapSet::Permitted] {
                caps::clear(None, set).with_context(|| format!("cannot clear the {set:?} set"))?;
            }
        }
        Ok(())
    }
}

/// The kernel gives a session no terminal until its leader takes one (tty_ioctl(4)).
fn lead_session() -> Result<()> {
    rustix::process::setsid().context("cannot leave the learner's session")?;
    let (input, output, error) = (stdin(), stdout(), stderr());
    let standard: [BorrowedFd<'_>; 3] = [input.as_fd(), output.as_fd(), error.as_fd()];
    match standard.into_iter().find(IsTerminal::is_terminal) {
        Some(terminal) => {
            rustix::process::ioctl_tiocsctty(terminal).context("cannot take the terminal made for the command")
        }
        None => Ok(()),
    }
}
