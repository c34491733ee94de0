//! Resource limits, in the types of `capwrap_core`.

use capwrap_core::policy::limits::{Limit, Resource};
use nix::Error;
use nix::errno::Errno;

pub fn hard(resource: Resource) -> Result<Limit, Error> {
    let mut limit = libc::rlimit64 { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: prlimit(2) of the process itself reads nothing and writes one rlimit64 to `limit`.
    let answer = unsafe { libc::prlimit64(0, resource.number() as _, std::ptr::null(), &raw mut limit) };
    Errno::result(answer).map(|_| Limit(limit.rlim_max))
}

/// Sets the soft and the hard limit. To raise the hard limit, cap_sys_resource must be effective.
pub fn set(resource: Resource, Limit(value): Limit) -> Result<(), Error> {
    let limit = libc::rlimit64 { rlim_cur: value, rlim_max: value };
    // SAFETY: prlimit(2) of the process itself reads one rlimit64 from `limit` and writes nothing.
    let answer = unsafe { libc::prlimit64(0, resource.number() as _, &raw const limit, std::ptr::null_mut()) };
    Errno::result(answer).map(drop)
}
