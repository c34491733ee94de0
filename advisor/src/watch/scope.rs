//! Which checks are asked for: of everything, of processes, of a cgroup, of a command.

use super::{Trace, cgroup};
use anyhow::{Context, Result, ensure};
use capwrap_ebpf::{Settings, scope};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What is watched.
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
    pub fn of(asked: &Trace) -> Result<Self> {
        let mut found =
            Self { kind: scope::ALL, cgroup: 0, level: 0, follow: asked.follow, processes: asked.pids.clone() };
        if !asked.command.is_empty() {
            found.kind = scope::TRACKED;
        } else if !asked.pids.is_empty() {
            for process in &asked.pids {
                let there = Path::new("/proc").join(process.to_string()).exists();
                ensure!(there, "there is no process {process}");
            }
            found.kind = scope::LISTED;
        } else if asked.cgroup.is_some() || asked.container.is_some() {
            let mount = mount_point()?;
            let below = match (&asked.cgroup, &asked.container) {
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

    /// The same as the probe takes it.
    pub fn settings(&self, denied: bool) -> Settings {
        Settings {
            scope: self.kind,
            cgroup: self.cgroup,
            cgroup_level: self.level,
            follow: u32::from(self.follow),
            denied_only: u32::from(denied),
            events: 1,
            ..Settings::default()
        }
    }
}

fn mount_point() -> Result<PathBuf> {
    let table = "/proc/self/mountinfo";
    let text = std::fs::read_to_string(table).with_context(|| format!("cannot read {table}"))?;
    cgroup::mount_point(&text).context("no cgroup v2 is mounted here")
}

/// Every cgroup, as a path below the mount point.
fn below(mount: &Path) -> Result<Vec<PathBuf>> {
    let mut found = vec![PathBuf::new()];
    let mut at = 0;
    while at < found.len() {
        let directory = mount.join(&found[at]);
        // One that is gone meanwhile holds no container.
        if let Ok(entries) = std::fs::read_dir(&directory) {
            for entry in entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
                found.push(found[at].join(entry.file_name()));
            }
        }
        at += 1;
    }
    Ok(found)
}
