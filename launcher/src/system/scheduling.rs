//! What root may have given its own processes beside limits: a place before others.

use super::descriptors::from_io;
use nix::Error;
use nix::errno::Errno;
use std::path::Path;

/// Takes back a negative nice value, a real-time policy and a shield from the out-of-memory killer. A process may always ask for less.
pub fn make_ordinary() -> Result<(), Error> {
    take_back_policy()?;
    take_back_nice_value()?;
    take_back_shield()
}

fn take_back_policy() -> Result<(), Error> {
    // SAFETY: sched_getscheduler(2) of the process itself takes numbers alone.
    let policy = Errno::result(unsafe { libc::sched_getscheduler(0) })?;
    if ![libc::SCHED_FIFO, libc::SCHED_RR, libc::SCHED_DEADLINE].contains(&(policy & !libc::SCHED_RESET_ON_FORK)) {
        return Ok(());
    }
    // All zeros are a valid sched_param: SCHED_OTHER takes the priority 0.
    // SAFETY: the type holds integers alone.
    let parameters: libc::sched_param = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel reads one sched_param from `parameters`.
    Errno::result(unsafe { libc::sched_setscheduler(0, libc::SCHED_OTHER, &raw const parameters) }).map(drop)
}

fn take_back_nice_value() -> Result<(), Error> {
    // The bare call gives 20 less the nice value, so that it is no error when it is negative (getpriority(2)).
    // SAFETY: getpriority(2) of the process itself takes numbers alone.
    let twenty_less_nice = Errno::result(unsafe { libc::syscall(libc::SYS_getpriority, libc::PRIO_PROCESS, 0) })?;
    if twenty_less_nice <= 20 {
        return Ok(());
    }
    // SAFETY: setpriority(2) of the process itself takes numbers alone.
    Errno::result(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, 0) }).map(drop)
}

fn take_back_shield() -> Result<(), Error> {
    let file = Path::new("/proc/self/oom_score_adj");
    let score = std::fs::read_to_string(file).map_err(from_io)?;
    if score.trim().starts_with('-') { std::fs::write(file, "0").map_err(from_io) } else { Ok(()) }
}
