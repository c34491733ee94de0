//! A process that stays outside a domain, by which the launcher proves that it is inside.
//!
//! No kernel shows which Landlock domain a process is in. What a domain refuses in every case is the way to a process
//! outside it (`hook_ptrace_access_check`, security/landlock/task.c), so the launcher forks one and tries.

use nix::Error;
use nix::errno::Errno;
use std::io::{Read, Write};
use std::os::fd::{FromRawFd, OwnedFd};

/// A process with the same credentials, which waits until this is dropped.
#[derive(Debug)]
pub struct Witness {
    process: libc::pid_t,
    /// The process ends when the other end of its pipe is closed, also when the launcher dies.
    leash: Option<OwnedFd>,
}

impl Witness {
    /// Forks the process and waits until it can be looked into.
    pub fn fork() -> Result<Self, Error> {
        let (until_end, leash) = pipe()?;
        let (mut ready, readiness) = pipe()?;
        match new_process()? {
            0 => {
                drop((leash, ready));
                wait_for_the_end(until_end, readiness)
            }
            process => {
                let witness = Self { process, leash: Some(leash) };
                drop((until_end, readiness));
                match ready.read(&mut [0]) {
                    Ok(1) => Ok(witness),
                    _ => Err(Errno::ESRCH),
                }
            }
        }
    }

    /// Asks for a pointer of the process's, which takes the right to look into it (`PTRACE_MODE_READ_REALCREDS`,
    /// get_robust_list(2)). Yama does not judge this mode (ptrace(2)).
    ///
    /// # Errors
    /// EPERM if a security module keeps the launcher from the process.
    pub fn look(&self) -> Result<(), Error> {
        let mut head = std::ptr::null_mut::<libc::c_void>();
        let mut length: usize = 0;
        // SAFETY: the kernel writes a pointer and a length to the two variables, which outlive the call. The pointer is
        // one of the other process's and is not used.
        let answer = unsafe { libc::syscall(libc::SYS_get_robust_list, self.process, &raw mut head, &raw mut length) };
        Errno::result(answer).map(drop)
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        // One of the two ends it, if the other fails: nothing may wait for it forever.
        self.leash = None;
        // SAFETY: kill(2) takes numbers, and the process is a child that nobody has waited for.
        unsafe { libc::kill(self.process, libc::SIGKILL) };
        let mut status = 0;
        loop {
            // SAFETY: the kernel writes the status to `status`.
            let answer = unsafe { libc::waitpid(self.process, &raw mut status, 0) };
            if Errno::result(answer) != Err(Errno::EINTR) {
                return;
            }
        }
    }
}

/// Returns 0 in the new process, and its number in the launcher. The C library's fork() blocks all signals meanwhile, and
/// does not say if it could not unblock them: the tool would inherit that.
fn new_process() -> Result<libc::pid_t, Error> {
    let (only_a_signal, nothing): (libc::c_ulong, libc::c_ulong) = (libc::SIGCHLD as libc::c_ulong, 0);
    // SAFETY: without a flag the new process has memory of its own, as after fork(2). The program has one thread, so that
    // no lock is held in it, and it calls nothing that asks the C library for its number.
    let answer = unsafe { libc::syscall(libc::SYS_clone, only_a_signal, nothing, nothing, nothing, nothing) };
    libc::pid_t::try_from(Errno::result(answer)?).map_err(|_| Errno::ERANGE)
}

/// A process that was started with file capabilities cannot be looked into by another of its user (prctl(2)). The new
/// process allows it for itself. It keeps its capabilities, so that no process that has fewer can use the moment
/// (`cap_ptrace_access_check`).
fn wait_for_the_end(until_end: std::fs::File, readiness: OwnedFd) -> ! {
    // SAFETY: prctl(2) takes numbers here.
    let answer = unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 1, 0, 0, 0) };
    if answer == 0 && std::fs::File::from(readiness).write(&[0]).is_ok() {
        let mut until_end = until_end;
        let _ = until_end.read(&mut [0]);
    }
    // SAFETY: _exit(2) runs nothing of the launcher's.
    unsafe { libc::_exit(0) }
}

/// Returns the end to read from and the end to write to. Both close at exec.
pub(super) fn pipe() -> Result<(std::fs::File, OwnedFd), Error> {
    let mut ends = [-1; 2];
    // SAFETY: pipe2(2) writes two descriptors to the array.
    Errno::result(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) })?;
    // SAFETY: the kernel returned two new descriptors, which nothing else owns.
    Ok(unsafe { (std::fs::File::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])) })
}
