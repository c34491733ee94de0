//! File descriptors: the standard ones must be open, and all others must not reach the tool.

use capwrap_core::errno;
use nix::Error;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl, open};
use nix::sys::stat::Mode;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, RawFd};

/// Returns the standard streams, with their names. std would make a buffer for each of them.
pub fn standard() -> [(&'static str, BorrowedFd<'static>); 3] {
    // SAFETY: `open_missing_standard` has opened what was closed, and nothing closes them.
    let standard = |number| unsafe { BorrowedFd::borrow_raw(number) };
    [("standard input", standard(0)), ("standard output", standard(1)), ("standard error", standard(2))]
}

/// Opens `/dev/null` in place of a standard descriptor that the caller closed. Otherwise a file
/// that is opened later would get its number, and capwrap would write to the file as if it were
/// standard error. (The C library does the same before main if exec gave capabilities, but not for
/// root.)
pub fn open_missing_standard() -> Result<(), Error> {
    for wanted in 0..=2 {
        // SAFETY: this only queries the descriptor, and fcntl(2) answers EBADF if it is closed.
        let standard = unsafe { BorrowedFd::borrow_raw(wanted) };
        match fcntl(standard, FcntlArg::F_GETFD) {
            Ok(_) => continue,
            Err(Errno::EBADF) => {}
            Err(errno) => return Err(errno),
        }
        // open(2) takes the lowest free number. That is the missing one, because all below it are
        // open.
        let opened = open("/dev/null", OFlag::O_RDWR, Mode::empty())?;
        if opened.as_raw_fd() != wanted {
            return Err(Errno::EBADF);
        }
        // The descriptor stays open for the tool.
        let _ = opened.into_raw_fd();
    }
    Ok(())
}

/// Marks every descriptor above 2 to be closed at exec. In CVE-2024-21626 one stayed open.
pub fn close_others_on_exec() -> Result<(), Error> {
    let (first, last): (libc::c_uint, libc::c_uint) = (3, libc::c_uint::MAX);
    // SAFETY: close_range(2) with this flag only marks descriptors.
    let answer = unsafe { libc::syscall(libc::SYS_close_range, first, last, libc::CLOSE_RANGE_CLOEXEC) };
    match Errno::result(answer) {
        Ok(_) => Ok(()),
        // close_range(2) is new in Linux 5.9, its flag in 5.11. The filter of a container engine that does not know the call
        // answers EPERM (Docker 20.10, moby issue 43595).
        Err(Errno::ENOSYS | Errno::EINVAL | Errno::EPERM) => close_each_on_exec(),
        Err(errno) => Err(errno),
    }
}

fn close_each_on_exec() -> Result<(), Error> {
    let entries = std::fs::read_dir("/proc/self/fd").map_err(errno::of)?;
    for entry in entries {
        let name = entry.map_err(errno::of)?.file_name();
        let Some(number) = name.to_str().and_then(|name| name.parse::<RawFd>().ok()) else { continue };
        if number > 2 {
            // SAFETY: this only marks the descriptor; fcntl(2) answers EBADF if it was closed
            // meanwhile.
            let other = unsafe { BorrowedFd::borrow_raw(number) };
            match fcntl(other, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)) {
                Ok(_) | Err(Errno::EBADF) => {}
                Err(errno) => return Err(errno),
            }
        }
    }
    Ok(())
}

/// Keeps one descriptor open at exec: the descriptor of a script, which its interpreter opens by
/// number.
pub fn keep_on_exec(descriptor: impl AsFd) -> Result<(), Error> {
    fcntl(descriptor, FcntlArg::F_SETFD(FdFlag::empty())).map(drop)
}
