//! How much a scope of each capability is worth.

use crate::Capability;
use crate::scope::door::Door;

/// What a scope by system calls leaves of a capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strength {
    /// The doors that a policy leaves open are all that the capability opens.
    Strong,
    /// Some of what the capability opens is no system call of its own; `leaves` says what.
    Partial,
    /// It is strong in a Landlock domain that lets the tool write nothing beneath /proc, which every scope of it takes.
    NeedsDomain,
    /// What remains open amounts to the whole capability.
    Weak,
    /// A single call or option asks for the capability, so that there is nothing to choose.
    OneDoor,
    /// The kernel asks within calls that cannot be refused, or behind a pointer.
    Nothing,
}

impl Strength {
    /// Returns whether `through` beside the capability confines the tool.
    pub const fn confines(self) -> bool {
        matches!(self, Self::Strong | Self::Partial | Self::NeedsDomain | Self::OneDoor)
    }

    /// Returns the word that capwrap shows.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Strong => "strong",
            Self::Partial => "partial",
            Self::NeedsDomain => "strong in a domain",
            Self::Weak => "weak",
            Self::OneDoor => "one door",
            Self::Nothing => "none",
        }
    }
}

/// One row of [`SCOPES`].
#[derive(Debug)]
pub struct Scope {
    /// The capability.
    pub capability: Capability,
    /// What `through` is worth.
    pub through: Strength,
    /// What `through` leaves open whatever doors are named, or why it is worth what it is.
    pub leaves: &'static str,
}

/// What [`Scope::leaves`] says where doors are all that there is.
pub const NOTHING: &str = "nothing";

const fn scope(capability: Capability, through: Strength, leaves: &'static str) -> Scope {
    Scope { capability, through, leaves }
}

/// The scope of every capability, in the order of their numbers.
pub const SCOPES: [Scope; 41] = {
    use Capability as C;
    use Strength::{NeedsDomain, Nothing, OneDoor, Partial, Strong, Weak};
    [
        scope(
            C::CHOWN,
            Weak,
            "to whom a file is given can be chosen, but not which file: /etc/shadow can be given away",
        ),
        scope(C::DAC_OVERRIDE, Nothing, "every call that takes a path asks for it; `beneath` is its scope"),
        scope(C::DAC_READ_SEARCH, Nothing, "every call that takes a path asks for it; `beneath` is its scope"),
        scope(C::FOWNER, Weak, "which file is changed lies behind a pointer"),
        scope(C::FSETID, Nothing, "the kernel asks whenever a file is written"),
        scope(C::KILL, Strong, "which process gets the signal is known at run time alone"),
        scope(C::SETGID, NeedsDomain, "without Landlock, /proc/PID/gid_map of the user's other processes"),
        scope(C::SETUID, NeedsDomain, "without Landlock, /proc/PID/uid_map of the user's other processes"),
        scope(C::SETPCAP, Strong, "the files of /proc/sys/kernel/usermodehelper, where their modes let the user in"),
        scope(C::LINUX_IMMUTABLE, OneDoor, "which file and which flag lie behind a pointer"),
        scope(C::NET_BIND_SERVICE, Nothing, "the port lies behind a pointer; `ports` is its scope"),
        scope(C::NET_BROADCAST, OneDoor, NOTHING),
        scope(
            C::NET_ADMIN,
            NeedsDomain,
            "control messages of sendmsg(2) on sockets that are open, and without Landlock the files beneath /proc/sys/net",
        ),
        scope(C::NET_RAW, Strong, "control messages of sendmsg(2) on sockets that are open"),
        scope(C::IPC_LOCK, Partial, "perf_event_open(2) past the limit of locked memory"),
        scope(C::IPC_OWNER, Strong, "which object is known at run time alone"),
        scope(C::SYS_MODULE, Strong, "loading of drivers by the name of a network device"),
        scope(C::SYS_RAWIO, Partial, "/dev/mem, /dev/port and their like, where the files' modes let the user in"),
        scope(C::SYS_CHROOT, Strong, NOTHING),
        scope(C::SYS_PTRACE, Weak, "/proc/PID/mem and the other files beneath /proc/PID"),
        scope(C::SYS_PACCT, OneDoor, NOTHING),
        scope(
            C::SYS_ADMIN,
            Strong,
            "files of /proc/sys, /sys and cgroups, where their modes let the user in, messages that name another process as their \
             sender (SCM_CREDENTIALS), and on newer kernels /proc/PID/environ and maps of the user's processes",
        ),
        scope(C::SYS_BOOT, Strong, "the files of /sys/kernel/reboot, where their modes let the user in"),
        scope(C::SYS_NICE, Strong, "/proc/PID/timerslack_ns"),
        scope(C::SYS_RESOURCE, Partial, "reserved blocks, quotas, the limit of processes, and /proc/PID/oom_score_adj"),
        scope(C::SYS_TIME, Strong, "/proc/PID/timens_offsets, and the files of clocks below /sys"),
        scope(C::SYS_TTY_CONFIG, Strong, NOTHING),
        scope(C::MKNOD, Strong, NOTHING),
        scope(C::LEASE, OneDoor, NOTHING),
        scope(C::AUDIT_WRITE, OneDoor, NOTHING),
        scope(C::AUDIT_CONTROL, OneDoor, "/proc/PID/loginuid"),
        scope(C::SETFCAP, Weak, "which file and which attribute lie behind a pointer"),
        scope(C::MAC_OVERRIDE, Nothing, "Smack asks at every access"),
        scope(C::MAC_ADMIN, Weak, "the files of Smack and AppArmor"),
        scope(
            C::SYSLOG,
            Partial,
            "/dev/kmsg and /proc/kmsg, where their modes let the user in, and addresses in /proc/kallsyms",
        ),
        scope(C::WAKE_ALARM, Strong, NOTHING),
        scope(C::BLOCK_SUSPEND, Nothing, "EPOLLWAKEUP lies behind a pointer"),
        scope(C::AUDIT_READ, OneDoor, NOTHING),
        scope(
            C::PERFMON,
            Strong,
            "events of user space, where the modes of tracefs let the user in, and on newer kernels /proc/PID/environ and maps \
             of the user's processes",
        ),
        scope(C::BPF, Partial, "the kernel checks programs, and not what they are for"),
        scope(C::CHECKPOINT_RESTORE, Partial, "/proc/sys/kernel/ns_last_pid and /proc/PID/map_files"),
    ]
};

