//! The session of the process, and the terminals that it can reach.

use nix::errno::Errno;
use nix::unistd::{Pid, getpid, getsid};
use std::os::fd::RawFd;

/// Whether the process leads its session, so that no process of an earlier one is in it.
pub fn is_led_by_this_process() -> bool {
    getsid(None) == Ok(getpid())
}

/// A standard descriptor that is a terminal of another session; `None` where there is none.
pub fn shared_terminal() -> Option<RawFd> {
    (0..=2).find(|descriptor| is_terminal(*descriptor) && session_of(*descriptor) != Some(getpid()))
}

fn is_terminal(descriptor: RawFd) -> bool {
    // SAFETY: isatty(3) asks about a number and keeps no pointer.
    unsafe { libc::isatty(descriptor) == 1 }
}

/// The leader of the session whose controlling terminal it is. The kernel answers only where that is the asker's own.
fn session_of(descriptor: RawFd) -> Option<Pid> {
    // SAFETY: tcgetsid(3) asks about a number and keeps no pointer.
    Errno::result(unsafe { libc::tcgetsid(descriptor) }).ok().map(Pid::from_raw)
}
