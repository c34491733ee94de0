//! Selects the checks to watch: those of the whole system, of processes, of a cgroup, or of a command.

use crate::host::mounts;
use crate::host::mounts::Mount;
use crate::observe::probe::{self, BackEnd, Probe};
use crate::observe::subject::cgroup;
use crate::output::error::hinted;
use anyhow::{Context, Result, bail};
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
    /// How deep the cgroup is, from the real root; `None` where the kernel does not show it.
    level: Option<u32>,
    follow: bool,
    directory: Option<PathBuf>,
    /// The processes that were named.
    pub processes: Vec<u32>,
}

impl Scope {
    /// Looks up what the options name.
    pub fn of(asked: &Asked<'_>) -> Result<Self> {
        let mut found = Self {
            kind: scope::ALL,
            cgroup: 0,
            level: Some(0),
            follow: asked.follow,
            directory: None,
            processes: Vec::new(),
        };
        if asked.command {
            found.kind = scope::TRACKED;
        } else if !asked.pids.is_empty() {
            found.processes = asked.pids.iter().map(|id| process_of(*id)).collect::<Result<_>>()?;
            found.kind = scope::LISTED;
        } else if asked.cgroup.is_some() || asked.container.is_some() {
            let mount = mounted_for(asked.cgroup)?;
            let below = match (asked.cgroup, asked.container) {
                (Some(path), _) => cgroup::below_mount(path, &mount.place)?,
                (None, Some(id)) => cgroup::of_container(id, &below(&mount.place)?)?.to_owned(),
                (None, None) => PathBuf::new(),
            };
            let directory = mount.place.join(&below);
            let known = std::fs::metadata(&directory)
                .with_context(|| format!("cannot find the cgroup {}", directory.display()))?;
            found.kind = scope::CGROUP;
            // On 64-bit machines a cgroup's id is the inode number of its directory (kernfs_node_id).
            found.cgroup = known.ino();
            found.level = level_of_root(&mount)?.map(|above| above + cgroup::level(&below));
            found.directory = Some(directory);
        }
        Ok(found)
    }

    /// Opens the probe by the back end that was asked for, or by the best one that can see this scope. The kprobes are
    /// given the cgroup itself, and need not know how deep it is.
    ///
    /// # Errors
    /// None of them works here, or the one that was asked for cannot see this scope.
    pub fn open(&self, settings: &Settings, ring_bytes: u32, asked: Option<BackEnd>) -> Result<Probe> {
        if self.level.is_some() {
            return probe::open(settings, ring_bytes, asked);
        }
        if let Some(other) = asked.filter(|asked| *asked != BackEnd::Kprobe) {
            return Err(hinted(
                format!("--back-end {other}: it finds a cgroup by its depth, which this cgroup namespace hides"),
                "--back-end kprobe; or call capwrap from outside of the container",
            ));
        }
        let alone = "in a cgroup namespace only kprobes can watch a cgroup";
        probe::open(settings, ring_bytes, Some(BackEnd::Kprobe)).context(alone)
    }

    /// The cgroup's directory, if a cgroup is watched.
    pub fn directory(&self) -> Option<&Path> {
        self.directory.as_deref()
    }

    /// Whether the watched cgroup is still the one whose checks the probe takes. A cgroup that was removed and made
    /// again has another number.
    pub fn is_same_cgroup(&self) -> bool {
        let known = self.directory.as_ref().and_then(|directory| std::fs::metadata(directory).ok());
        known.is_some_and(|known| known.ino() == self.cgroup)
    }

    /// Whether processes were named and all of them have ended.
    pub fn is_gone(&self) -> bool {
        self.kind == scope::LISTED && !self.follow && !self.processes.iter().any(|id| directory_of(*id).exists())
    }

    /// Converts the scope to the settings of the probe.
    pub fn settings(&self, denied: bool, outcomes: bool, user_stack: bool) -> Settings {
        Settings {
            scope: self.kind,
            cgroup: self.cgroup,
            cgroup_level: self.level.unwrap_or(0),
            follow: u32::from(self.follow),
            denied_only: u32::from(denied),
            events: 1,
            outcomes: u32::from(outcomes),
            user_stack: u32::from(user_stack),
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

/// Returns where the cgroups are mounted.
///
/// # Errors
/// No cgroup v2 is mounted.
pub fn mounted() -> Result<Mount> {
    let all = mounts::here().context("cannot read /proc/self/mountinfo")?;
    Ok(mounts::of_kind(&all, "cgroup2").context("no cgroup v2 is mounted here")?.clone())
}

/// Returns the mount of cgroups in which a path is, if it is in one, and otherwise where the cgroups are mounted. A container
/// can have those of its host beside its own.
fn mounted_for(path: Option<&Path>) -> Result<Mount> {
    let all = mounts::here().context("cannot read /proc/self/mountinfo")?;
    let holds = |mount: &&Mount| mount.kind == "cgroup2" && path.is_some_and(|path| path.starts_with(&mount.place));
    let nearest = all.iter().filter(holds).max_by_key(|mount| mount.place.components().count());
    nearest.map_or_else(mounted, |mount| Ok(mount.clone()))
}

/// The inode number of the initial cgroup namespace (include/linux/proc_ns.h: PROC_CGROUP_INIT_INO).
const INITIAL_NAMESPACE: u64 = 0xeffffffb;

/// Returns how far below the real root the mounted directory is. The probe counts levels from the real root. The result
/// is `None` in a cgroup namespace, which hides what is above its root.
///
/// # Errors
/// What is mounted lies outside of the namespace.
fn level_of_root(mount: &Mount) -> Result<Option<u32>> {
    let own = std::fs::metadata("/proc/self/ns/cgroup");
    if own.is_ok_and(|own| own.ino() != INITIAL_NAMESPACE) {
        return Ok(None);
    }
    if mount.root.starts_with("/..") {
        bail!("the cgroups at {} are mounted from outside of this cgroup namespace", mount.place.display());
    }
    Ok(Some(cgroup::level(mount.root.strip_prefix("/").unwrap_or(&mount.root))))
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
