//! The arguments of the process. Where the C library is glibc, std knows them too, because glibc passes them to what runs
//! before main. musl does not.

use std::ffi::{CStr, OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicPtr, Ordering};

/// `argv` as the kernel made it.
static ARGV: AtomicPtr<*const libc::c_char> = AtomicPtr::new(std::ptr::null_mut());

/// Keeps what `main` was called with.
///
/// # Safety
/// `argv` is an array of C strings that ends in a null pointer, and nobody changes either while the process lives.
pub unsafe fn keep(argv: *mut *const libc::c_char) {
    ARGV.store(argv, Ordering::Relaxed);
}

/// Returns the arguments, the process's own name first.
pub fn all() -> Vec<OsString> {
    let mut next = ARGV.load(Ordering::Relaxed);
    let mut all = Vec::new();
    while !next.is_null() {
        // SAFETY: `next` points into `argv`, which ends in a null pointer and lives as long as the process. Nothing
        // writes to it.
        let argument = unsafe { *next };
        if argument.is_null() {
            break;
        }
        // SAFETY: every pointer of `argv` before its end is a C string, which lives as long as the process.
        all.push(OsStr::from_bytes(unsafe { CStr::from_ptr(argument) }.to_bytes()).to_owned());
        // SAFETY: the end of `argv` is behind this element, because this one was not null.
        next = unsafe { next.add(1) };
    }
    all
}
