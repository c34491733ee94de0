//! Landlock (landlock(7)): rulesets, and the domain that the process joins.
//!
//! These are the three calls of Linux 5.13, with the structures of include/uapi/linux/landlock.h.

use capwrap_core::scope::domain::Rights;
use nix::Error;
use nix::errno::Errno;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// `LANDLOCK_CREATE_RULESET_VERSION`.
const VERSION: libc::c_uint = 1;
/// `LANDLOCK_RULE_PATH_BENEATH` and `LANDLOCK_RULE_NET_PORT`.
const PATH_BENEATH: libc::c_int = 1;
const NET_PORT: libc::c_int = 2;
/// `LANDLOCK_ACCESS_NET_BIND_TCP`.
const BIND_TCP: u64 = 1;

#[repr(C)]
struct RulesetAttributes {
    files: u64,
    ports: u64,
}

#[repr(C, packed)]
struct PathBeneath {
    allowed: u64,
    parent: libc::c_int,
}

#[repr(C)]
struct NetPort {
    allowed: u64,
    port: u64,
}

/// Returns the version of Landlock's ABI, or 0 if there is no Landlock here: it was not built (ENOSYS), it is not in the list
/// of security modules (EOPNOTSUPP), or a container's filter of system calls does not know it (EPERM).
///
/// # Errors
/// Any other answer of the kernel.
pub fn abi() -> Result<u32, Error> {
    // SAFETY: with this flag, the kernel takes no pointer but null.
    let answer = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<u8>(), 0_usize, VERSION) };
    match Errno::result(answer) {
        Ok(version) => u32::try_from(version).map_err(|_| Errno::EOVERFLOW),
        Err(Errno::ENOSYS | Errno::EOPNOTSUPP | Errno::EPERM) => Ok(0),
        Err(errno) => Err(errno),
    }
}

/// The rules of a domain to be.
#[derive(Debug)]
pub struct Ruleset(OwnedFd);

impl Ruleset {
    /// Makes a ruleset that forbids these rights, and the binding of TCP ports too if `ports` is set. A kernel that does
    /// not know ports (before 6.7) is not asked about them.
    pub fn that_handles(rights: Rights, ports: bool) -> Result<Self, Error> {
        let attributes = RulesetAttributes { files: rights.bits(), ports: if ports { BIND_TCP } else { 0 } };
        let size = if ports { size_of::<RulesetAttributes>() } else { size_of::<u64>() };
        let no_flags: libc::c_uint = 0;
        // SAFETY: the kernel reads `size` bytes of `attributes`, which outlives the call.
        let answer = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, &raw const attributes, size, no_flags) };
        let descriptor = i32::try_from(Errno::result(answer)?).map_err(|_| Errno::EBADF)?;
        // SAFETY: the kernel returned a new descriptor, which nothing else owns. It closes at exec.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(descriptor) }))
    }

    /// Allows the rights on a file, or on all that lies beneath a directory.
    pub fn allow_beneath(&self, place: BorrowedFd<'_>, rights: Rights) -> Result<(), Error> {
        let rule = PathBeneath { allowed: rights.bits(), parent: place.as_raw_fd() };
        // SAFETY: `rule` is the structure of this kind of rule, and outlives the call.
        unsafe { self.add(PATH_BENEATH, (&raw const rule).cast()) }
    }

    /// Allows a TCP port to be bound; 0 is a port that the kernel chooses.
    pub fn allow_port(&self, port: u16) -> Result<(), Error> {
        let rule = NetPort { allowed: BIND_TCP, port: u64::from(port) };
        // SAFETY: `rule` is the structure of this kind of rule, and outlives the call.
        unsafe { self.add(NET_PORT, (&raw const rule).cast()) }
    }

    /// # Safety
    /// `rule` points to the structure that the kernel reads for rules of this kind.
    unsafe fn add(&self, kind: libc::c_int, rule: *const libc::c_void) -> Result<(), Error> {
        let no_flags: libc::c_uint = 0;
        // SAFETY: the caller's promise; the kernel only reads the rule.
        let answer = unsafe { libc::syscall(libc::SYS_landlock_add_rule, self.0.as_raw_fd(), kind, rule, no_flags) };
        Errno::result(answer).map(drop)
    }

    /// Joins a domain of these rules, for good. It takes no_new_privs.
    pub fn restrict_self(self) -> Result<(), Error> {
        let no_flags: libc::c_uint = 0;
        // SAFETY: the kernel takes a descriptor and flags, and no pointer.
        let answer = unsafe { libc::syscall(libc::SYS_landlock_restrict_self, self.0.as_raw_fd(), no_flags) };
        Errno::result(answer).map(drop)
    }
}
