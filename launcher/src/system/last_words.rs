//! The two ends that Rust would make in its own way, out of memory and a panic, end like every
//! refusal: one line, exit 125, nothing run.

use crate::refusal::REFUSED;

/// There is no memory for as much as an error message.
pub fn out_of_memory() -> ! {
    say_and_exit(b"capwrap: cannot start: out of memory\n")
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
