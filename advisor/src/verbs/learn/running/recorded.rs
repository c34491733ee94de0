//! Learns from what `capwrap trace --json` recorded earlier. Nothing is run, and no probe is loaded.

use crate::analysis::needs::{self, Needs};
use crate::analysis::profile::{self, Profile, Run, SubjectKind};
use crate::analysis::recorded;
use crate::dialects::capabilities::{self, Sets};
use crate::dialects::traced;
use crate::host::kernel;
use crate::output::error::hinted;
use crate::output::terminal;
use crate::store::bounded_read;
use crate::verbs::learn::evidence;
use crate::verbs::learn::report;
use crate::verbs::learn::running::settings::Settings;
use anyhow::{Context, Result};
use capwrap_core::CapabilitySet;
use capwrap_core::text::printable;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::SystemTime;

/// The largest trace that is read, in bytes.
const MAX_BYTES: usize = 1 << 30;

/// Learns from a file, or from standard input where the path is `-`.
pub fn learn(settings: &Settings<'_>, path: &Path) -> Result<()> {
    let shown = printable::text(path);
    let text = if path == Path::new("-") {
        bounded_read::text(std::io::stdin().lock(), MAX_BYTES).context("cannot read standard input")?
    } else {
        bounded_read::text_of(path, MAX_BYTES)?
    };
    let trace = traced::read(&text).with_context(|| shown.clone())?.ok_or_else(|| {
        hinted(
            format!("{shown} is no trace"),
            "capwrap trace --json --stack > FILE records one; capwrap merge and export take profiles",
        )
    })?;
    let has_stacks = trace.records.iter().any(|one| !one.observation.call_site.is_empty());
    let processes: BTreeSet<u32> = trace.records.iter().map(|one| one.observation.process).collect();
    let executables: BTreeSet<String> = trace.records.iter().map(|one| one.observation.executable.clone()).collect();
    let (started, user) = (trace.started, trace.user);
    let (checks, facts) = recorded::classified(trace.records, kernel::version(&kernel::release()?)?);
    let needs = needs::decide(&checks, facts.held, 1, &BTreeMap::new())?;
    let run = Run {
        id: String::new(),
        subject: Some(profile::Subject { kind: SubjectKind::Trace, name: shown, from_start: false }),
        command: Vec::new(),
        started: started.unwrap_or_else(|| humantime::format_rfc3339_micros(SystemTime::now()).to_string()),
        tool: profile::Tool {
            path: if executables.len() == 1 { executables.iter().cloned().collect() } else { String::new() },
            sha256: None,
        },
        user: user.map_or_else(|| evidence::user(None), evidence::user_of),
        kernel: evidence::kernel()?,
        back_end: "trace".to_owned(),
        held: facts.held,
        processes: processes.len() as u64,
        execs: None,
        executables,
        ids_changed: facts.ids_changed,
        exit: None,
        failed: false,
        lost: BTreeMap::new(),
        minimized: None,
        confirmed: None,
        scopes: None,
        watched: None,
        places: None,
        own_sets: Vec::new(),
        checks: profile::checks(&checks),
    };
    let profile = Profile::of([run]);
    settings.write_output(&profile)?;
    if settings.json {
        say!("{}", profile.to_json()?.trim_end());
        return Ok(());
    }
    let look = report::Look { width: terminal::width(), styled: settings.styled, verbose: settings.verbose };
    // What was granted in a trace is only what was seen to be.
    let needs = Needs { removable: CapabilitySet::EMPTY, ..needs };
    let report = report::Report {
        checks: &profile.runs()[0].checks,
        needs: Ok(&needs),
        runs: 1,
        proof: None,
        confirmed: false,
        failed: None,
        can_confirm: false,
        scopes: None,
        possible_scopes: None,
        scope_runs: None,
    };
    say!("{}", report::report(&report, look).trim_end());
    if !has_stacks {
        say!("{:<10} without stacks: where each check was made is not known, as trace --stack records it", "recorded");
    }
    let sets = Sets::of(needs.set(), CapabilitySet::EMPTY, profile.runs()[0].user.uid != 0);
    if let Some(text) = settings.to.and_then(|to| capabilities::text(&sets, to, "traced")) {
        say!("\n{}", text.trim_end());
    }
    Ok(())
}
