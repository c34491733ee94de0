//! The working directory and the standard streams of a tool with a scope.
//!
//! Landlock judges a file by the mounts of whoever opened it. The caller can make namespaces, mount a closed folder onto an
//! allowed one there, and hand capwrap a working directory or a stream in it: a tool whose capabilities count beneath paths
//! would open everything below, or open the stream anew by /dev/stdin. So these must lie on mounts that this process sees.
//!
//! A scope can also refuse to make a socket, of MPTCP for instance, because Landlock judges the ports of TCP alone. The caller
//! can make one and pass it as a stream, and the tool would bind any port by it.

use crate::refusal::{OrRefuse, Refusal};
use crate::system::{files, sockets};
use capwrap_core::mount_table;
use capwrap_core::scope::confined::{Confined, refuse_socket};
use nix::fcntl::{OFlag, open};
use nix::sys::stat::{Mode, SFlag, fstat};
use std::collections::BTreeSet;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::Path;

/// Refuses a launch whose working directory, or one of whose standard streams, is a file of a mount that this process does
/// not see.
///
/// # Errors
/// That is so, or the kernel does not say it.
pub fn refuse_other_mounts(name: &str) -> Result<(), Refusal> {
    let table = std::fs::read(mount_table::FILE).or_refuse(|| format!("read {}", mount_table::FILE))?;
    let mounts = mount_table::numbers(&table);
    let folder = open("/proc/self/cwd", OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty());
    let folder = folder.or_refuse(|| "open the working directory")?;
    let streams = streams();
    let streams = streams.iter().map(|(what, stream)| (*what, stream.as_fd()));
    for (what, descriptor) in [("the working directory", folder.as_fd())].into_iter().chain(streams) {
        if !is_harmless(descriptor, &mounts).or_refuse(|| format!("find the mount of {what}"))? {
            return Err(Refusal::new(format!(
                "{what} of {name} lies on a mount of another namespace, or names a file alone"
            ))
            .with_hint("start it from a folder that you see here, and give it files that you opened here"));
        }
    }
    Ok(())
}

/// Refuses a launch one of whose standard streams is a socket that the scopes do not let the tool make.
///
/// # Errors
/// That is so, or the kernel does not say it.
pub fn refuse_other_sockets(name: &str, confined: &[Confined]) -> Result<(), Refusal> {
    for (what, stream) in &streams() {
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

/// The standard streams, by their names.
fn streams() -> [(&'static str, Box<dyn AsFd>); 3] {
    [
        ("standard input", Box::new(std::io::stdin())),
        ("standard output", Box::new(std::io::stdout())),
        ("standard error", Box::new(std::io::stderr())),
    ]
}

/// Whether the tool can open nothing by this descriptor that it could not open by a path: a file on a mount of this
/// process, a pipe, a socket, or a device that was opened.
fn is_harmless(descriptor: BorrowedFd<'_>, mounts: &BTreeSet<u64>) -> nix::Result<bool> {
    let number = descriptor.as_raw_fd();
    let text = files::beginning(Path::new(&format!("/proc/self/fdinfo/{number}")))?;
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let mount = field("mnt_id:").and_then(|mount| mount.parse().ok());
    if mount.is_some_and(|mount| mounts.contains(&mount)) {
        return Ok(true);
    }
    // open(2) shows its flags in octal. With O_PATH nothing was opened, and nobody was asked whether the caller may.
    let flags = field("flags:").and_then(|flags| i32::from_str_radix(flags, 8).ok());
    let is_open = flags.is_some_and(|flags| flags & OFlag::O_PATH.bits() == 0);
    let kind = SFlag::from_bits_truncate(fstat(descriptor)?.st_mode & SFlag::S_IFMT.bits());
    Ok(is_open && [SFlag::S_IFIFO, SFlag::S_IFSOCK, SFlag::S_IFCHR].contains(&kind))
}
