//! execveat(2), and the random number that capwrap passes with it.

use nix::Error;
use nix::errno::Errno;
use std::convert::Infallible;
use std::ffi::{CStr, CString, OsStr, OsString};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// What capwrap executes: a descriptor itself, a name in the directory of a descriptor, or an absolute path.
pub enum Target<'a> {
    Descriptor(BorrowedFd<'a>),
    Entry { directory: BorrowedFd<'a>, name: &'a CStr },
    Path(&'a CStr),
}

/// Becomes the target. `tag` is passed as the sixth argument, which execveat(2) does not use; the
/// filter of [`super::seccomp`] checks it.
///
/// # Errors
/// The call returns only if it failed.
pub fn become_target(
    target: &Target<'_>,
    argv: &[CString],
    environment: &[CString],
    tag: u64,
) -> Result<Infallible, Error> {
    let (descriptor, name, flags) = match target {
        Target::Descriptor(file) => (file.as_raw_fd(), c"", libc::AT_EMPTY_PATH),
        Target::Entry { directory, name } => (directory.as_raw_fd(), *name, libc::AT_SYMLINK_NOFOLLOW),
        Target::Path(path) => (libc::AT_FDCWD, *path, 0),
    };
    let (argv, environment) = (null_terminated(argv), null_terminated(environment));
    // SAFETY: `name` and every pointer of the two arrays are C strings that outlive the call, and
    // both arrays end in null. The kernel ignores the sixth argument.
    let answer = unsafe {
        libc::syscall(libc::SYS_execveat, descriptor, name.as_ptr(), argv.as_ptr(), environment.as_ptr(), flags, tag)
    };
    Err(Errno::result(answer).err().unwrap_or(Errno::EIO))
}

/// Converts strings to the C strings that the kernel takes.
///
/// # Errors
/// EINVAL if a string contains a NUL.
pub fn c_strings<'a>(strings: impl Iterator<Item = &'a OsStr>) -> Result<Vec<CString>, Error> {
    strings.map(|string| CString::new(string.as_bytes()).map_err(|_| Errno::EINVAL)).collect()
}

/// Returns `NAME=VALUE` for each variable. The errors are those of [`c_strings`].
pub fn variables(environment: &[(OsString, OsString)]) -> Result<Vec<CString>, Error> {
    let lines: Vec<OsString> = environment
        .iter()
        .map(|(name, value)| OsString::from_vec([name.as_bytes(), b"=", value.as_bytes()].concat()))
        .collect();
    c_strings(lines.iter().map(OsString::as_os_str))
}

fn null_terminated(strings: &[CString]) -> Vec<*const libc::c_char> {
    strings.iter().map(|string| string.as_ptr()).chain([std::ptr::null()]).collect()
}

/// Returns a random number that nobody can guess.
pub fn random_tag() -> Result<u64, Error> {
    let mut bytes = [0u8; 8];
    // SAFETY: getrandom(2) writes at most `bytes.len()` bytes to `bytes`.
    let written = Errno::result(unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) })?;
    if written == bytes.len() as isize { Ok(u64::from_ne_bytes(bytes)) } else { Err(Errno::EIO) }
}
