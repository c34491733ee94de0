//! The boundary to the kernel: what the standard library does not do with sockets of packets. Every `unsafe` of the
//! program is here.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

/// Who connected, as the kernel wrote it down at that moment (SO_PEERCRED, unix(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The effective ids.
    pub uid: u32,
    pub gid: u32,
    /// 0 if the process is in a pid namespace that this one does not see.
    pub pid: u32,
}

pub fn peer(stream: &UnixStream) -> io::Result<Peer> {
    let mut found = libc::ucred { pid: 0, uid: u32::MAX, gid: u32::MAX };
    let mut length = size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes to `found`, and their number to `length`.
    let answer = unsafe {
        let (level, option) = (libc::SOL_SOCKET, libc::SO_PEERCRED);
        libc::getsockopt(stream.as_raw_fd(), level, option, (&raw mut found).cast(), &raw mut length)
    };
    if answer != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(Peer { uid: found.uid, gid: found.gid, pid: u32::try_from(found.pid).unwrap_or(0) })
}

/// Receives one packet, and returns its length, which is greater than that of the buffer if it did not fit. 0 is the end.
///
/// # Errors
/// `WouldBlock` if there is none yet.
pub fn receive(stream: &UnixStream, buffer: &mut [u8]) -> io::Result<usize> {
    let flags = libc::MSG_DONTWAIT | libc::MSG_TRUNC;
    // SAFETY: the kernel writes at most `buffer.len()` bytes to `buffer`.
    let length = unsafe { libc::recv(stream.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len(), flags) };
    usize::try_from(length).map_err(|_| io::Error::last_os_error())
}

/// Listens for packets on a path that does not exist yet.
pub fn listen_for_packets(path: &Path) -> io::Result<UnixListener> {
    // SAFETY: all zeros are a valid sockaddr_un.
    let mut address: libc::sockaddr_un = unsafe { std::mem::zeroed() };
    address.sun_family = libc::AF_UNIX as libc::sa_family_t;
    let bytes = path.as_os_str().as_bytes();
    // The last byte stays zero.
    if bytes.len() >= address.sun_path.len() {
        return Err(io::ErrorKind::InvalidFilename.into());
    }
    for (place, byte) in address.sun_path.iter_mut().zip(bytes) {
        *place = *byte as libc::c_char;
    }
    // SAFETY: socket(2) takes numbers.
    let socket = unsafe { libc::socket(libc::AF_UNIX, libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC, 0) };
    if socket < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel returned a new descriptor, which nothing else owns.
    let socket = unsafe { OwnedFd::from_raw_fd(socket) };
    let length = size_of::<libc::sockaddr_un>() as libc::socklen_t;
    // SAFETY: the kernel reads `length` bytes of the address, which outlives the call; listen(2) takes numbers.
    let is_listening = unsafe {
        libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) == 0
            && libc::listen(socket.as_raw_fd(), libc::SOMAXCONN) == 0
    };
    if is_listening { Ok(socket.into()) } else { Err(io::Error::last_os_error()) }
}

/// Takes the one socket that systemd passed to this process (sd_listen_fds(3)).
pub fn passed_socket() -> io::Result<UnixListener> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u32>().ok());
    if number("LISTEN_PID") != Some(std::process::id()) || number("LISTEN_FDS") != Some(1) {
        return Err(io::Error::other("systemd is to start this program by its socket unit"));
    }
    let first = 3;
    // SAFETY: this asks for the flags of a number, and fails if it is closed.
    if unsafe { libc::fcntl(first, libc::F_SETFD, libc::FD_CLOEXEC) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: systemd passed the descriptor, which is open, and nothing else in this process owns it.
    let socket = unsafe { OwnedFd::from_raw_fd(first) };
    Ok(socket.into())
}
