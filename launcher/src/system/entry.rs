//! The entry point that the C library calls.
//!
//! Rust's own entry point would first make fourteen system calls, each of which can fail in its own
//! way, read `/proc/self/maps`, and ignore SIGPIPE for the program that capwrap executes later. The
//! launcher wants none of that: here the first system call is its own, and each failure is a
//! refusal.

use super::allocator::Allocator;
use super::arguments;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator::new();

// SAFETY: this is the only `main` of the program, with the signature that the C library calls.
#[unsafe(no_mangle)]
extern "C" fn main(_argc: libc::c_int, argv: *mut *const libc::c_char) -> libc::c_int {
    // glibc does this itself before main.
    #[cfg(target_env = "musl")]
    super::relocated_data::make_read_only();
    // SAFETY: the C library passes the array that the kernel made.
    unsafe { arguments::keep(argv) };
    crate::start().into()
}
