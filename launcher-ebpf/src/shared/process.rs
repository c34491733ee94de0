//! Follows processes, from the command's own exec through every fork.

use crate::counting::{happened, lose};
use crate::executable;
use crate::ids;
use crate::kernel::{Address, load, offset, peek, setting};
use crate::maps::{LISTED, START, TRACKED};
use aya_ebpf::bindings::bpf_pidns_info;
use aya_ebpf::helpers::{bpf_get_current_pid_tgid, generated};
use capwrap_ebpf::{Ids, Tracked, lost, stats};

/// Returns the running process's id in user space's pid namespace, or 0 if the process is outside
/// it.
#[inline(always)]
pub fn own_id() -> u32 {
    let mut ids = bpf_pidns_info { pid: 0, tgid: 0 };
    // SAFETY: the record has the size that is passed. On a failure the helper leaves zeroes.
    unsafe {
        generated::bpf_get_ns_current_pid_tgid(
            setting!(pid_namespace_device),
            setting!(pid_namespace_inode),
            &raw mut ids,
            size_of::<bpf_pidns_info>() as u32,
        );
    }
    ids.tgid
}

/// Handles a new task. A child of a process that is followed is followed too; a new thread belongs
/// to its process.
#[inline(always)]
pub fn forked(child: Address) {
    let process: u32 = load(child, offset!(task_tgid));
    if process != load::<u32>(child, offset!(task_pid)) {
        return;
    }
    let parent = (bpf_get_current_pid_tgid() >> 32) as u32;
    if let Some(parent) = TRACKED.get_ptr(parent) {
        // SAFETY: the pointer is not null.
        let parent = unsafe { &*parent };
        track(process, Tracked { leader: child as u64, ..*parent });
    } else if setting!(follow) != 0 && LISTED.get_ptr(own_id()).is_some() {
        track(process, new(child));
    } else {
        // A followed process that has ended may have had this number.
        let _ = TRACKED.remove(process);
    }
}

/// Handles an exec. The exec of the command starts the observation.
#[inline(always)]
pub fn executed(task: Address) {
    let process: u32 = load(task, offset!(task_tgid));
    let leader: u64 = peek(task, offset!(task_group_leader)).unwrap_or(0);
    if let Some(tracked) = TRACKED.get_ptr_mut(process) {
        // SAFETY: the pointer is not null, and an exec ends all other threads of the process.
        let tracked = unsafe { &mut *tracked };
        tracked.executable = executable::current();
        ids::executed(&mut tracked.ids);
        happened(stats::EXECS);
        return;
    }
    let Some(start) = START.get_ptr_mut(0) else { return };
    // SAFETY: the pointer is not null, and nothing else writes to the value once it is set.
    let start = unsafe { &mut *start };
    if start.process == 0 || start.process != own_id() {
        return;
    }
    if start.execs > 1 {
        start.execs -= 1;
        return;
    }
    start.process = 0;
    track(process, Tracked { leader, ..new(task) });
}

/// Handles the end of a thread: its ids are compared for the last time.
#[inline(always)]
pub fn ended(task: Address) {
    let Some(tracked) = TRACKED.get_ptr(load::<u32>(task, offset!(task_tgid))) else { return };
    // SAFETY: the pointer is not null.
    let tracked = unsafe { &*tracked };
    ids::compare(&own_ids(task), &tracked.ids);
}

/// Handles a task that is gone. If the task was the group's leader, and its number has not been
/// given to another process by now, the process is gone too.
#[inline(always)]
pub fn freed(task: Address) {
    let process: u32 = load(task, offset!(task_tgid));
    let Some(tracked) = TRACKED.get_ptr(process) else { return };
    // SAFETY: the pointer is not null.
    if unsafe { (*tracked).leader } == task as u64 {
        let _ = TRACKED.remove(process);
    }
}

#[inline(always)]
fn track(process: u32, tracked: Tracked) {
    if TRACKED.insert(process, tracked, 0).is_ok() { happened(stats::PROCESSES) } else { lose(lost::PROCESSES) }
}

#[inline(always)]
fn new(task: Address) -> Tracked {
    Tracked { leader: task as u64, executable: executable::current(), ids: own_ids(task) }
}

/// Returns the ids of a task's own credentials.
#[inline(always)]
fn own_ids(task: Address) -> Ids {
    let credentials: usize = peek(task, offset!(task_real_cred)).unwrap_or(0);
    ids::of(credentials as Address)
}
