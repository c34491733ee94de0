//! The entry point that the C library calls.
//!
//! Rust's own entry point would first make fourteen system calls, each of which can fail in its own
//! way, read `/proc/self/maps`, and ignore SIGPIPE for the program that capwrap executes later. The
//! launcher wants none of that: here the first system call is its own, and each failure is a
//! refusal.

use super::abort_handlers::OrExit;

#[global_allocator]
static ALLOCATOR: OrExit = OrExit;

// SAFETY: this is the only `main` of the program, with the signature that the C library calls. It
// declares no parameters, because std has already received the arguments from the C library.
#[unsafe(no_mangle)]
extern "C" fn main() -> libc::c_int {
    crate::start().into()
}
