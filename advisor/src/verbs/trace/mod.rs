//! `capwrap trace`: shows every capability check as it happens.
//!
//! ```text
//! events ── held (until the outcome is known) ── described (once for each kind) ── lines, JSON, or a summary
//! ```

mod clock;
mod describe;
mod held;
mod json;
mod lines;
mod summary;
mod user_stack;

use crate::observe::access;
use crate::observe::access::Access;
use crate::observe::command;
use crate::observe::command::locate::locate;
use crate::observe::command::{Ending, Launch, Limits, Output, Plan};
use crate::observe::probe::{BackEnd, Events, Probe, Record};
use crate::observe::subject::filter::{Asked, Scope};
use crate::output::error;
use crate::output::terminal;
use crate::store::atomic_write;
use anyhow::{Context, Result};
use capwrap_core::{Capability, CapabilitySet};
use capwrap_ebpf::Outcome;
use clap::Args;
use clock::Clock;
use describe::{Described, Describer};
use held::{Held, Seen};
use nix::time::{ClockId, clock_gettime};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{BufWriter, ErrorKind, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use summary::Summary;
use user_stack::UserStacks;

#[derive(Args)]
#[command(override_usage = "capwrap trace [OPTIONS] [CMD [ARGS…]]")]
pub struct Trace {
    /// Trace these processes (several: repeat it, or commas between)
    #[arg(short, long = "pid", value_name = "PID", value_delimiter = ',', group = "scope")]
    pids: Vec<u32>,
    /// With -p: trace what they start from now on, too
    #[arg(short, long, requires = "pids")]
    follow: bool,
    /// Trace a cgroup and what is below it
    #[arg(long, value_name = "PATH", group = "scope")]
    cgroup: Option<PathBuf>,
    /// Trace a container of docker, podman or containerd, by its id
    #[arg(long, value_name = "ID", group = "scope")]
    container: Option<String>,
    /// Show only denied checks
    #[arg(long)]
    denied: bool,
    /// Show only checks of these capabilities
    #[arg(short, long = "capability", value_name = "CAP", value_delimiter = ',', value_parser = capability)]
    capabilities: Vec<Capability>,
    /// Show the checks too that have no effect on the result
    #[arg(short, long)]
    verbose: bool,
    /// Show the kernel's functions that led to each check
    #[arg(short, long)]
    stack: bool,
    /// Show the program's own functions that led to each check
    #[arg(long, conflicts_with = "summary")]
    user_stack: bool,
    /// Show each check once for a program and a place, and at the
    /// end how often
    #[arg(short, long, conflicts_with = "summary", verbatim_doc_comment)]
    unique: bool,
    /// Show no checks, but a table of them at the end
    #[arg(long)]
    summary: bool,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
    /// Write to this file, and leave standard output to CMD
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// End after this time, as in 30s or 5m
    #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration)]
    limit: Option<Duration>,
    /// Buffer for events that are not shown yet, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 16)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1024))]
    ring: u32,
    /// The user to run CMD as [default: who runs this]
    #[arg(long, value_name = "USER", requires = "command")]
    user: Option<String>,
    /// When to use colour
    #[arg(long, value_name = "WHEN", default_value = "auto", hide_possible_values = true)]
    color: terminal::Color,
    #[arg(long, value_name = "NAME", hide = true)]
    back_end: Option<BackEnd>,
    /// The learner passes this option when it starts itself again by its policy.
    #[arg(long, hide = true)]
    by_policy: bool,
    /// A command to trace, from its start to the end of all it starts
    #[arg(trailing_var_arg = true, value_name = "CMD", group = "scope")]
    command: Vec<OsString>,
}

fn capability(text: &str) -> Result<Capability, String> {
    Capability::parse(text).map_err(|error| error::unknown_capability(&error))
}

/// How long capwrap sleeps before it reads new events. A longer rest would need a larger ring for a burst of events.
const REST: Duration = Duration::from_millis(20);
/// How often capwrap reads the count of lost events.
const LOSSES: Duration = Duration::from_secs(1);

impl Trace {
    pub fn run(self) -> ExitCode {
        command::exit_code(self.trace())
    }

    /// Runs all steps in order.
    fn trace(&self) -> Result<Ending> {
        if access::own()? == Access::Nobody {
            return Err(access::start_learner("trace", self.by_policy, std::env::args_os().skip(2)));
        }
        let scope = Scope::of(&Asked {
            command: !self.command.is_empty(),
            pids: &self.pids,
            follow: self.follow,
            cgroup: self.cgroup.as_deref(),
            container: self.container.as_deref(),
        })?;
        let bytes = (self.ring << 20).next_power_of_two();
        let settings = scope.settings(self.denied, self.shows_outcomes(), self.user_stack);
        let mut probe = scope.open(&settings, bytes, self.back_end)?;
        let events = probe.events(bytes)?;
        probe.list(&scope.processes)?;
        // What stands in the file stays if nothing can be traced.
        let show = Show::new(self)?;
        let started = if self.command.is_empty() {
            None
        } else {
            let user = self.user.as_deref().map(|name| command::meant_for(Some(name))).transpose()?;
            let launch = user.as_ref().map(|user| Launch {
                user,
                passes: CapabilitySet::EMPTY,
                policy: None,
                any_owner: true,
                reason: Some("capwrap trace"),
                scopes: None,
                watch: None,
                places: false,
            });
            let file = user.as_ref().map(|_| locate(&self.command[0], std::env::var_os("PATH"))).transpose()?;
            let plan = Plan {
                file: file.as_deref(),
                command: &self.command,
                launch: launch.as_ref(),
                // Without a file of its own, what a program reads must not stand among what the command prints.
                output: if self.json && self.output.is_none() { Output::StandardError } else { Output::Own },
                alone: false,
                writes_meanwhile: true,
            };
            let stopped = command::start(plan)?;
            probe.start_at(stopped.id(), stopped.execs_before() + 1, file.as_deref())?;
            Some(stopped)
        };
        let limits = Limits { after: self.limit, ..Limits::default() };
        let waiting = if started.is_none() { Some(command::Waiting::new()?) } else { None };
        let over = AtomicBool::new(false);
        let watched = &scope;
        std::thread::scope(|threads| {
            let reader = threads.spawn(|| self.read(show, &probe, events, &over));
            let ending = match (started, waiting) {
                (Some(command), _) => command.run(limits).map(|finished| finished.ending),
                (None, Some(waiting)) => waiting
                    .until_asked(limits, || reader.is_finished() || watched.is_gone())
                    .map(|()| Ending::Exited(0)),
                (None, None) => Ok(Ending::Exited(0)),
            };
            over.store(true, Ordering::Release);
            reader.join().unwrap_or_else(|_| Err(anyhow::anyhow!("the reader of the events ended")))?;
            ending
        })
    }

    /// Whether the outcome of each system call is shown. A summary shows none, and each call of the machine would take
    /// longer.
    const fn shows_outcomes(&self) -> bool {
        !self.summary && !self.unique
    }

    /// Reads and shows the events until the trace ends.
    fn read(&self, mut show: Show, probe: &Probe, mut events: Events, over: &AtomicBool) -> Result<()> {
        show.begin()?;
        let mut describer = Describer::new()?;
        let mut held = Held::new(self.shows_outcomes());
        let mut stacks = UserStacks::default();
        let mut checked = Instant::now();
        let mut reported = 0;
        loop {
            // This is read before the events, so that events that arrived until then are still shown.
            let last = over.load(Ordering::Acquire);
            let mut named = Ok(());
            events.take(|record| match record {
                Record::Stack(stack) => stacks.keep(stack),
                Record::Check(event) => match stacks.of(&event, &mut describer, probe) {
                    Ok(user_stack) => held.add(Seen { event, user_stack }),
                    Err(error) => named = Err(error),
                },
                Record::Outcome(outcome) => held.settle(outcome),
            });
            named?;
            let until = if last { u64::MAX } else { now(ClockId::CLOCK_MONOTONIC)? as u64 };
            let mut shown = Ok(());
            while let (Ok(()), Some((seen, outcome))) = (&shown, held.take(until)) {
                let described = describer.describe(probe, &seen.event);
                shown = described.and_then(|one| one.map_or(Ok(()), |one| show.check(&seen, outcome.as_ref(), &one)));
            }
            match shown.and_then(|()| show.flush()) {
                Ok(()) => {}
                // The reader has closed the pipe and wants no more.
                Err(error) if is_closed_pipe(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
            if last || checked.elapsed() >= LOSSES {
                checked = Instant::now();
                reported = report_losses(probe, reported, last)?;
                show.clock.adjust(now(ClockId::CLOCK_MONOTONIC)?, now(ClockId::CLOCK_REALTIME)?);
            }
            if last {
                return show.end();
            }
            std::thread::sleep(REST);
        }
    }
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

/// Reports how many events were lost, if there are more than were reported before.
fn report_losses(probe: &Probe, reported: u64, last: bool) -> Result<u64> {
    let losses: BTreeMap<_, _> = probe.losses()?.into_iter().filter(|(_, times)| *times > 0).collect();
    let all = losses.values().sum();
    if all > reported || (last && all > 0) {
        let each: Vec<String> = losses.iter().map(|(name, times)| format!("{times} {name}")).collect();
        error::note(&format!("lost{}: {}", if last { "" } else { " so far" }, each.join(", ")));
    }
    Ok(all)
}

/// The time of a clock in nanoseconds.
fn now(clock: ClockId) -> Result<i64> {
    let time = clock_gettime(clock).context("cannot read the clock")?;
    Ok(time.tv_sec() * 1_000_000_000 + time.tv_nsec())
}

/// The output for the events.
struct Show<'t> {
    asked: &'t Trace,
    out: BufWriter<Box<dyn Write + Send>>,
    clock: Clock,
    look: lines::Look,
    summary: Summary,
}

impl<'t> Show<'t> {
    fn new(asked: &'t Trace) -> Result<Self> {
        let (to, look): (Box<dyn Write + Send>, _) = match &asked.output {
            // A file is read later, perhaps on another terminal.
            Some(path) => (Box::new(atomic_write::begin(path)?), lines::Look { width: None, styled: false }),
            None => {
                let width = std::io::stdout().is_terminal().then(terminal::width);
                (Box::new(std::io::stdout()), lines::Look { width, styled: asked.color.styled() })
            }
        };
        let out = BufWriter::with_capacity(256 << 10, to);
        let zone = jiff::tz::TimeZone::system();
        let clock = Clock::new(zone, now(ClockId::CLOCK_MONOTONIC)?, now(ClockId::CLOCK_REALTIME)?);
        Ok(Self { asked, out, clock, look, summary: Summary::default() })
    }

    /// Writes what comes before the first check.
    fn begin(&mut self) -> Result<()> {
        if !self.asked.json && !self.asked.summary {
            lines::write_head(&mut self.out, self.look)?;
        }
        self.flush()
    }

    fn check(&mut self, seen: &Seen, outcome: Option<&Outcome>, one: &Described) -> Result<()> {
        let Seen { event, user_stack } = seen;
        let wanted =
            self.asked.capabilities.is_empty() || self.asked.capabilities.contains(&one.observation.capability);
        if !wanted || (one.speculative && !self.asked.verbose) {
            return Ok(());
        }
        let first = if self.asked.unique || self.asked.summary { self.summary.count(one) } else { true };
        if self.asked.summary || (self.asked.unique && !first) {
            return Ok(());
        }
        if self.asked.json {
            let user_stack = self.asked.user_stack.then_some(user_stack.as_slice());
            json::write(&mut self.out, &mut self.clock, (event, outcome), one, (self.asked.stack, user_stack))?;
        } else {
            lines::write(&mut self.out, &mut self.clock, (event, outcome), one, self.look)?;
            if self.asked.stack {
                lines::write_stack(&mut self.out, one)?;
            }
            user_stack::write_lines(&mut self.out, user_stack)?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(self.out.flush()?)
    }

    fn end(mut self) -> Result<()> {
        if self.asked.unique || self.asked.summary {
            if self.asked.json {
                self.summary.write_json(&mut self.out)?;
            } else {
                if self.asked.unique {
                    writeln!(self.out)?;
                }
                write!(self.out, "{}\n{}", self.summary.table(self.look), self.summary.totals(self.look))?;
            }
        }
        match self.out.flush() {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            other => Ok(other?),
        }
    }
}
