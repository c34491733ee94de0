//! The impure edge of learning: one run of the command under the probe.

use crate::observe::command;
use crate::observe::command::{Ending, Limits, Output, Plan, User};
use crate::observe::probe;
use crate::observe::probe::{BackEnd, Counted, Losses, Stats};
use anyhow::Result;
use capwrap_core::CapabilitySet;
use capwrap_ebpf::Settings;
use std::ffi::OsString;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

/// A command and how it is run.
pub struct Subject<'s> {
    /// The file to execute, where it is not the command's first word.
    pub file: Option<&'s Path>,
    /// The command and its arguments.
    pub command: &'s [OsString],
    /// The user it runs as; `None`: the user of this process.
    pub user: Option<&'s User>,
    /// What is passed to it.
    pub hold: CapabilitySet,
    /// How many execs it is away from being the tool: the launcher's comes before the tool's own.
    pub execs: u32,
    /// The back end to use; `None`: the first that works.
    pub back_end: Option<BackEnd>,
    pub limits: Limits,
}

/// What a run showed.
pub struct RunData {
    pub counted: Counted,
    pub losses: Losses,
    pub stats: Stats,
    pub back_end: BackEnd,
    pub ending: Ending,
    /// What it wrote to standard output, where that was kept.
    pub stdout: Vec<u8>,
    /// When it began: RFC 3339, in UTC.
    pub started: String,
    pub took: Duration,
}

/// Runs the command once, to its end and that of everything it leaves behind.
pub fn observe(subject: &Subject<'_>, output: Output) -> Result<RunData> {
    // Counts need no ring: the smallest there is.
    let mut probe = probe::open(&Settings::default(), 4096, subject.back_end)?;
    let plan = Plan {
        file: subject.file,
        command: subject.command,
        user: subject.user,
        hold: subject.hold,
        // As under the launcher: root gets the decision, and no more.
        confine: true,
        output,
    };
    let stopped = command::start(plan)?;
    probe.start_at(stopped.id(), subject.execs)?;
    let started = humantime::format_rfc3339_micros(SystemTime::now()).to_string();
    let began = Instant::now();
    let (ending, stdout) = stopped.run(subject.limits)?;
    Ok(RunData {
        counted: probe.counted()?,
        losses: probe.losses()?,
        stats: probe.stats()?,
        back_end: probe.back_end,
        ending,
        stdout,
        started,
        took: began.elapsed(),
    })
}
