//! The records that the probe and user space share. Their layout is the whole contract between the
//! two; this file has no logic.
//!
//! All records are plain old data without padding bytes, in the machine's own byte order.
#![no_std]

/// The number of frames of a call site that are kept, innermost first.
pub const FRAMES: usize = 20;
/// The number of frames that one call names, because bpf_snprintf takes at most twelve values.
pub const FRAMES_A_TEXT: usize = FRAMES / 2;
/// The size of one text of names in bytes, including the NUL.
pub const TEXT_BYTES: usize = 400;
/// The size of an executable's path in bytes. It is stored as its components from the last to the
/// first.
pub const PATH_BYTES: usize = 1024;

/// A check that is counted: the key of the map `COUNTS`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Check {
    /// The kernel stack: the key of the map `SITES`.
    pub site: u64,
    /// The file that the process executes.
    pub executable: Executable,
    /// The thread group id in the initial pid namespace.
    pub process: u32,
    /// The inode number of the target user namespace; 0 if it is not known.
    pub target_namespace: u32,
    /// The system call's number for this machine, or -1.
    pub system_call: i32,
    /// The bits of one of the system call's arguments that the map `ARGUMENTS` asks for, or for openat(2) the number that the
    /// map `FILES` gives to the file; 0 if they ask for none.
    pub argument: u32,
    /// The capability's number.
    pub capability: u8,
    /// 0 if the check was granted, 1 if it was denied.
    pub denied: u8,
    /// The options of the check (`CAP_OPT_*`), or [`OPTIONS_UNKNOWN`].
    pub options: u8,
    /// The relation of the target user namespace to that of the credentials: `RELATION_*`.
    pub relation: u8,
    /// Whose credentials were checked: `CREDENTIALS_*`.
    pub credentials: u8,
    /// Always zero, because keys are compared byte by byte.
    pub zero: [u8; 3],
}

/// The argument of a system call that distinguishes checks: the value of the map `ARGUMENTS`, by the
/// system call's number. Few bits are kept, because each value is counted by itself.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Argument {
    /// The offset of its register in `pt_regs`, in bytes.
    pub register: u32,
    /// The bits that are kept; 0 if no argument is.
    pub mask: u32,
}

/// The size of a path in the map `FILES`, in bytes. Shorter paths end with zeroes, and longer ones are not in the map.
pub const FILE_BYTES: usize = 16;
/// The number of paths that the map `FILES` has space for.
pub const FILES: u32 = 16;
/// A path that is a constant is behind the code that passes it to the kernel, and no farther than this number of bytes. The C
/// library of Debian 12 has 1.9 MiB.
pub const CONSTANT_WITHIN: u64 = 2 << 20;

/// The number of system calls in the map `ARGUMENTS`. No architecture that is supported has more.
pub const SYSTEM_CALLS: u32 = 512;

/// A file, identified by what a rename does not change: the key of the map `EXECUTABLES`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Executable {
    /// The inode's number; 0 for kernel threads.
    pub inode: u64,
    /// The device, as the kernel numbers it, or [`DEVICE_BY_NAME`].
    pub device: u64,
}

/// This value in the place of a device means that only the name that exec was given is known, and
/// not the file. `EXECUTABLES` has this name unchanged. `inode` is a digest of the name, or 0 if
/// the exec was not seen.
pub const DEVICE_BY_NAME: u64 = u64::MAX;

/// The option `CAP_OPT_NOAUDIT`: the answer is not audited.
pub const OPTION_NO_AUDIT: u8 = 2;
/// The option `CAP_OPT_INSETID`: the check is made for setuid or setgid.
pub const OPTION_IN_SET_ID: u8 = 4;
/// The tracepoint does not carry the options.
pub const OPTIONS_UNKNOWN: u8 = 0x80;

/// A flag in the result of the program `securebits`: the securebits were read, and are the bits
/// below this one.
pub const SECUREBITS_KNOWN: u32 = 1 << 31;

