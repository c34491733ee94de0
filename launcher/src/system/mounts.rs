//! On which mounts files lie, and whether this process sees these mounts.

use super::files;
use capwrap_core::mount_table;
use nix::Error;
use nix::errno::Errno;
use std::ffi::CStr;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::path::Path;

/// `STATX_MNT_ID_UNIQUE` (Linux 6.8): a number that no other mount ever has.
const UNIQUE: u32 = 0x4000;

/// `statmount` (Linux 6.8), whose number all architectures share.
const STATMOUNT: libc::c_long = 457;

/// `struct mnt_id_req` (include/uapi/linux/mount.h), as Linux 6.8 has it. Newer kernels take it for one of this namespace.
#[repr(C)]
struct Request {
    size: u32,
    spare: u32,
    mount: u64,
    wanted: u64,
}

/// What a descriptor was opened by, also with O_PATH, or the working directory.
#[derive(Clone, Copy, Debug)]
pub struct Place<'d> {
    /// None stands for the working directory.
    descriptor: Option<BorrowedFd<'d>>,
    /// The file's `st_mode`.
    pub mode: u32,
    mount: u64,
    has_unique_number: bool,
}

/// Returns the table of the mounts that this process sees.
pub fn table() -> Result<Vec<u8>, Error> {
    files::bytes(Path::new(mount_table::FILE))
}

/// Asks about what a descriptor was opened by, or about the working directory.
///
/// # Errors
/// EOPNOTSUPP before Linux 5.8, which does not say on which mount it is. Landlock is younger.
pub fn of(descriptor: Option<BorrowedFd<'_>>) -> Result<Place<'_>, Error> {
    ask(descriptor, UNIQUE)
}

impl Place<'_> {
    /// Returns whether this process sees the mount.
    ///
    /// What statmount(2) finds for a process without capabilities is what the table of mounts shows: a mount of the
    /// process's namespace that its root directory reaches (`do_statmount`, fs/namespace.c, and `show_mountinfo`,
    /// fs/proc_namespace.c). Its refusals can have other causes, such as a container's filter of system calls. So a
    /// mount that it does not find is looked up in the table, and so is every mount before Linux 6.8. To write the table
    /// takes the kernel longer than all other calls for a domain.
    pub fn is_on_a_mount_that_is_seen(&self) -> Result<bool, Error> {
        if !self.has_unique_number {
            return Ok(mount_table::has(&table()?, self.mount));
        }
        Ok(finds(self.mount) || mount_table::has(&table()?, ask(self.descriptor, 0)?.mount))
    }
}

fn finds(mount: u64) -> bool {
    let request = Request { size: size_of::<Request>() as u32, spare: 0, mount, wanted: 0 };
    // The kernel writes as much of `struct statmount` as there is room for, and nothing that was not wanted.
    let (mut answer, no_flags): ([u64; 64], libc::c_uint) = ([0; 64], 0);
    // SAFETY: the kernel reads the request, whose size stands in it, and writes at most the size of `answer` to that; both
    // outlive the call.
    let outcome =
        unsafe { libc::syscall(STATMOUNT, &raw const request, answer.as_mut_ptr(), size_of_val(&answer), no_flags) };
    outcome == 0
}

/// `number` is [`UNIQUE`] where that number of the mount is wanted from a kernel that has it.
fn ask(descriptor: Option<BorrowedFd<'_>>, number: u32) -> Result<Place<'_>, Error> {
    let itself: &CStr = c"";
    // What the kernel knows is enough, so that no other machine and no process is waited for.
    let flags = libc::AT_EMPTY_PATH | libc::AT_NO_AUTOMOUNT | libc::AT_STATX_DONT_SYNC;
    let always = libc::STATX_TYPE | libc::STATX_MODE;
    let wanted = always | libc::STATX_MNT_ID | number;
    let from = descriptor.map_or(libc::AT_FDCWD, |descriptor| descriptor.as_raw_fd());
    // SAFETY: the structure is numbers alone, for which zero is a value.
    let mut status: libc::statx = unsafe { std::mem::zeroed() };
    // SAFETY: the name is a C string, and the kernel writes the structure; both outlive the call.
    let answer = unsafe { libc::syscall(libc::SYS_statx, from, itself.as_ptr(), flags, wanted, &raw mut status) };
    Errno::result(answer)?;
    // A kernel that has both numbers returns the unique one alone, if that is wanted too (`vfs_statx_path`, fs/stat.c).
    let has_unique_number = status.stx_mask & number != 0;
    let needed = always | if has_unique_number { UNIQUE } else { libc::STATX_MNT_ID };
    match status.stx_mask & needed == needed {
        true => Ok(Place { descriptor, mode: status.stx_mode.into(), mount: status.stx_mnt_id, has_unique_number }),
        false => Err(Errno::EOPNOTSUPP),
    }
}
