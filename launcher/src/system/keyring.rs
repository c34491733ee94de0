//! keyctl(2): the session keyring, which a process shares with whoever started it.

use nix::Error;
use nix::errno::Errno;

/// `KEYCTL_JOIN_SESSION_KEYRING`, `include/uapi/linux/keyctl.h`.
const JOIN_SESSION_KEYRING: libc::c_long = 1;

/// Joins a new, empty session keyring. A kernel without keys has no keyring to leave, and a filter that refuses
/// keyctl(2) with EPERM, as the container engines' does, refuses it to the command as well.
pub fn join_new_session() -> Result<(), Error> {
    let anonymous: *const libc::c_char = std::ptr::null();
    // SAFETY: a null name asks for an anonymous keyring, and the kernel reads nothing.
    let answer = unsafe { libc::syscall(libc::SYS_keyctl, JOIN_SESSION_KEYRING, anonymous) };
    match Errno::result(answer) {
        Ok(_) | Err(Errno::ENOSYS | Errno::EPERM) => Ok(()),
        Err(errno) => Err(errno),
    }
}
