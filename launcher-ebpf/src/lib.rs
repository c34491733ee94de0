//! The records that the probe and user space share. Their layout is the whole of the contract
//! between the two; there is no logic here.
//!
//! All are plain old data without padding bytes, in the machine's own byte order.
#![no_std]

/// The frames of a call site that are kept, innermost first.
pub const FRAMES: usize = 20;
/// The frames that are named in one go: bpf_snprintf takes at most twelve values.
pub const FRAMES_A_TEXT: usize = FRAMES / 2;
/// The bytes of one text of names, NUL included.
pub const TEXT_BYTES: usize = 400;
/// The bytes of an executable's path, as its components from the last to the first.
pub const PATH_BYTES: usize = 1024;

/// What is counted: the key of the map `COUNTS`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Check {
    /// The kernel stack: the key of the map `SITES`.
    pub site: u64,
    /// The file that is executed.
    pub executable: Executable,
    /// The thread group id in the initial pid namespace.
    pub process: u32,
    /// The inode number of the target user namespace; 0 where it is not known.
    pub target_namespace: u32,
    /// The system call's number for this machine, or -1.
    pub system_call: i32,
    /// The capability's number.
    pub capability: u8,
    /// 0 granted, 1 denied.
    pub denied: u8,
    /// The options of the check (`CAP_OPT_*`), or [`OPTIONS_UNKNOWN`].
    pub options: u8,
    /// How the target user namespace lies to that of the credentials: `RELATION_*`.
    pub relation: u8,
    /// Whose credentials were asked: `CREDENTIALS_*`.
    pub credentials: u8,
    /// Always zero: keys are compared byte by byte.
    pub zero: [u8; 7],
}

/// A file, by what no rename changes: the key of the map `EXECUTABLES`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Executable {
    /// The inode's number; 0 for kernel threads.
    pub inode: u64,
    /// The device, as the kernel numbers it, or [`DEVICE_BY_NAME`].
    pub device: u64,
}

/// In the place of a device: no file is known but the name that exec was given. It stands as it is in
/// `EXECUTABLES`, and `inode` is a digest of it; 0 where the exec was not seen.
pub const DEVICE_BY_NAME: u64 = u64::MAX;

/// The option `CAP_OPT_NOAUDIT`: the answer is not audited.
pub const OPTION_NO_AUDIT: u8 = 2;
/// The option `CAP_OPT_INSETID`: asked for setuid or setgid.
pub const OPTION_IN_SET_ID: u8 = 4;
/// The tracepoint does not carry the options.
pub const OPTIONS_UNKNOWN: u8 = 0x80;

/// In what the program `securebits` returns: they were read, and are the bits below.
pub const SECUREBITS_KNOWN: u32 = 1 << 31;

/// The credentials' own user namespace.
pub const RELATION_SAME: u8 = 0;
/// One that encloses it.
pub const RELATION_OUTER: u8 = 1;
/// One below it, or beside it.
pub const RELATION_INNER: u8 = 2;
/// Not known.
pub const RELATION_UNKNOWN: u8 = 3;

/// The process's own credentials.
pub const CREDENTIALS_OWN: u8 = 0;
/// Credentials that override the process's own for a while.
pub const CREDENTIALS_OVERRIDDEN: u8 = 1;
/// Somebody else's: who opened the file, who traces.
pub const CREDENTIALS_OTHER: u8 = 2;
/// Not known.
pub const CREDENTIALS_UNKNOWN: u8 = 3;

/// A kernel stack: the value of the map `SITES`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Site {
    /// Return addresses, innermost first; 0 behind the last.
    pub frames: [u64; FRAMES],
    /// Their functions' names, a line each, ended by NUL; empty where the kernel has no bpf_snprintf.
    pub names: [[u8; TEXT_BYTES]; 2],
}

/// A path: the value of the map `EXECUTABLES`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Path {
    /// How many bytes of `components` are used.
    pub length: u64,
    /// Not 0 if the components reach to the root.
    pub whole: u64,
    /// The components from the last to the first, each ended by NUL.
    pub components: [u8; PATH_BYTES],
}

