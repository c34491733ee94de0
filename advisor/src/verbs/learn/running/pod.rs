//! Learns a container of a pod, on the pod's node.

use crate::analysis::profile::SubjectKind;
use crate::analysis::set_up::Manager;
use crate::dialects::target::Target;
use crate::observe::command::Waiting;
use crate::observe::subject::container;
use crate::observe::subject::cri::PodContainer;
use crate::observe::subject::filter::{self, Asked, Scope};
use crate::observe::subject::processes::Main;
use crate::verbs::learn::running::settings::Settings;
use crate::verbs::learn::running::watching::{End, Learned, Started, Subject, Watching, watch};
use anyhow::Result;
use std::path::Path;

/// Learns a container of a pod from now on. Its start cannot be seen: the kubelet makes another container then.
pub fn learn(settings: &Settings<'_>, given: &str, waiting: &Waiting) -> Result<Learned> {
    watched(settings, &PodContainer::find(given)?, SubjectKind::Pod, waiting)
}

/// Learns a container that only the runtime of a node knows.
pub fn watched(settings: &Settings<'_>, found: &PodContainer, kind: SubjectKind, waiting: &Waiting) -> Result<Learned> {
    let target = settings.to.unwrap_or(Target::Kubernetes);
    let user = found.user();
    let subject = Subject::stated(kind, &found.name, &found.side, user.as_deref(), target);
    let directory = container::of_process(found.main, &filter::mounted()?)?;
    let scope = Scope::of(&Asked { cgroup: Some(&directory), ..Asked::default() })?;
    let says = settings.says(&format!("the container {}", found.name), false);
    let root = Path::new("/proc").join(found.main.to_string()).join("root");
    let is_own = |file: &str| root.join(file.trim_start_matches('/')).is_file();
    let watching =
        Watching { scope: &scope, manager: Some(Manager::Engine), is_own: &is_own, from_start: false, says: &says };
    let main = Main::of(found.main);
    watch(settings, subject, waiting, &watching, || Ok(Started { main, failure: None }), End::default)
}
