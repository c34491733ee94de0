//! The impure part of --minimize for what a manager starts: it starts it with fewer and fewer capabilities, lets the check
//! judge each start, and shows the progress.

use crate::analysis::classify::Class;
use crate::analysis::minimize::{self, Start, Trial, named};
use crate::analysis::needs::Needs;
use crate::analysis::profile::{Profile, Proven, Run};
use crate::analysis::set_up::Manager;
use crate::dialects::capabilities::Sets;
use crate::observe::command::{Waiting, check};
use crate::observe::subject::filter::{Asked, Scope};
use crate::observe::subject::processes::Main;
use crate::output::error::hinted;
use crate::verbs::learn::proof_runs::{progress, reset};
use crate::verbs::learn::running::settings::{Minimize, Settings};
use crate::verbs::learn::running::watching::{End, Learned, Started, Subject, Watching, watch};
use anyhow::{Result, bail};
use capwrap_core::CapabilitySet;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::cell::Cell;
use std::io::{IsTerminal, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long a service must keep running after it has started: what it lacks may end it only then.
const SETTLE: Duration = Duration::from_secs(2);
/// A check is asked again and again until it passes: for this many times the time that it took with everything, but not
/// for less than `AT_LEAST`.
const PATIENCE: u32 = 5;
const AT_LEAST: Duration = Duration::from_secs(10);
/// How long to wait before the check is asked again.
const AGAIN: Duration = Duration::from_millis(250);

/// What can be started again with other capabilities.
pub trait Trials: Sync {
    /// What is said to be started, as in "this starts WHAT 12 times".
    fn what(&self) -> String;
    fn manager(&self) -> Manager;
    /// Makes it ready for a start with these, and returns the directory of its cgroup.
    fn prepare(&self, sets: &Sets) -> Result<PathBuf>;
    /// Starts it. The result is how it failed, if it did.
    fn start(&self) -> Result<Option<String>>;
    fn state(&self) -> Result<State>;
    /// Whether it has a program in this file itself, and not only its manager.
    fn is_own(&self, file: &str) -> bool;
}

/// How it does after its start.
#[derive(Debug, Default)]
pub struct State {
    pub main: Option<u32>,
    pub runs: bool,
    pub failure: Option<String>,
    /// What the check gets in its environment.
    pub variables: Vec<(&'static str, String)>,
}

/// Refuses what cannot be proven before anything is started.
pub fn check_options(minimize: &Minimize<'_>) -> Result<()> {
    if minimize.check.is_none() {
        return Err(hinted(
            "--minimize without --check: a service that lacks a capability may run on and do its work badly",
            "--check 'CMD', which succeeds when the service works, as curl --fail does",
        ));
    }
    if !minimize.yes && !std::io::stdin().is_terminal() {
        return Err(hinted(
            "--minimize starts it again and again, and nobody is here to be asked",
            "--yes agrees to that",
        ));
    }
    Ok(())
}

/// The input of a proof.
pub struct Proving<'p> {
    pub settings: &'p Settings<'p>,
    pub minimize: Minimize<'p>,
    pub subject: &'p Subject,
    pub waiting: &'p Waiting,
    /// What can be passed on here.
    pub attainable: CapabilitySet,
    pub trials: &'p dyn Trials,
}

/// One start, and what came of it.
struct Judged {
    learned: Learned,
    works: bool,
    /// How it failed, if it did.
    why: String,
    took: Duration,
    runs: bool,
}

impl Proving<'_> {
    /// Asks whether it may be started so often, and says how often that is for what is needed.
    pub fn ask(&self, needed: CapabilitySet, warning: &str) -> Result<()> {
        let times = minimize::usual_runs(needed) * self.minimize.repeat + 2;
        let what = format!("--minimize starts {} about {times} times{warning}", self.trials.what());
        if self.minimize.yes {
            crate::output::error::note(&what);
            return Ok(());
        }
        eprint!("capwrap: {what}. Go on? [y/N] ");
        let _ = std::io::stderr().flush();
        if agrees(self.waiting)? { Ok(()) } else { Err(hinted("nothing was started again", "--yes agrees to that")) }
    }

    /// Starts it with everything, and then with fewer capabilities. `seen` is what was learned before, if that was.
    pub fn prove(&self, seen: Option<Learned>) -> Result<Learned> {
        if let Some(seen) = &seen {
            // What was seen is kept, whatever becomes of the trials.
            self.settings.write_output(&Profile::of([seen.run.clone()]))?;
        }
        let gained = seen.as_ref().map_or(CapabilitySet::EMPTY, |seen| seen.gained);
        let seemed = seen.as_ref().and_then(|seen| seen.needs.as_ref().ok()).map_or(CapabilitySet::EMPTY, Needs::set);
        let everything = self.subject.held.union(seemed).intersection(self.attainable);
        let bar = progress();
        bar.set_message("with everything");
        let full = self.start(everything, gained, AT_LEAST * 3, false)?;
        if !full.works {
            return Err(hinted(
                format!(
                    "nothing is proven: with all that it holds, {} does not work ({})",
                    self.trials.what(),
                    full.why
                ),
                "try the check by itself: it must succeed while the service works",
            ));
        }
        let learned = seen.unwrap_or(full.learned);
        let gained = learned.gained;
        let start = Start {
            everything,
            needed: learned.needs.as_ref().map_or(CapabilitySet::EMPTY, Needs::set),
            possible: asked(&learned.run),
            granted: CapabilitySet::EMPTY,
            repeat: self.minimize.repeat,
        };
        let patience = AT_LEAST.max(full.took * PATIENCE);
        let proof = minimize::minimize(start, |hold| {
            bar.set_message(format!("with {}", if hold == everything { "everything".to_owned() } else { named(hold) }));
            let judged = self.start(hold, gained, patience, full.runs)?;
            bar.inc(1);
            Ok(Trial { works: judged.works, asked: asked(&judged.learned.run) })
        })?;
        bar.finish_and_clear();
        let Some(proof) = proof else {
            return Err(hinted(
                "nothing is proven: with everything it worked once, and then it did not",
                "--reset 'CMD' undoes what a run leaves behind",
            ));
        };
        let proven = Proven::of(proof, self.minimize.check, self.minimize.reset);
        let needs = learned.needs.map(|needs| needs.proven(proven.kept, proven.removed));
        let sets = self.subject.sets(proven.kept, gained);
        let run = Run { minimized: Some(proven), ..learned.run };
        Ok(Learned { run, needs, sets, ..learned })
    }

    /// One start with these capabilities.
    fn start(&self, hold: CapabilitySet, gained: CapabilitySet, patience: Duration, must_run: bool) -> Result<Judged> {
        let was_asked = Cell::new(false);
        let is_asked = || {
            was_asked.set(was_asked.get() || self.waiting.is_asked()?);
            Ok(was_asked.get())
        };
        let stop = || -> Result<()> {
            if is_asked()? {
                bail!("a signal ended the trials: nothing is proven");
            }
            Ok(())
        };
        stop()?;
        let directory = self.trials.prepare(&self.subject.sets(hold, gained))?;
        let scope = Scope::of(&Asked { cgroup: Some(&directory), ..Asked::default() })?;
        let settings =
            Settings { limit: Some(Duration::ZERO), json: true, output: None, every: None, ..*self.settings };
        let subject = Subject { held: hold, ..self.subject.clone() };
        let is_own = |file: &str| self.trials.is_own(file);
        let watching = Watching {
            scope: &scope,
            manager: Some(self.trials.manager()),
            is_own: &is_own,
            from_start: true,
            says: "",
        };
        let result = Cell::new((false, String::new(), Duration::ZERO, false));
        let learned = watch(
            &settings,
            subject,
            self.waiting,
            &watching,
            || {
                if let Some(failure) = self.trials.start()? {
                    result.set((false, failure.clone(), Duration::ZERO, false));
                    return Ok(Started { main: None, failure: Some(failure) });
                }
                let main = self.trials.state()?.main.and_then(Main::of);
                result.set(self.until_works(Instant::now() + patience, must_run, &is_asked)?);
                Ok(Started { main, failure: None })
            },
            End::default,
        )?;
        stop()?;
        if let Some(reset_by) = self.minimize.reset {
            reset(reset_by)?;
        }
        let (works, why, took, runs) = result.into_inner();
        Ok(Judged { learned, works, why, took, runs })
    }

    /// Waits until the check has passed and the service has kept running for a while. Returns whether it works, why not,
    /// how long the check took to pass, and whether the service still runs.
    fn until_works(
        &self,
        until: Instant,
        must_run: bool,
        is_asked: &dyn Fn() -> Result<bool>,
    ) -> Result<(bool, String, Duration, bool)> {
        let began = Instant::now();
        let (mut passed, mut said) = (None, String::new());
        loop {
            let state = self.trials.state()?;
            let no = |why: String| Ok((false, why, Duration::ZERO, state.runs));
            if let Some(failure) = state.failure.clone() {
                return no(failure);
            }
            if must_run && !state.runs {
                return no("it has ended".to_owned());
            }
            if let (Some(took), true) = (passed, began.elapsed() >= SETTLE) {
                return Ok((true, String::new(), took, state.runs));
            }
            if is_asked()? {
                return no("a signal asked for the end".to_owned());
            }
            if passed.is_none() {
                let answer = check::run(self.minimize.check.unwrap_or("true"), &state.variables, until, is_asked)?;
                if answer.passed {
                    passed = Some(began.elapsed());
                } else if !answer.said.is_empty() {
                    said = format!(": {}", answer.said);
                }
                if passed.is_none() && Instant::now() >= until {
                    return no(format!("the check fails{said}"));
                }
            }
            std::thread::sleep(AGAIN);
        }
    }
}

/// Everything that the subject itself was seen to ask for.
fn asked(run: &Run) -> CapabilitySet {
    run.checks.iter().filter(|check| check.class != Class::SetUp).map(|check| check.capability).collect()
}

/// Reads an answer from the terminal. A signal is a no.
fn agrees(waiting: &Waiting) -> Result<bool> {
    let input = std::io::stdin();
    loop {
        if waiting.is_asked()? {
            return Ok(false);
        }
        let timeout = PollTimeout::from(200_u16);
        let ready = poll(&mut [PollFd::new(input.as_fd(), PollFlags::POLLIN)], timeout);
        if ready.is_ok_and(|ready| ready > 0) {
            let mut line = String::new();
            input.read_line(&mut line)?;
            return Ok(["y", "yes"].contains(&line.trim().to_ascii_lowercase().as_str()));
        }
    }
}
