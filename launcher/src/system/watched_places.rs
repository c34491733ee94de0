//! Which files a call is about that the watcher got: the paths that its arguments point to, resolved before the kernel makes
//! the call. The process may change them in between, so that nothing may be refused for what is found here.

use super::pointed_to::{read, read_as_far_as_it_goes};
use capwrap_core::scope::calls::Architecture;
use capwrap_core::scope::domain;
use capwrap_core::scope::places::{Access, Does, Naming, Place, namings};
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use std::ffi::{CStr, OsStr};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Returns the files that the call uses, and that the preset of a scope does not leave readable anyway.
pub(super) fn of(call: &libc::seccomp_notif) -> Vec<Place> {
    let mut places = Vec::new();
    let Some(architecture) = Architecture::HERE.filter(|here| here.audit_number() == call.data.arch) else {
        return places;
    };
    for naming in namings(architecture, call.data.nr as u32) {
        if let Some(path) = path_of(call, naming) {
            add(&mut places, call, naming.does, &path);
        }
    }
    places.retain(|place| place.access != Access::Read || !domain::is_readable_by_preset(&place.path));
    places
}

fn add(to: &mut Vec<Place>, call: &libc::seccomp_notif, does: Does, path: &Path) {
    let mut add = |access, path: Option<PathBuf>| to.extend(path.map(|path| Place::named(access, path)));
    let word = |argument: u8| call.data.args[usize::from(argument)];
    let flags = match does {
        Does::Open(argument) => OFlag::from_bits_retain(word(argument) as i32),
        Does::OpenAsSaid(argument) => {
            let mut flags = [0; size_of::<u64>()];
            match read(call, usize::from(argument), &mut flags) {
                Some(()) => OFlag::from_bits_retain(u64::from_ne_bytes(flags) as i32),
                None => return,
            }
        }
        Does::Create => OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_TRUNC,
        Does::Truncate => OFlag::O_WRONLY,
        Does::Execute => OFlag::O_RDONLY,
        Does::Name => return add(Access::Write, directory_of(path)),
        Does::Node(argument) => {
            let kind = word(argument) as libc::mode_t & libc::S_IFMT;
            let is_device = [libc::S_IFCHR, libc::S_IFBLK].contains(&kind);
            return add(if is_device { Access::Device } else { Access::Write }, directory_of(path));
        }
    };
    // A domain does not judge a descriptor by which nothing can be read.
    if flags.contains(OFlag::O_PATH) {
        return;
    }
    let mode = flags & OFlag::O_ACCMODE;
    let writes = mode == OFlag::O_WRONLY || mode == OFlag::O_RDWR || flags.contains(OFlag::O_TRUNC);
    let found = resolved(path, flags & OFlag::O_NOFOLLOW);
    let made = || directory_of(path).filter(|_| flags.contains(OFlag::O_CREAT));
    let is_new = found.is_none();
    if writes || is_new {
        add(Access::Write, found.clone().or_else(made));
    }
    if mode == OFlag::O_RDONLY || mode == OFlag::O_RDWR {
        add(Access::Read, found.or_else(made));
    }
}

/// Returns the path that an argument names, from this process's root.
fn path_of(call: &libc::seccomp_notif, naming: &Naming) -> Option<PathBuf> {
    let mut room = [0; libc::PATH_MAX as usize];
    let count = read_as_far_as_it_goes(call, usize::from(naming.path), &mut room)?;
    let named = Path::new(OsStr::from_bytes(CStr::from_bytes_until_nul(&room[..count]).ok()?.to_bytes()));
    let process = PathBuf::from(format!("/proc/{}", call.pid));
    if let Ok(own) = named.strip_prefix("/proc/self") {
        return Some(process.join(own));
    }
    let begins = match naming.directory.map(|at| call.data.args[usize::from(at)] as i32) {
        None | Some(libc::AT_FDCWD) => process.join("cwd"),
        Some(descriptor) => process.join(format!("fd/{descriptor}")),
    };
    // Without a name, as in execveat(2) with AT_EMPTY_PATH, it is the descriptor itself. An absolute path replaces both.
    Some(if named.as_os_str().is_empty() { begins } else { begins.join(named) })
}

/// Returns the path of the directory in which the last name of a path lies.
fn directory_of(path: &Path) -> Option<PathBuf> {
    resolved(path.parent()?, OFlag::empty())
}

/// Returns the path without links, or `None` if there is nothing there.
fn resolved(path: &Path, flags: OFlag) -> Option<PathBuf> {
    let opened = open(path, OFlag::O_PATH | OFlag::O_CLOEXEC | flags, Mode::empty()).ok()?;
    let found = std::fs::read_link(format!("/proc/self/fd/{}", opened.as_raw_fd())).ok()?;
    // A pipe and its like have no path, and neither has a file that was removed.
    (found.is_absolute() && std::fs::symlink_metadata(&found).is_ok()).then_some(found)
}
