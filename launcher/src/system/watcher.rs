//! A process that notes which system calls a command makes, for the learner (seccomp_unotify(2)).
//!
//! The kernel stops a call that the filter of [`Watcher::watch`] reports until the watcher answers. It always answers that
//! the call goes on, so that nothing is refused. The watcher is a child of the launcher's parent and not of the launcher,
//! because the tool must find no child that it did not start. It ends when no process has the filter any more.

use super::pointed_to::read;
use super::{capabilities, sockets, watched_places};
use capwrap_core::scope::calls::Architecture;
use capwrap_core::scope::filter::{CLONE3, Instruction};
use capwrap_core::scope::places::{Access, Place};
use capwrap_core::scope::watch::{BEGUN, Bound, ENDED, MORE, MORE_PLACES, MOST, MOST_PLACES, Seen, is_watched};
use capwrap_core::{Capability, CapabilitySet};
use nix::Error;
use nix::errno::Errno;
use nix::sys::signal::SigSet;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// `SECCOMP_IOCTL_NOTIF_RECV` and `SECCOMP_IOCTL_NOTIF_SEND` (include/uapi/linux/seccomp.h).
const RECEIVE: u32 = 0xc050_2100;
const SEND: u32 = 0xc018_2101;
/// `SECCOMP_IOCTL_NOTIF_SET_FLAGS` and `SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP` of the same file: the kernel lets the one that
/// was stopped go on where the other one rests, which saves it most of the wait (Linux 6.6, commit 48a1084a8b74).
const SET_FLAGS: u32 = 0x4008_2104;
const SYNC_WAKE_UP: libc::c_ulong = 1;

/// Room for what a later kernel may add to the structure.
#[repr(C)]
struct Notification {
    known: libc::seccomp_notif,
    more: [u8; 256],
}

/// A process that waits for a listener.
#[derive(Debug)]
pub struct Watcher {
    /// Whether it notes the files that calls are about, too.
    pub places: bool,
    listener: OwnedFd,
    answer: File,
}

impl Watcher {
    /// Starts the process. It writes a line to `report` for each different call.
    ///
    /// # Errors
    /// A call fails, or the watcher may not take descriptors of this process; then there is no watcher.
    pub fn start(report: File, places: bool) -> Result<Self, Error> {
        let (request, listener) = pipe()?;
        let (mut answer, ready) = pipe()?;
        let launcher = nix::unistd::getpid().as_raw();
        match new_sibling()? {
            0 => {
                drop((listener, answer));
                serve(
                    launcher,
                    request,
                    File::from(ready),
                    &mut Report { to: report, places, known: BTreeSet::new(), known_places: BTreeSet::new() },
                );
                // SAFETY: _exit(2) runs nothing of the launcher's.
                unsafe { libc::_exit(0) }
            }
            _ => {
                drop((request, ready));
                // Before there is a filter, nothing is lost if it cannot watch.
                match answer.read(&mut [0]) {
                    Ok(1) => Ok(Self { places, listener, answer }),
                    _ => Err(Errno::EPERM),
                }
            }
        }
    }

    /// Installs the filter, and waits until the watcher has its listener. Returns whether it watches; otherwise the filter
    /// is not there. It takes no_new_privs.
    ///
    /// # Errors
    /// The filter is there and the watcher did not get its listener: each reported call would fail.
    pub fn watch(mut self, program: &[Instruction]) -> Result<bool, Error> {
        let Ok(listener) = super::seccomp::install_with_listener(program) else { return Ok(false) };
        let sent = File::from(self.listener).write_all(&listener.as_raw_fd().to_ne_bytes());
        let is_ready = sent.is_ok() && matches!(self.answer.read(&mut [0]), Ok(1));
        if is_ready { Ok(true) } else { Err(Errno::ESRCH) }
    }
}

/// Returns the end to read from and the end to write to. Both close at exec.
fn pipe() -> Result<(File, OwnedFd), Error> {
    let mut ends = [-1; 2];
    // SAFETY: pipe2(2) writes two descriptors to the array.
    Errno::result(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) })?;
    // SAFETY: the kernel returned two new descriptors, which nothing else owns.
    Ok(unsafe { (File::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])) })
}

