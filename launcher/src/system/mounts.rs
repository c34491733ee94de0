//! On which mounts files lie, by the numbers of the table of mounts (proc_pid_mountinfo(5)).

use super::files;
use capwrap_core::mount_table;
use nix::Error;
use nix::errno::Errno;
use std::ffi::CStr;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::path::Path;

/// The mount of an open file, and the file's `st_mode`.
#[derive(Clone, Copy, Debug)]
pub struct Mounted {
    pub mount: u64,
    pub mode: u32,
}

/// Returns the table of the mounts that this process sees.
pub fn table() -> Result<Vec<u8>, Error> {
    files::bytes(Path::new(mount_table::FILE))
}

/// Returns the mount of what a descriptor was opened by, also with O_PATH.
///
/// # Errors
/// EOPNOTSUPP before Linux 5.8, which does not say it. Landlock is younger.
pub fn of(descriptor: BorrowedFd<'_>) -> Result<Mounted, Error> {
    ask(descriptor.as_raw_fd())
}

/// Returns the same of the working directory.
pub fn of_folder() -> Result<Mounted, Error> {
    ask(libc::AT_FDCWD)
}

fn ask(descriptor: RawFd) -> Result<Mounted, Error> {
    let itself: &CStr = c"";
    // What the kernel knows is enough, so that no other machine and no process is waited for.
    let flags = libc::AT_EMPTY_PATH | libc::AT_NO_AUTOMOUNT | libc::AT_STATX_DONT_SYNC;
    let wanted = libc::STATX_MNT_ID | libc::STATX_TYPE | libc::STATX_MODE;
    // SAFETY: the structure is numbers alone, for which zero is a value.
    let mut status: libc::statx = unsafe { std::mem::zeroed() };
    // SAFETY: the name is a C string, and the kernel writes the structure; both outlive the call.
    let answer = unsafe { libc::syscall(libc::SYS_statx, descriptor, itself.as_ptr(), flags, wanted, &raw mut status) };
    Errno::result(answer)?;
    match status.stx_mask & wanted == wanted {
        true => Ok(Mounted { mount: status.stx_mnt_id, mode: status.stx_mode.into() }),
        false => Err(Errno::EOPNOTSUPP),
    }
}
