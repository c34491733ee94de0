//! The standard library's errors as the numbers that the system gave.

use nix::errno::Errno;

/// Returns the number of an error; EIO for one that is not the system's.
pub fn of(error: std::io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}
