//! Signals as the tool finds them.

use nix::Error;
use nix::errno::Errno;
use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};

/// Signals whose being ignored is the caller's own affair: what nohup(1) and a shell's background
/// jobs do. Who may start the tool may also choose not to interrupt it.
const CALLERS: [i32; 3] = [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT];

/// The kernel keeps these two as they are.
const FIXED: [i32; 2] = [libc::SIGKILL, libc::SIGSTOP];

/// The number of signals on every architecture that capwrap is built for (`_NSIG`).
const LAST: i32 = 64;

/// Blocks nothing and ignores nothing but [`CALLERS`], whose handlers exec resets.
pub fn reset() -> Result<(), Error> {
    for signal in (1..=LAST).filter(|signal| !CALLERS.contains(signal) && !FIXED.contains(signal)) {
        set_default(signal)?;
    }
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)
}

/// By the system call itself: the C library hides 32 and 33, which a caller can still ignore.
fn set_default(signal: i32) -> Result<(), Error> {
    // The kernel's own `struct sigaction` differs between architectures in what follows the
    // handler, but nowhere has it more than 32 bytes; all-zero is SIG_DFL, no flags, an empty mask.
    let default = [0u64; 4];
    let no_old: *mut u64 = std::ptr::null_mut();
    let mask_bytes: libc::size_t = 8;
    // SAFETY: the kernel reads one sigaction from `default` and writes nothing.
    let answer = unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, default.as_ptr(), no_old, mask_bytes) };
    Errno::result(answer).map(drop)
}
