//! Which processes are followed: from the command's own exec through every fork.

use crate::counting::{happened, lose};
use crate::executable;
use crate::ids;
use crate::kernel::{Address, load, offset, peek, setting};
use crate::maps::{LISTED, START, TRACKED};
use aya_ebpf::bindings::bpf_pidns_info;
use aya_ebpf::helpers::{bpf_get_current_pid_tgid, generated};
use capwrap_ebpf::{Ids, Tracked, lost, stats};

/// The running process's id as user space knows it: in user space's pid namespace; 0 outside it.
#[inline(always)]
pub fn own_id() -> u32 {
    let mut ids = bpf_pidns_info { pid: 0, tgid: 0 };
    // SAFETY: the record is as large as is said. Where it fails it leaves zeroes.
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

/// A new task: a child of one that is followed is followed, its threads are the process itself.
#[inline(always)]
pub fn forked(child: Address) {
    let process: u32 = load(child, offset!(task_tgid));
    if process != load::<u32>(child, offset!(task_pid)) {
        return;
    }
    let parent = (bpf_get_current_pid_tgid() >> 32) as u32;
    if let Some(parent) = TRACKED.get_ptr(parent) {
        // SAFETY: checked not to be null.
        let parent = unsafe { &*parent };
        track(process, Tracked { leader: child as u64, ..*parent });
    } else if setting!(follow) != 0 && LISTED.get_ptr(own_id()).is_some() {
        track(process, new(child));
    } else {
        // The number may have been that of one that ended.
        let _ = TRACKED.remove(process);
    }
}

/// An exec: that of the command starts it all.
#[inline(always)]
pub fn executed(task: Address) {
    let process: u32 = load(task, offset!(task_tgid));
    let leader: u64 = peek(task, offset!(task_group_leader)).unwrap_or(0);
    if let Some(tracked) = TRACKED.get_ptr_mut(process) {
        // SAFETY: checked not to be null; an exec ends all other threads of the process.
        let tracked = unsafe { &mut *tracked };
        tracked.executable = executable::current();
        ids::executed(&mut tracked.ids);
        return;
    }
    let Some(start) = START.get_ptr_mut(0) else { return };
    // SAFETY: checked not to be null. Nobody else writes once it is set.
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

/// A thread ends: its ids are compared for the last time.
#[inline(always)]
pub fn ended(task: Address) {
    let Some(tracked) = TRACKED.get_ptr(load::<u32>(task, offset!(task_tgid))) else { return };
    // SAFETY: checked not to be null.
    let tracked = unsafe { &*tracked };
    ids::compare(&own_ids(task), &tracked.ids);
}

/// A task is gone. The process with it if it was the group's leader, and if the number has not been
/// given to another by now.
#[inline(always)]
pub fn freed(task: Address) {
    let process: u32 = load(task, offset!(task_tgid));
    let Some(tracked) = TRACKED.get_ptr(process) else { return };
    // SAFETY: checked not to be null.
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

/// The ids of a task's own credentials.
#[inline(always)]
fn own_ids(task: Address) -> Ids {
    let credentials: usize = peek(task, offset!(task_real_cred)).unwrap_or(0);
    ids::of(credentials as Address)
}
