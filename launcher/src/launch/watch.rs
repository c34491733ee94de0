//! Between the filter and step 12, for `capwrap --learn` alone: a watcher notes which calls a scope could refuse. It refuses
//! nothing.

use crate::refusal::{OrRefuse, Refusal};
use crate::system::watcher::Watcher;
use capwrap_core::decision::facts::KernelVersion;
use capwrap_core::scope::calls::Architecture;
use capwrap_core::scope::watch::{self, SINCE};
use std::fs::OpenOptions;
use std::path::Path;

/// Starts the watcher, while this process is still root. With `places`, it also notes which files the calls are about.
///
/// # Errors
/// The report cannot be written.
pub fn start(report: &Path, places: bool) -> Result<Option<Watcher>, Refusal> {
    let file = OpenOptions::new().append(true).open(report).or_refuse(|| format!("open {}", report.display()))?;
    Ok(Watcher::start(file, places).ok())
}

/// Lets the watcher watch this process from here on. Where the kernel cannot do it, the report stays empty.
///
/// # Errors
/// The watcher is gone, and what it would report would fail.
pub fn begin(watcher: Option<Watcher>, kernel: KernelVersion, no_new_privs: bool) -> Result<(), Refusal> {
    let Some(watcher) = watcher.filter(|_| no_new_privs && kernel >= SINCE) else { return Ok(()) };
    let Some(architecture) = Architecture::HERE else { return Ok(()) };
    let program = watch::program(architecture, watcher.places);
    watcher.watch(&program).or_refuse(|| "have the system calls watched").map(drop)
}
