//! Decides for which kernels the launcher's file capabilities are meant: for the running kernel, or for any.
//!
//! A file for the running kernel alone is evaluated again after a boot, by `capwrap-enable.service` or by hand. If the
//! file may be taken to another machine, or if nothing evaluates it again, it serves any kernel.

use crate::host::{kernel, process};
use crate::store::any_kernel;
use capwrap_core::CapabilitySet;
use capwrap_core::decision::launcher_needs::Kernels;
use std::fmt;
use std::os::unix::fs::MetadataExt;

/// The kernels that the file serves, and why it does not serve the running one alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LauncherKernels {
    pub kernels: Kernels,
    /// The running kernel, as far as it is known.
    pub this_kernel: Option<Kernels>,
    /// The reason why the file serves any kernel; `None` if it serves the running one.
    pub any_because: Option<AnyBecause>,
}

/// The reason why the launcher's file serves any kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnyBecause {
    /// The administrator asked for it.
    Asked,
    /// /proc does not show which capabilities this kernel knows.
    NoProc,
    /// The root directory is not that of process 1.
    OtherRoot,
    /// The process namespace is not the initial one, and no systemd runs in it.
    Container,
}

impl AnyBecause {
    /// Returns what would make the file serve only the running kernel.
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Asked => "`capwrap enable --this-kernel` ends that",
            _ => "`capwrap enable` on the machine itself fits it to the kernel there",
        }
    }
}

impl fmt::Display for AnyBecause {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Asked => "`capwrap enable --any-kernel` said so",
            Self::NoProc => "/proc does not show which capabilities this kernel knows",
            Self::OtherRoot => {
                "this is a chroot, or an image that is being built: process 1 has another root directory"
            }
            Self::Container => "this is a container without systemd, or an image that is being built",
        })
    }
}

/// Returns the kernels that the launcher's file should serve, as the end of a sentence about what is needed there.
pub const fn on_which(any: Option<AnyBecause>) -> &'static str {
    if any.is_some() { "on any kernel" } else { "on this kernel" }
}

/// Describes what is wrong with a launcher's file that has too few or too many capabilities. It returns `None` if the
/// file fits.
pub fn misfit(few: CapabilitySet, many: CapabilitySet, any: Option<AnyBecause>) -> Option<String> {
    let kernel = on_which(any);
    let few = (!few.is_empty()).then(|| format!("enabled policies need {few} too {kernel}"));
    let many = (!many.is_empty()).then(|| format!("no enabled policy needs {many} {kernel}"));
    match (few, many) {
        (Some(few), Some(many)) => Some(format!("{few}, and {many}")),
        (few, many) => few.or(many),
    }
}

/// Returns the kernels that the launcher's file is meant for, here and now.
pub fn look() -> LauncherKernels {
    of(&Signs {
        is_asked: any_kernel::is_wanted(),
        last_capability: kernel::last_capability().ok(),
        own_mounts: std::fs::read_to_string("/proc/self/mountinfo").ok(),
        first_mounts: std::fs::read_to_string("/proc/1/mountinfo").ok(),
        process_namespace: std::fs::metadata("/proc/self/ns/pid").ok().map(|namespace| namespace.ino()),
        runs_systemd: process::runs_systemd(),
    })
}

/// The facts that show where this process runs.
struct Signs {
    is_asked: bool,
    last_capability: Option<u8>,
    /// `/proc/self/mountinfo`.
    own_mounts: Option<String>,
    /// `mountinfo` of process 1, which the mount option hidepid= hides from users.
    first_mounts: Option<String>,
    process_namespace: Option<u64>,
    runs_systemd: bool,
}

/// The inode number of the initial process namespace (`PROC_PID_INIT_INO`, `include/linux/proc_ns.h`).
const INITIAL_PROCESS_NAMESPACE: u64 = 0xEFFF_FFFC;

