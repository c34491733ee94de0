//! Counts checks, losses, and what happened.

use crate::maps::{COUNTS, LOST, STATS};
use aya_ebpf::bindings::BPF_NOEXIST;
use capwrap_ebpf::{Check, lost};

/// Counts a check.
#[inline(always)]
pub fn count(check: &Check) {
    if let Some(times) = COUNTS.get_ptr_mut(check) {
        add_one(times);
        return;
    }
    // Another CPU may have inserted it meanwhile. Then the lookup below finds it.
    let _ = COUNTS.insert(check, 0, BPF_NOEXIST.into());
    match COUNTS.get_ptr_mut(check) {
        Some(times) => add_one(times),
        None => lose(lost::CHECKS),
    }
}

/// Adds one to a counter. Another CPU may do the same at the same time. The BPF target has no
/// fetch_add, so the instruction is written out.
#[inline(always)]
pub fn add_one(counter: *mut u64) {
    // SAFETY: the pointer is that of a map's value, is not null, and the value has eight bytes.
    unsafe { core::arch::asm!("lock *(u64 *)({0} + 0) += {1}", in(reg) counter, in(reg) 1_u64) };
}

/// Counts a loss.
#[inline(always)]
pub fn lose(what: u32) {
    if let Some(counter) = LOST.get_ptr_mut(what) {
        add_one(counter);
    }
}

/// Counts what happened.
#[inline(always)]
pub fn happened(what: u32) {
    if let Some(counter) = STATS.get_ptr_mut(what) {
        add_one(counter);
    }
}
