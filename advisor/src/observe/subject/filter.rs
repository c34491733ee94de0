//! Selects the checks to watch: those of the whole system, of processes, of a cgroup, or of a command.

use crate::host::mounts;
use crate::observe::subject::cgroup;
use anyhow::{Context, Result};
use capwrap_ebpf::{Settings, scope};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What the user asks to watch: the command that is started, otherwise processes, otherwise a cgroup, otherwise the
/// whole system.
#[derive(Debug, Default)]
pub struct Asked<'a> {
    /// Whether a command is started, to be watched from its exec on.
    pub command: bool,
    /// Ids of processes or of threads.
    pub pids: &'a [u32],
    /// Whether the children of the processes are watched too.
    pub follow: bool,
    /// A cgroup's path.
    pub cgroup: Option<&'a Path>,
    /// A container's id.
    pub container: Option<&'a str>,
}

/// The scope of a watch.
pub struct Scope {
    kind: u32,
    cgroup: u64,
    level: u32,
    follow: bool,
    /// The processes that were named.
    pub processes: Vec<u32>,
}

impl Scope {
    /// Looks up what the options name.
    pub fn of(asked: &Asked<'_>) -> Result<Self> {
        let mut found = Self { kind: scope::ALL, cgroup: 0, level: 0, follow: asked.follow, processes: Vec::new() };
        if asked.command {
            found.kind = scope::TRACKED;
        } else if !asked.pids.is_empty() {
            found.processes = asked.pids.iter().map(|id| process_of(*id)).collect::<Result<_>>()?;
            found.kind = scope::LISTED;
        } else if asked.cgroup.is_some() || asked.container.is_some() {
            let mount = mount_point()?;
            let below = match (asked.cgroup, asked.container) {
                (Some(path), _) => cgroup::below_mount(path, &mount)?,
                (None, Some(id)) => cgroup::of_container(id, &below(&mount)?)?.to_owned(),
                (None, None) => PathBuf::new(),
            };
            let directory = mount.join(&below);
            let known = std::fs::metadata(&directory)
                .with_context(|| format!("cannot find the cgroup {}", directory.display()))?;
            found.kind = scope::CGROUP;
            // On 64-bit machines a cgroup's id is the inode number of its directory (kernfs_node_id).
            found.cgroup = known.ino();
            found.level = cgroup::level(&below);
        }
        Ok(found)
    }

    /// Whether processes were named and all of them have ended.
    pub fn is_gone(&self) -> bool {
        self.kind == scope::LISTED && !self.follow && !self.processes.iter().any(|id| directory_of(*id).exists())
    }

    /// Converts the scope to the settings of the probe.
    pub fn settings(&self, denied: bool, outcomes: bool) -> Settings {
        Settings {
            scope: self.kind,
            cgroup: self.cgroup,
            cgroup_level: self.level,
            follow: u32::from(self.follow),
            denied_only: u32::from(denied),
            events: 1,
            outcomes: u32::from(outcomes),
            ..Settings::default()
        }
    }
}

fn directory_of(process: u32) -> PathBuf {
    Path::new("/proc").join(process.to_string())
}

/// Returns the process that the id of a process or thread belongs to.
fn process_of(id: u32) -> Result<u32> {
    let status = std::fs::read_to_string(directory_of(id).join("status"));
    let group = status.iter().flat_map(|text| text.lines()).find_map(|line| line.strip_prefix("Tgid:"));
    group.and_then(|group| group.trim().parse().ok()).with_context(|| format!("there is no process {id}"))
}

fn mount_point() -> Result<PathBuf> {
    let all = mounts::here().context("cannot read /proc/self/mountinfo")?;
    let mount = mounts::of_kind(&all, "cgroup2").context("no cgroup v2 is mounted here")?;
    Ok(mount.place.clone())
}

/// Returns every cgroup, as a path below the mount point.
fn below(mount: &Path) -> Result<Vec<PathBuf>> {
    let mut found = vec![PathBuf::new()];
    let mut at = 0;
    while at < found.len() {
        let directory = mount.join(&found[at]);
        // A cgroup that disappeared meanwhile holds no container.
        if let Ok(entries) = std::fs::read_dir(&directory) {
            for entry in entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
                found.push(found[at].join(entry.file_name()));
            }
        }
        at += 1;
    }
    Ok(found)
}
