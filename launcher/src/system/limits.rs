//! Resource limits, in the types of `capwrap_core`.

use capwrap_core::policy::limits::{Limit, Resource};
use nix::Error;
use nix::errno::Errno;

pub fn hard(resource: Resource) -> Result<Limit, Error> {
    read(0, resource).map(|both| both.hard)
}

/// The soft and the hard limit of a resource.
#[derive(Clone, Copy, Debug)]
pub struct Both {
    pub soft: Limit,
    pub hard: Limit,
}

/// The limits of process 1. Asking takes its user id, or cap_sys_resource.
pub fn of_init(resource: Resource) -> Result<Both, Error> {
    read(1, resource)
}

/// Sets each of the two limits to the smaller of what it is and what is given, which needs no capability.
pub fn lower(resource: Resource, most: Both) -> Result<(), Error> {
    let own = read(0, resource)?;
    let hard = own.hard.min(most.hard);
    write(resource, Both { soft: most.soft.min(hard), hard })
}

fn read(process: libc::pid_t, resource: Resource) -> Result<Both, Error> {
    let mut limit = libc::rlimit64 { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: prlimit(2) reads nothing and writes one rlimit64 to `limit`.
    let answer = unsafe { libc::prlimit64(process, resource.number() as _, std::ptr::null(), &raw mut limit) };
    Errno::result(answer).map(|_| Both { soft: Limit(limit.rlim_cur), hard: Limit(limit.rlim_max) })
}

/// Sets the soft and the hard limit. To raise the hard limit, cap_sys_resource must be effective.
pub fn set(resource: Resource, limit: Limit) -> Result<(), Error> {
    write(resource, Both { soft: limit, hard: limit })
}

fn write(resource: Resource, limits: Both) -> Result<(), Error> {
    let limit = libc::rlimit64 { rlim_cur: limits.soft.0, rlim_max: limits.hard.0 };
    // SAFETY: prlimit(2) of the process itself reads one rlimit64 from `limit` and writes nothing.
    let answer = unsafe { libc::prlimit64(0, resource.number() as _, &raw const limit, std::ptr::null_mut()) };
    Errno::result(answer).map(drop)
}
