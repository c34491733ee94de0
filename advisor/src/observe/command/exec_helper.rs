//! The last step before the command: a separate process that takes the user's ids and the capabilities, waits until the
//! probe is ready, and executes the command.

use crate::output::error;
use crate::output::outcome;
use anyhow::{Context, Result};
use caps::CapSet;
use capwrap_core::CapabilitySet;
use clap::Args;
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal, raise};
use nix::unistd::{Gid, Uid, geteuid, setgroups, setresgid, setresuid};
use rustix::thread::{CapabilitiesSecureBits, set_capabilities_secure_bits};
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// The exit status if the command was found and is not executable.
const CANNOT_RUN: u8 = 126;
/// The exit status if the command was not found.
const NOT_FOUND: u8 = 127;

/// A hidden verb. `run` starts it, and nobody else has a use for it.
#[derive(Args)]
pub struct Become {
    /// User, group and supplementary groups; none of them is changed without it.
    #[arg(long, value_name = "UID,GID,GROUPS…", value_delimiter = ',')]
    ids: Vec<u32>,
    /// The mask of the capabilities to hold, ambient; all are dropped without it.
    #[arg(long, value_name = "MASK")]
    hold: Option<String>,
    /// Keep uid 0 from gaining more than that at its exec.
    #[arg(long)]
    confine: bool,
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
        // The learner that started this process sees it stop, makes the probe wait for it, and lets it continue. If the
        // learner died, nobody would continue this process.
        prctl::set_pdeathsig(Some(Signal::SIGKILL)).context("cannot ask to end with the learner")?;
        raise(Signal::SIGSTOP).context("cannot stop")?;
        prctl::set_pdeathsig(None).context("cannot go on without the learner")?;
        if let [user, group, groups @ ..] = self.ids.as_slice() {
            prctl::set_keepcaps(true).context("cannot keep the capabilities over the change of user")?;
            let groups: Vec<_> = groups.iter().copied().map(Gid::from_raw).collect();
            setgroups(&groups).context("cannot set the groups")?;
            let (user, group) = (Uid::from_raw(*user), Gid::from_raw(*group));
            setresgid(group, group, group).context("cannot set the group")?;
            setresuid(user, user, user).context("cannot set the user")?;
        }
        if self.confine && geteuid().is_root() {
            let noroot = CapabilitiesSecureBits::NO_ROOT | CapabilitiesSecureBits::NO_ROOT_LOCKED;
            set_capabilities_secure_bits(noroot).context("cannot keep root from having everything")?;
        }
        // The learner blocks signals to wait for them. The command must not inherit that mask.
        SigSet::empty().thread_set_mask().context("cannot reset the signal mask")?;
        let held = match &self.hold {
            Some(mask) => CapabilitySet::from_mask(u64::from_str_radix(mask, 16).context("not a mask")?),
            None => CapabilitySet::EMPTY,
        };
        let held = held.iter().filter_map(|one| one.name().to_uppercase().parse().ok()).collect();
        // The order matters, because the ambient set may hold only what the permitted and inheritable sets hold
        // (capabilities(7)).
        caps::clear(None, CapSet::Ambient).context("cannot clear the ambient capabilities")?;
        caps::set(None, CapSet::Inheritable, &held).context("cannot set the inheritable capabilities")?;
        caps::set(None, CapSet::Effective, &held).context("cannot set the effective capabilities")?;
        caps::set(None, CapSet::Permitted, &held).context("cannot set the permitted capabilities")?;
        caps::set(None, CapSet::Ambient, &held).context("cannot set the ambient capabilities")
    }
}
