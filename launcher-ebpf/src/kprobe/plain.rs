//! Follows processes without the kernel's types, using only the tracepoints' own fields. An
//! executable is known by the name that exec was given; for a script this is the script's name.

use crate::counting::{happened, lose};
use crate::ids;
use crate::kernel::{given, place, setting};
use crate::maps::{EXECUTABLES, LISTED, SCRATCH, START, TRACKED};
use aya_ebpf::EbpfContext;
use aya_ebpf::bindings::BPF_NOEXIST;
use aya_ebpf::helpers::{bpf_get_current_pid_tgid, bpf_get_current_uid_gid, generated};
use capwrap_ebpf::{DEVICE_BY_NAME, Executable, Ids, Tracked, lost, stats};

/// The executable of a process whose exec was not seen.
pub const UNKNOWN: Executable = Executable { inode: 0, device: DEVICE_BY_NAME };

/// The number of bytes of a name that are kept, including the NUL.
const NAME_BYTES: usize = 256;

/// The flag is defined in include/uapi/linux/sched.h.
const CLONE_THREAD: u32 = 0x10000;

// Here `Tracked::leader` is not an address. It says whether the group's leader has ended: only then
// does the process end with the leader.
const LIVES: u64 = 0;
const ENDED: u64 = 1;

/// Handles a new task. A child of a process that is followed is followed too; a new thread belongs
/// to its process.
#[inline(always)]
pub fn forked(context: &impl EbpfContext) {
    if given::<u32>(context, place!(fork_flags)) & CLONE_THREAD != 0 {
        return;
    }
    let child: u32 = given(context, place!(fork_process));
    let parent = own_id();
    if let Some(parent) = TRACKED.get_ptr(parent) {
        // SAFETY: the pointer is not null.
        let parent = unsafe { &*parent };
        track(child, Tracked { leader: LIVES, ..*parent });
    } else if setting!(follow) != 0 && LISTED.get_ptr(parent).is_some() {
        track(child, new(UNKNOWN));
    } else {
        // A followed process that has ended may have had this number.
        let _ = TRACKED.remove(child);
    }
}

/// Handles an exec. The exec of the command starts the observation.
#[inline(always)]
pub fn executed(context: &impl EbpfContext) {
    let process = own_id();
    if let Some(tracked) = TRACKED.get_ptr_mut(process) {
        // SAFETY: the pointer is not null, and an exec ends all other threads of the process.
        let tracked = unsafe { &mut *tracked };
        tracked.executable = executable(context, tracked.executable);
        // If a thread other than the leader executes, the leader has ended and this thread takes
        // its place.
        tracked.leader = LIVES;
        happened(stats::EXECS);
        return;
    }
    let Some(start) = START.get_ptr_mut(0) else { return };
    // SAFETY: the pointer is not null, and nothing else writes to the value once it is set.
    let start = unsafe { &mut *start };
    if start.process == 0 || start.process != process {
        return;
    }
    if start.execs > 1 {
        start.execs -= 1;
        return;
    }
    start.process = 0;
    track(process, new(executable(context, UNKNOWN)));
}

/// Handles the end of a thread: its ids are compared for the last time.
#[inline(always)]
pub fn ended() {
    let ids = bpf_get_current_pid_tgid();
    let process = (ids >> 32) as u32;
    let Some(tracked) = TRACKED.get_ptr_mut(process) else { return };
    // SAFETY: the pointer is not null.
    let tracked = unsafe { &mut *tracked };
    if ids as u32 == process {
        tracked.leader = ENDED;
    }
    ids::compare(&self::ids(), &tracked.ids);
}

/// Handles a task that is gone. If the task was the group's leader, and its number has not been
/// given to another process by now, the process is gone too.
#[inline(always)]
pub fn freed(context: &impl EbpfContext) {
    let process: u32 = given(context, place!(free_process));
    let Some(tracked) = TRACKED.get_ptr(process) else { return };
    // SAFETY: the pointer is not null.
    if unsafe { (*tracked).leader } == ENDED {
        let _ = TRACKED.remove(process);
    }
}

/// Returns the real user and group ids, and uses them for all ids, because no helper returns the
/// others.
#[inline(always)]
pub fn ids() -> Ids {
    let ids = bpf_get_current_uid_gid();
    let (user, group) = (ids as u32, (ids >> 32) as u32);
    Ids { uid: user, gid: group, suid: user, sgid: group, euid: user, egid: group, fsuid: user, fsgid: group }
}

#[inline(always)]
fn own_id() -> u32 {
    (bpf_get_current_pid_tgid() >> 32) as u32
}

#[inline(always)]
fn track(process: u32, tracked: Tracked) {
    if TRACKED.insert(process, tracked, 0).is_ok() { happened(stats::PROCESSES) } else { lose(lost::PROCESSES) }
}

#[inline(always)]
fn new(executable: Executable) -> Tracked {
    Tracked { leader: LIVES, executable, ids: ids() }
}

/// `/proc/self/exe`
const ITSELF: [u64; 2] = [u64::from_le_bytes(*b"/proc/se"), u64::from_le_bytes(*b"lf/exe\0\0")];

/// Returns the executable, by the name that exec was given. `before` is the executable that calls
/// exec.
#[inline(always)]
fn executable(context: &impl EbpfContext, before: Executable) -> Executable {
    let Some(scratch) = SCRATCH.get_ptr_mut(0) else { return UNKNOWN };
    // SAFETY: the pointer is not null, and the value is this CPU's alone while the program runs.
    let path = unsafe { &mut (*scratch).path };
    let words = (&raw mut path.components).cast::<u64>();
    for at in 0..NAME_BYTES / 8 {
        // SAFETY: the word is within the array, which is aligned because the length before it is.
        // The write is volatile, because otherwise the compiler makes it a call for each byte.
        unsafe { words.add(at).write_volatile(0) };
    }
    // The field is a __data_loc: its lower half is the offset, its upper half the length.
    let place: u32 = given(context, place!(exec_name));
    let name = context.as_ptr().cast_const().wrapping_byte_add((place & 0xffff) as usize);
    // SAFETY: the array has at least this many bytes, and the helper returns an error for a bad
    // address.
    let length = unsafe { generated::bpf_probe_read_str(words.cast(), NAME_BYTES as u32, name) };
    if length <= 0 {
        lose(lost::EXECUTABLES);
        return UNKNOWN;
    }
    // SAFETY: as above.
    if unsafe { words.read_volatile() == ITSELF[0] && words.add(1).read_volatile() == ITSELF[1] } {
        return before;
    }
    let mut digest = 0xcbf2_9ce4_8422_2325_u64;
    for at in 0..NAME_BYTES / 8 {
        // SAFETY: as above.
        digest = (digest ^ unsafe { words.add(at).read_volatile() }).wrapping_mul(0x0000_0100_0000_01b3);
        digest ^= digest >> 29;
    }
    path.length = length as u64;
    path.whole = 1;
    let executable = Executable { inode: digest | 1, device: DEVICE_BY_NAME };
    if EXECUTABLES.get_ptr(executable).is_none()
        && EXECUTABLES.insert(executable, &*path, BPF_NOEXIST.into()).is_err()
        // The entry that another CPU inserted is the same.
        && EXECUTABLES.get_ptr(executable).is_none()
    {
        lose(lost::EXECUTABLES);
    }
    executable
}
