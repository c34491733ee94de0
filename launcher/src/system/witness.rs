//! A process that stays outside a domain, by which the launcher proves that it is inside.
//!
//! No kernel shows which Landlock domain a process is in. What a domain refuses in every case is the way to a process
//! outside it (`hook_ptrace_access_check`, security/landlock/task.c), so the launcher starts one and tries.

use super::prctl;
use nix::Error;
use nix::errno::Errno;

/// What the process shares with the launcher: everything but its number and its credentials, which are what a domain
/// belongs to. A copy of the memory, of which each of the two then writes in parts, took longer than the domain itself.
const SHARED: libc::c_int = libc::CLONE_VM | libc::CLONE_FILES | libc::CLONE_FS | libc::CLONE_SIGHAND;

/// The process makes a few calls, for which a C library needs less than a page.
const STACK: usize = 16 * 1024;

/// A process with the credentials that the launcher had when it started it. It waits until it is ended, and is killed when
/// the launcher dies. Until it is ended, both can be looked into.
#[derive(Debug)]
#[must_use]
pub struct Witness {
    process: libc::pid_t,
    was_dumpable: bool,
}

impl Witness {
    /// Starts the process.
    ///
    /// A program that was started with file capabilities cannot be looked into by another process of its user (prctl(2)),
    /// and this belongs to the memory that the two share. So the launcher allows it as well. No process that has fewer
    /// capabilities than the launcher can use that (`cap_ptrace_access_check`, security/commoncap.c).
    pub fn start() -> Result<Self, Error> {
        let was_dumpable = prctl::is_dumpable()?;
        if !was_dumpable {
            prctl::set_dumpable(true)?;
        }
        let launcher = nix::unistd::getpid().as_raw() as usize;
        // It is never freed: the process would need it if it could not be ended, and the exec frees everything.
        let stack = vec![0_u8; STACK].leak().as_mut_ptr_range().end;
        let stack = stack.map_addr(|end| end & !0xf);
        // SAFETY: the function runs on a stack of its own, which grows down from the end of that memory and stays there.
        // It reads and writes nothing else. Without a signal to report its end with, the launcher gets none, and the
        // kernel keeps the process until it is waited for, whatever the caller did with SIGCHLD.
        let answer = unsafe { libc::clone(wait_for_the_end, stack.cast(), SHARED, launcher as *mut libc::c_void) };
        Ok(Self { process: Errno::result(answer)?, was_dumpable })
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

    /// Ends the process, and lets nobody look into the launcher any more. If that fails, the process is killed when the
    /// launcher ends, and the launcher must not execute anything.
    pub fn end(self) -> Result<(), Error> {
        // SAFETY: kill(2) takes numbers, and the process is a child that nobody has waited for.
        Errno::result(unsafe { libc::kill(self.process, libc::SIGKILL) })?;
        loop {
            // SAFETY: the kernel takes a null pointer for the status, and then does not write it.
            let answer = unsafe { libc::waitpid(self.process, std::ptr::null_mut(), libc::__WCLONE) };
            match Errno::result(answer) {
                Ok(_) => break,
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno),
            }
        }
        if self.was_dumpable { Ok(()) } else { prctl::set_dumpable(false) }
    }
}

/// All that the process does. Where a call fails, the C library would write that into the launcher's memory; none of these
/// can fail for it: only what ends the process ends the pause, because the launcher handles no signal that could.
extern "C" fn wait_for_the_end(launcher: *mut libc::c_void) -> libc::c_int {
    let (kill, none): (libc::c_ulong, libc::c_ulong) = (libc::SIGKILL as libc::c_ulong, 0);
    // SAFETY: prctl(2) takes numbers here, and the others take nothing.
    unsafe {
        // The launcher may have died before the kernel knew that this one goes with it.
        if libc::prctl(libc::PR_SET_PDEATHSIG, kill, none, none, none) == 0
            && libc::getppid() as usize == launcher.addr()
        {
            libc::pause();
        }
    }
    0
}
