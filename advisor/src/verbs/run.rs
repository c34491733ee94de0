//! `capwrap run --caps CAPS -- CMD`: root's launch of a command by itself. The launcher makes it, by the steps of every
//! launch; this verb finds the user and the file, and gives another user's command a session and a terminal of its own.

use crate::observe::command;
use crate::observe::command::locate::locate;
use crate::observe::command::{Ending, Launch, Output, Plan, User};
use crate::output::error;
use crate::output::error::hinted;
use crate::output::usage;
use anyhow::Result;
use capwrap_core::CapabilitySet;
use clap::Args;
use nix::unistd::geteuid;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

#[derive(Args)]
#[command(override_usage = "capwrap run [OPTIONS] [--] CMD [ARGS…]")]
pub struct Run {
    /// The capabilities to pass, as in cap_net_raw,cap_bpf
    /// [default: none]
    #[arg(long, value_name = "CAPS", value_parser = capabilities, verbatim_doc_comment)]
    caps: Vec<CapabilitySet>,
    /// The user to run CMD as [default: root]
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// Use the environment, the limits and no_new_privs of this
    /// policy
    #[arg(long, value_name = "NAME", verbatim_doc_comment)]
    policy: Option<String>,
    /// The reason, for the record
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Run CMD even where others than root can change its file
    #[arg(long)]
    any_owner: bool,
    /// The command and its arguments
    #[arg(trailing_var_arg = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

fn capabilities(text: &str) -> Result<CapabilitySet, String> {
    CapabilitySet::parse(text).map_err(|error| error::unknown_capability(&error))
}

impl Run {
    pub fn run(self) -> ExitCode {
        command::exit_code(self.launch())
    }

    /// Returns when the command has ended; with root's own it returns only where the launcher cannot be started.
    fn launch(&self) -> Result<Ending> {
        if !geteuid().is_root() {
            return Err(hinted("run is for root alone", usage::as_root("run")));
        }
        let user = command::named(self.user.as_deref().unwrap_or("0"))?;
        let file = locate(&self.command[0], std::env::var_os("PATH"))?;
        let launch = self.as_launch(&user);
        if user.is_another() {
            let plan = Plan {
                file: Some(&file),
                command: &self.command,
                launch: Some(&launch),
                output: Output::Own,
                alone: true,
                writes_meanwhile: false,
            };
            return command::start(plan)?.run_alone();
        }
        let words = launch.words(&file, &self.command);
        let error = Command::new(&words[0]).args(&words[1..]).exec();
        Err(anyhow::anyhow!("cannot start {}: {}", words[0].display(), error::reason(&error)))
    }

    fn as_launch<'r>(&'r self, user: &'r User) -> Launch<'r> {
        Launch {
            user,
            passes: self.caps.iter().fold(CapabilitySet::EMPTY, |all, one| all.union(*one)),
            policy: self.policy.as_deref(),
            any_owner: self.any_owner,
            reason: self.reason.as_deref(),
            scopes: None,
            watch: None,
            places: false,
        }
    }
}
