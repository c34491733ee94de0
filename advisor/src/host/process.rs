//! The rights of a process or thread, as `/proc` shows them.

use capwrap_core::CapabilitySet;
use capwrap_core::decision::container;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The fields of `/proc/PID/status` of a process, or of a thread under its `task` folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    /// Its name, as the kernel escapes it.
    pub name: String,
    /// Its parent's process id.
    pub parent: i32,
    /// Real, effective, saved and file-system user id.
    pub uids: Vec<u32>,
    /// The number of threads in its process.
    pub threads: u32,
    pub inheritable: CapabilitySet,
    pub permitted: CapabilitySet,
    pub effective: CapabilitySet,
    pub bounding: CapabilitySet,
    /// The ambient set. It is empty before Linux 4.3, which has no ambient set.
    pub ambient: CapabilitySet,
    /// `None` before Linux 4.10, which does not show the bit.
    pub no_new_privs: Option<bool>,
    /// 0 none, 1 strict, 2 filter; `None` if the kernel has no seccomp.
    pub seccomp: Option<u8>,
}

/// Reads the rights from a folder such as `/proc/75550` or `/proc/75550/task/75551`.
///
/// # Errors
/// The error is NotFound or ESRCH if the process has ended.
pub fn rights(folder: &Path) -> io::Result<Rights> {
    // The kernel writes the file in one go. It is smaller than a page unless the user is in hundreds of groups.
    let mut file = File::open(folder.join("status"))?;
    let mut bytes = vec![0; 4096];
    let length = file.read(&mut bytes)?;
    bytes.truncate(length);
    if length == 4096 {
        file.read_to_end(&mut bytes)?;
    }
    Ok(of_status(&String::from_utf8_lossy(&bytes)))
}

/// The signals that this process ignores, each as the bit of its number less one.
///
/// # Errors
/// /proc is not there or does not show them.
pub fn ignored_signals() -> io::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:\t"));
    mask.and_then(|mask| u64::from_str_radix(mask, 16).ok()).ok_or(io::ErrorKind::InvalidData.into())
}

/// Reads the rights from the text of the file. A field that is missing from the text is empty.
pub fn of_status(status: &str) -> Rights {
    let mut rights = Rights::default();
    let set = |mask| CapabilitySet::from_mask(u64::from_str_radix(mask, 16).unwrap_or_default());
    for (name, value) in status.lines().filter_map(|line| line.split_once(":\t")) {
        match name {
            "Name" => rights.name = value.to_owned(),
            "PPid" => rights.parent = value.parse().unwrap_or_default(),
            "Uid" => rights.uids = value.split_whitespace().filter_map(|id| id.parse().ok()).collect(),
            "Threads" => rights.threads = value.parse().unwrap_or_default(),
            "CapInh" => rights.inheritable = set(value),
            "CapPrm" => rights.permitted = set(value),
            "CapEff" => rights.effective = set(value),
            "CapBnd" => rights.bounding = set(value),
            "CapAmb" => rights.ambient = set(value),
            "NoNewPrivs" => rights.no_new_privs = Some(value == "1"),
            "Seccomp" => rights.seccomp = value.parse().ok(),
            _ => {}
        }
    }
    rights
}

/// Whether this process is in a container.
pub fn in_container() -> bool {
    container::is_container(|link| std::fs::metadata(link).ok().map(|namespace| namespace.ino()))
}

/// A user namespace, by the inode number of its file under `/proc`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UserNamespace(u64);

impl UserNamespace {
    /// Returns the user namespace of a process or thread, by its folder.
    ///
    /// # Errors
    /// The error is EACCES for a process of another user, because reading it requires CAP_SYS_PTRACE.
    pub fn of(folder: &Path) -> io::Result<Self> {
        Ok(Self(std::fs::metadata(folder.join("ns/user"))?.ino()))
    }

    /// Reports whether this process is in the initial user namespace. If `/proc` does not show it, it is not.
    pub fn is_initial_here() -> bool {
        Self::of(Path::new("/proc/self")).is_ok_and(Self::is_initial)
    }

    /// Reports whether this is the initial user namespace.
    pub const fn is_initial(self) -> bool {
        self.0 == container::USER.1
    }

    /// Returns its inode number.
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// Returns whether systemd is process 1, by the check of sd_booted(3).
pub fn runs_systemd() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ones_own_rights_are_what_another_reader_finds() {
        let own = rights(Path::new("/proc/self")).unwrap();
        let theirs = procfs::process::Process::myself().unwrap().status().unwrap();
        assert_eq!(own.effective.mask(), theirs.capeff);
        assert_eq!(own.bounding.mask(), theirs.capbnd.unwrap());
        assert_eq!((own.parent, own.uids[1]), (theirs.ppid, theirs.euid));
    }

    #[test]
    fn what_an_old_kernel_does_not_show_is_not_made_up() {
        let old = of_status("Name:\tinit\nPPid:\t0\nUid:\t0\t0\t0\t0\nCapEff:\tffffffffffffffff\n");
        assert_eq!((old.no_new_privs, old.seccomp, old.ambient), (None, None, CapabilitySet::EMPTY));
        assert_eq!(old.effective.mask(), u64::MAX);
    }
}
