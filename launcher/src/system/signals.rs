//! The signal dispositions and the signal mask that the tool starts with.

use nix::Error;
use nix::errno::Errno;
use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};

/// The caller may ignore these signals, as nohup(1) and a shell's background jobs do. A user who
/// may start the tool may also choose not to interrupt it.
const CALLERS: [i32; 3] = [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT];

/// The kernel does not let a process change these two.
const FIXED: [i32; 2] = [libc::SIGKILL, libc::SIGSTOP];

/// The number of signals on every architecture that capwrap is built for (`_NSIG`).
const LAST: i32 = 64;

/// Unblocks all signals, and sets all except [`CALLERS`] to their default action. Exec resets the
/// handlers of those.
pub fn reset() -> Result<(), Error> {
    for signal in (1..=LAST).filter(|signal| !CALLERS.contains(signal) && !FIXED.contains(signal)) {
        set_default(signal)?;
    }
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)
}

/// Does the same and leaves nothing of the caller's, for a launch whose caller is not the user that the tool runs as.
pub fn reset_all() -> Result<(), Error> {
    CALLERS.into_iter().try_for_each(set_default)?;
    reset()
}

/// Uses the system call itself, because the C library hides signals 32 and 33, which a caller can
/// still ignore.
fn set_default(signal: i32) -> Result<(), Error> {
    // What follows the handler in the kernel's own `struct sigaction` differs between
    // architectures, but the struct never has more than 32 bytes. All zeros mean SIG_DFL, no flags
    // and an empty mask.
    let default = [0u64; 4];
    let no_old: *mut u64 = std::ptr::null_mut();
    let mask_bytes: libc::size_t = 8;
    // SAFETY: the kernel reads one sigaction from `default` and writes nothing.
    let answer = unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, default.as_ptr(), no_old, mask_bytes) };
    Errno::result(answer).map(drop)
}
