//! The maps of the probe. User space sets the sizes that depend on what is observed.

use crate::climbing::Climbing;
use aya_ebpf::bindings::BPF_F_NO_PREALLOC;
use aya_ebpf::macros::map;
use aya_ebpf::maps::{Array, HashMap, PerCpuArray, RingBuf};
use capwrap_ebpf::{
    Argument, Check, Executable, FILE_BYTES, OwnSets, Path, SYSTEM_CALLS, Site, Start, Tracked, UserStack, lost, stats,
};

/// How often each check was made. These counts are authoritative. The map is not preallocated,
/// because few runs need a hundredth of it.
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

/// How often programs used their own capability sets.
#[map]
pub static OWN_SETS: HashMap<OwnSets, u64> = HashMap::with_max_entries(1 << 12, BPF_F_NO_PREALLOC);

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
pub static LISTED: HashMap<u32, u32> = HashMap::with_max_entries(1 << 10, BPF_F_NO_PREALLOC);

/// The number of losses of each kind, by `lost`.
#[map]
pub static LOST: Array<u64> = Array::with_max_entries(lost::COUNTERS, 0);

/// The number of events of each kind, by `stats`.
#[map]
pub static STATS: Array<u64> = Array::with_max_entries(stats::COUNTERS, 0);

/// Checks as they happen, for `trace` alone.
#[map]
pub static EVENTS: RingBuf = RingBuf::with_byte_size(4096, 0);

/// The threads that are in a system call in which a check was made, by process and thread id.
#[map]
pub static IN_CALL: HashMap<u64, u8> = HashMap::with_max_entries(1 << 14, BPF_F_NO_PREALLOC);

/// Recently seen call sites, by system call and capability; see `site`.
#[map]
pub static KNOWN: PerCpuArray<Known> = PerCpuArray::with_max_entries(KNOWN_SETS, 0);

/// Space for what does not fit on the stack of 512 bytes.
#[map]
pub static SCRATCH: PerCpuArray<Scratch> = PerCpuArray::with_max_entries(1, 0);

/// The number of sets in `KNOWN`, a power of two.
pub const KNOWN_SETS: u32 = 64;
/// The number of call sites in a set.
pub const WAYS: usize = 4;
/// The number of frames that distinguish a known call site from others. In practice a check's path
/// does not have more.
pub const COMPARED: usize = 14;
/// The space for words of the kernel's stack, a power of two.
pub const WORDS: usize = 256;
/// The number of these words that are compared.
pub const SEARCHED: usize = 160;
/// The number of frames of a walk: a power of two, with space for the probe's own frames.
pub const WALKED: usize = 32;
/// The possible numbers of the probe's own frames in a walk: two functions, and what called them.
pub const OWN_FRAMES: core::ops::Range<usize> = 2..5;
/// The first frame outside the probe is within this number of words of the program's arguments.
pub const FIRST_WITHIN: usize = 24;

/// A set of `KNOWN`.
#[repr(C)]
pub struct Known {
    /// The call sites of the set.
    pub ways: [Way; WAYS],
    /// The index of the way to replace next.
    pub next: u64,
    /// The number of bytes of the stack up to the farthest frame.
    pub span: u64,
}

/// A call site, and where its return addresses are on the stack.
#[repr(C)]
pub struct Way {
    /// The system call and the capability, plus 1 so that an unused way matches nothing.
    pub tag: u64,
    /// The key of `SITES`.
    pub site: u64,
    /// The position of each frame on the stack, in words.
    pub places: [u8; 16],
    /// The return address of each frame.
    pub frames: [u64; COMPARED],
}

/// The value of `SCRATCH`.
#[repr(C)]
pub struct Scratch {
    /// The kernel's stack, from the program's arguments outwards.
    pub words: [u64; WORDS],
    /// The result of bpf_get_stack, which begins with the probe's own frames.
    pub walked: [u64; WALKED],
    /// The positions of these frames in `words`.
    pub places: [u8; 16],
    /// The number of bytes up to the last frame found.
    pub span: u64,
    /// The number of bytes of `words` that were read.
    pub window: u64,
    /// The address of the program's arguments.
    pub context: u64,
    /// The progress of finding the frames.
    pub finding: Finding,
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

/// The frames found so far.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Finding {
    /// The first frame outside the probe.
    pub first: u64,
    /// The number of frames found from there on.
    pub found: u64,
    /// The number of frames to find.
    pub wanted: u64,
    /// Not 0 if an address was found in two places.
    pub ambiguous: u64,
    /// The number of frames of the walk without the outermost, including the probe's own.
    pub inner: u64,
    /// The position of the word that was compared last.
    pub place: u64,
}
