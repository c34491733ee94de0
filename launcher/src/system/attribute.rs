//! Extended attributes, read from an open file.

use nix::Error;
use nix::errno::Errno;
use std::ffi::CString;
use std::fs::File;
use std::os::fd::AsRawFd;

/// Returns the attribute's bytes, or `None` if the file does not have this attribute. It reads at
/// most 256 bytes, which is more than `security.capability` ever has.
pub fn read(file: &File, name: &str) -> Result<Option<Vec<u8>>, Error> {
    let name = CString::new(name).map_err(|_| Errno::EINVAL)?;
    let mut bytes = vec![0u8; 256];
    // SAFETY: fgetxattr(2) writes at most `bytes.len()` bytes to `bytes`; `name` is a C string.
    let length = unsafe { libc::fgetxattr(file.as_raw_fd(), name.as_ptr(), bytes.as_mut_ptr().cast(), bytes.len()) };
    match Errno::result(length) {
        Ok(length) => {
            bytes.truncate(length as usize);
            Ok(Some(bytes))
        }
        // A file on a file system without extended attributes does not have the attribute either.
        // EOVERFLOW: the root of another user namespace set the attribute, and it does not count in this one
        // (`cap_inode_getsecurity`).
        Err(Errno::ENODATA | Errno::EOPNOTSUPP | Errno::EOVERFLOW) => Ok(None),
        Err(errno) => Err(errno),
    }
}
