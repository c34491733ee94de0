//! Reports how system calls end in which checks were made.

use crate::kernel::{Address, peek, setting};
use crate::maps::IN_CALL;
use aya_ebpf::helpers::{bpf_get_current_pid_tgid, bpf_ktime_get_ns};
use capwrap_ebpf::Outcome;

/// Waits for the end of the system call that this thread is in. If there is no space, the outcome
/// stays unknown.
#[inline(always)]
pub fn expect(ids: u64) {
    let _ = IN_CALL.insert(ids, 1, 0);
}

/// Handles the end of a system call. Returns its outcome if a check was made in it. `registers` are
/// those with which the task returns.
#[inline(always)]
pub fn ended(registers: Address, returned: i64) -> Option<Outcome> {
    let ids = bpf_get_current_pid_tgid();
    IN_CALL.get_ptr(ids)?;
    let _ = IN_CALL.remove(ids);
    let places = setting!(registers);
    let argument = |place: u32| peek::<u64>(registers, place & 0xfff).unwrap_or_default();
    Some(Outcome {
        // SAFETY: the helper has no precondition.
        time: unsafe { bpf_ktime_get_ns() },
        returned,
        arguments: [
            argument(places[0]),
            argument(places[1]),
            argument(places[2]),
            argument(places[3]),
            argument(places[4]),
            argument(places[5]),
        ],
        thread: ids as u32,
        zero: 0,
    })
}

/// Handles the end of a thread, which leaves its last system call without an outcome.
#[inline(always)]
pub fn forget() {
    if setting!(outcomes) != 0 {
        let _ = IN_CALL.remove(bpf_get_current_pid_tgid());
    }
}
