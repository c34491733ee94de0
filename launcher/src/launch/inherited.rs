//! The working directory and the standard streams of a tool with a scope.
//!
//! Landlock judges a file by the mounts of whoever opened it. The caller can make namespaces, mount a closed folder onto an
//! allowed one there, and hand capwrap a working directory or a stream in it: a tool whose capabilities count beneath paths
//! would open everything below, or open the stream anew by /dev/stdin. So these must lie on mounts that this process sees.
//!
//! A scope can also refuse to make a socket, of MPTCP for instance, because Landlock judges the ports of TCP alone. The caller
//! can make one and pass it as a stream, and the tool would bind any port by it.

use crate::refusal::{OrRefuse, Refusal};
use crate::system::{descriptors, mounts, sockets};
use capwrap_core::scope::confined::{Confined, refuse_any_socket, refuse_socket};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::stat::SFlag;
use std::os::fd::BorrowedFd;

/// Refuses a launch whose working directory, or one of whose standard streams, is a file of a mount that this process does
/// not see.
///
/// # Errors
/// That is so, or the kernel does not say it.
pub fn refuse_other_mounts(name: &str) -> Result<(), Refusal> {
    let refuse_unless =
        |what: &str, is_own: nix::Result<bool>| match is_own.or_refuse(|| format!("find the mount of {what}"))? {
            true => Ok(()),
            false => Err(Refusal::new(format!(
                "{what} of {name} lies on a mount of another namespace, or names a file alone"
            ))
            .with_hint("start it from a folder that you see here, and give it files that you opened here")),
        };
    let folder = mounts::of(None);
    refuse_unless("the working directory", folder.and_then(|folder| folder.is_on_a_mount_that_is_seen()))?;
    descriptors::standard().into_iter().try_for_each(|(what, stream)| refuse_unless(what, is_harmless(stream)))
}

/// Refuses a launch one of whose standard streams is a socket that the scopes do not let the tool make.
///
/// # Errors
/// That is so, or the kernel does not say it.
pub fn refuse_other_sockets(name: &str, confined: &[Confined]) -> Result<(), Refusal> {
    if !refuse_any_socket(confined) {
        return Ok(());
    }
    for (what, stream) in descriptors::standard() {
        let made = sockets::made_as(stream).or_refuse(|| format!("ask what {what} is"))?;
        if made.is_some_and(|[domain, kind, protocol]| refuse_socket(confined, domain, kind, protocol)) {
            return Err(Refusal::new(format!(
                "{what} of {name} is a socket that the scope of its policy does not let it make"
            ))
            .with_hint("give it a file, a pipe or a terminal"));
        }
    }
    Ok(())
}

/// Whether the tool can open nothing by this descriptor that it could not open by a path: a file on a mount of this
/// process, a pipe, a socket, or a device that was opened.
fn is_harmless(descriptor: BorrowedFd<'_>) -> nix::Result<bool> {
    let place = mounts::of(Some(descriptor))?;
    let kind = SFlag::from_bits_truncate(place.mode & SFlag::S_IFMT.bits());
    if [SFlag::S_IFIFO, SFlag::S_IFSOCK, SFlag::S_IFCHR].contains(&kind) {
        // With O_PATH nothing was opened, and nobody was asked whether the caller may.
        let flags = OFlag::from_bits_retain(fcntl(descriptor, FcntlArg::F_GETFL)?);
        if !flags.contains(OFlag::O_PATH) {
            return Ok(true);
        }
    }
    place.is_on_a_mount_that_is_seen()
}
