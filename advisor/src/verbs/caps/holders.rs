//! Processes and threads, with the capabilities that they hold.

use crate::host::process;
use crate::host::process::{Rights, UserNamespace};
use capwrap_core::CapabilitySet;
use std::io;
use std::path::{Path, PathBuf};

/// A process or a thread.
#[derive(Clone, Debug)]
pub struct Holder {
    /// Its process id, or thread id.
    pub id: i32,
    pub rights: Rights,
    /// Its user namespace, if the caller may read it.
    pub namespace: Option<UserNamespace>,
    /// Its securebits, if they were wanted and could be read. The kernel shows them in no file.
    pub securebits: Option<u32>,
}

impl Holder {
    /// Reads the process or thread that has this directory under `/proc`.
    ///
    /// # Errors
    /// The process does not exist, or no longer exists.
    pub fn read(id: i32, folder: &Path) -> io::Result<Self> {
        let rights = process::rights(folder)?;
        Ok(Self { id, rights, namespace: UserNamespace::of(folder).ok(), securebits: None })
    }

    /// Whether two processes have the same rights, whatever their names are.
    pub fn is_like(&self, other: &Self) -> bool {
        let of = |one: &Self| {
            let Rights { inheritable, permitted, effective, bounding, ambient, no_new_privs, seccomp, .. } = one.rights;
            (inheritable, permitted, effective, bounding, ambient, no_new_privs, seccomp, one.namespace, one.securebits)
        };
        of(self) == of(other)
    }

    /// Whether any set other than the bounding set has members.
    pub fn holds_any(&self) -> bool {
        let Rights { inheritable, permitted, effective, ambient, .. } = self.rights;
        !inheritable.union(permitted).union(effective).union(ambient).is_empty()
    }

    /// The sets with their names, in the order in which they matter.
    pub const fn sets(&self) -> [(&'static str, CapabilitySet); 5] {
        let rights = &self.rights;
        [
            ("effective", rights.effective),
            ("permitted", rights.permitted),
            ("inheritable", rights.inheritable),
            ("ambient", rights.ambient),
            ("bounding", rights.bounding),
        ]
    }
}

/// The directory of a process in `/proc`.
pub fn folder(pid: i32) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}"))
}

/// The threads of a process except its first, sorted by number.
///
/// # Errors
/// The process has ended.
pub fn threads(pid: i32) -> io::Result<Vec<Holder>> {
    let folder = folder(pid).join("task");
    let others = numbers(&folder)?.into_iter().filter(|id| *id != pid);
    // A thread that has ended in the meantime is left out.
    Ok(others.filter_map(|id| Holder::read(id, &folder.join(id.to_string())).ok()).collect())
}

/// The names in a directory that are numbers, sorted.
pub fn numbers(folder: &Path) -> io::Result<Vec<i32>> {
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        numbers.extend(entry?.file_name().to_str().and_then(|name| name.parse::<i32>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Names a set in few words. `all` and `all but` refer to the capabilities that the kernel knows, `known`.
pub fn brief(set: CapabilitySet, known: CapabilitySet) -> String {
    let missing = known.without(set);
    if set.is_empty() {
        "none".to_owned()
    } else if missing.is_empty() && set.without(known).is_empty() {
        "all".to_owned()
    } else if set.without(known).is_empty() && missing.mask().count_ones() * 2 < set.mask().count_ones() {
        format!("all but {}", crate::verbs::caps::mask::names(missing).join(","))
    } else {
        crate::verbs::caps::mask::names(set).join(",")
    }
}

/// Every capability that this kernel knows.
pub fn known() -> CapabilitySet {
    let last = crate::verbs::caps::table::last_capability().unwrap_or(capwrap_core::TABLE.len() as u8 - 1);
    CapabilitySet::from_mask(u64::MAX >> (63 - last.min(63)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_named_by_what_it_lacks_where_that_is_shorter() {
        let known = CapabilitySet::from_mask((1 << 41) - 1);
        let set = |list: &str| CapabilitySet::parse(list).unwrap();
        assert_eq!(brief(known, known), "all");
        assert_eq!(brief(known.without(set("bpf,sys_admin")), known), "all but cap_sys_admin,cap_bpf");
        assert_eq!(brief(set("bpf,sys_admin"), known), "cap_sys_admin,cap_bpf");
        assert_eq!(brief(CapabilitySet::EMPTY, known), "none");
        assert_eq!(brief(CapabilitySet::from_mask(1 << 50 | 1), known), "cap_chown,50");
    }
}
