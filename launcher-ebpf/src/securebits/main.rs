//! Reads the securebits of a process or thread, which the kernel shows in no file.
//!
//! The program is not attached to anything. User space runs it once for each process or thread
//! (BPF_PROG_TEST_RUN, Linux 5.10), in a process of its own that has opened the directory under
//! `/proc`. From this descriptor the program reaches the directory's `struct pid` and from there
//! the task. This takes no walk through lists, and it works in any pid namespace.
#![no_std]
#![no_main]

use aya_ebpf::helpers::{bpf_get_current_task, bpf_probe_read_kernel};
use aya_ebpf::programs::RawTracePointContext;
use capwrap_ebpf::SECUREBITS_KNOWN;
use core::ffi::c_void;

/// The returned value is the answer. (The library's attribute for such programs always returns 0.)
#[unsafe(link_section = "raw_tp")]
#[unsafe(no_mangle)]
extern "C" fn securebits(context: *mut c_void) -> u32 {
    read(&RawTracePointContext::new(context)).map_or(0, |bits| bits | SECUREBITS_KNOWN)
}

/// Follows the offsets to the securebits. The arguments are the descriptor and then the offsets, in
/// the order in which this function uses them.
fn read(context: &RawTracePointContext) -> Option<u32> {
    // SAFETY: bpf_get_current_task takes no arguments and cannot fail.
    let own = unsafe { bpf_get_current_task() };
    let files = at(own, context.arg::<u64>(1))?;
    let table = at(files, context.arg::<u64>(2))?;
    let descriptors = at(table, context.arg::<u64>(3))?;
    let file = at(descriptors, context.arg::<u64>(0).wrapping_mul(8))?;
    let inode = at(file, context.arg::<u64>(4))?;
    // An inode of proc(5) is a part of a `struct proc_inode`, so the offset leads from one of its
    // members to another.
    let pid = at(inode, context.arg::<u64>(5))?;
    let link = at(pid, context.arg::<u64>(6))?;
    let task = link.wrapping_sub(context.arg::<u64>(7));
    let credentials = at(task, context.arg::<u64>(8))?;
    // SAFETY: the helper copies, and fails if there is nothing to copy.
    unsafe { bpf_probe_read_kernel(credentials.wrapping_add(context.arg::<u64>(9)) as *const u32) }.ok()
}

/// Returns the pointer at this offset, or `None` if it is null. It is null in the list of a pid
/// without a task.
fn at(base: u64, offset: u64) -> Option<u64> {
    // SAFETY: the helper copies, and fails if there is nothing to copy.
    let pointer: u64 = unsafe { bpf_probe_read_kernel(base.wrapping_add(offset) as *const u64) }.ok()?;
    (pointer != 0).then_some(pointer)
}

#[cfg(not(test))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}

// The kernel lets only programs under a licence that it accepts as GPL read its memory.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
