//! What the processes of a subject hold now, and which of them is its main one.

use crate::host::process::{self, UserNamespace};
use capwrap_core::CapabilitySet;
use capwrap_core::digest;
use capwrap_core::text::hex;
use std::path::{Path, PathBuf};

/// What some processes hold, together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holding {
    pub permitted: CapabilitySet,
    pub effective: CapabilitySet,
    pub bounding: CapabilitySet,
    pub ambient: CapabilitySet,
    /// Whether all of them have `no_new_privs`.
    pub no_new_privs: bool,
    /// Whether root is the user of one of them.
    pub is_root: bool,
    /// The number of processes that were there to be read.
    pub processes: usize,
}

impl Holding {
    /// Reads what these processes hold. One that has ended holds nothing.
    pub fn of(ids: &[u32]) -> Self {
        let mut all = Self { no_new_privs: true, ..Self::default() };
        for rights in ids.iter().filter_map(|id| process::rights(&folder(*id)).ok()) {
            all.permitted = all.permitted.union(rights.permitted);
            all.effective = all.effective.union(rights.effective);
            all.bounding = all.bounding.union(rights.bounding);
            all.ambient = all.ambient.union(rights.ambient);
            all.no_new_privs &= rights.no_new_privs == Some(true);
            all.is_root |= rights.uids.contains(&0);
            all.processes += 1;
        }
        all.no_new_privs &= all.processes > 0;
        all
    }
}

/// The process by which a subject is described.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Main {
    pub id: u32,
    /// Its command line, or its name where it has none.
    pub command: Vec<String>,
    /// The file that it executes; empty where this process may not see it.
    pub path: String,
    /// The file's SHA-256 in hexadecimal.
    pub sha256: Option<String>,
    pub uid: u32,
    /// The inode number of its user namespace; `None` where this process may not see it.
    pub namespace: Option<u32>,
}

impl Main {
    /// Reads a process; `None` if it has ended.
    pub fn of(id: u32) -> Option<Self> {
        let folder = folder(id);
        let rights = process::rights(&folder).ok()?;
        let line = std::fs::read(folder.join("cmdline")).unwrap_or_default();
        let words = line.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned());
        let mut command: Vec<String> = words.collect();
        while command.last().is_some_and(String::is_empty) {
            command.pop();
        }
        if command.is_empty() {
            command.push(rights.name);
        }
        let path = std::fs::read_link(folder.join("exe")).unwrap_or_default();
        // The file itself is read, as the process has it, and not what has that name here.
        let digest = std::fs::File::open(folder.join("exe")).and_then(|file| digest::of_file(&file));
        Some(Self {
            id,
            command,
            path: path.to_string_lossy().into_owned(),
            sha256: digest.ok().map(|digest| hex::encode(&digest)),
            uid: rights.uids.get(1).copied().unwrap_or_default(),
            namespace: namespace_of(&folder),
        })
    }
}

/// The inode number of this process's own user namespace; 0 where it may not see that.
pub fn own_namespace() -> u32 {
    namespace_of(Path::new("/proc/self")).unwrap_or_default()
}

fn namespace_of(folder: &Path) -> Option<u32> {
    UserNamespace::of(folder).ok().and_then(|one| u32::try_from(one.number()).ok())
}

/// Returns the processes in a cgroup and below it, those of the cgroup itself first.
pub fn of_cgroup(directory: &Path) -> Vec<u32> {
    let text = std::fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
    let mut all: Vec<u32> = text.lines().filter_map(|line| line.parse().ok()).filter(|id| *id != 0).collect();
    let below = std::fs::read_dir(directory).into_iter().flatten().flatten();
    for entry in below.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        all.extend(of_cgroup(&entry.path()));
    }
    all
}

fn folder(id: u32) -> PathBuf {
    Path::new("/proc").join(id.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_this_process_holds_is_what_the_kernel_shows_of_it() {
        let own = process::rights(Path::new("/proc/self")).unwrap();
        let holding = Holding::of(&[std::process::id()]);
        assert_eq!((holding.permitted, holding.bounding, holding.processes), (own.permitted, own.bounding, 1));
    }

    #[test]
    fn processes_that_have_ended_hold_nothing() {
        assert_eq!(Holding::of(&[u32::MAX]), Holding::default());
        assert_eq!(Main::of(u32::MAX), None);
    }

    #[test]
    fn the_main_process_is_described_by_its_file_and_its_words() {
        let main = Main::of(std::process::id()).unwrap();
        assert_eq!(main.path, std::env::current_exe().unwrap().to_string_lossy());
        assert_eq!(main.command, std::env::args().collect::<Vec<_>>());
        assert!(main.sha256.is_some() && main.namespace.is_some());
    }
}
