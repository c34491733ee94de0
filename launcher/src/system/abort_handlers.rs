//! Rust has its own way to end a process that is out of memory or that panics. These handlers make
//! both end as a refusal does: capwrap prints one line, exits with 125, and runs nothing.

use crate::refusal::REFUSED;

/// Passes on what an allocator found. If it found nothing, memory ran out.
pub fn or_exit(block: *mut u8) -> *mut u8 {
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

/// Prints the line, which is a refusal, and ends the process.
pub fn say_and_exit(line: &[u8]) -> ! {
    // SAFETY: write(2) reads `line.len()` bytes of `line`; _exit(2) does not return.
    unsafe {
        libc::write(2, line.as_ptr().cast(), line.len());
        libc::_exit(i32::from(REFUSED))
    }
}
