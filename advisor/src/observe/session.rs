//! One run of the command under the probe. This is the impure part of learning.

use crate::analysis::profile::OwnSets;
use crate::observe::command;
use crate::observe::command::{Ending, Finished, Launch, Limits, Output, Plan, User};
use crate::observe::probe;
use crate::observe::probe::{BackEnd, Counted, Losses, Stats};
use crate::output::error;
use anyhow::{Context, Result};
use capwrap_core::CapabilitySet;
use capwrap_core::scope::places::Place;
use capwrap_core::scope::watch::{BEGUN, ENDED, MORE, MORE_PLACES, Seen};
use capwrap_ebpf::Settings;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

/// A command and how it is run.
pub struct Subject<'s> {
    /// The file to execute, if it is not the command's first word.
    pub file: Option<&'s Path>,
    /// The command and its arguments.
    pub command: &'s [OsString],
    /// The user to run as; `None` means the user of this process.
    pub user: Option<&'s User>,
    /// The policy whose environment and limits it gets.
    pub policy: Option<&'s str>,
    /// The capabilities that are passed to the command.
    pub hold: CapabilitySet,
    /// What some of them are for, as the `[[grant]]` tables of a policy say it. Only root can ask for it.
    pub scopes: Option<&'s str>,
    /// Whether the calls are noted that a scope could refuse. Only root can ask for it.
    pub watch: bool,
    /// Whether the files are noted that the calls are about, where calls are noted.
    pub places: bool,
    /// The number of execs until the tool runs. The launcher's exec comes before the tool's own.
    pub execs: u32,
    /// The back end to use; `None` means the first that works.
    pub back_end: Option<BackEnd>,
    pub limits: Limits,
}

/// The data of one run.
pub struct RunData {
    pub counted: Counted,
    pub losses: Losses,
    pub stats: Stats,
    /// The files that its processes executed.
    pub executables: BTreeSet<String>,
    /// What they did with their own capability sets.
    pub own_sets: Vec<OwnSets>,
    pub back_end: BackEnd,
    pub ending: Ending,
    /// Whether the command was asked to end, and did not end by itself.
    pub was_asked: bool,
    /// What the command wrote to standard output, if that was kept.
    pub stdout: Vec<u8>,
    /// The start time in RFC 3339, UTC.
    pub started: String,
    pub took: Duration,
    /// The calls that a scope could refuse; `None` if they were not noted.
    pub watched: Option<Vec<Seen>>,
    /// The files that calls were about; `None` if they were not noted, or too many.
    pub places: Option<Vec<Place>>,
}

/// Runs the command once, until it and all processes that it leaves behind have ended.
pub fn observe(subject: &Subject<'_>, output: Output) -> Result<RunData> {
    // Counting needs no ring, so the ring has the smallest possible size.
    let mut probe = probe::open(&Settings { own_sets: 1, ..Settings::default() }, 4096, subject.back_end)?;
    let report =
        subject.watch.then(tempfile::NamedTempFile::new).transpose().context("cannot make a file to note calls in")?;
    let launch = subject.user.map(|user| Launch {
        user,
        passes: subject.hold,
        policy: subject.policy,
        any_owner: true,
        reason: Some("capwrap --learn"),
        scopes: subject.scopes,
        watch: report.as_ref().map(tempfile::NamedTempFile::path),
        places: subject.places && subject.watch,
    });
    let plan = Plan {
        file: subject.file,
        command: subject.command,
        launch: launch.as_ref(),
        output,
        alone: false,
        writes_meanwhile: false,
    };
    let stopped = command::start(plan)?;
    probe.start_at(stopped.id(), stopped.execs_before() + subject.execs, subject.file)?;
    let started = humantime::format_rfc3339_micros(SystemTime::now()).to_string();
    let began = Instant::now();
    let Finished { ending, stdout, was_asked } = stopped.run(subject.limits)?;
    let noted = report.map(|report| noted(report, was_asked)).transpose()?.unwrap_or_default();
    Ok(RunData {
        counted: probe.counted()?,
        losses: probe.losses()?,
        stats: probe.stats()?,
        executables: probe.executables()?,
        own_sets: probe.own_sets()?,
        back_end: probe.back_end,
        ending,
        was_asked,
        stdout,
        started,
        took: began.elapsed(),
        watched: noted.calls,
        places: noted.places.filter(|_| subject.places),
    })
}

/// What the launcher's watcher noted.
#[derive(Default)]
struct Noted {
    calls: Option<Vec<Seen>>,
    places: Option<Vec<Place>>,
}

/// Reads what the launcher's watcher noted: nothing if it could not watch or ended before the command, and no kind of which it
/// noted more than it keeps. Where this process asked the command to end, the last request may have ended the watcher first.
fn noted(report: tempfile::NamedTempFile, was_asked: bool) -> Result<Noted> {
    let text = std::fs::read_to_string(report.path()).context("cannot read which calls were noted")?;
    let mut lines: Vec<&str> = text.lines().collect();
    let has_ended = lines.pop_if(|line| *line == ENDED).is_some();
    if lines.first() != Some(&BEGUN) {
        return Ok(Noted::default());
    }
    if !has_ended && !was_asked {
        error::note("what watched its system calls ended before the command did: from then on these calls failed");
        return Ok(Noted::default());
    }
    let (has_more, has_more_places) = (lines.contains(&MORE), lines.contains(&MORE_PLACES));
    let (mut calls, mut places) = (Vec::new(), Vec::new());
    for line in lines.into_iter().skip(1).filter(|line| ![MORE, MORE_PLACES].contains(line)) {
        match Place::read(line) {
            Some(place) => places.push(place),
            None => calls.push(Seen::read(line).with_context(|| format!("{line:?} is no note of a call"))?),
        }
    }
    Ok(Noted { calls: (!has_more).then_some(calls), places: (!has_more_places).then_some(places) })
}
