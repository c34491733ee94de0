//! What the kprobes keep: the maps of the probe, all allocated ahead. Programs of this type may
//! use no others on some kernels (check_map_prog_compatibility in kernel/bpf/verifier.c), and
//! allocating in them can lock up.

use crate::climbing::Climbing;
use aya_ebpf::macros::map;
use aya_ebpf::maps::{Array, CgroupArray, HashMap, PerCpuArray, PerfEventArray};
use capwrap_ebpf::{Check, Event, Executable, FRAMES, KprobeConfig, Path, Site, Start, Tracked, lost, stats};

/// How often each check was made: the truth.
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

/// Checks that were asked and are not yet answered, by thread: cap_capable does not call itself.
#[map]
pub static ASKED: HashMap<u64, Check> = HashMap::with_max_entries(1 << 12, 0);

/// The command to start with.
#[map]
pub static START: Array<Start> = Array::with_max_entries(1, 0);

/// Processes that the user listed, by thread group id in the user's pid namespace.
#[map]
pub static LISTED: HashMap<u32, u32> = HashMap::with_max_entries(1 << 10, 0);

/// The cgroup of `scope::CGROUP`. What the probe asks for it (bpf_get_current_ancestor_cgroup_id), no
/// kprobe may before Linux 5.15.
#[map]
pub static CGROUPS: CgroupArray = CgroupArray::with_max_entries(1, 0);

/// What could not be kept, by `lost`.
#[map]
pub static LOST: Array<u64> = Array::with_max_entries(lost::COUNTERS, 0);

/// What happened, by `stats`.
#[map]
pub static STATS: Array<u64> = Array::with_max_entries(stats::COUNTERS, 0);

/// Checks as they happen, for `trace` alone. Not the ring of Linux 5.8.
#[map]
pub static EVENTS: PerfEventArray<Event> = PerfEventArray::new(0);

/// What user space asks and knows.
#[map]
pub static CONFIG: Array<KprobeConfig> = Array::with_max_entries(1, 0);

/// Room for what does not fit on the stack of 512 bytes.
#[map]
pub static SCRATCH: PerCpuArray<Scratch> = PerCpuArray::with_max_entries(1, 0);

/// The frames of a walk: `cap_capable` itself, and a site's.
pub const WALKED: usize = FRAMES + 1;

/// See `SCRATCH`.
#[repr(C)]
pub struct Scratch {
    /// What bpf_get_stack says.
    pub walked: [u64; WALKED],
    /// A new call site.
    pub site: Site,
    /// How far the path has come.
    pub climbing: Climbing,
    /// A new path.
    pub path: Path,
    /// Behind the path: a component that is cut off is written up to here.
    pub spill: [u8; 256],
}
