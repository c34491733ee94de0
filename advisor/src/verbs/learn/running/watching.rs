//! Watches a subject, and finds out what it needs.

use crate::analysis::classify::{self, Class, Classified, IdsChanged, RunFacts};
use crate::analysis::needs::{self, Inconclusive, Needs};
use crate::analysis::profile::{self, Profile, Run, SubjectKind};
use crate::analysis::set_up::{self, Manager};
use crate::dialects::capabilities::Sets;
use crate::dialects::grant::{self, Side};
use crate::dialects::target::Target;
use crate::host::kernel;
use crate::observe::command::Waiting;
use crate::observe::subject::filter::Scope;
use crate::observe::subject::processes::{Main, own_namespace};
use crate::observe::subject::watch::{Watch, Watched};
use crate::output::error::{self, hinted};
use crate::verbs::learn::evidence;
use crate::verbs::learn::running::progress::Progress;
use crate::verbs::learn::running::settings::Settings;
use anyhow::{Result, anyhow};
use capwrap_core::CapabilitySet;
use capwrap_core::text::printable;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

/// What is known about the subject before and after the watch.
#[derive(Clone)]
pub struct Subject {
    pub kind: SubjectKind,
    /// Its name, as its manager has it.
    pub name: String,
    /// What it may use.
    pub held: CapabilitySet,
    /// What it holds, as a line or more for people.
    pub holds: Vec<String>,
    /// The user other than root as whom it runs; `None` for root.
    pub user: Option<String>,
    pub no_new_privs: bool,
    /// The text is written for this launcher.
    pub target: Option<Target>,
    /// Its ambient set is set by its manager.
    pub has_ambient: bool,
}

impl Subject {
    /// A subject whose manager states on this side what it may use, and as which user it runs.
    pub fn stated(kind: SubjectKind, name: &str, side: &Side, user: Option<&str>, target: Target) -> Self {
        Self {
            kind,
            name: name.to_owned(),
            held: side.grant,
            holds: vec![format!("{}: {}", shown(side.grant), printable::text(&side.decided))],
            user: user.map(str::to_owned),
            no_new_privs: side.stated.no_new_privs == Some(true),
            target: Some(target),
            has_ambient: false,
        }
    }

    /// What its manager gives it, if it needs these and its setuid programs gain those.
    pub fn sets(&self, needed: CapabilitySet, gained: CapabilitySet) -> Sets {
        let sets = Sets::of(needed, gained, self.user.is_some());
        Sets { ambient: if self.has_ambient { Some(needed) } else { sets.ambient }, ..sets }
    }
}

/// What was learned about a subject.
pub struct Learned {
    pub subject: Subject,
    pub run: Run,
    pub needs: Result<Needs, Inconclusive>,
    pub sets: Sets,
    /// What setuid programs of it bring with them.
    pub gained: CapabilitySet,
    pub took: Duration,
    /// How it failed meanwhile, if it did.
    pub failure: Option<String>,
}

/// The main process while the subject runs: its manager may start it only during the watch.
#[derive(Default)]
pub struct Started {
    pub main: Option<Main>,
    /// How it failed to start, if it did.
    pub failure: Option<String>,
}

/// How a subject is watched.
pub struct Watching<'w> {
    pub scope: &'w Scope,
    pub manager: Option<Manager>,
    /// Whether the subject has a program in this file itself, and not only its manager.
    pub is_own: &'w (dyn Fn(&str) -> bool + Sync),
    pub from_start: bool,
    /// What is printed when the watch begins.
    pub says: &'w str,
}

/// What the end of a watch shows.
#[derive(Default)]
pub struct End {
    pub held: CapabilitySet,
    pub failure: Option<String>,
}