/// The target is the credentials' own user namespace.
pub const RELATION_SAME: u8 = 0;
/// The target encloses the credentials' user namespace.
pub const RELATION_OUTER: u8 = 1;
/// The target is below the credentials' user namespace, or beside it.
pub const RELATION_INNER: u8 = 2;
/// The relation is not known.
pub const RELATION_UNKNOWN: u8 = 3;

/// The process's own credentials were checked.
pub const CREDENTIALS_OWN: u8 = 0;
/// Credentials that temporarily override the process's own were checked.
pub const CREDENTIALS_OVERRIDDEN: u8 = 1;
/// The credentials of another subject were checked, such as the opener of a file or a tracer.
pub const CREDENTIALS_OTHER: u8 = 2;
/// It is not known whose credentials were checked.
pub const CREDENTIALS_UNKNOWN: u8 = 3;

/// A kernel stack: the value of the map `SITES`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Site {
    /// The return addresses, innermost first; 0 after the last.
    pub frames: [u64; FRAMES],
    /// The names of their functions, one a line, ended by NUL. They are empty if the kernel does
    /// not have bpf_snprintf.
    pub names: [[u8; TEXT_BYTES]; 2],
}

/// A path: the value of the map `EXECUTABLES`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Path {
    /// The number of bytes of `components` that are used.
    pub length: u64,
    /// Not 0 if the components reach the root.
    pub whole: u64,
    /// The components from the last to the first, each ended by NUL.
    pub components: [u8; PATH_BYTES],
}

/// A process that is followed: the value of the map `TRACKED`, by thread group id.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Tracked {
    /// The address of the process's group leader. A later process with the same number has another
    /// address.
    pub leader: u64,
    /// The file that the process executes.
    pub executable: Executable,
    /// The ids that the process was started with. Without the kernel's types, the real ids are used
    /// for all of them.
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

/// A use that a program makes of its own capability sets: the key of the map `OWN_SETS`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OwnSets {
    /// The capabilities that it names, by the bits of their numbers; 0 if it names none.
    pub named: u64,
    /// The file that the process executes.
    pub executable: Executable,
    /// One of `own_sets`.
    pub what: u32,
    /// Always zero, because keys are compared byte by byte.
    pub zero: u32,
}

/// The uses that a program makes of its own capability sets. The kernel makes no check for them.
pub mod own_sets {
    /// It read them (capget).
    pub const READ: u32 = 0;
    /// It set them, and these are its permitted and effective ones from then on (capset).
    pub const SET: u32 = 1;
    /// It asked whether this capability is in its bounding set or in its ambient set (prctl).
    pub const ASKED: u32 = 2;
    /// It asked the same for a number that no capability can have: it looks for the last one.
    pub const ASKED_BEYOND: u32 = 3;
    /// It added this capability to its ambient set (prctl).
    pub const RAISED: u32 = 4;
}

/// The command to start with: the only value of the map `START`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Start {
    /// The command's thread group id in the pid namespace of [`Settings`]; 0 if there is no
    /// command.
    pub process: u32,
    /// The number of execs until the process is the command. The execs of a launcher come before
    /// the command's own.
    pub execs: u32,
}

/// One check, as `trace` receives it through the ring buffer.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// The time in nanoseconds since boot, as CLOCK_MONOTONIC counts them.
    pub time: u64,
    /// The check.
    pub check: Check,
    /// The thread id in the initial pid namespace.
    pub thread: u32,
    /// The real user, in the initial user namespace.
    pub user: u32,
    /// The thread's name, ended by NUL.
    pub name: [u8; 16],
}

/// The end of a system call in which a check was made, as `trace` receives it after the call's
/// checks. It comes through the same buffer as an [`Event`], and is shorter than one.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The time in nanoseconds since boot, as CLOCK_MONOTONIC counts them.
    pub time: u64,
    /// What the system call returned: from -4095 to -1 it is the negated number of an error.
    pub returned: i64,
    /// The arguments of the system call. After an exec that succeeded they are unknown.
    pub arguments: [u64; 6],
    /// The thread id in the initial pid namespace.
    pub thread: u32,
    /// Always zero.
    pub zero: u32,
}

