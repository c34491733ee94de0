//! The impure part of --minimize: it runs the command, judges the runs, and shows the progress.

use crate::analysis::minimize;
use crate::analysis::minimize::{Proof, Start, Trial};
use crate::observe::command::{Ending, Limits, Output};
use crate::observe::session::{RunData, Subject, observe};
use anyhow::{Context, Result};
use capwrap_core::CapabilitySet;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

/// A run without a capability may wait forever for something that it does not get. It is stopped after this many times
/// the duration of the full run, but not before `AT_LEAST`.
const PATIENCE: u32 = 5;
const AT_LEAST: Duration = Duration::from_secs(10);

/// The input of a proof.
pub struct Proving<'p> {
    pub subject: &'p Subject<'p>,
    pub check: Option<&'p str>,
    pub repeat: u64,
}

impl Proving<'_> {
    /// Runs the command with everything, and then with fewer and fewer capabilities. `meaning` finds out from a run
    /// what the command needed and everything that it asked for. Returns the full run and the proof.
    pub fn prove(
        &self,
        meaning: impl Fn(&RunData) -> Result<(CapabilitySet, CapabilitySet)>,
    ) -> Result<(RunData, Proof)> {
        let full = observe(self.subject, Output::Kept)?;
        let (needed, asked) = meaning(&full)?;
        let start = Start { everything: self.subject.hold, needed, asked, repeat: self.repeat };
        let limit = self.subject.limits.after.unwrap_or_else(|| AT_LEAST.max(full.took * PATIENCE));
        let progress = progress(minimize::at_most(&start));
        let proof = minimize::minimize(start, |hold| {
            progress.set_message(format!(
                "with {}",
                if hold == start.everything { "everything".to_owned() } else { hold.to_string() }
            ));
            let subject = Subject { hold, limits: Limits { after: Some(limit) }, ..*self.subject };
            let seen = observe(&subject, Output::Kept)?;
            progress.inc(1);
            let (_, asked) = meaning(&seen)?;
            Ok(Trial { works: self.works(&seen, &full)?, asked })
        })?;
        progress.finish_and_clear();
        Ok((full, proof))
    }

    fn works(&self, seen: &RunData, full: &RunData) -> Result<bool> {
        let Some(check) = self.check else { return Ok(seen.ending == full.ending && seen.stdout == full.stdout) };
        let status = match seen.ending {
            Ending::Exited(status) => status,
            Ending::Killed(signal) => 128 + signal,
        };
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", check]).env("CAPWRAP_STATUS", status.to_string());
        shell.stdin(Stdio::piped()).stdout(Stdio::null());
        let mut shell = shell.spawn().context("cannot run the check")?;
        if let Some(mut input) = shell.stdin.take() {
            // An error is no failure, because a check need not read its input.
            let _ = input.write_all(&seen.stdout);
        }
        Ok(shell.wait().context("cannot wait for the check")?.success())
    }
}

/// The progress bar, which is shown on a terminal only.
fn progress(at_most: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} run {pos} of at most about {len}, {elapsed}: {msg}");
    let bar = ProgressBar::with_draw_target(Some(at_most), ProgressDrawTarget::stderr());
    if let Ok(style) = style { bar.with_style(style) } else { bar }
}