/// Returns the scope of a capability.
pub fn of(capability: Capability) -> &'static Scope {
    &SCOPES[usize::from(capability.number())]
}

/// Doors of a capability beside which it does not amount to root, if nothing else of it is open. A door that is not
/// here is taken to amount to what the capability does.
///
/// Three that look harmless are not here. perf_event_open(2) makes uprobes, whose reference counter changes the memory of
/// every program that maps a file (`ref_ctr_offset`, kernel/events/uprobes.c:update_ref_ctr). An event of fanotify brings an
/// open descriptor of a file that its reader may not open (create_fd, fs/notify/fanotify/fanotify_user.c). Who examines
/// BPF gets descriptors of maps, and can map and change them (bpf_map_mmap, kernel/bpf/syscall.c).
pub const HARMLESS: &[(Capability, &[&str])] = {
    use Capability as C;
    &[
        (
            C::SYS_ADMIN,
            &[
                "sethostname",
                "setdomainname",
                "syslog:read",
                "syslog:clear",
                "syslog:console",
                "syslog",
                "quotactl",
                "quotactl_fd",
                "swapoff",
                "ioprio_set",
                "listmount",
                "listns",
                "statmount",
                "lookup_dcookie",
            ],
        ),
        (C::SYS_MODULE, &["delete_module"]),
        (C::MKNOD, &["mknod:1:3", "mknod:1:5", "mknod:1:7", "mknod:1:8", "mknod:1:9", "mknod:5:0"]),
    ]
};

/// Returns whether the doors leave less than what the capability amounts to by itself.
pub fn is_harmless<'d>(capability: Capability, doors: impl IntoIterator<Item = &'d Door>) -> bool {
    let known = HARMLESS.iter().find(|(one, _)| *one == capability).map_or(&[][..], |(_, doors)| doors);
    doors.into_iter().filter(|door| door.opens(capability)).all(|door| known.contains(&door.name()))
}

/// A door that leaves a tool everything, whatever else is closed.
#[derive(Debug)]
pub struct Root {
    /// The capability.
    pub capability: Capability,
    /// A row of the table that the door opens, by the name that opens it alone.
    pub door: &'static str,
    /// Why it is everything.
    pub why: &'static str,
}

/// The doors beside which no other door needs to be closed.
pub const ROOT: &[Root] = &[Root {
    capability: Capability::SYS_ADMIN,
    door: "bpf:program",
    why: "a program can write the memory of every process (bpf_probe_write_user, kernel/trace/bpf_trace.c)",
}];

/// Returns why a door leaves everything of a capability, if it does.
pub fn leaves_everything(capability: Capability, door: &Door) -> Option<&'static Root> {
    let openings = door.openings(capability);
    ROOT.iter().filter(|root| root.capability == capability).find(|root| {
        let everything = Door::parse(root.door, capability.into()).map(|door| door.openings(capability));
        everything.is_ok_and(|everything| openings.iter().any(|opening| everything.contains(opening)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scope::table;

    #[test]
    fn every_capability_has_its_scope_and_a_door_where_the_scope_is_worth_something() {
        for capability in Capability::all() {
            let scope = of(capability);
            assert_eq!(scope.capability, capability);
            if scope.through != Strength::Nothing {
                assert!(table::rows().iter().any(|row| row.capability == capability), "{capability}");
            }
        }
    }

    #[test]
    fn every_harmless_door_is_one() {
        for (capability, doors) in HARMLESS {
            for door in *doors {
                assert!(Door::parse(door, (*capability).into()).is_ok(), "{capability} {door}");
            }
        }
        for door in ["mount", "perf_event_open", "fanotify_init", "bpf:look"] {
            let parsed = Door::parse(door, Capability::SYS_ADMIN.into()).unwrap();
            assert!(!is_harmless(Capability::SYS_ADMIN, [&parsed]), "{door}");
        }
    }
}
