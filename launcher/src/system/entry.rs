//! Where the C library enters the program.
//!
//! Rust's own entry would first make fourteen system calls that can fail in ways of their own, read
//! `/proc/self/maps`, and ignore SIGPIPE for whatever is executed later. None of that is wanted
//! here: the first call is the launcher's own, and each of its failures is a refusal.

use super::abort_handlers::OrExit;

#[global_allocator]
static ALLOCATOR: OrExit = OrExit;

// SAFETY: this is the one `main` of the program, with the signature that the C library calls. It
// takes the arguments as none of its own: std has had them from the C library already.
#[unsafe(no_mangle)]
extern "C" fn main() -> libc::c_int {
    crate::start().into()
}
