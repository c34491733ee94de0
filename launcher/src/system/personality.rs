//! personality(2): what a caller may have set for everything that it starts.
//!
//! UNAME26 makes uname(2) report a release of 2.6, so that a policy would be decided for an older kernel. At an
//! exec that gains rights the kernel clears other flags (`PER_CLEAR_ON_SETID`, `include/uapi/linux/personality.h`),
//! and not this one.

use nix::errno::Errno;

/// `PER_LINUX`, without any flag.
const PLAIN: libc::c_ulong = 0;

/// Makes it plain and returns what it was.
fn plain() -> Result<libc::c_ulong, Errno> {
    // SAFETY: personality(2) takes a number and no pointer.
    let was = unsafe { libc::personality(PLAIN) };
    Errno::result(was).map(|was| was as libc::c_ulong)
}

/// Makes it plain, for this process and the tool that it becomes. It is not asked for first: filters that lock it,
/// systemd's LockPersonality= among them, let pass what sets it as it is, and not the question.
///
/// # Errors
/// A system call that is refused; `EPERM` where a change was only said to have been made.
pub fn make_plain() -> Result<(), Errno> {
    plain()?;
    if plain()? == PLAIN { Ok(()) } else { Err(Errno::EPERM) }
}
