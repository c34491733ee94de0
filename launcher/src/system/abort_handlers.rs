//! The two ends that Rust would make in its own way, out of memory and a panic, end like every
//! refusal: one line, exit 125, nothing run.

use crate::refusal::REFUSED;
use std::alloc::{GlobalAlloc, Layout, System};

/// The C library's allocator, which never answers with nothing.
pub struct OrExit;

// SAFETY: every call goes to `System` with the caller's own arguments, and what it answers is
// passed on, but for null, which is never returned.
unsafe impl GlobalAlloc for OrExit {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps GlobalAlloc's contract, which is System's.
        or_exit(unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        or_exit(unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        or_exit(unsafe { System.realloc(block, layout, size) })
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }
}

fn or_exit(block: *mut u8) -> *mut u8 {
    if block.is_null() {
        say_and_exit(b"capwrap: cannot start: out of memory\n");
    }
    block
}

/// A panic is a defect of capwrap. It is said so, and nothing is run.
pub fn end_panics_in_refusals() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or(String::new(), |place| format!(" at {}:{}", place.file(), place.line()));
        say_and_exit(format!("capwrap: a defect of capwrap{place}; nothing was run\n").as_bytes());
    }));
}

fn say_and_exit(line: &[u8]) -> ! {
    // SAFETY: write(2) reads `line.len()` bytes of `line`; _exit(2) does not return.
    unsafe {
        libc::write(2, line.as_ptr().cast(), line.len());
        libc::_exit(i32::from(REFUSED))
    }
}
