//! Filters of system calls (seccomp(2)): how one is installed, and how one is proven to act.
//!
//! `capwrap_core::scope::filter` compiles the program. A filter that forbids the tool to start other programs acts
//! before the launcher's own exec, so it must allow exactly this one. It recognises it by a random number in the sixth
//! argument, which execveat(2) does not have. The kernel ignores that register, but the filter sees it, and afterwards
//! nothing in the tool's memory or registers holds the number. An attacker who controls the tool cannot repeat the call.

use capwrap_core::scope::filter::Instruction;
use libc::sock_filter;
use nix::Error;
use nix::errno::Errno;
use std::os::fd::{FromRawFd, OwnedFd};

/// Installs a filter for good. It takes no_new_privs.
pub fn install(program: &[Instruction]) -> Result<(), Error> {
    install_with(program, 0).map(drop)
}

/// Installs a filter for good, and returns what receives the calls that it reports. It takes no_new_privs.
///
/// Without SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (Linux 5.19, commit c2aa2dfef243), each signal ends the wait for an answer,
/// and calls fail with EINTR that never do otherwise.
pub fn install_with_listener(program: &[Instruction]) -> Result<OwnedFd, Error> {
    let (listener, patient) = (libc::SECCOMP_FILTER_FLAG_NEW_LISTENER, libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
    let listener = match install_with(program, listener | patient) {
        Err(Errno::EINVAL) => install_with(program, listener)?,
        installed => installed?,
    };
    let listener = i32::try_from(listener).map_err(|_| Errno::EBADF)?;
    // SAFETY: the kernel returned a new descriptor, which nothing else owns and which closes at exec.
    Ok(unsafe { OwnedFd::from_raw_fd(listener) })
}

fn install_with(program: &[Instruction], flags: libc::c_ulong) -> Result<libc::c_long, Error> {
    let program: Vec<sock_filter> = program.iter().map(instruction).collect();
    let length = u16::try_from(program.len()).map_err(|_| Errno::E2BIG)?;
    let header = libc::sock_fprog { len: length, filter: program.as_ptr().cast_mut() };
    // SAFETY: the kernel copies `len` instructions from `filter`; both outlive the call.
    let answer = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const header) };
    Errno::result(answer)
}

/// Whether the filter refuses an execveat with another number than `secret`. The kernel's answer to the installation is
/// not believed, and nobody but a holder of cap_sys_admin can read a filter (PTRACE_SECCOMP_GET_FILTER, ptrace(2)), so
/// the call is tried. It names no file: without the filter it fails with EFAULT or EBADF, and never executes anything.
pub fn forbids_exec_without(secret: u64) -> bool {
    let (no_directory, no_name, no_array, no_flags) = (-1, std::ptr::null::<u8>(), std::ptr::null::<usize>(), 0);
    // SAFETY: the kernel is given no pointer but null, which it answers with an error.
    let answer =
        unsafe { libc::syscall(libc::SYS_execveat, no_directory, no_name, no_array, no_array, no_flags, !secret) };
    Errno::result(answer) == Err(Errno::EPERM)
}

/// Whether the filter of a scope acts, by two calls that every scope refuses. Without the filter, entering a ring
/// that does not exist fails with EBADF or ENOSYS, and a clone3 of no structure with EINVAL or ENOSYS.
pub fn confines_calls() -> bool {
    let (no_ring, nothing, no_mask) = (-1, 0_usize, std::ptr::null::<u8>());
    // SAFETY: the kernel is given no pointer but null, and no descriptor.
    let ring = unsafe { libc::syscall(libc::SYS_io_uring_enter, no_ring, nothing, nothing, nothing, no_mask, nothing) };
    let ring = Errno::result(ring);
    // SAFETY: the kernel is given no pointer but null, of size 0, which it answers with EINVAL before it reads it.
    let clone = unsafe { libc::syscall(libc::SYS_clone3, std::ptr::null::<u8>(), nothing) };
    ring == Err(Errno::EPERM) && Errno::result(clone) == Err(Errno::ENOSYS)
}

const fn instruction(one: &Instruction) -> sock_filter {
    sock_filter { code: one.code, jt: one.yes, jf: one.no, k: one.operand }
}
