//! Learns a unit of systemd.

use crate::analysis::needs::Needs;
use crate::analysis::profile::SubjectKind;
use crate::analysis::set_up::Manager;
use crate::dialects::capabilities::{self, Sets};
use crate::dialects::target::Target;
use crate::observe::command::Waiting;
use crate::observe::subject::filter::{self, Asked, Scope};
use crate::observe::subject::processes::{self, Main};
use crate::observe::subject::trial_unit::UnitTrials;
use crate::observe::subject::unit::{Stopped, Unit};
use crate::output::error::hinted;
use crate::verbs::learn::running::proof::{Proving, State, Trials};
use crate::verbs::learn::running::settings::Settings;
use crate::verbs::learn::running::watching::{End, Learned, Started, Subject, Watching, not_running, watch};
use anyhow::{Context, Result};
use capwrap_core::CapabilitySet;
use capwrap_core::text::printable;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};

/// Learns a unit: from now on, or from its start.
pub fn learn(settings: &Settings<'_>, name: &str, waiting: &Waiting, attainable: CapabilitySet) -> Result<Learned> {
    let learned = watched(settings, name, waiting)?;
    let Some(minimize) = settings.minimize else { return Ok(learned) };
    let unit = Unit::find(name)?;
    let directory = filter::mounted()?.place.join(unit.cgroup());
    let tried = Tried { name: unit.name.clone(), unit, directory, trials: OnceLock::new(), next: Mutex::new(None) };
    let subject = learned.subject.clone();
    let proving = Proving { settings, minimize, subject: &subject, waiting, attainable, trials: &tried };
    let on_failure = tried.unit.on_failure();
    let warning = if on_failure.is_empty() {
        String::new()
    } else {
        format!(", and each start that fails starts {}", printable::text(on_failure))
    };
    proving.ask(learned.needs.as_ref().map_or(CapabilitySet::EMPTY, Needs::set), &warning)?;
    let _ = tried.trials.set(UnitTrials::begin(&tried.unit)?);
    let proven = proving.prove(Some(learned));
    // Whatever came out, the unit becomes what it was.
    let restored = tried.trials.into_inner().map_or(Ok(()), UnitTrials::restore);
    let proven = proven?;
    restored?;
    Ok(proven)
}

/// A unit that is started again with less.
struct Tried {
    name: String,
    unit: Unit,
    directory: PathBuf,
    trials: OnceLock<UnitTrials>,
    /// What is stopped, and started next.
    next: Mutex<Option<Stopped>>,
}

impl Trials for Tried {
    fn what(&self) -> String {
        self.name.clone()
    }

    fn manager(&self) -> Manager {
        Manager::Systemd
    }

    fn prepare(&self, sets: &Sets) -> Result<PathBuf> {
        let settings = capabilities::text(sets, Target::Systemd, &self.name).unwrap_or_default();
        let mut stopped = self.trials.get().context("no trial has begun")?.prepare(&settings)?;
        stopped.make_cgroup(&self.directory)?;
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(stopped);
        Ok(self.directory.clone())
    }

    fn start(&self) -> Result<Option<String>> {
        let next = self.next.lock().unwrap_or_else(PoisonError::into_inner).take();
        next.context("it was not stopped")?.start()
    }

    fn state(&self) -> Result<State> {
        let now = Unit::find(&self.name)?;
        let main = now.main_process().or_else(|| processes::of_cgroup(&self.directory).first().copied());
        let failure = now.failure().map(|result| format!("systemd says {result}"));
        let restarted = (now.restarts() > 0).then(|| "systemd started it again".to_owned());
        let id = main.map(|id| id.to_string()).unwrap_or_default();
        Ok(State {
            main,
            runs: now.is_active(),
            failure: failure.or(restarted),
            variables: vec![("CAPWRAP_UNIT", self.name.clone()), ("CAPWRAP_PID", id)],
        })
    }

    fn is_own(&self, file: &str) -> bool {
        self.unit.executes(file)
    }
}

/// Watches a unit.
fn watched(settings: &Settings<'_>, name: &str, waiting: &Waiting) -> Result<Learned> {
    let unit = Unit::find(name)?;
    let restart = settings.restart;
    if !restart && !unit.is_active() {
        return Err(not_running(
            &format!("the unit {} does not run", unit.name),
            "learn it from its start, which starts it: --restart",
        ));
    }
    let subject = Subject {
        has_ambient: unit.side.stated.ambient.is_some_and(|ambient| !ambient.is_empty()),
        ..Subject::stated(SubjectKind::Unit, &unit.name, &unit.side, unit.user(), Target::Systemd)
    };
    let directory = filter::mounted()?.place.join(unit.cgroup());
    let mut stopped = if restart { Some(unit.stop()?) } else { None };
    if let Some(stopped) = &mut stopped {
        stopped.make_cgroup(&directory)?;
    }
    let scope = Scope::of(&Asked { cgroup: Some(&directory), ..Asked::default() })?;
    let says = settings.says(&unit.name, restart);
    let is_own = |file: &str| unit.executes(file);
    let watching =
        Watching { scope: &scope, manager: Some(Manager::Systemd), is_own: &is_own, from_start: restart, says: &says };
    watch(
        settings,
        subject,
        waiting,
        &watching,
        || {
            let mut failure = None;
            if let Some(stopped) = stopped {
                failure = stopped.start()?;
                if !scope.is_same_cgroup() && Unit::find(&unit.name)?.is_active() {
                    return Err(hinted(
                        format!("systemd started {} in another cgroup than {}", unit.name, directory.display()),
                        "learn it without --restart",
                    ));
                }
            }
            let now = Unit::find(&unit.name)?;
            let first = now.main_process().or_else(|| processes::of_cgroup(&directory).first().copied());
            Ok(Started { main: first.and_then(Main::of), failure })
        },
        || {
            let now = Unit::find(&unit.name).ok();
            let failure = now.as_ref().and_then(Unit::failure).map(|result| format!("systemd says {result}"));
            End { held: CapabilitySet::EMPTY, failure }
        },
    )
}