/// A process that is followed: the value of the map `TRACKED`, by thread group id.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Tracked {
    /// The address of its group leader: a later process with the same number has another.
    pub leader: u64,
    /// What it executes.
    pub executable: Executable,
    /// The ids that it was started with. Without the kernel's types the real ones stand for all.
    pub ids: Ids,
}

/// The ids of credentials, in the order of the kernel's `struct cred`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "named after the members")]
pub struct Ids {
    pub uid: u32,
    pub gid: u32,
    pub suid: u32,
    pub sgid: u32,
    pub euid: u32,
    pub egid: u32,
    pub fsuid: u32,
    pub fsgid: u32,
}

/// The command to start with: the only value of the map `START`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Start {
    /// Its thread group id in the pid namespace of [`Settings`]; 0 for none.
    pub process: u32,
    /// The execs until it is the command: those of a launcher come before its own.
    pub execs: u32,
}

/// One check, as `trace` gets it through the ring.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// Nanoseconds since boot, as CLOCK_MONOTONIC counts them.
    pub time: u64,
    /// What was asked.
    pub check: Check,
    /// The thread id in the initial pid namespace.
    pub thread: u32,
    /// The real user, in the initial user namespace.
    pub user: u32,
    /// The thread's name, ended by NUL.
    pub name: [u8; 16],
}

/// The places of [`LOST`]'s counters, and what each counts.
pub mod lost {
    /// Checks that did not fit into `COUNTS`.
    pub const CHECKS: u32 = 0;
    /// Processes that did not fit into `TRACKED`, at a fork or at the start.
    pub const PROCESSES: u32 = 1;
    /// Call sites that did not fit into `SITES`, or whose stack could not be read.
    pub const SITES: u32 = 2;
    /// Paths that did not fit into `EXECUTABLES`.
    pub const EXECUTABLES: u32 = 3;
    /// Events that did not fit into the ring.
    pub const EVENTS: u32 = 4;
    /// How many there are.
    pub const COUNTERS: u32 = 5;
}

/// What happened in a run: the places of the map `STATS`.
pub mod stats {
    /// Processes followed.
    pub const PROCESSES: u32 = 0;
    /// Times that a process was seen with another user id than it was started with, whichever of the
    /// real, effective, saved and filesystem ones.
    pub const USER_CHANGED: u32 = 1;
    /// The same of its group ids.
    pub const GROUP_CHANGED: u32 = 2;
    /// How many there are.
    pub const COUNTERS: u32 = 3;
}

/// Which checks are taken.
pub mod scope {
    /// Those of processes in `TRACKED`.
    pub const TRACKED: u32 = 0;
    /// All but those of [`Settings::observer`](super::Settings::observer).
    pub const ALL: u32 = 1;
    /// Those of processes in `TRACKED` and in `LISTED`.
    pub const LISTED: u32 = 2;
    /// Those of a cgroup and the ones below it.
    pub const CGROUP: u32 = 3;
}

/// What user space asks of the probe: read-only once it is loaded, so that the verifier drops what
/// is not asked for.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// The cgroup, for `scope::CGROUP`.
    pub cgroup: u64,
    /// The device and the inode of the pid namespace that process ids given here count in.
    pub pid_namespace_device: u64,
    /// See there.
    pub pid_namespace_inode: u64,
    /// One of `scope`.
    pub scope: u32,
    /// The level of `cgroup` below the root.
    pub cgroup_level: u32,
    /// The process that observes: its own checks are never taken.
    pub observer: u32,
    /// 1: put every check into the ring. 0: count.
    pub events: u32,
    /// 1: denied checks alone.
    pub denied_only: u32,
    /// 1: new children of those in `LISTED` are followed.
    pub follow: u32,
    /// 1: the kernel has bpf_get_current_task_btf, bpf_task_pt_regs and bpf_snprintf (5.15).
    pub recent: u32,
    /// Always zero.
    pub zero: u32,
}

