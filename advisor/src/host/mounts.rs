//! The mounted file systems that this process sees, and which of several counts.

use procfs::ProcResult;
use procfs::process::{MountInfo, Process};
use std::path::{Path, PathBuf};

/// A mounted file system.
#[derive(Clone, Debug)]
pub struct Mount {
    pub place: PathBuf,
    /// The directory of the file system that is mounted, as this process's namespaces show it: `/` is the whole.
    pub root: PathBuf,
    pub kind: String,
    /// The options of the mount and of the file system, as `key` or `key=value`.
    pub options: Vec<String>,
}

impl Mount {
    /// Returns the option by which this proc file system hides other users' processes from those without
    /// cap_sys_ptrace, if it has one (proc(5), hidepid).
    pub fn hides_processes(&self) -> Option<&str> {
        let hides =
            |option: &&String| option.starts_with("hidepid=") && !["hidepid=0", "hidepid=off"].contains(&&***option);
        self.options.iter().find(hides).map(String::as_str)
    }
}

/// Where programs look for the kernel's own file systems. systemd and file-hierarchy(7) mount them there.
const PLACES: [(&str, &[&str]); 5] = [
    ("proc", &["/proc"]),
    ("tracefs", &["/sys/kernel/tracing", "/sys/kernel/debug/tracing"]),
    ("bpf", &["/sys/fs/bpf"]),
    ("securityfs", &["/sys/kernel/security"]),
    ("cgroup2", &["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]),
];

/// Returns every mount, in the order of the table.
///
/// # Errors
/// /proc/self/mountinfo cannot be read.
pub fn here() -> ProcResult<Vec<Mount>> {
    Ok(Process::myself()?.mountinfo()?.into_iter().map(mount).collect())
}

fn mount(info: MountInfo) -> Mount {
    let options = info.mount_options.into_iter().chain(info.super_options);
    let option = |(key, value): (String, Option<String>)| match value {
        Some(value) => format!("{key}={value}"),
        None => key,
    };
    Mount {
        place: info.mount_point,
        root: info.root.into(),
        kind: info.fs_type,
        options: options.map(option).collect(),
    }
}

/// Returns the mount of this type that programs use: one where they look for it, or else the first in the table. Other
/// mounts of the type are often those of another root directory, such as a chroot's or a container's.
pub fn of_kind<'a>(all: &'a [Mount], kind: &str) -> Option<&'a Mount> {
    let seen = || all.iter().enumerate().filter(|(at, one)| one.kind == kind && is_seen(all, *at)).map(|(_, one)| one);
    let places = PLACES.iter().find(|(own, _)| *own == kind).map_or(&[][..], |(_, places)| places);
    let usual = places.iter().find_map(|place| seen().find(|mount| mount.place == Path::new(place)));
    usual.or_else(|| seen().next())
}

/// Whether no later mount covers this one, at its own mount point or above. A new root directory covers nothing that is
/// still in the table.
fn is_seen(all: &[Mount], at: usize) -> bool {
    let later = all[at + 1..].iter().filter(|other| other.place != Path::new("/"));
    later.map(|other| &other.place).all(|place| !all[at].place.starts_with(place))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(mounts: &[(&str, &str)]) -> Vec<Mount> {
        let mount = |(place, kind): &(&str, &str)| Mount {
            place: place.into(),
            root: "/".into(),
            kind: (*kind).to_owned(),
            options: Vec::new(),
        };
        mounts.iter().map(mount).collect()
    }

    #[test]
    fn the_mount_that_programs_use_counts_and_not_that_of_another_root() {
        let all = table(&[
            ("/srv/old/proc", "proc"),
            ("/proc", "proc"),
            ("/sys/fs/cgroup", "tmpfs"),
            ("/sys/fs/cgroup/cpu", "cgroup"),
            ("/sys/fs/cgroup/unified", "cgroup2"),
            ("/srv/root/proc", "proc"),
            ("/srv/root/sys/fs/cgroup", "cgroup2"),
            ("/opt/bpf", "bpf"),
        ]);
        let place = |kind: &str| of_kind(&all, kind).map(|mount| mount.place.to_str().unwrap());
        assert_eq!(place("proc"), Some("/proc"));
        assert_eq!(place("cgroup2"), Some("/sys/fs/cgroup/unified"));
        assert_eq!(place("bpf"), Some("/opt/bpf"));
        assert_eq!(place("tracefs"), None);
    }

    #[test]
    fn a_mount_that_another_one_covers_is_not_seen() {
        let all = table(&[("/sys/fs/bpf", "bpf"), ("/sys", "sysfs"), ("/proc", "proc"), ("/", "overlay")]);
        assert!(of_kind(&all, "bpf").is_none());
        assert_eq!(of_kind(&all, "proc").unwrap().place, Path::new("/proc"));
        // The topmost of several mounts at one place counts.
        let mut all = table(&[("/proc", "proc"), ("/proc", "proc")]);
        all[1].options.push("hidepid=2".to_owned());
        assert_eq!(of_kind(&all, "proc").unwrap().options, ["hidepid=2"]);
    }

    #[test]
    fn this_machine_has_its_proc() {
        assert_eq!(of_kind(&here().unwrap(), "proc").unwrap().place, Path::new("/proc"));
    }
}
