//! The filter behind `children = "none"`: after the launcher's own exec the process cannot start
//! another program.
//!
//! The filter is active before that exec, so it must allow exactly this one. The filter recognises
//! it by a random number in the sixth argument, which execveat(2) does not have. The kernel ignores
//! that register, but the filter sees it, and afterwards nothing in the tool's memory or registers
//! holds the number. An attacker who controls the tool cannot repeat the call.

use libc::sock_filter;
use nix::Error;
use nix::errno::Errno;

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xc000_003e; // AUDIT_ARCH_X86_64
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xc000_00b7; // AUDIT_ARCH_AARCH64
#[cfg(target_arch = "riscv64")]
const ARCHITECTURE: u32 = 0xc000_00f3; // AUDIT_ARCH_RISCV64
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")))]
compile_error!("children = \"none\" needs this architecture's AUDIT_ARCH number here");

/// The bit that marks a call of the x32 ABI, which shares x86-64's architecture number.
const X32: u32 = 0x4000_0000;

// Offsets in `struct seccomp_data`, seccomp(2). On all architectures above, the low word of an
// argument comes first.
const NUMBER: u32 = 0;
const ARCH: u32 = 4;
const SIXTH_LOW: u32 = 16 + 5 * 8;
const SIXTH_HIGH: u32 = SIXTH_LOW + 4;

const REFUSE: u32 = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;

/// Refuses every execve and execveat except one with `secret` as its sixth argument. A call by the
/// numbers of another architecture (32-bit code) ends the process, because there the numbers mean
/// other system calls.
pub fn forbid_exec_without(secret: u64) -> Result<(), Error> {
    let program = program(secret);
    let header = libc::sock_fprog { len: program.len() as u16, filter: program.as_ptr().cast_mut() };
    let no_flags: libc::c_ulong = 0;
    // SAFETY: the kernel copies `len` instructions from `filter`; both outlive the call.
    let answer =
        unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, no_flags, &raw const header) };
    Errno::result(answer).map(drop)
}

/// Whether the filter refuses an execveat with another number than `secret`. The kernel's answer to the installation is
/// not believed, and nobody but a holder of cap_sys_admin can read a filter (PTRACE_SECCOMP_GET_FILTER, ptrace(2)), so
/// the call is tried. It names no file: without the filter it fails with EFAULT or EBADF, and never executes anything.
pub fn is_in_force(secret: u64) -> bool {
    let (no_directory, no_name, no_array, no_flags) = (-1, std::ptr::null::<u8>(), std::ptr::null::<usize>(), 0);
    // SAFETY: the kernel is given no pointer but null, which it answers with an error.
    let answer =
        unsafe { libc::syscall(libc::SYS_execveat, no_directory, no_name, no_array, no_array, no_flags, !secret) };
    Errno::result(answer) == Err(Errno::EPERM)
}

fn program(secret: u64) -> Vec<sock_filter> {
    let load = |offset| instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, offset);
    // A jump has two counts of instructions to skip: one if the test holds, and one if it does not.
    let equal = |value, yes, no| instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, yes, no, value);
    let at_least = |value, yes, no| instruction(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, yes, no, value);
    let answer = |action| instruction(libc::BPF_RET | libc::BPF_K, 0, 0, action);
    vec![
        load(ARCH),
        equal(ARCHITECTURE, 1, 0),
        answer(libc::SECCOMP_RET_KILL_PROCESS),
        load(NUMBER),
        at_least(X32, 7, 0),                    // to REFUSE
        equal(libc::SYS_execve as u32, 6, 0),   // to REFUSE
        equal(libc::SYS_execveat as u32, 0, 4), // no: to ALLOW
        load(SIXTH_LOW),
        equal(secret as u32, 0, 3), // no: to REFUSE
        load(SIXTH_HIGH),
        equal((secret >> 32) as u32, 0, 1), // no: to REFUSE
        answer(libc::SECCOMP_RET_ALLOW),
        answer(REFUSE),
    ]
}

const fn instruction(code: u32, yes: u8, no: u8, operand: u32) -> sock_filter {
    sock_filter { code: code as u16, jt: yes, jf: no, k: operand }
}