/// Returns 0 in the new process. Its parent is the parent of this one.
fn new_sibling() -> Result<libc::c_long, Error> {
    let (flags, nothing): (libc::c_ulong, libc::c_ulong) = (libc::CLONE_PARENT as libc::c_ulong, 0);
    // SAFETY: the new process has memory of its own, as after fork(2). The program has one thread, so that no lock is held
    // in it.
    let answer = unsafe { libc::syscall(libc::SYS_clone, flags, nothing, nothing, nothing, nothing) };
    Errno::result(answer)
}

/// Takes the listener from the launcher, and answers until it is of no use any more. What goes wrong ends it, and then the
/// kernel answers the reported calls with ENOSYS.
fn serve(launcher: libc::pid_t, mut request: File, mut ready: File, report: &mut Report) {
    // What ends the command, or its group of processes, must not end this one first.
    let _ = SigSet::all().thread_block();
    // SAFETY: setsid(2) takes nothing.
    let _ = unsafe { libc::setsid() };
    let serve = || {
        // Yama keeps root too from it where kernel.yama.ptrace_scope is 3.
        if take(launcher, libc::STDIN_FILENO).is_err() || ready.write_all(&[1]).is_err() {
            return;
        }
        let mut number = [0; size_of::<i32>()];
        // If the launcher refuses the launch, the pipe ends.
        if request.read_exact(&mut number).is_err() {
            return;
        }
        let Ok(listener) = take(launcher, i32::from_ne_bytes(number)) else { return };
        if writeln!(report.to, "{BEGUN}").is_err() || ready.write_all(&[1]).is_err() {
            return;
        }
        // An older kernel does not know it, and does without.
        // SAFETY: ioctl(2) takes a number here.
        let _ = unsafe { libc::ioctl(listener.as_raw_fd(), SET_FLAGS as _, SYNC_WAKE_UP) };
        while let Ok(call) = receive(&listener) {
            let Some(call) = call else {
                let _ = writeln!(report.to, "{ENDED}");
                return;
            };
            report.note(&call);
            let _ = go_on(&listener, call.id);
        }
    };
    // The processes of another user are looked into with cap_sys_ptrace (pidfd_getfd(2)), and the files that they name
    // may be closed to root without cap_dac_read_search.
    let permitted = capabilities::held().map_or(CapabilitySet::EMPTY, |held| held.permitted);
    let looking = permitted.intersection(Capability::DAC_READ_SEARCH.into());
    let _ = capabilities::with_effective(looking.union(Capability::SYS_PTRACE.into()), serve);
}

/// What the watcher writes, one line for each different call and place.
struct Report {
    to: File,
    places: bool,
    known: BTreeSet<String>,
    known_places: BTreeSet<Place>,
}

impl Report {
    fn note(&mut self, call: &libc::seccomp_notif) {
        if let Some(seen) = seen(call).map(|seen| seen.line())
            && self.known.len() < MOST
            && self.known.insert(seen.clone())
        {
            self.write(if self.known.len() == MOST { MORE } else { &seen });
        }
        let places = if self.places { watched_places::of(call) } else { Vec::new() };
        for place in places {
            if self.known_places.len() < MOST_PLACES
                && !self.is_covered(&place)
                && self.known_places.insert(place.clone())
            {
                let line = place.to_string();
                self.write(if self.known_places.len() == MOST_PLACES { MORE_PLACES } else { &line });
            }
        }
    }

    /// Returns whether a place adds nothing, in a report that gets long: a rule on a directory that is listed covers all that
    /// lies beneath it.
    fn is_covered(&self, place: &Place) -> bool {
        let covers = |above: &std::path::Path| {
            self.known_places.contains(&Place { access: place.access, path: above.to_owned() })
        };
        place.access == Access::Read
            && self.known_places.len() > MOST_PLACES / 10
            && place.path.ancestors().skip(1).any(covers)
    }

    /// A report that cannot be written lacks its end, and says so by that.
    fn write(&mut self, line: &str) {
        let _ = writeln!(self.to, "{line}");
    }
}

