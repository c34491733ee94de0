//! faccessat2(2), which asks what the process could do with a path and opens nothing.

use nix::Error;
use nix::errno::Errno;
use nix::unistd::AccessFlags;
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Asks whether the process, with its effective ids and capabilities, could use a path from the root directory on. The
/// kernel follows links.
///
/// # Errors
/// ENOSYS before Linux 5.8, which has no such call. The C library would then answer from the mode of the file, which
/// says nothing of capabilities, of access control lists and of security modules.
pub fn ask(path: &Path, access: AccessFlags) -> Result<(), Error> {
    let path = CString::new(path.as_os_str().as_bytes()).map_err(|_| Errno::EINVAL)?;
    let (mode, flags) = (access.bits(), libc::AT_EACCESS);
    // SAFETY: `path` is a C string that outlives the call, and the kernel only reads it.
    let answer = unsafe { libc::syscall(libc::SYS_faccessat2, libc::AT_FDCWD, path.as_ptr(), mode, flags) };
    Errno::result(answer).map(drop)
}
