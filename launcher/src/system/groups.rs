//! The three group ids of the process. These are the bare calls: musl blocks signals around its own, and does not say if
//! it could not unblock them.

use nix::Error;
use nix::errno::Errno;
use nix::unistd::{Gid, getresgid};

/// Sets the real, the effective and the saved group id, and reads them back.
///
/// # Errors
/// EPERM if the process may not; EIO if the kernel did something else, though it said so.
pub fn set(real: Gid, effective: Gid, saved: Gid) -> Result<(), Error> {
    // SAFETY: setresgid(2) takes numbers alone.
    let answer = unsafe { libc::syscall(libc::SYS_setresgid, real.as_raw(), effective.as_raw(), saved.as_raw()) };
    Errno::result(answer)?;
    let now = getresgid()?;
    if (now.real, now.effective, now.saved) == (real, effective, saved) { Ok(()) } else { Err(Errno::EIO) }
}
