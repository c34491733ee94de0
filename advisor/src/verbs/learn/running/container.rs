//! Learns a container.

use crate::analysis::profile::SubjectKind;
use crate::analysis::set_up::Manager;
use crate::dialects::capabilities::Sets;
use crate::dialects::target::Target;
use crate::host::mounts::Mount;
use crate::observe::command::Waiting;
use crate::observe::subject::container::{self, Container};
use crate::observe::subject::cri::PodContainer;
use crate::observe::subject::filter::{self, Asked, Scope};
use crate::observe::subject::processes::Main;
use crate::observe::subject::trial_container::ContainerTrials;
use crate::observe::subject::unit::Stopped;
use crate::output::error::hinted;
use crate::verbs::learn::running::pod;
use crate::verbs::learn::running::proof::{Proving, State, Trials};
use crate::verbs::learn::running::settings::Settings;
use crate::verbs::learn::running::watching::{End, Learned, Started, Subject, Watching, not_running, watch};
use anyhow::{Context, Result};
use capwrap_core::CapabilitySet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Learns a container: from now on, or from its start; or copies of it, with fewer and fewer capabilities.
pub fn learn(settings: &Settings<'_>, given: &str, waiting: &Waiting, attainable: CapabilitySet) -> Result<Learned> {
    let found = match Container::find(given) {
        Ok(found) => found,
        // A node of Kubernetes need not have an engine with a command line.
        Err(error) => return of_node(settings, given, waiting)?.ok_or(error),
    };
    let own = if found.program() == "podman" { Target::Podman } else { Target::Docker };
    let target = settings.to.unwrap_or(own);
    let subject = Subject::stated(SubjectKind::Container, &found.name, &found.side, found.user(), target);
    let Some(minimize) = settings.minimize else { return watched(settings, &found, subject, waiting) };
    let tried = Tried {
        what: format!("a copy of the container {}", found.name),
        trials: ContainerTrials::begin(&found)?,
        mount: filter::mounted()?,
        next: Mutex::new(None),
        root: Mutex::new(None),
    };
    let proving = Proving { settings, minimize, subject: &subject, waiting, attainable, trials: &tried };
    proving.ask(found.side.grant, " at most")?;
    proving.prove(None)
}

/// Learns a container that only the runtime of a node knows; `None` if that does not know it either.
fn of_node(settings: &Settings<'_>, given: &str, waiting: &Waiting) -> Result<Option<Learned>> {
    let is_id = given.len() >= 4 && given.bytes().all(|byte| byte.is_ascii_hexdigit());
    let found = if is_id { PodContainer::inspect(given, None).ok().flatten() } else { None };
    let Some(found) = found else { return Ok(None) };
    if settings.restart || settings.minimize.is_some() {
        return Err(hinted(
            format!(
                "--restart, --minimize: the kubelet starts the container {} and makes another each time",
                found.name
            ),
            "learn it from now on; kubectl apply a pod with fewer capabilities, and learn that",
        ));
    }
    pod::watched(settings, &found, SubjectKind::Container, waiting).map(Some)
}

/// A container of which copies are started with less.
struct Tried {
    what: String,
    trials: ContainerTrials,
    mount: Mount,
    /// What is made, and started next.
    next: Mutex<Option<Stopped>>,
    /// The files of the copy that runs.
    root: Mutex<Option<PathBuf>>,
}

impl Trials for Tried {
    fn what(&self) -> String {
        self.what.clone()
    }

    fn manager(&self) -> Manager {
        Manager::Engine
    }

    fn prepare(&self, sets: &Sets) -> Result<PathBuf> {
        let (made, mut stopped) = self.trials.prepare(sets.bounding)?;
        let directory = made.cgroup(&self.mount)?;
        stopped.make_cgroup(&directory)?;
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(stopped);
        Ok(directory)
    }

    fn start(&self) -> Result<Option<String>> {
        let next = self.next.lock().unwrap_or_else(PoisonError::into_inner).take();
        let failure = next.context("no copy was made")?.start()?;
        let main = self.trials.now()?.main_process();
        let root = main.map(|id| Path::new("/proc").join(id.to_string()).join("root"));
        *self.root.lock().unwrap_or_else(PoisonError::into_inner) = root;
        Ok(failure)
    }

    fn state(&self) -> Result<State> {
        let now = self.trials.now()?;
        let main = now.main_process();
        let id = main.map(|id| id.to_string()).unwrap_or_default();
        Ok(State {
            main,
            runs: main.is_some(),
            failure: now.failure(),
            variables: vec![("CAPWRAP_CONTAINER", self.trials.name.clone()), ("CAPWRAP_PID", id)],
        })
    }

    fn is_own(&self, file: &str) -> bool {
        let root = self.root.lock().unwrap_or_else(PoisonError::into_inner);
        root.as_ref().is_some_and(|root| root.join(file.trim_start_matches('/')).is_file())
    }
}

/// Watches a container.
fn watched(settings: &Settings<'_>, found: &Container, subject: Subject, waiting: &Waiting) -> Result<Learned> {
    let restart = settings.restart;
    let main = found.main_process();
    if !restart && main.is_none() {
        return Err(not_running(
            &format!("the container {} does not run", found.name),
            "learn it from its start, which starts it: --restart",
        ));
    }
    let mount = filter::mounted()?;
    let directory = found.cgroup(&mount)?;
    let mut stopped = if restart { Some(found.stop()?) } else { None };
    if let Some(stopped) = &mut stopped {
        stopped.make_cgroup(&directory)?;
    }
    let scope = Scope::of(&Asked { cgroup: Some(&directory), ..Asked::default() })?;
    let says = settings.says(&format!("the container {}", found.name), restart);
    // A runtime that is in the container's own files, as in a container of containers, is not the one that made it.
    let root: OnceLock<PathBuf> = OnceLock::new();
    let is_own = |file: &str| root.get().is_some_and(|root| root.join(file.trim_start_matches('/')).is_file());
    let watching =
        Watching { scope: &scope, manager: Some(Manager::Engine), is_own: &is_own, from_start: restart, says: &says };
    watch(
        settings,
        subject,
        waiting,
        &watching,
        || {
            let mut main = main;
            let mut failure = None;
            if let Some(stopped) = stopped {
                failure = stopped.start()?;
                main = found.now()?.main_process();
                if let Some(other) = main.and_then(|id| container::of_process(id, &mount).ok()) {
                    refuse_other_cgroup(found, &other, &directory)?;
                }
            }
            if let Some(id) = main {
                let _ = root.set(Path::new("/proc").join(id.to_string()).join("root"));
            }
            Ok(Started { main: main.and_then(Main::of), failure })
        },
        || {
            let failure = found.now().ok().and_then(|now| now.failure());
            End { held: CapabilitySet::EMPTY, failure }
        },
    )
}

fn refuse_other_cgroup(container: &Container, is: &Path, expected: &Path) -> Result<()> {
    if is.starts_with(expected) {
        return Ok(());
    }
    Err(hinted(
        format!(
            "{} started {} in the cgroup {} and not in {}, so its start was not seen",
            container.program(),
            container.name,
            is.display(),
            expected.display()
        ),
        "it runs now, and its cgroup is known: the same command again sees its start",
    ))
}
