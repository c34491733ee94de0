//! Interval timers, which a caller can leave running for everything that it executes (setitimer(2)). Timers of
//! timer_create(2) end at exec.

use nix::Error;
use nix::errno::Errno;

const TIMERS: [libc::c_int; 3] = [libc::ITIMER_REAL, libc::ITIMER_VIRTUAL, libc::ITIMER_PROF];

/// Stops all three. A signal that one of them has sent already is delivered like every pending signal.
pub fn stop() -> Result<(), Error> {
    let never = libc::timeval { tv_sec: 0, tv_usec: 0 };
    let stopped = libc::itimerval { it_interval: never, it_value: never };
    for timer in TIMERS {
        // By the system call itself: the C libraries disagree about the type of `timer`.
        // SAFETY: the kernel reads one itimerval from `stopped`, which has its layout on 64-bit machines, and writes
        // nothing.
        let answer = unsafe {
            libc::syscall(libc::SYS_setitimer, timer, &raw const stopped, std::ptr::null_mut::<libc::itimerval>())
        };
        Errno::result(answer)?;
    }
    Ok(())
}