/// The number of frames of a program's own stack that are kept, innermost first.
pub const USER_FRAMES: usize = 16;

/// A place in a program's code: the kernel's `struct bpf_stack_build_id`. It says what the code is even after the
/// program has ended.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UserFrame {
    /// One of `user_frame`.
    pub status: u32,
    /// The build id of the file that the code is from; the rest is zero if it is shorter.
    pub build_id: [u8; 20],
    /// The offset in that file, or the address in the process's memory.
    pub place: u64,
}

/// What a [`UserFrame`] holds (`enum bpf_stack_build_id_status`).
pub mod user_frame {
    /// Nothing: the stack has no more frames.
    pub const EMPTY: u32 = 0;
    /// A build id and an offset.
    pub const IN_FILE: u32 = 1;
    /// An address: the file has no build id, or it could not be read.
    pub const ADDRESS: u32 = 2;
}

/// The stack of the program when a check was made, as `trace` receives it just before the check. It
/// comes through the same buffer as an [`Event`], and is longer than one.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UserStack {
    /// The time of the check.
    pub time: u64,
    /// The places in its code, innermost first.
    pub frames: [UserFrame; USER_FRAMES],
    /// The thread id in the initial pid namespace.
    pub thread: u32,
    /// Always zero.
    pub zero: u32,
}

/// The indexes of the counters in the map `LOST`, and what each counts.
pub mod lost {
    /// Checks that did not fit into `COUNTS`, and uses of capability sets that did not fit into `OWN_SETS`.
    pub const CHECKS: u32 = 0;
    /// Processes that did not fit into `TRACKED`, at a fork or at the start.
    pub const PROCESSES: u32 = 1;
    /// Call sites that did not fit into `SITES`, or whose stack could not be read.
    pub const SITES: u32 = 2;
    /// Paths that did not fit into `EXECUTABLES`.
    pub const EXECUTABLES: u32 = 3;
    /// Events that did not fit into the ring buffer.
    pub const EVENTS: u32 = 4;
    /// The number of these counters.
    pub const COUNTERS: u32 = 5;
}

/// The indexes of the counters in the map `STATS`, which count what happened in a run.
pub mod stats {
    /// Processes that were followed.
    pub const PROCESSES: u32 = 0;
    /// Times that a process was seen with a user id other than the one that it was started with:
    /// the real, effective, saved or filesystem one.
    pub const USER_CHANGED: u32 = 1;
    /// The same for group ids.
    pub const GROUP_CHANGED: u32 = 2;
    /// Execs of processes that were followed already. The exec that starts the observation of the
    /// command is not one of them.
    pub const EXECS: u32 = 3;
    /// The number of these counters.
    pub const COUNTERS: u32 = 4;
}

/// Which checks the probe takes.
pub mod scope {
    /// The checks of processes in `TRACKED`.
    pub const TRACKED: u32 = 0;
    /// All checks except those of [`Settings::observer`](super::Settings::observer).
    pub const ALL: u32 = 1;
    /// The checks of processes in `TRACKED` and in `LISTED`.
    pub const LISTED: u32 = 2;
    /// The checks of processes in a cgroup or in one below it.
    pub const CGROUP: u32 = 3;
}