/// Where the members of the kernel's structures lie, in bytes, from the kernel's BTF.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
#[allow(missing_docs, reason = "named after the members")]
pub struct Offsets {
    pub task_pid: u32,
    pub task_tgid: u32,
    pub task_flags: u32,
    pub task_group_leader: u32,
    pub task_cred: u32,
    pub task_real_cred: u32,
    pub task_mm: u32,
    pub cred_user_ns: u32,
    pub cred_uid: u32,
    pub cred_gid: u32,
    pub cred_suid: u32,
    pub cred_sgid: u32,
    pub cred_euid: u32,
    pub cred_egid: u32,
    pub cred_fsuid: u32,
    pub cred_fsgid: u32,
    /// 1: the ids lie one behind the other, as [`Ids`] has them.
    pub cred_ids_adjacent: u32,
    pub user_namespace_level: u32,
    pub user_namespace_inum: u32,
    pub pt_regs_system_call: u32,
    pub mm_exe_file: u32,
    pub file_inode: u32,
    pub file_dentry: u32,
    pub file_mount: u32,
    pub inode_number: u32,
    pub inode_super_block: u32,
    pub super_block_device: u32,
    pub dentry_name: u32,
    pub dentry_parent: u32,
    /// Of `vfsmount` in `mount`.
    pub mount_vfsmount: u32,
    pub mount_parent: u32,
    pub mount_mountpoint: u32,
    pub vfsmount_root: u32,
    pub zero: u32,
}

/// What the kprobes find where, in bytes: registers in `pt_regs`, which are those of the machine, and
/// the tracepoints' fields, as tracefs lists them.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Places {
    /// The register of `cap_capable`'s first argument, the credentials.
    pub credentials: u32,
    /// That of the second, the target user namespace.
    pub target: u32,
    /// That of the third.
    pub capability: u32,
    /// That of the fourth.
    pub options: u32,
    /// The register of what it returns.
    pub answer: u32,
    /// The register that holds the address it returns to, or where that address lies.
    pub caller: u32,
    /// 1: the address lies on the stack, and that register is the stack's.
    pub caller_on_stack: u32,
    /// 1: the fourth argument is `audit`, as before Linux 5.1. 2: it may be.
    pub audit: u32,
    /// `pid` of task:task_newtask.
    pub fork_process: u32,
    /// `clone_flags` of it.
    pub fork_flags: u32,
    /// `filename` of sched:sched_process_exec.
    pub exec_name: u32,
    /// `pid` of sched:sched_process_free.
    pub free_process: u32,
    /// How large a kernel stack is, and what it is aligned to; 0 where the system call's number is not
    /// found by it.
    pub stack_bytes: u32,
    /// Always zero.
    pub zero: u32,
}

/// What user space asks of the kprobes and knows for them: the only value of the map `CONFIG`.
/// Read-only data, as the probe's, would take Linux 5.2.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct KprobeConfig {
    /// As the probe's.
    pub settings: Settings,
    /// All zeroes where the kernel has no BTF.
    pub offsets: Offsets,
    /// See there.
    pub places: Places,
}

#[cfg(feature = "user")]
mod user {
    use super::{Check, Event, Executable, Ids, KprobeConfig, Offsets, Path, Settings, Site, Start, Tracked};

    macro_rules! plain_old_data {
        ($($record:ty),*) => {$(
            // SAFETY: repr(C) over integers and arrays of them, without padding: every pattern of
            // bytes is a value, and every byte of a value is initialised.
            unsafe impl aya::Pod for $record {}
        )*};
    }
    plain_old_data!(Check, Executable, Ids, KprobeConfig, Offsets, Path, Settings, Site, Start, Tracked);

    impl Event {
        /// The event that these bytes of the ring are, if they are as many as one has.
        pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
            if bytes.len() < size_of::<Self>() {
                return None;
            }
            // SAFETY: as many bytes as the record has were just counted, read_unaligned asks for no
            // alignment, and every pattern of bytes is an Event.
            Some(unsafe { bytes.as_ptr().cast::<Self>().read_unaligned() })
        }
    }
}

const _: () = {
    // Keys and values cross the boundary byte by byte: no padding.
    assert!(size_of::<Check>() == 8 + 16 + 3 * 4 + 5 + 7);
    assert!(size_of::<Event>() == 8 + size_of::<Check>() + 8 + 16);
    assert!(size_of::<Settings>() == 3 * 8 + 8 * 4);
    assert!(size_of::<Ids>() == 8 * 4);
    assert!(size_of::<Tracked>() == 8 + 16 + size_of::<Ids>());
    assert!(size_of::<KprobeConfig>() == size_of::<Settings>() + 34 * 4 + 14 * 4);
};
