//! The impure edge of --minimize: the runs, their judgement, and what is shown meanwhile.

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

/// A run without a capability may wait for ever for what it does not get: it has so many times
/// what the full run took, and at least so long.
const PATIENCE: u32 = 5;
const AT_LEAST: Duration = Duration::from_secs(10);

/// What is to be proven.
pub struct Proving<'p> {
    pub subject: &'p Subject<'p>,
    pub check: Option<&'p str>,
    pub repeat: u64,
}

impl Proving<'_> {
    /// Runs the command with everything, and then with less and less. `meaning` finds out from a run what
    /// it needed and all that it asked for. Gives the full run and the proof.
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
            // A check need not read what it is given.
            let _ = input.write_all(&seen.stdout);
        }
        Ok(shell.wait().context("cannot wait for the check")?.success())
    }
}

/// On a terminal alone.
fn progress(at_most: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} run {pos} of at most about {len}, {elapsed}: {msg}");
    let bar = ProgressBar::with_draw_target(Some(at_most), ProgressDrawTarget::stderr());
    if let Ok(style) = style { bar.with_style(style) } else { bar }
}