fn of(signs: &Signs) -> LauncherKernels {
    let this_kernel = signs.last_capability.map(Kernels::KnowingUpTo);
    let any = |because| LauncherKernels { kernels: Kernels::Any, this_kernel, any_because: Some(because) };
    let Some(kernels) = this_kernel else {
        return any(if signs.is_asked { AnyBecause::Asked } else { AnyBecause::NoProc });
    };
    let has_other_root = match (&signs.own_mounts, &signs.first_mounts) {
        (Some(own), Some(first)) => root_directory(own) != root_directory(first),
        _ => false,
    };
    let is_contained = signs.process_namespace.is_some_and(|inode| inode != INITIAL_PROCESS_NAMESPACE);
    if signs.is_asked {
        any(AnyBecause::Asked)
    } else if has_other_root {
        any(AnyBecause::OtherRoot)
    } else if is_contained && !signs.runs_systemd {
        any(AnyBecause::Container)
    } else {
        LauncherKernels { kernels, this_kernel, any_because: None }
    }
}

/// Returns the root directory of a process from its `mountinfo` (proc(5)): the device, and the directory in its file
/// system. A chroot into a plain directory has no entry. Unlike `/proc/PID/root`, every user may read it, and an own
/// mount namespace changes neither of the two.
fn root_directory(mountinfo: &str) -> Option<(&str, &str)> {
    let mut mounts = mountinfo.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(2);
        let (device, directory, place) = (fields.next()?, fields.next()?, fields.next()?);
        (place == "/").then_some((device, directory))
    });
    mounts.next_back()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MACHINE: &str = "22 27 0:21 / /proc rw - proc proc rw\n27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n";

    fn machine() -> Signs {
        Signs {
            is_asked: false,
            last_capability: Some(40),
            own_mounts: Some(MACHINE.to_owned()),
            first_mounts: Some(MACHINE.to_owned()),
            process_namespace: Some(INITIAL_PROCESS_NAMESPACE),
            runs_systemd: true,
        }
    }

    fn any_because(signs: Signs) -> Option<AnyBecause> {
        let found = of(&signs);
        assert_eq!(found.any_because.is_none(), found.kernels == Kernels::KnowingUpTo(40));
        found.any_because
    }

    #[test]
    fn on_a_machine_the_file_serves_its_kernel_with_systemd_or_without() {
        assert_eq!(any_because(machine()), None);
        assert_eq!(any_because(Signs { runs_systemd: false, ..machine() }), None);
        // The service has its own mount namespace, and process 1 is hidden from users.
        let own = "99 98 254:0 / / ro,relatime - ext4 /dev/vda rw\n".to_owned();
        assert_eq!(any_because(Signs { own_mounts: Some(own), ..machine() }), None);
        assert_eq!(any_because(Signs { first_mounts: None, ..machine() }), None);
    }

    #[test]
    fn in_a_chroot_and_while_an_image_is_built_the_file_serves_any_kernel() {
        for own in [
            "22 27 0:21 / /proc rw - proc proc rw\n",
            "27 1 254:0 /srv/image / rw - ext4 /dev/vda rw\n",
            "27 1 7:0 / / rw - ext4 /dev/loop0 rw\n",
            "",
        ] {
            let signs = Signs { own_mounts: Some(own.to_owned()), ..machine() };
            assert_eq!(any_because(signs), Some(AnyBecause::OtherRoot), "{own:?}");
        }
        let container = |runs_systemd| Signs { process_namespace: Some(4_026_532_999), runs_systemd, ..machine() };
        assert_eq!(any_because(container(false)), Some(AnyBecause::Container));
        assert_eq!(any_because(container(true)), None, "its systemd evaluates again when it boots");
    }

    #[test]
    fn where_the_kernel_is_not_known_or_the_administrator_says_so_the_file_serves_any_kernel() {
        assert_eq!(any_because(Signs { last_capability: None, ..machine() }), Some(AnyBecause::NoProc));
        for last_capability in [None, Some(40)] {
            let signs = Signs { is_asked: true, last_capability, ..machine() };
            assert_eq!(any_because(signs), Some(AnyBecause::Asked));
        }
    }

    #[test]
    fn of_mounts_on_one_another_the_last_one_is_the_root_directory() {
        let stacked = format!("1 1 0:2 / / rw - rootfs rootfs rw\n{MACHINE}");
        assert_eq!(root_directory(&stacked), Some(("254:0", "/")));
        assert_eq!(root_directory("no mountinfo\n\n1 2 3\n"), None);
    }
}