/// What user space asks of the probe. The settings are read-only once the probe is loaded, so that
/// the verifier removes the code for what user space does not ask for.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// The cgroup, for `scope::CGROUP`.
    pub cgroup: u64,
    /// The device of the pid namespace in which process ids in this record count.
    pub pid_namespace_device: u64,
    /// The inode of that pid namespace.
    pub pid_namespace_inode: u64,
    /// One of `scope`.
    pub scope: u32,
    /// The level of `cgroup` below the root.
    pub cgroup_level: u32,
    /// The process that observes. The probe never takes its checks.
    pub observer: u32,
    /// 1: the probe puts every check into the ring buffer. 0: it counts.
    pub events: u32,
    /// 1: the probe takes only denied checks.
    pub denied_only: u32,
    /// 1: the probe follows new children of the processes in `LISTED`.
    pub follow: u32,
    /// 1: the kernel has bpf_get_current_task_btf, bpf_task_pt_regs and bpf_snprintf (5.15).
    pub recent: u32,
    /// 1: the probe reports how system calls end in which checks were made.
    pub outcomes: u32,
    /// 1: the probe notes what programs do with their own capability sets.
    pub own_sets: u32,
    /// 1: the probe reports the stack of the program at each check, before the check.
    pub user_stack: u32,
    /// The number of capget(2).
    pub capget: u32,
    /// The number of capset(2).
    pub capset: u32,
    /// The number of prctl(2).
    pub prctl: u32,
    /// The number of openat(2).
    pub openat: u32,
    /// The number of the last capability.
    pub last_capability: u32,
    /// The offsets of the registers with a system call's arguments in `pt_regs`, in bytes.
    pub registers: [u32; 6],
    /// The offset of the register with the system call's number.
    pub call_register: u32,
    /// The offset of the register with the address of the program's next instruction.
    pub instruction_register: u32,
    /// The offset of a register that shows in which mode a task entered the kernel.
    pub mode_register: u32,
    /// The bits of that register that show it.
    pub mode_mask: u32,
    /// These bits where a program of the kernel's own word size entered it. The numbers and registers of a 32-bit program's
    /// system calls are others.
    pub mode_native: u32,
    /// The size of a kernel stack, to which the stack is also aligned, or a part of it.
    pub stack_bytes: u32,
    /// The size of `pt_regs`. Those with which a task entered the kernel are at the top of its stack. It is 0 if it is not
    /// known, and then the kprobes do not look for the system call's number.
    pub registers_bytes: u32,
}

/// The offsets of the members of the kernel's structures in bytes, from the kernel's BTF.
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
    /// 1: the ids are adjacent, in the order that [`Ids`] has.
    pub cred_ids_adjacent: u32,
    pub user_namespace_level: u32,
    pub user_namespace_inum: u32,
    pub mm_exe_file: u32,
    pub file_inode: u32,
    pub file_dentry: u32,
    pub file_mount: u32,
    pub inode_number: u32,
    pub inode_super_block: u32,
    pub super_block_device: u32,
    pub dentry_name: u32,
    pub dentry_parent: u32,
    /// The offset of `mnt` (a `vfsmount`) in `mount`.
    pub mount_vfsmount: u32,
    pub mount_parent: u32,
    pub mount_mountpoint: u32,
    pub vfsmount_root: u32,
}

/// Where the kprobes find values, as offsets in bytes: the machine's registers in `pt_regs`, and
/// the fields of tracepoints, as tracefs lists them.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Places {
    /// The register of `cap_capable`'s first argument, the credentials.
    pub credentials: u32,
    /// The register of the second argument, the target user namespace.
    pub target: u32,
    /// The register of the third argument, the capability.
    pub capability: u32,
    /// The register of the fourth argument, the options.
    pub options: u32,
    /// The register of the returned value.
    pub answer: u32,
    /// The register that holds the return address of `cap_capable`, or a pointer to it.
    pub caller: u32,
    /// 1: the return address is on the stack, and that register is the stack pointer.
    pub caller_on_stack: u32,
    /// 1: the fourth argument is `audit`, as before Linux 5.1. 2: it may be.
    pub audit: u32,
    /// The field `pid` of task:task_newtask.
    pub fork_process: u32,
    /// The field `clone_flags` of task:task_newtask.
    pub fork_flags: u32,
    /// The field `filename` of sched:sched_process_exec.
    pub exec_name: u32,
    /// The field `pid` of sched:sched_process_free.
    pub free_process: u32,
    /// The register that holds the stack pointer.
    pub stack: u32,
    /// What may be above the registers at the top of the stack: so many bytes, or none.
    pub padding: u32,
}

