//! What root may have given its own processes beside limits: a place before others.

use capwrap_core::errno;
use nix::Error;
use nix::errno::Errno;
use std::path::Path;

/// Takes back a negative nice value, a real-time policy, a real-time I/O class and a shield from the out-of-memory
/// killer. A process may always ask for less.
pub fn make_ordinary() -> Result<(), Error> {
    take_back_policy()?;
    take_back_nice_value()?;
    take_back_io_class()?;
    take_back_shield()
}

/// These are the bare calls, because musl answers ENOSYS for the kernel: POSIX means another thing by their names.
fn take_back_policy() -> Result<(), Error> {
    // SAFETY: sched_getscheduler(2) of the process itself takes numbers alone.
    let policy = Errno::result(unsafe { libc::syscall(libc::SYS_sched_getscheduler, 0) })?;
    let real_time = [libc::SCHED_FIFO, libc::SCHED_RR, libc::SCHED_DEADLINE].map(libc::c_long::from);
    if !real_time.contains(&(policy & !libc::c_long::from(libc::SCHED_RESET_ON_FORK))) {
        return Ok(());
    }
    // The kernel's `struct sched_param` is the priority, which is 0 for SCHED_OTHER.
    let priority: libc::c_int = 0;
    // SAFETY: the kernel reads one sched_param from `priority`.
    let answer = unsafe { libc::syscall(libc::SYS_sched_setscheduler, 0, libc::SCHED_OTHER, &raw const priority) };
    Errno::result(answer).map(drop)
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

/// `IOPRIO_WHO_PROCESS`, `IOPRIO_CLASS_SHIFT` and `IOPRIO_CLASS_RT`, `include/uapi/linux/ioprio.h`.
const ONE_PROCESS: libc::c_long = 1;
const CLASS_SHIFT: u32 = 13;
const CLASS_REAL_TIME: libc::c_long = 1;

/// A kernel without block devices has no I/O classes.
fn take_back_io_class() -> Result<(), Error> {
    // SAFETY: ioprio_get(2) of the process itself takes numbers alone.
    let priority = match Errno::result(unsafe { libc::syscall(libc::SYS_ioprio_get, ONE_PROCESS, 0) }) {
        Ok(priority) => priority,
        Err(Errno::ENOSYS) => return Ok(()),
        Err(errno) => return Err(errno),
    };
    if priority >> CLASS_SHIFT != CLASS_REAL_TIME {
        return Ok(());
    }
    // Without a class, the I/O priority follows the nice value.
    // SAFETY: ioprio_set(2) of the process itself takes numbers alone.
    Errno::result(unsafe { libc::syscall(libc::SYS_ioprio_set, ONE_PROCESS, 0, 0) }).map(drop)
}

fn take_back_shield() -> Result<(), Error> {
    let file = Path::new("/proc/self/oom_score_adj");
    let score = std::fs::read_to_string(file).map_err(errno::of)?;
    if score.trim().starts_with('-') { std::fs::write(file, "0").map_err(errno::of) } else { Ok(()) }
}
