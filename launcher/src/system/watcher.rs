//! A process that notes which system calls a command makes, for the learner (seccomp_unotify(2)).
//!
//! The kernel stops a call that the filter of [`Watcher::watch`] reports until the watcher answers. It always answers that
//! the call goes on, so that nothing is refused. The watcher is a child of the launcher's parent and not of the launcher,
//! because the tool must find no child that it did not start. It ends when no process has the filter any more.

use super::capabilities;
use capwrap_core::Capability;
use capwrap_core::scope::calls::Architecture;
use capwrap_core::scope::filter::Instruction;
use capwrap_core::scope::watch::{BEGUN, Bound, MORE, MOST, Seen};
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

/// Room for what a later kernel may add to the structure.
#[repr(C)]
struct Notification {
    known: libc::seccomp_notif,
    more: [u8; 256],
}

/// A process that waits for a listener.
#[derive(Debug)]
pub struct Watcher {
    listener: OwnedFd,
    answer: File,
}

impl Watcher {
    /// Starts the process. It writes a line to `report` for each different call.
    ///
    /// # Errors
    /// A call fails; then there is no watcher.
    pub fn start(report: File) -> Result<Self, Error> {
        let (request, listener) = super::witness::pipe()?;
        let (answer, ready) = super::witness::pipe()?;
        let launcher = nix::unistd::getpid().as_raw();
        match new_sibling()? {
            0 => {
                drop((listener, answer));
                serve(launcher, request, File::from(ready), report);
                // SAFETY: _exit(2) runs nothing of the launcher's.
                unsafe { libc::_exit(0) }
            }
            _ => Ok(Self { listener, answer }),
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
fn serve(launcher: libc::pid_t, mut request: File, mut ready: File, mut report: File) {
    // What ends the command, or its group of processes, must not end this one first.
    let _ = SigSet::all().thread_block();
    // SAFETY: setsid(2) takes nothing.
    let _ = unsafe { libc::setsid() };
    let mut number = [0; size_of::<i32>()];
    // If the launcher refuses the launch, the pipe ends.
    if request.read_exact(&mut number).is_err() {
        return;
    }
    let serve = || {
        let Ok(listener) = take(launcher, i32::from_ne_bytes(number)) else { return };
        if writeln!(report, "{BEGUN}").is_err() || ready.write_all(&[1]).is_err() {
            return;
        }
        let mut known = BTreeSet::new();
        while let Ok(Some(call)) = receive(&listener) {
            if let Some(seen) = seen(&call) {
                note(&mut report, &mut known, seen.line());
            }
            let _ = go_on(&listener, call.id);
        }
    };
    // The processes of another user are looked into with cap_sys_ptrace (pidfd_getfd(2)).
    let _ = capabilities::with_effective(Capability::SYS_PTRACE.into(), serve);
}

fn note(report: &mut File, known: &mut BTreeSet<String>, line: String) {
    if known.len() < MOST && known.insert(line.clone()) {
        let line = if known.len() == MOST { MORE } else { &line };
        let _ = writeln!(report, "{line}");
    }
}

fn seen(call: &libc::seccomp_notif) -> Option<Seen> {
    let here = Architecture::HERE.filter(|here| here.audit_number() == call.data.arch)?;
    let number = u32::try_from(call.data.nr).ok()?;
    let seen = Seen::of(here, number, &call.data.args)?;
    let bound = if seen.call == "bind" { bound(call) } else { None };
    Some(Seen { bound, ..seen })
}

/// Returns which port of which protocol bind(2) is about. Another thread may change the address afterwards, so that
/// nothing may be refused for it.
fn bound(call: &libc::seccomp_notif) -> Option<Bound> {
    let process = libc::pid_t::try_from(call.pid).ok()?;
    let mut address = [0_u8; 4];
    let to = libc::iovec { iov_base: address.as_mut_ptr().cast(), iov_len: address.len() };
    let from = libc::iovec { iov_base: call.data.args[1] as *mut libc::c_void, iov_len: address.len() };
    // SAFETY: the kernel writes at most `iov_len` bytes to `address`, and reads them from the other process.
    let read = unsafe { libc::process_vm_readv(process, &raw const to, 1, &raw const from, 1, 0) };
    let family = i32::from(u16::from_ne_bytes([address[0], address[1]]));
    if read != 4 || ![libc::AF_INET, libc::AF_INET6].contains(&family) {
        return None;
    }
    let socket = take(process, call.data.args[0] as i32).ok()?;
    let mut protocol: u32 = 0;
    let mut length = size_of::<u32>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes to `protocol`.
    let answer = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PROTOCOL,
            (&raw mut protocol).cast(),
            &raw mut length,
        )
    };
    Errno::result(answer).ok()?;
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
