//! Learns a container.

use crate::analysis::profile::SubjectKind;
use crate::analysis::set_up::Manager;
use crate::dialects::target::Target;
use crate::observe::command::Waiting;
use crate::observe::subject::container::{self, Container};
use crate::observe::subject::filter::{self, Asked, Scope};
use crate::observe::subject::processes::Main;
use crate::output::error::hinted;
use crate::verbs::learn::running::settings::Settings;
use crate::verbs::learn::running::watching::{End, Learned, Started, Subject, Watching, not_running, watch};
use anyhow::Result;
use capwrap_core::CapabilitySet;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Learns a container: from now on, or from its start.
pub fn learn(settings: &Settings<'_>, given: &str, waiting: Waiting) -> Result<Learned> {
    let found = Container::find(given)?;
    let restart = settings.restart;
    let main = found.main_process();
    if !restart && main.is_none() {
        return Err(not_running(
            &format!("the container {} does not run", found.name),
            "learn it from its start, which starts it: --restart",
        ));
    }
    let own = if found.program() == "podman" { Target::Podman } else { Target::Docker };
    let target = settings.to.unwrap_or(own);
    let subject = Subject::stated(SubjectKind::Container, &found.name, &found.side, found.user(), target);
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
    let name = &found.id;
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
                main = Container::find(name)?.main_process();
                if let Some(other) = main.and_then(|id| container::of_process(id, &mount).ok()) {
                    refuse_other_cgroup(&found, &other, &directory)?;
                }
            }
            if let Some(id) = main {
                let _ = root.set(Path::new("/proc").join(id.to_string()).join("root"));
            }
            Ok(Started { main: main.and_then(Main::of), failure })
        },
        || {
            let failure = Container::find(name).ok().and_then(|now| now.failure());
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
