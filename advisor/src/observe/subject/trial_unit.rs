//! A unit that is started again and again with other settings, and in the end as it was before.
//!
//! The settings stand in a transient drop-in below /run. It goes on every way out of this process. If the process is
//! killed, a transient service removes the drop-in: that service waits for a lock, and the kernel gives up the locks of
//! a process that has ended.

use crate::observe::subject::manager;
use crate::observe::subject::unit::{SYSTEMCTL, Stopped, Unit};
use crate::output::error::{self, hinted};
use crate::store::{atomic_write, enabled};
use anyhow::{Context, Result};
use rustix::fs::{FlockOperation, flock};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Where transient settings of units are (systemd.unit(5)). They go at the next boot.
const TRANSIENT: &str = "/run/systemd/system";
/// Drop-ins are applied in the order of their names, from whatever directory they are.
const DROP_IN: &str = "zzz-capwrap-trial.conf";
/// What the guard does: the same as [`UnitTrials::restore`].
const GUARD: &str = "rm -f -- \"$1\"; rmdir -- \"$2\"; shift 2; systemctl daemon-reload; systemctl reset-failed -- \"$1\"; \
                     systemctl stop -- \"$1\"; systemctl start -- \"$@\"";

/// A unit that is tried with other settings.
pub struct UnitTrials {
    /// The unit, and the units that stop with it.
    names: Vec<String>,
    directory: PathBuf,
    guard: String,
    is_restored: bool,
    _lock: File,
}

impl UnitTrials {
    /// Prepares the trials, and changes nothing about the unit yet.
    ///
    /// # Errors
    /// Another process tries the unit, or systemd does not start the guard.
    pub fn begin(unit: &Unit) -> Result<Self> {
        let name = &unit.name;
        let directory = Path::new(TRANSIENT).join(format!("{name}.d"));
        enabled::make_directory(&directory)?;
        let lock = File::open(&directory).with_context(|| format!("cannot open {}", directory.display()))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| hinted(format!("another capwrap tries {name} now"), "wait until it has ended"))?;
        let names: Vec<String> = std::iter::once(name.clone()).chain(unit.dependents()).collect();
        let guard = format!("capwrap-guard-{}.service", std::process::id());
        let trials = Self { names, directory, guard, is_restored: false, _lock: lock };
        trials.start_guard().context("nothing would remove the drop-in if capwrap were killed")?;
        Ok(trials)
    }

    fn start_guard(&self) -> Result<()> {
        let (unit, directory, file) =
            (format!("--unit={}", self.guard), self.directory.display().to_string(), self.file().display().to_string());
        let words = [
            "--quiet",
            "--collect",
            &unit,
            "--property=DefaultDependencies=no",
            "--description=Ends trials of capwrap",
        ];
        let does = ["flock", &directory, "sh", "-c", GUARD, "sh", &file, &directory];
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        manager::order("systemd-run", &[&words[..], &["--"], &does, &names].concat())
    }

    fn file(&self) -> PathBuf {
        self.directory.join(DROP_IN)
    }

    /// Stops the unit, and gives it these settings beside what a trial needs. The result starts it.
    ///
    /// # Errors
    /// The file cannot be written, or systemd refuses a step.
    pub fn prepare(&self, settings: &str) -> Result<Stopped> {
        manager::order(SYSTEMCTL, &["stop", "--", &self.names[0]])?;
        atomic_write::replace_for_all(&self.file(), &drop_in(settings))?;
        manager::order(SYSTEMCTL, &["daemon-reload"])?;
        Ok(Stopped::to_start(SYSTEMCTL, vec![self.names[0].clone()]))
    }

    /// Removes the drop-in, and starts the unit as it was before.
    ///
    /// # Errors
    /// The file cannot be removed, or systemd refuses a step.
    pub fn restore(mut self) -> Result<()> {
        self.undo()
    }

    fn undo(&mut self) -> Result<()> {
        self.is_restored = true;
        if let Err(error) = std::fs::remove_file(self.file()) {
            let is_gone = error.kind() == std::io::ErrorKind::NotFound;
            is_gone.then_some(()).with_context(|| format!("cannot remove {}: {error}", self.file().display()))?;
        }
        // It goes only if nothing else is in it.
        let _ = std::fs::remove_dir(&self.directory);
        manager::order(SYSTEMCTL, &["daemon-reload"])?;
        // A unit that did not fail refuses this.
        let _ = manager::order(SYSTEMCTL, &["reset-failed", "--", &self.names[0]]);
        manager::order(SYSTEMCTL, &["stop", "--", &self.names[0]])?;
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        let started = manager::order(SYSTEMCTL, &[&["start", "--"], &names[..]].concat());
        // Until here the guard would do the same, and it may do it twice.
        manager::order(SYSTEMCTL, &["stop", "--", &self.guard])?;
        started
    }
}

impl Drop for UnitTrials {
    fn drop(&mut self) {
        if self.is_restored {
            return;
        }
        if let Err(error) = self.undo() {
            let hint = format!(
                "rm {}; systemctl daemon-reload; systemctl restart {}",
                self.file().display(),
                self.names.join(" ")
            );
            error::print_error(&format!("the unit is not as it was before: {error:#}"), Some(&hint));
        }
    }
}

/// The drop-in of a trial. A start that fails is what a trial may show, so nothing else follows from it.
fn drop_in(settings: &str) -> String {
    format!(
        "# Written by capwrap learn --minimize, and removed when that ends.\n[Unit]\nStartLimitIntervalSec=0\n\
         StartLimitAction=none\nFailureAction=none\nSuccessAction=none\n{settings}Restart=no\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_that_fails_in_a_trial_starts_nothing_else() {
        let text = drop_in("[Service]\nCapabilityBoundingSet=\n");
        for line in ["StartLimitIntervalSec=0", "FailureAction=none", "CapabilityBoundingSet=", "Restart=no"] {
            assert!(text.lines().any(|one| one == line), "{line} in {text}");
        }
        assert!(text.find("FailureAction").unwrap() < text.find("[Service]").unwrap());
    }

    #[test]
    fn systemd_expands_nothing_in_what_the_guard_does() {
        // systemd expands ${NAME} within a word, and a word that begins with $ (systemd.service(5)).
        assert!(!GUARD.contains("${") && !GUARD.contains("$$") && !GUARD.starts_with('$') && !GUARD.contains('%'));
    }
}
