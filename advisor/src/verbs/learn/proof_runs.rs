//! The impure part of --minimize and --confirm: it runs the command, judges the runs, and shows the progress.

use crate::analysis::minimize::{self, Proof, Start, Trial, named};
use crate::analysis::own_sets;
use crate::analysis::profile::{ProvenScope, ProvenScopes};
use crate::analysis::propose;
use crate::analysis::scopes::{FAILED, Scopes};
use crate::observe::command;
use crate::observe::command::{Ending, Limits, Output, User};
use crate::observe::session::{RunData, Subject, observe};
use crate::output::error::hinted;
use anyhow::{Context, Error, Result};
use capwrap_core::policy::GrantScope;
use capwrap_core::text::printable;
use capwrap_core::{Capability, CapabilitySet};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::cell::Cell;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

/// A run without a capability may wait forever for something that it does not get. It is stopped after this many times
/// the duration of the full run, but not before `AT_LEAST`.
const PATIENCE: u32 = 5;
const AT_LEAST: Duration = Duration::from_secs(10);

/// How often scopes are widened under which a command did not work. A run that is watched shows all that it uses, so that
/// one time is enough for a command that does the same each time.
const CORRECTIONS: u32 = 3;

/// What a proof shall find out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aim {
    /// The smallest set with which the command works.
    Minimize,
    /// Whether the command works with what it seems to need.
    Confirm,
}

/// What a run showed.
#[derive(Clone, Copy, Debug)]
pub struct Meaning {
    /// What the command needed.
    pub needed: CapabilitySet,
    /// Everything that it asked for.
    pub asked: CapabilitySet,
    /// What it asked for and may need, although the answer to most such checks does not matter.
    pub possible: CapabilitySet,
}

/// The input of a proof.
#[derive(Clone, Copy)]
pub struct Proving<'p> {
    pub aim: Aim,
    pub subject: &'p Subject<'p>,
    pub check: Option<&'p str>,
    /// What root's shell does after each run, so that the next one finds what the first one found.
    pub reset: Option<&'p str>,
    pub repeat: u64,
    /// What the policy grants for this run.
    pub granted: CapabilitySet,
}

/// A run, and what the check said of it, if there is one.
struct Judged {
    seen: RunData,
    passed: Option<bool>,
}

