//! socket(2), and bind(2) for one question.

use nix::Error;
use nix::errno::Errno;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// Binds a TCP port of the loopback address and gives it back at once.
///
/// # Errors
/// EACCES if a Landlock domain refuses it, which the kernel asks before all else (`security_socket_bind` in
/// `__sys_bind`, net/socket.c).
pub fn bind_tcp(port: u16) -> Result<(), Error> {
    // SAFETY: socket(2) takes numbers.
    let socket = Errno::result(unsafe { libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0) })?;
    // SAFETY: the kernel returned a new descriptor, which nothing else owns.
    let socket = unsafe { OwnedFd::from_raw_fd(socket) };
    let address = libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: port.to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from(std::net::Ipv4Addr::LOCALHOST).to_be() },
        sin_zero: [0; 8],
    };
    // SAFETY: the kernel reads `size_of` bytes of the address, which outlives the call.
    let answer = unsafe {
        let length = size_of::<libc::sockaddr_in>() as libc::socklen_t;
        libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length)
    };
    Errno::result(answer).map(drop)
}

/// Returns a new socket for whole packets over a connection.
pub fn of_packets() -> Result<OwnedFd, Error> {
    // SAFETY: socket(2) takes numbers.
    let socket = Errno::result(unsafe { libc::socket(libc::AF_UNIX, libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC, 0) })?;
    // SAFETY: the kernel returned a new descriptor, which nothing else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(socket) })
}
