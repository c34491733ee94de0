//! prctl(2): attributes of the process that no crate of the launcher wraps.

use nix::Error;
use nix::errno::Errno;

/// `SECBIT_NOROOT` and its lock, `include/uapi/linux/securebits.h`.
pub const NOROOT: u32 = 1 << 0;
pub const NOROOT_LOCKED: u32 = 1 << 1;
/// `SECBIT_NO_CAP_AMBIENT_RAISE`.
pub const NO_CAP_AMBIENT_RAISE: u32 = 1 << 6;

fn prctl(option: i32, argument: libc::c_ulong) -> Result<u32, Error> {
    let zero: libc::c_ulong = 0;
    // SAFETY: every caller passes an option that takes numbers and no pointers. The unused
    // arguments are 0, as the kernel demands.
    let answer = unsafe { libc::prctl(option, argument, zero, zero, zero) };
    Errno::result(answer).map(|answer| answer as u32)
}

/// Returns whether the bounding set has the capability of this number, or `None` if the kernel does
/// not know the number.
pub fn in_bounding_set(capability: u8) -> Result<Option<bool>, Error> {
    match prctl(libc::PR_CAPBSET_READ, capability.into()) {
        Ok(answer) => Ok(Some(answer == 1)),
        Err(Errno::EINVAL) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// Removes the capability of this number from the bounding set. cap_setpcap must be effective.
pub fn drop_from_bounding_set(capability: u8) -> Result<(), Error> {
    prctl(libc::PR_CAPBSET_DROP, capability.into()).map(drop)
}

pub fn securebits() -> Result<u32, Error> {
    prctl(libc::PR_GET_SECUREBITS, 0)
}

/// Sets the securebits. cap_setpcap must be effective.
pub fn set_securebits(bits: u32) -> Result<(), Error> {
    prctl(libc::PR_SET_SECUREBITS, bits.into()).map(drop)
}

/// Whether the permitted set survives a change of all user ids from 0 (PR_SET_KEEPCAPS). Exec clears it.
pub fn keep_capabilities(keep: bool) -> Result<(), Error> {
    prctl(libc::PR_SET_KEEPCAPS, keep.into()).map(drop)
}

pub fn no_new_privs() -> Result<bool, Error> {
    prctl(libc::PR_GET_NO_NEW_PRIVS, 0).map(|answer| answer == 1)
}

pub fn set_no_new_privs() -> Result<(), Error> {
    prctl(libc::PR_SET_NO_NEW_PRIVS, 1).map(drop)
}

/// Whether other processes of the user may look into this one, if nothing else forbids it, and whether the kernel may
/// write its memory to a file of the user's (`SUID_DUMP_USER`, include/linux/sched/coredump.h).
pub fn is_dumpable() -> Result<bool, Error> {
    prctl(libc::PR_GET_DUMPABLE, 0).map(|answer| answer == 1)
}

/// Allows both, or forbids it. An exec sets it anew.
pub fn set_dumpable(dumpable: bool) -> Result<(), Error> {
    prctl(libc::PR_SET_DUMPABLE, dumpable.into()).map(drop)
}

/// Lets the process read the time stamp counter, and with it most clocks. A caller can have forbidden it for everything
/// that it executes (PR_SET_TSC, prctl(2)); the first reading of a clock would then end the launcher, or the tool's
/// loader, with SIGSEGV.
pub fn allow_time_stamp_counter() -> Result<(), Error> {
    unless_unknown(prctl(libc::PR_SET_TSC, libc::PR_TSC_ENABLE as libc::c_ulong))
}

/// Takes back what a caller may have declared with PR_SET_PTRACER: that others than its ancestors may trace it although
/// Yama forbids that (`Documentation/admin-guide/LSM/Yama.rst`). Yama keeps it over an exec.
pub fn declare_no_tracer() -> Result<(), Error> {
    unless_unknown(prctl(libc::PR_SET_PTRACER, 0))
}

/// Takes back that the kernel may merge the pages of the process with equal pages of others, which a caller can allow
/// for everything that it executes (since Linux 6.4). Another process could then infer from the time that a write takes
/// what is in the tool's memory (`Documentation/admin-guide/mm/ksm.rst`).
pub fn forbid_merging_of_pages() -> Result<(), Error> {
    unless_unknown(prctl(libc::PR_SET_MEMORY_MERGE, 0))
}

/// EINVAL is what a kernel without the option answers, and one on whose machines there is no such thing.
fn unless_unknown(answer: Result<u32, Error>) -> Result<(), Error> {
    match answer {
        Ok(_) | Err(Errno::EINVAL) => Ok(()),
        Err(errno) => Err(errno),
    }
}