impl Proving<'_> {
    /// Runs the command with everything, and then with fewer capabilities. `meaning` finds out what a run showed.
    /// Returns the full run and the proof.
    pub fn prove(&self, meaning: impl Fn(&RunData) -> Result<Meaning>) -> Result<(RunData, Proof)> {
        let mut everything = self.subject.hold;
        // The first run is the one that is watched.
        let first = |hold| self.run_as(self.subject.user, hold, self.subject.limits, self.subject.watch);
        let mut full = first(everything)?;
        // A program below the command may refuse to run with a capability, as mount in a script does.
        let refused = own_sets::refused_by_any(&full.seen.executables).intersection(everything);
        if !refused.is_empty() && self.subject.user.is_some_and(|user| user.uid != 0) {
            everything = everything.without(refused);
            full = first(everything)?;
        }
        let seemed = meaning(&full.seen)?;
        let start = Start {
            everything,
            needed: seemed.needed,
            possible: if self.aim == Aim::Minimize { seemed.asked } else { seemed.possible },
            granted: self.granted,
            repeat: self.repeat,
        };
        let limit = self.subject.limits.after.unwrap_or_else(|| AT_LEAST.max(full.seen.took * PATIENCE));
        let limits = Limits { after: Some(limit), ..self.subject.limits };
        let progress = progress();
        // Without a check, a run works if it ends and prints as the first one did. Where the first one failed, a later
        // one that does not fail takes its place.
        let mut like = (full.seen.ending, full.seen.stdout.clone());
        let trial = |hold: CapabilitySet| {
            let with = if hold == start.everything { "everything".to_owned() } else { named(hold) };
            progress.set_message(format!("with {with}"));
            let Judged { seen, passed } = self.run(hold, limits)?;
            progress.inc(1);
            let works = passed.unwrap_or_else(|| {
                if like.0 != Ending::Exited(0) && seen.ending == Ending::Exited(0) {
                    like = (seen.ending, seen.stdout.clone());
                }
                (seen.ending, &seen.stdout) == (like.0, &like.1)
            });
            Ok(Trial { works, asked: meaning(&seen)?.asked })
        };
        let proof = match self.aim {
            Aim::Minimize => minimize::minimize(start, trial)?,
            Aim::Confirm => minimize::confirm(start, self.check.is_some(), trial)?,
        };
        progress.finish_and_clear();
        match proof {
            Some(proof) => Ok((full.seen, proof)),
            None => Err(self.why_not(&full, &seemed, limits).unwrap_or_else(|error| error)),
        }
    }

    /// Runs the command under scopes of what it needs. Where it does not work, it is watched again with no more capabilities
    /// than it has by the policy, because a command that has less does other things, and `widen` makes the scopes that
    /// leave open what it used then too. The scopes are tried again for as long as that widens them. Those that it fails
    /// under even so are left out: each is tried alone, and then the rest together. `full` is the first run, and `proof`
    /// what followed.
    pub fn prove_scopes(
        &self,
        full: &RunData,
        proof: &Proof,
        scopes: Scopes,
        mut widen: impl FnMut(&RunData) -> Result<Option<Scopes>>,
    ) -> Result<(Scopes, ProvenScopes)> {
        let hold = proof.kept;
        let limit = self.subject.limits.after.unwrap_or_else(|| AT_LEAST.max(full.took * PATIENCE));
        let limits = Limits { after: Some(limit), ..self.subject.limits };
        let runs = Cell::new(0);
        let progress = progress();
        // Where everything is too much, the run with less is what the command does when it works.
        let like = if proof.fails_with_everything && self.check.is_none() {
            runs.set(runs.get() + 1);
            let seen = self.run(hold, limits)?.seen;
            (seen.ending, seen.stdout)
        } else {
            (full.ending, full.stdout.clone())
        };
        let works = |tried: &Scopes| {
            progress.set_message("under the scopes");
            runs.set(runs.get() + 1);
            let tables = propose::tables(tried);
            let subject = Subject { scopes: Some(&tables), ..*self.subject };
            let under = Proving { subject: &subject, ..*self };
            let Judged { seen, passed } = under.run(hold, limits)?;
            progress.inc(1);
            anyhow::Ok(passed.unwrap_or_else(|| (seen.ending, &seen.stdout) == (like.0, &like.1)))
        };
        // A command that does not see the scopes shows what it uses; one that does other things for them shows it under
        // scopes that leave as much open as can be.
        let mut watched = |scopes: &Scopes| {
            let widest = Some(propose::tables(&scopes.widest())).filter(|tables| !tables.is_empty());
            for under in std::iter::once(None).chain(widest.map(Some)) {
                progress.set_message("watched again");
                runs.set(runs.get() + 1);
                let subject = Subject { scopes: under.as_deref(), ..*self.subject };
                let again = Proving { subject: &subject, ..*self };
                let seen = again.run_as(self.subject.user, hold, limits, true)?.seen;
                progress.inc(1);
                if let Some(wider) = widen(&seen)?.filter(|wider| wider != scopes) {
                    return Ok(Some(wider));
                }
            }
            anyhow::Ok(None)
        };
        let mut scopes = scopes;
        let mut is_proven = scopes.proposed.is_empty() || works(&scopes)?;
        for _ in 0..CORRECTIONS {
            if is_proven || !self.subject.watch {
                break;
            }
            let Some(wider) = watched(&scopes)? else { break };
            scopes = wider;
            is_proven = scopes.proposed.is_empty() || works(&scopes)?;
        }
        let mut fails = CapabilitySet::EMPTY;
        if !is_proven {
            if let [_, _, ..] = &*scopes.proposed {
                for (capability, scope) in &scopes.proposed {
                    let proposed = vec![(*capability, scope.clone())];
                    let alone = Scopes { proposed, left_out: Vec::new(), ..scopes.clone() };
                    if !works(&alone)? {
                        fails = fails.union((*capability).into());
                    }
                }
            }
            let all: CapabilitySet = scopes.proposed.iter().map(|(capability, _)| *capability).collect();
            let rest = scopes.clone().without(fails, FAILED);
            // Where each works alone, and none is left to blame, or the rest still fails, none is proven.
            let is_rest_proven = !fails.is_empty() && !rest.proposed.is_empty() && works(&rest)?;
            if !is_rest_proven {
                fails = all;
            }
            scopes = scopes.without(fails, FAILED);
        }
        let runs = runs.get();
        progress.finish_and_clear();
        let proven = |(capability, scope): &(Capability, GrantScope)| ProvenScope {
            capability: *capability,
            through: scope.through.iter().map(ToString::to_string).collect(),
            beneath: scope.beneath.iter().map(printable::text).collect(),
            ports: scope.ports.iter().map(ToString::to_string).collect(),
        };
        let works = scopes.proposed.iter().map(proven).collect();
        Ok((scopes, ProvenScopes { works, fails, runs }))
    }

    fn run(&self, hold: CapabilitySet, limits: Limits) -> Result<Judged> {
        self.run_as(self.subject.user, hold, limits, false)
    }

    /// One run, its check, and then the reset.
    fn run_as(&self, user: Option<&User>, hold: CapabilitySet, limits: Limits, watch: bool) -> Result<Judged> {
        let seen = observe(&Subject { user, hold, limits, watch, ..*self.subject }, Output::Kept)?;
        let passed = self.check.map(|check| passes(check, &seen)).transpose()?;
        if let Some(by) = self.reset {
            reset(by)?;
        }
        Ok(Judged { seen, passed })
    }

    /// Says why the command works with no set that was tried. Another run with everything shows it.
    fn why_not(&self, full: &Judged, seemed: &Meaning, limits: Limits) -> Result<Error> {
        let absent = seemed.needed.without(self.subject.hold);
        if !absent.is_empty() {
            return Ok(hinted(
                format!("nothing is proven: the command asks for {absent}, which this machine cannot give"),
                "learn it where root has that; or let --check decide what counts as working",
            ));
        }
        let again = self.run(self.subject.hold, limits)?;
        let undone = "--check 'CMD' decides which run worked; --reset 'CMD' undoes what a run leaves behind";
        if again.seen.ending != full.seen.ending {
            let (first, second) = (full.seen.ending, again.seen.ending);
            let message =
                format!("nothing is proven: with everything the command ended with {first}, then with {second}");
            return Ok(hinted(message, undone));
        }
        if self.check.is_none() && again.seen.stdout != full.seen.stdout {
            return Ok(hinted(
                "nothing is proven: the command prints something new in each run",
                "let --check decide by what stays the same, as in --check 'grep -q received'",
            ));
        }
        if full.passed != again.passed {
            return Ok(hinted("nothing is proven: with everything the check passed once and failed once", undone));
        }
        if full.passed != Some(false) && self.aim == Aim::Confirm {
            return Ok(hinted(
                "nothing is confirmed: the command works with everything, and not with what it seemed to ask for",
                "--minimize tries every capability",
            ));
        }
        if self.aim == Aim::Confirm {
            return Ok(hinted(
                "nothing is confirmed: the command fails with everything, and with what it seemed to ask for",
                "it may work only with less, which --minimize tries",
            ));
        }
        let root = command::meant_for(Some("0"))?;
        if self.subject.user.is_some_and(|user| user.uid != 0)
            && self.run_as(Some(&root), self.subject.hold, limits, false)?.passed == Some(true)
        {
            return Ok(hinted(
                "nothing is proven: the command wants uid 0, and as a user it fails with every capability",
                "root can still run it with less than everything: learn it with --user root",
            ));
        }
        Ok(hinted(
            "nothing is proven: the check fails although every capability is there",
            "the command fails for another reason, or the check is not about it; --reset 'CMD' undoes what a run leaves behind",
        ))
    }
}

/// Lets root's shell undo what a run left behind.
///
/// # Errors
/// The command that does it fails.
pub fn reset(by: &str) -> Result<()> {
    let status = Command::new("/bin/sh").args(["-c", by]).stdin(Stdio::null()).status();
    let status = status.context("cannot run what --reset names")?;
    if !status.success() {
        return Err(hinted(
            format!("what --reset names failed ({status}), so the next run would not find what the first one found"),
            "a run that lacks a capability may have nothing to undo: let it pass then, as in --reset 'CMD || true'",
        ));
    }
    Ok(())
}

fn passes(check: &str, seen: &RunData) -> Result<bool> {
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

/// The progress, which is shown on a terminal only.
pub fn progress() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} run {pos}, {elapsed}: {msg}");
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = style { bar.with_style(style) } else { bar }
}