/// What user space asks of the kprobes, and what it has found out for them: the only value of the
/// map `CONFIG`. Read-only data, which the probe uses, would need Linux 5.2.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct KprobeConfig {
    /// The settings, as the probe has them.
    pub settings: Settings,
    /// The offsets; all of them are zero if the kernel has no BTF.
    pub offsets: Offsets,
    /// The places in registers and tracepoints.
    pub places: Places,
}

#[cfg(feature = "user")]
mod user {
    use super::{
        Argument, Check, Event, Executable, Ids, KprobeConfig, Offsets, Outcome, OwnSets, Path, Settings, Site, Start,
        Tracked, UserStack,
    };

    macro_rules! plain_old_data {
        ($($record:ty),*) => {$(
            // SAFETY: the record is repr(C) and consists of integers and arrays of them, without
            // padding: every pattern of bytes is a value, and every byte of a value is initialised.
            unsafe impl aya::Pod for $record {}
        )*};
    }
    plain_old_data!(
        Argument,
        Check,
        Executable,
        Ids,
        KprobeConfig,
        Offsets,
        OwnSets,
        Path,
        Settings,
        Site,
        Start,
        Tracked
    );

    impl Outcome {
        /// Reads the outcome from these bytes of the buffer. The result is `None` if they are fewer
        /// than an outcome has, or if they are as many as an [`Event`] has.
        pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
            if bytes.len() < size_of::<Self>() || bytes.len() >= size_of::<Event>() {
                return None;
            }
            // SAFETY: the bytes are at least as many as the record has, read_unaligned needs no
            // alignment, and every pattern of bytes is an Outcome.
            Some(unsafe { bytes.as_ptr().cast::<Self>().read_unaligned() })
        }
    }

    impl UserStack {
        /// Reads the stack from these bytes of the buffer. The result is `None` if they are fewer
        /// than a stack has.
        pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
            if bytes.len() < size_of::<Self>() {
                return None;
            }
            // SAFETY: the bytes are at least as many as the record has, read_unaligned needs no
            // alignment, and every pattern of bytes is a UserStack.
            Some(unsafe { bytes.as_ptr().cast::<Self>().read_unaligned() })
        }
    }

    impl Event {
        /// Reads the event from these bytes of the buffer. The result is `None` if they are fewer
        /// than an event has, or if they are as many as a [`UserStack`] has.
        pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
            if bytes.len() < size_of::<Self>() || bytes.len() >= size_of::<UserStack>() {
                return None;
            }
            // SAFETY: the bytes are at least as many as the record has, read_unaligned needs no
            // alignment, and every pattern of bytes is an Event.
            Some(unsafe { bytes.as_ptr().cast::<Self>().read_unaligned() })
        }
    }
}

const _: () = {
    // Keys and values cross the boundary byte by byte, so they must not have padding.
    assert!(size_of::<Check>() == 8 + 16 + 4 * 4 + 5 + 3);
    assert!(size_of::<Event>() == 8 + size_of::<Check>() + 8 + 16);
    // A perf buffer appends up to seven bytes, and an outcome must stay shorter than an event.
    assert!(size_of::<Outcome>() == 8 + 8 + 6 * 8 + 8);
    assert!(size_of::<Outcome>() + 7 < size_of::<Event>());
    // The same holds for an event and a stack.
    assert!(size_of::<UserStack>() == 8 + USER_FRAMES * 32 + 8);
    assert!(size_of::<Event>() + 7 < size_of::<UserStack>());
    assert!(size_of::<Settings>() == 3 * 8 + 28 * 4);
    assert!(size_of::<OwnSets>() == 8 + 16 + 2 * 4);
    assert!(size_of::<Ids>() == 8 * 4);
    assert!(size_of::<Tracked>() == 8 + 16 + size_of::<Ids>());
    assert!(size_of::<KprobeConfig>() == size_of::<Settings>() + 32 * 4 + 14 * 4);
};
