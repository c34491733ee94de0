//! socket(2), and bind(2) for one question.

use nix::Error;
use nix::errno::Errno;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

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

/// Returns the domain, the type and the protocol of a socket, as socket(2) numbers them, or `None` for what cannot be used
/// as a socket.
pub fn made_as(descriptor: impl AsFd) -> Result<Option<[u32; 3]>, Error> {
    let mut made = [0; 3];
    for (option, to) in [libc::SO_DOMAIN, libc::SO_TYPE, libc::SO_PROTOCOL].into_iter().zip(&mut made) {
        match option_of(&descriptor, option) {
            // By a descriptor with O_PATH no socket can be used (EBADF).
            Err(Errno::ENOTSOCK | Errno::EBADF) => return Ok(None),
            found => *to = found?,
        }
    }
    Ok(Some(made))
}

/// Returns an option of a socket that is a number (socket(7)).
///
/// # Errors
/// ENOTSOCK for what is no socket.
pub fn option_of(socket: impl AsFd, option: libc::c_int) -> Result<u32, Error> {
    let mut found: u32 = 0;
    let mut length = size_of::<u32>() as libc::socklen_t;
    let descriptor = socket.as_fd().as_raw_fd();
    // SAFETY: the kernel writes at most `length` bytes to `found`.
    let answer =
        unsafe { libc::getsockopt(descriptor, libc::SOL_SOCKET, option, (&raw mut found).cast(), &raw mut length) };
    Errno::result(answer).map(|_| found)
}
