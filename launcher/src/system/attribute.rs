//! Extended attributes, read from what was opened.

use nix::Error;
use nix::errno::Errno;
use std::ffi::CString;
use std::fs::File;
use std::os::fd::AsRawFd;

/// The attribute's bytes, or `None` where the file has none of that name. At most 256 bytes: more
/// than `security.capability` ever has.
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
        // A file system without extended attributes has none.
        Err(Errno::ENODATA | Errno::EOPNOTSUPP) => Ok(None),
        Err(errno) => Err(errno),
    }
}
