//! personality(2): flags that a caller may have set for everything that it starts.
//!
//! UNAME26 makes uname(2) report a release of 2.6, so capwrap would decide a policy for an older
//! kernel. At an exec that gains rights the kernel clears other flags (`PER_CLEAR_ON_SETID`,
//! `include/uapi/linux/personality.h`), but not this one.

use nix::errno::Errno;

/// `PER_LINUX`, without any flag.
const PLAIN: libc::c_ulong = 0;

/// Sets the plain personality and returns the previous one.
fn plain() -> Result<libc::c_ulong, Errno> {
    // SAFETY: personality(2) takes a number and no pointer.
    let was = unsafe { libc::personality(PLAIN) };
    Errno::result(was).map(|was| was as libc::c_ulong)
}

/// Sets the plain personality for this process and for the tool that it becomes. The current
/// personality is not queried first. Filters that lock the personality, such as that of systemd's
/// LockPersonality=, allow a call that sets the current value, but refuse the query.
///
/// # Errors
/// The system call is refused, or returns success without changing the personality (`EPERM`).
pub fn make_plain() -> Result<(), Errno> {
    plain()?;
    if plain()? == PLAIN { Ok(()) } else { Err(Errno::EPERM) }
}