/// Watches a subject, and finds out what it needs. `begin` starts it or finds its main process once its checks are
/// seen.
pub fn watch(
    settings: &Settings<'_>,
    subject: Subject,
    waiting: &Waiting,
    watched: &Watching<'_>,
    begin: impl FnOnce() -> Result<Started>,
    end: impl FnOnce() -> End,
) -> Result<Learned> {
    let namespace = AtomicU32::new(own_namespace());
    let prepares = |executable: &str, thread: &str| {
        set_up::reason(watched.manager?, executable, thread, |file| (watched.is_own)(file))
    };
    let is_over = AtomicBool::new(false);
    let watch = Watch {
        scope: watched.scope,
        back_end: settings.back_end,
        limits: settings.limits(),
        prepares: &prepares,
        is_over: &is_over,
        namespace: &namespace,
    };
    let facts = RunFacts {
        held: subject.held,
        // A watch that begins in the middle does not see which ids a process had before. That they changed is the
        // careful answer: then a check for changing them counts.
        ids_changed: IdsChanged { users: true, groups: true },
        no_new_privs: subject.no_new_privs,
        kernel: kernel::version(&kernel::release()?)?,
    };
    let main: OnceLock<Main> = OnceLock::new();
    let so_far = |seen: Watched| {
        let learned = learned(subject.clone(), &seen, &facts, main.get(), watched.from_start, None)?;
        settings.write_output(&Profile::of([learned.run]))
    };
    let mut progress = Progress::new(!settings.json, facts, settings.every, &so_far);
    let (seen, started) = watch.run(waiting, &mut progress, || {
        if !watched.says.is_empty() {
            error::note(watched.says);
        }
        let started = begin()?;
        is_over.store(started.failure.is_some(), Ordering::Release);
        if let Some(found) = &started.main {
            namespace.store(found.namespace.unwrap_or_else(own_namespace), Ordering::Release);
            let _ = main.set(found.clone());
        }
        Ok(started)
    })?;
    let end = end();
    let held = subject.held.union(end.held);
    let subject = Subject { held, ..subject.clone() };
    let facts = RunFacts { held, ..facts };
    learned(subject, &seen, &facts, started.main.as_ref(), watched.from_start, end.failure.or(started.failure))
}

fn learned(
    subject: Subject,
    seen: &Watched,
    facts: &RunFacts,
    main: Option<&Main>,
    from_start: bool,
    failure: Option<String>,
) -> Result<Learned> {
    let processes = seen.processes.iter().cloned();
    let mut classed = classify::class_many(processes, facts);
    classify::over_all(&mut classed, facts.held);
    let lost = seen.losses.iter().map(|(name, times)| ((*name).to_owned(), *times)).collect();
    let needs = match needs::decide(&classed, facts.held, seen.seen, &lost) {
        Err(Inconclusive::NothingSeen) => Err(Inconclusive::Idle),
        // What failed while its manager prepared it did nothing yet, and that is not to need nothing.
        Ok(_) if failure.is_some() && classed.is_empty() => Err(Inconclusive::Idle),
        other => other,
    };
    // What its manager did counts for nothing, and is shown.
    classed.extend(seen.set_up.iter().map(|(observation, why)| Classified {
        observation: observation.clone(),
        class: Class::SetUp,
        why: (*why).to_owned(),
        instead: None,
        processes: 1,
    }));
    let needed = needs.as_ref().map_or(CapabilitySet::EMPTY, Needs::set);
    let run = Run {
        id: String::new(),
        subject: Some(profile::Subject { kind: subject.kind, name: subject.name.clone(), from_start }),
        command: main.map_or_else(Vec::new, |main| main.command.clone()),
        started: seen.started.clone(),
        tool: profile::Tool {
            path: main.map_or_else(String::new, |main| main.path.clone()),
            sha256: main.and_then(|main| main.sha256.clone()),
        },
        user: evidence::user_of(main.map_or(0, |main| main.uid)),
        kernel: evidence::kernel()?,
        back_end: seen.back_end.to_string(),
        held: facts.held,
        processes: seen.seen,
        execs: None,
        executables: seen.executables.clone(),
        ids_changed: facts.ids_changed,
        exit: None,
        failed: failure.is_some(),
        lost,
        minimized: None,
        confirmed: None,
        scopes: None,
        watched: None,
        places: None,
        own_sets: Vec::new(),
        checks: profile::checks(&classed),
    };
    let gained = run.gained();
    let sets = subject.sets(needed, gained);
    Ok(Learned { subject, run, needs, sets, gained, took: seen.took, failure })
}

/// Writes a set for people, and the empty one as `none`.
pub fn shown(set: CapabilitySet) -> String {
    if set.is_empty() { "none".to_owned() } else { grant::shown(set) }
}

/// The error for something that has no processes now.
pub fn not_running(what: &str, hint: &str) -> anyhow::Error {
    if hint.is_empty() { anyhow!("{what}") } else { hinted(what, hint) }
}
