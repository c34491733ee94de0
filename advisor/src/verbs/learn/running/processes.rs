//! Learns processes, and a cgroup with whatever runs in it.

use crate::analysis::profile::SubjectKind;
use crate::observe::command::Waiting;
use crate::observe::subject::filter::{Asked, Scope};
use crate::observe::subject::processes::{self, Holding, Main};
use crate::verbs::learn::running::settings::Settings;
use crate::verbs::learn::running::watching::{End, Learned, Started, Subject, Watching, not_running, shown, watch};
use anyhow::Result;
use std::path::Path;

/// Learns processes and what they start.
pub fn learn(settings: &Settings<'_>, pids: &[u32], waiting: &Waiting) -> Result<Learned> {
    let scope = Scope::of(&Asked { pids, follow: true, ..Asked::default() })?;
    let names: Vec<String> = scope.processes.iter().map(u32::to_string).collect();
    let named = names.join(",");
    let what = format!("the {} {named}", if names.len() == 1 { "process" } else { "processes" });
    let first = scope.processes.first().copied();
    let members = scope.processes.clone();
    watch_all(settings, waiting, SubjectKind::Processes, named, &what, &scope, first, || members.clone())
}

/// Learns what runs in a cgroup and below it.
pub fn learn_cgroup(settings: &Settings<'_>, path: &Path, waiting: &Waiting) -> Result<Learned> {
    let scope = Scope::of(&Asked { cgroup: Some(path), ..Asked::default() })?;
    let directory = scope.directory().map(Path::to_owned).unwrap_or_default();
    let members = || processes::of_cgroup(&directory);
    let first = members().first().copied();
    if first.is_none() {
        return Err(not_running(
            &format!("no process is in the cgroup {}", directory.display()),
            "systemd-cgls shows which cgroups have processes",
        ));
    }
    let what = format!("the cgroup {}", path.display());
    watch_all(settings, waiting, SubjectKind::Cgroup, path.display().to_string(), &what, &scope, first, members)
}

#[allow(clippy::too_many_arguments, reason = "the two subjects differ in all of them")]
fn watch_all(
    settings: &Settings<'_>,
    waiting: &Waiting,
    kind: SubjectKind,
    name: String,
    what: &str,
    scope: &Scope,
    first: Option<u32>,
    members: impl Fn() -> Vec<u32>,
) -> Result<Learned> {
    let holding = Holding::of(&members());
    let sets = [
        ("effective", holding.effective),
        ("permitted", holding.permitted),
        ("ambient", holding.ambient),
        ("bounding", holding.bounding),
    ];
    let subject = Subject {
        kind,
        name,
        held: holding.permitted,
        holds: sets.iter().map(|(name, set)| format!("{name} {}", shown(*set))).collect(),
        user: if holding.is_root { None } else { Some(String::new()) },
        no_new_privs: holding.no_new_privs,
        target: None,
        has_ambient: !holding.ambient.is_empty(),
    };
    let says = settings.says(what, false);
    let watching = Watching { scope, manager: None, is_own: &|_| false, from_start: false, says: &says };
    let main = first.and_then(Main::of);
    watch(
        settings,
        subject,
        waiting,
        &watching,
        || Ok(Started { main, failure: None }),
        // What came meanwhile may hold more than what was there.
        || End { held: Holding::of(&members()).permitted, failure: None },
    )
}
