//! Reads the stack of the program that made a check necessary.

use crate::maps::SCRATCH;
use aya_ebpf::EbpfContext;
use aya_ebpf::bindings::{BPF_F_USER_BUILD_ID, BPF_F_USER_STACK};
use aya_ebpf::helpers::generated::bpf_get_stack;
use capwrap_ebpf::UserStack;

/// Returns the stack of the running thread. It has no frames if the thread has no program's memory.
#[inline(always)]
pub fn of(context: &impl EbpfContext, time: u64, thread: u32) -> Option<&'static mut UserStack> {
    let scratch = SCRATCH.get_ptr_mut(0)?;
    // SAFETY: the pointer is not null, and the value is this CPU's alone while the program runs.
    let stack = unsafe { &mut (*scratch).user_stack };
    let words = (&raw mut stack.frames).cast::<u64>();
    for at in 0..size_of_val(&stack.frames) / 8 {
        // SAFETY: the word is within the array, which is aligned. The write is volatile, because
        // otherwise the compiler makes it a call for each byte.
        unsafe { words.add(at).write_volatile(0) };
    }
    stack.time = time;
    stack.thread = thread;
    stack.zero = 0;
    // SAFETY: the array has this many bytes. On a failure the helper leaves zeroes.
    unsafe {
        let bytes = size_of_val(&stack.frames) as u32;
        bpf_get_stack(context.as_ptr(), words.cast(), bytes, u64::from(BPF_F_USER_STACK | BPF_F_USER_BUILD_ID));
    }
    Some(stack)
}
