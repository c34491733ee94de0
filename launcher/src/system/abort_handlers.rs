//! Rust has its own way to end a process that is out of memory or that panics. These handlers make
//! both end as a refusal does: capwrap prints one line, exits with 125, and runs nothing.

use crate::refusal::REFUSED;
use std::alloc::{GlobalAlloc, Layout, System};

/// The C library's allocator. It never returns null: if memory runs out, the process exits.
pub struct OrExit;

// SAFETY: every call passes the caller's own arguments to `System` and returns its result, except
// for null: on null the process exits.
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

/// A panic is a defect of capwrap. The handler says so, and capwrap runs nothing.
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
