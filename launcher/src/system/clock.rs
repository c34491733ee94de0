//! The time of day.

use nix::Error;
use nix::errno::Errno;
use std::time::Duration;

/// Returns the time since 1970. This is the bare call, because the C library would first look for the kernel's own code for
/// it, and that is mapped (vdso(7)), which takes longer than the one call.
///
/// # Errors
/// ERANGE before 1970.
pub fn since_1970() -> Result<Duration, Error> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes a time to the variable, which outlives the call.
    Errno::result(unsafe { libc::syscall(libc::SYS_clock_gettime, libc::CLOCK_REALTIME, &raw mut time) })?;
    match (time.tv_sec.try_into(), time.tv_nsec.try_into()) {
        (Ok(seconds), Ok(nanoseconds)) => Ok(Duration::new(seconds, nanoseconds)),
        _ => Err(Errno::ERANGE),
    }
}
