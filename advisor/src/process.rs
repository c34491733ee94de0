//! The rights of a process or thread, as `/proc` shows them.

use capwrap::CapabilitySet;
use std::io;
use std::path::Path;

/// What `/proc/PID/status` says of a process, or of a thread under its `task` folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    /// Its name, as the kernel escapes it.
    pub name: String,
    /// Its parent's process id.
    pub parent: i32,
    /// Real, effective, saved and file-system user id.
    pub uids: Vec<u32>,
    pub inheritable: CapabilitySet,
    pub permitted: CapabilitySet,
    pub effective: CapabilitySet,
    pub bounding: CapabilitySet,
    /// Empty before Linux 4.3, which has none.
    pub ambient: CapabilitySet,
    /// `None` before Linux 4.10, which does not show it.
    pub no_new_privs: Option<bool>,
    /// 0 none, 1 strict, 2 filter; `None` where the kernel has no seccomp.
    pub seccomp: Option<u8>,
}

/// Reads them from a folder such as `/proc/75550` or `/proc/75550/task/75551`.
///
/// # Errors
/// NotFound and ESRCH where the process has ended.
pub fn rights(folder: &Path) -> io::Result<Rights> {
    Ok(of_status(&std::fs::read_to_string(folder.join("status"))?))
}

/// The same from the text of the file. What is not in it is empty.
pub fn of_status(status: &str) -> Rights {
    let field = |name: &str| status.lines().find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim()));
    let set = |name| {
        let mask = field(name).and_then(|mask| u64::from_str_radix(mask, 16).ok());
        CapabilitySet::from_mask(mask.unwrap_or_default())
    };
    let ids = field("Uid").unwrap_or_default().split_whitespace();
    Rights {
        name: field("Name").unwrap_or_default().to_owned(),
        parent: field("PPid").and_then(|id| id.parse().ok()).unwrap_or_default(),
        uids: ids.filter_map(|id| id.parse().ok()).collect(),
        inheritable: set("CapInh"),
        permitted: set("CapPrm"),
        effective: set("CapEff"),
        bounding: set("CapBnd"),
        ambient: set("CapAmb"),
        no_new_privs: field("NoNewPrivs").map(|bit| bit == "1"),
        seccomp: field("Seccomp").and_then(|mode| mode.parse().ok()),
    }
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
