//! What the probe keeps. User space sets the sizes that depend on what is asked.

use crate::climbing::Climbing;
use aya_ebpf::bindings::BPF_F_NO_PREALLOC;
use aya_ebpf::macros::map;
use aya_ebpf::maps::{Array, HashMap, PerCpuArray, RingBuf};
use capwrap_ebpf::{Check, Executable, Path, Site, Start, Tracked, lost, stats};

/// How often each check was made: the truth. Not allocated ahead, as few runs need a hundredth.
#[map]
pub static COUNTS: HashMap<Check, u64> = HashMap::with_max_entries(1 << 19, BPF_F_NO_PREALLOC);

/// The processes that are followed, by thread group id.
#[map]
pub static TRACKED: HashMap<u32, Tracked> = HashMap::with_max_entries(1 << 17, BPF_F_NO_PREALLOC);

/// Kernel stacks, by a digest of their frames.
#[map]
pub static SITES: HashMap<u64, Site> = HashMap::with_max_entries(1 << 14, BPF_F_NO_PREALLOC);

/// The paths of executables.
#[map]
pub static EXECUTABLES: HashMap<Executable, Path> = HashMap::with_max_entries(1 << 14, BPF_F_NO_PREALLOC);

/// The command to start with.
#[map]
pub static START: Array<Start> = Array::with_max_entries(1, 0);

/// Processes that the user listed, by thread group id in the user's pid namespace.
#[map]
pub static LISTED: HashMap<u32, u32> = HashMap::with_max_entries(1 << 10, BPF_F_NO_PREALLOC);

/// What could not be kept, by `lost`.
#[map]
pub static LOST: Array<u64> = Array::with_max_entries(lost::COUNTERS, 0);

/// What happened, by `stats`.
#[map]
pub static STATS: Array<u64> = Array::with_max_entries(stats::COUNTERS, 0);

/// Checks as they happen, for `trace` alone.
#[map]
pub static EVENTS: RingBuf = RingBuf::with_byte_size(4096, 0);

/// Call sites met lately, by system call and capability; see `site`.
#[map]
pub static KNOWN: PerCpuArray<Known> = PerCpuArray::with_max_entries(KNOWN_SETS, 0);

/// Room for what does not fit on the stack of 512 bytes.
#[map]
pub static SCRATCH: PerCpuArray<Scratch> = PerCpuArray::with_max_entries(1, 0);

/// The sets of `KNOWN`: a power of two.
pub const KNOWN_SETS: u32 = 64;
/// The call sites that a set holds.
pub const WAYS: usize = 4;
/// The frames that distinguish a known call site from others: as many as a check's path has in practice.
pub const COMPARED: usize = 14;
/// Room for the words of the kernel's stack: a power of two.
pub const WORDS: usize = 256;
/// Those of them that are compared.
pub const SEARCHED: usize = 160;
/// The frames of a walk: a power of two, with room for the probe's own.
pub const WALKED: usize = 32;
/// So many frames of a walk are the probe's own: two functions, and what called them.
pub const OWN_FRAMES: core::ops::Range<usize> = 2..5;
/// The first frame outside the probe lies within so many words of the program's arguments.
pub const FIRST_WITHIN: usize = 24;

/// A set of `KNOWN`.
#[repr(C)]
pub struct Known {
    /// The ways themselves.
    pub ways: [Way; WAYS],
    /// The way to give up next.
    pub next: u64,
    /// The bytes of the stack up to the farthest frame.
    pub span: u64,
}

/// A call site, and where on the stack its return addresses lie.
#[repr(C)]
pub struct Way {
    /// The system call and the capability, and 1 so that an unused way matches nothing.
    pub tag: u64,
    /// The key of `SITES`.
    pub site: u64,
    /// Each frame's place, in words.
    pub places: [u8; 16],
    /// Each frame's return address.
    pub frames: [u64; COMPARED],
}

/// See `SCRATCH`.
#[repr(C)]
pub struct Scratch {
    /// The kernel's stack, from the program's arguments outwards.
    pub words: [u64; WORDS],
    /// What bpf_get_stack says: the probe's own frames first.
    pub walked: [u64; WALKED],
    /// Where they were found among `words`.
    pub places: [u8; 16],
    /// The bytes up to the last frame found.
    pub span: u64,
    /// The bytes of `words` that were read.
    pub window: u64,
    /// Where the program's arguments lie.
    pub context: u64,
    /// How far finding them has come.
    pub finding: Finding,
    /// A new call site.
    pub site: Site,
    /// How far the path has come.
    pub climbing: Climbing,
    /// A new path.
    pub path: Path,
    /// Behind the path: a component that is cut off is written up to here.
    pub spill: [u8; 256],
}

/// The frames found so far.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Finding {
    /// The first frame outside the probe.
    pub first: u64,
    /// How many are found from there on.
    pub found: u64,
    /// How many are to be found.
    pub wanted: u64,
    /// Not 0 where an address stood in two places.
    pub ambiguous: u64,
    /// The frames of the walk but for the outermost, the probe's own included.
    pub inner: u64,
    /// The word that was compared last.
    pub place: u64,
}
