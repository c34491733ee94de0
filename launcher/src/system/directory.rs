//! Reading a directory with few system calls. The C library makes more, and the preset of a scope reads hundreds of
//! directories in each launch.

use nix::Error;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, openat};
use nix::sys::stat::{FileStat, Mode, fstatat};
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

/// A directory that is open for reading.
#[derive(Debug)]
pub struct Directory(OwnedFd);

/// A name in a directory.
#[derive(Debug)]
pub struct Entry {
    /// The name itself.
    pub name: CString,
    /// Whether the directory shows it as a symbolic link.
    pub is_link: bool,
}

/// The bytes of `struct linux_dirent64` before the name, and where its length and its type are (getdents64(2)).
const NAME: usize = 19;
const LENGTH: usize = 16;
const TYPE: usize = 18;

impl Directory {
    /// Opens a directory by its path.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        openat(AT_FDCWD, path, flags, Mode::empty()).map(Self)
    }

    /// Opens a directory in this one. A link is none.
    pub fn open_at(&self, name: &CStr) -> Result<Self, Error> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        openat(&self.0, name, flags, Mode::empty()).map(Self)
    }

    /// Opens what has this name as a place, without a right to read it. A link is the place itself.
    pub fn place(&self, name: &CStr) -> Result<OwnedFd, Error> {
        openat(&self.0, name, OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC, Mode::empty())
    }

    /// Returns the status of what has this name, of a link its own.
    pub fn status(&self, name: &CStr) -> Result<FileStat, Error> {
        fstatat(&self.0, name, AtFlags::AT_SYMLINK_NOFOLLOW)
    }

    /// Returns all names but `.` and `..`.
    pub fn entries(&self) -> Result<Vec<Entry>, Error> {
        let mut entries = Vec::new();
        let mut bytes = [0_u8; 8192];
        loop {
            // SAFETY: the kernel writes at most that many bytes to the array, which outlives the call.
            let answer =
                unsafe { libc::syscall(libc::SYS_getdents64, self.0.as_raw_fd(), bytes.as_mut_ptr(), bytes.len()) };
            let filled = usize::try_from(Errno::result(answer)?).map_err(|_| Errno::EOVERFLOW)?;
            if filled == 0 {
                return Ok(entries);
            }
            let mut rest = bytes.get(..filled).ok_or(Errno::EOVERFLOW)?;
            while !rest.is_empty() {
                let record = record(rest).ok_or(Errno::EBADMSG)?;
                let name = CStr::from_bytes_until_nul(&record[NAME..]).map_err(|_| Errno::EBADMSG)?;
                if name != c"." && name != c".." {
                    entries.push(Entry { name: name.to_owned(), is_link: record[TYPE] == libc::DT_LNK });
                }
                rest = &rest[record.len()..];
            }
        }
    }
}

impl AsFd for Directory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Returns the first of the records, which says how long it is.
fn record(bytes: &[u8]) -> Option<&[u8]> {
    let length = u16::from_ne_bytes(bytes.get(LENGTH..LENGTH + 2)?.try_into().ok()?);
    bytes.get(..length.into()).filter(|record| record.len() > NAME)
}
