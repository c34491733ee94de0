//! `capwrap learn --unit`, `--container`, `--cgroup`, `--pid`: finds out what something needs that its own manager runs.
//!
//! ```text
//! find        what is it, what may it use now, and in which cgroup is it?  (unit, processes, observe::subject)
//! watch       its checks are counted, from now on or from its start        (observe::subject::watch)
//! classify    what does each check mean?                                   (analysis::set_up, analysis::classify)
//! decide      what does it need?                                           (analysis::needs)
//! report      the table, and the difference to what it may use             (report, outcome)
//! prove       with --minimize, it is started with fewer and fewer         (proof, analysis::minimize)
//! write       for a unit, the drop-in
//! ```

mod container;
mod outcome;
mod pod;
mod processes;
mod progress;
pub mod proof;
pub mod recorded;
pub mod settings;
mod unit;
mod watching;

use crate::analysis::needs::Needs;
use crate::analysis::profile::Profile;
use crate::dialects::capabilities;
use crate::dialects::target::Target;
use crate::observe::access::Access;
use crate::observe::command::{Ending, Waiting};
use crate::output::error::hinted;
use crate::output::terminal;
use crate::output::usage;
use crate::verbs::learn::report;
use anyhow::Result;
use capwrap_core::CapabilitySet;
use clap::Args;
use settings::Settings;
use std::path::{Path, PathBuf};
use std::time::Duration;
use watching::Learned;

/// What runs already and is to be learned.
#[derive(Args)]
pub struct Options {
    /// Learn a unit of systemd, and not a command
    #[arg(long, value_name = "UNIT", group = "subject")]
    unit: Option<String>,
    /// Learn a container of podman, docker or nerdctl, by its name or
    /// id, or of a node's runtime, by its id
    #[arg(long, value_name = "CONTAINER", group = "subject", verbatim_doc_comment)]
    container: Option<String>,
    /// Learn a container of a pod, on the pod's node:
    /// NAMESPACE/NAME, or NAMESPACE/NAME/CONTAINER
    #[arg(long, value_name = "POD", group = "subject", verbatim_doc_comment)]
    pod: Option<String>,
    /// Learn what runs in a cgroup and below it
    #[arg(long, value_name = "PATH", group = "subject")]
    cgroup: Option<PathBuf>,
    /// Learn these processes and what they start (several: repeat
    /// it, or commas between)
    #[arg(long = "pid", value_name = "PID", value_delimiter = ',', group = "subject", verbatim_doc_comment)]
    pids: Vec<u32>,
    /// Learn from what trace --json recorded; - for standard input
    #[arg(long, value_name = "FILE", group = "subject")]
    pub from: Option<PathBuf>,
    /// Start the unit or the container again, and learn it from its
    /// start
    #[arg(long, conflicts_with_all = ["pod", "cgroup", "pids", "from"], requires = "subject", verbatim_doc_comment)]
    pub restart: bool,
    /// Start it again and again for --minimize, and ask nobody
    #[arg(long, requires = "minimize", conflicts_with = "command")]
    pub yes: bool,
    /// Write the profile to --output again and again, after each such
    /// time, as in 10m
    #[arg(long, value_name = "TIME", requires_all = ["subject", "output"], conflicts_with = "from", value_parser = humantime::parse_duration)]
    #[arg(verbatim_doc_comment)]
    pub every: Option<Duration>,
    /// Print what the container needs for this launcher: docker,
    /// podman, compose, kubernetes, oci [default: its engine]
    #[arg(long, value_name = "LAUNCHER", requires = "subject", conflicts_with_all = ["unit", "cgroup", "pids"])]
    #[arg(hide_possible_values = true, verbatim_doc_comment)]
    pub to: Option<Target>,
}