fn seen(call: &libc::seccomp_notif) -> Option<Seen> {
    let seen = Seen::of(Architecture::HERE?, call.data.arch, call.data.nr as u32, &call.data.args)?;
    match seen.call {
        call if !is_watched(call) => None,
        "bind" => Some(Seen { bound: bound(call), ..seen }),
        CLONE3 => {
            // The flags come first in the structure (clone3(2)).
            let mut flags = [0; size_of::<u64>()];
            read(call, 0, &mut flags)?;
            Seen::in_place_of_clone3(u64::from_ne_bytes(flags))
        }
        _ => Some(seen),
    }
}

/// Returns which port of which protocol bind(2) is about.
fn bound(call: &libc::seccomp_notif) -> Option<Bound> {
    let mut address = [0_u8; 4];
    read(call, 1, &mut address)?;
    let family = i32::from(u16::from_ne_bytes([address[0], address[1]]));
    if ![libc::AF_INET, libc::AF_INET6].contains(&family) {
        return None;
    }
    let process = libc::pid_t::try_from(call.pid).ok()?;
    let socket = take(process, call.data.args[0] as i32).ok()?;
    let protocol = sockets::option_of(&socket, libc::SO_PROTOCOL).ok()?;
    Some(Bound { protocol, port: u16::from_be_bytes([address[2], address[3]]) })
}

/// Returns a copy of another process's descriptor. A thread other than the first one has no pidfd (pidfd_open(2)); its
/// descriptors are mostly those of its process, which /proc names.
fn take(process: libc::pid_t, descriptor: i32) -> Result<OwnedFd, Error> {
    let leader = leader(process).unwrap_or(process);
    let no_flags: libc::c_uint = 0;
    // SAFETY: pidfd_open(2) takes numbers.
    let pidfd = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_open, leader, no_flags) })?;
    let pidfd = owned(pidfd)?;
    // SAFETY: pidfd_getfd(2) takes numbers.
    let taken = unsafe { libc::syscall(libc::SYS_pidfd_getfd, pidfd.as_raw_fd(), descriptor, no_flags) };
    owned(Errno::result(taken)?)
}

fn leader(thread: libc::pid_t) -> Option<libc::pid_t> {
    let status = super::files::beginning(std::path::Path::new(&format!("/proc/{thread}/status"))).ok()?;
    status.lines().find_map(|line| line.strip_prefix("Tgid:"))?.trim().parse().ok()
}

fn owned(descriptor: libc::c_long) -> Result<OwnedFd, Error> {
    let descriptor = i32::try_from(descriptor).map_err(|_| Errno::EBADF)?;
    // SAFETY: the kernel returned a new descriptor, which nothing else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// Waits for a call; `None` if no process has the filter any more.
fn receive(listener: &OwnedFd) -> Result<Option<libc::seccomp_notif>, Error> {
    loop {
        let mut wanted = libc::pollfd { fd: listener.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: the kernel writes to the one structure.
        match Errno::result(unsafe { libc::poll(&raw mut wanted, 1, -1) }) {
            Err(Errno::EINTR) => continue,
            Err(errno) => return Err(errno),
            Ok(_) if wanted.revents & libc::POLLIN == 0 => return Ok(None),
            Ok(_) => {}
        }
        // SAFETY: numbers alone, for which zero is a value. The kernel wants them to be zero.
        let mut notification: Notification = unsafe { std::mem::zeroed() };
        // SAFETY: the kernel writes a `struct seccomp_notif`, for which there is room.
        let answer = unsafe { libc::ioctl(listener.as_raw_fd(), RECEIVE as _, &raw mut notification) };
        match Errno::result(answer) {
            Ok(_) => return Ok(Some(notification.known)),
            // The process ended meanwhile.
            Err(Errno::ENOENT | Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

fn go_on(listener: &OwnedFd, id: u64) -> Result<(), Error> {
    let flags = libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32;
    let response = libc::seccomp_notif_resp { id, val: 0, error: 0, flags };
    // SAFETY: the kernel reads the structure, which outlives the call.
    Errno::result(unsafe { libc::ioctl(listener.as_raw_fd(), SEND as _, &raw const response) }).map(drop)
}
