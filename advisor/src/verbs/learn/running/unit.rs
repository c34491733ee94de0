//! Learns a unit of systemd.

use crate::analysis::profile::SubjectKind;
use crate::analysis::set_up::Manager;
use crate::dialects::target::Target;
use crate::observe::command::Waiting;
use crate::observe::subject::filter::{self, Asked, Scope};
use crate::observe::subject::processes::{self, Main};
use crate::observe::subject::unit::Unit;
use crate::output::error::hinted;
use crate::verbs::learn::running::settings::Settings;
use crate::verbs::learn::running::watching::{End, Learned, Started, Subject, Watching, not_running, watch};
use anyhow::Result;
use capwrap_core::CapabilitySet;

/// Learns a unit: from now on, or from its start.
pub fn learn(settings: &Settings<'_>, name: &str, waiting: Waiting) -> Result<Learned> {
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