/// A name of something that runs.
#[derive(Clone, Copy)]
pub enum Named<'o> {
    Unit(&'o str),
    Container(&'o str),
    Pod(&'o str),
    Cgroup(&'o Path),
    Processes(&'o [u32]),
}

impl Options {
    /// What the options name, if they name anything.
    pub fn named(&self) -> Option<Named<'_>> {
        let unit = self.unit.as_deref().map(Named::Unit);
        let container = self.container.as_deref().map(Named::Container);
        let pod = self.pod.as_deref().map(Named::Pod);
        let cgroup = self.cgroup.as_deref().map(Named::Cgroup);
        let pids = Some(&self.pids[..]).filter(|pids| !pids.is_empty()).map(Named::Processes);
        unit.or(container).or(pod).or(cgroup).or(pids)
    }
}

pub struct Learning<'l> {
    pub named: Named<'l>,
    pub standing: Access,
    pub settings: Settings<'l>,
}

impl Learning<'_> {
    pub fn run(&self) -> Result<Ending> {
        self.check_rights()?;
        // From here on a signal only ends the watch, so that what was stopped is started again.
        let waiting = Waiting::new()?;
        let learned = match self.named {
            Named::Unit(name) => unit::learn(&self.settings, name, &waiting, self.standing.attainable()?)?,
            Named::Container(name) => container::learn(&self.settings, name, &waiting, self.standing.attainable()?)?,
            Named::Pod(name) => pod::learn(&self.settings, name, &waiting)?,
            Named::Cgroup(path) => processes::learn_cgroup(&self.settings, path, &waiting)?,
            Named::Processes(pids) => processes::learn(&self.settings, pids, &waiting)?,
        };
        let profile = Profile::of([learned.run.clone()]);
        self.settings.write_output(&profile)?;
        if self.settings.json {
            say!("{}", profile.to_json()?.trim_end());
        } else {
            say!("{}", self.report(&learned).trim_end());
        }
        outcome::change(&self.settings, &learned)?;
        Ok(Ending::Exited(0))
    }

    /// Checks the options that only root can use, and those that do not fit what is learned.
    fn check_rights(&self) -> Result<()> {
        let is_unit = matches!(self.named, Named::Unit(_));
        if self.settings.write && !is_unit {
            return Err(hinted(
                "--write: only a unit can be changed, and neither a container that exists nor a process",
                "keep the profile: --output FILE; start the container again with the options that are printed",
            ));
        }
        if self.settings.write && !self.settings.restart {
            return Err(hinted(
                "--write without --restart: the start of the unit is not seen, and it could not start again by what is written",
                "add --restart",
            ));
        }
        if let Some(minimize) = &self.settings.minimize {
            proof::check_options(minimize)?;
            if is_unit && !self.settings.restart {
                return Err(hinted(
                    "--minimize without --restart: a unit is tried by starting it again",
                    "add --restart",
                ));
            }
            if !is_unit && self.settings.restart {
                return Err(hinted(
                    "--restart: --minimize learns copies of the container, and never stops it itself",
                    "leave --restart out",
                ));
            }
        }
        if self.settings.to.is_some_and(|to| !capabilities::starts_services(to)) {
            return Err(hinted(
                "--to: this launcher starts no containers",
                "--to docker, podman, compose, kubernetes, oci, or systemd",
            ));
        }
        let asked = [
            (self.settings.minimize.is_some(), "--minimize: it grants capabilities and takes them away"),
            (self.settings.restart, "--restart: it stops and starts what others use"),
            (self.settings.write, "--write: it changes what a service may do"),
        ];
        match asked.into_iter().find(|(asked, _)| *asked) {
            Some((_, what)) if self.standing == Access::Watcher => {
                Err(hinted(format!("only root can use {what}"), usage::as_root("learn")))
            }
            _ => Ok(()),
        }
    }

    /// The result for people.
    fn report(&self, learned: &Learned) -> String {
        let settings = self.settings;
        let look = report::Look { width: terminal::width(), styled: settings.styled, verbose: settings.verbose };
        // The difference to what it holds has a line of its own.
        let needs = learned.needs.as_ref().map(|needs| Needs { removable: CapabilitySet::EMPTY, ..needs.clone() });
        let report = report::Report {
            checks: &learned.run.checks,
            needs: needs.as_ref().map_err(|refusal| *refusal),
            runs: 1,
            proof: learned.run.proven(),
            confirmed: false,
            failed: None,
            can_confirm: false,
            scopes: None,
            possible_scopes: None,
            scope_runs: None,
        };
        report::report(&report, look) + &outcome::lines(learned, look)
    }
}
