//! The maps of the kprobes. They are those of the probe, but all are preallocated. On some kernels
//! programs of this type may use no others (check_map_prog_compatibility in kernel/bpf/verifier.c),
//! and allocating in such a program can cause a deadlock.

use crate::climbing::Climbing;
use aya_ebpf::macros::map;
use aya_ebpf::maps::{Array, CgroupArray, HashMap, PerCpuArray, PerfEventArray};
use capwrap_ebpf::{
    Argument, Check, Event, Executable, FILE_BYTES, FRAMES, KprobeConfig, OwnSets, Path, SYSTEM_CALLS, Site, Start,
    Tracked, UserStack, lost, stats,
};

/// How often each check was made. These counts are authoritative.
#[map]
pub static COUNTS: HashMap<Check, u64> = HashMap::with_max_entries(1 << 17, 0);

/// The processes that are followed, by thread group id.
#[map]
pub static TRACKED: HashMap<u32, Tracked> = HashMap::with_max_entries(1 << 16, 0);

/// Kernel stacks, by a digest of their frames.
#[map]
pub static SITES: HashMap<u64, Site> = HashMap::with_max_entries(1 << 12, 0);

/// The paths of executables.
#[map]
pub static EXECUTABLES: HashMap<Executable, Path> = HashMap::with_max_entries(1 << 11, 0);

/// Checks that are not answered yet, by thread. cap_capable does not call itself.
#[map]
pub static ASKED: HashMap<u64, Check> = HashMap::with_max_entries(1 << 12, 0);

/// How often programs used their own capability sets.
#[map]
pub static OWN_SETS: HashMap<OwnSets, u64> = HashMap::with_max_entries(1 << 10, 0);

/// The command to start with.
#[map]
pub static START: Array<Start> = Array::with_max_entries(1, 0);

/// The arguments that distinguish checks, by the system call's number. Only user space writes to it, before anything is
/// attached.
#[map]
pub static ARGUMENTS: Array<Argument> = Array::with_max_entries(SYSTEM_CALLS, 0);

/// The files that distinguish checks, by their paths, with a number for each. Only user space writes to it, before anything is
/// attached.
#[map]
pub static FILES: HashMap<[u8; FILE_BYTES], u32> = HashMap::with_max_entries(capwrap_ebpf::FILES, 0);

/// Processes that the user listed, by thread group id in the user's pid namespace.
#[map]
pub static LISTED: HashMap<u32, u32> = HashMap::with_max_entries(1 << 10, 0);

/// The cgroup of `scope::CGROUP`. The probe uses bpf_get_current_ancestor_cgroup_id for it, which a
/// kprobe must not call before Linux 5.15.
#[map]
pub static CGROUPS: CgroupArray = CgroupArray::with_max_entries(1, 0);

/// The number of losses of each kind, by `lost`.
#[map]
pub static LOST: Array<u64> = Array::with_max_entries(lost::COUNTERS, 0);

/// The number of events of each kind, by `stats`.
#[map]
pub static STATS: Array<u64> = Array::with_max_entries(stats::COUNTERS, 0);

/// Checks as they happen, for `trace` alone. This is not a ring buffer, because that needs Linux
/// 5.8.
#[map]
pub static EVENTS: PerfEventArray<Event> = PerfEventArray::new(0);

/// The threads that are in a system call in which a check was made, by process and thread id.
#[map]
pub static IN_CALL: HashMap<u64, u8> = HashMap::with_max_entries(1 << 12, 0);

/// What user space asks for and has found out.
#[map]
pub static CONFIG: Array<KprobeConfig> = Array::with_max_entries(1, 0);

/// Space for what does not fit on the stack of 512 bytes.
#[map]
pub static SCRATCH: PerCpuArray<Scratch> = PerCpuArray::with_max_entries(1, 0);

/// The number of frames of a walk: that of `cap_capable` itself, and those of a site.
pub const WALKED: usize = FRAMES + 1;

/// The value of `SCRATCH`.
#[repr(C)]
pub struct Scratch {
    /// The result of bpf_get_stack.
    pub walked: [u64; WALKED],
    /// A new call site.
    pub site: Site,
    /// The stack of a program.
    pub user_stack: UserStack,
    /// The progress of reading the path.
    pub climbing: Climbing,
    /// A new path.
    pub path: Path,
    /// Space after the path, for the part of a component that is cut off.
    pub spill: [u8; 256],
}
