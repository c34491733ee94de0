//! Ends processes, each by a descriptor of it (pidfd_open(2)), so that no signal reaches another process that has got
//! the same pid.

use crate::output::error::{hinted, reason};
use anyhow::{Result, anyhow};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

/// A process: its pid, and its start in the kernel's ticks. Together they name one process since the boot.
pub type Identity = (i32, u64);

/// The time for which processes may end in their own way, after SIGTERM.
const GRACE: Duration = Duration::from_secs(5);
/// The time after which those that are left are reported, although new ones may still appear.
const LIMIT: Duration = Duration::from_secs(15);
/// How long to wait for the next look.
const PAUSE: Duration = Duration::from_millis(25);
/// How often in a row nothing must be found until nothing is left. A process that starts its successor and ends can pass
/// between the listing of /proc and the reading of its entry, but hardly each time.
const LOOKS: u32 = 8;

/// What became of the processes.
#[derive(Debug, Default)]
pub struct Ended {
    /// Those that got a signal and have ended.
    pub ended: Vec<i32>,
    /// Those among them that SIGKILL ended.
    pub killed: Vec<i32>,
    /// Those that still run.
    pub left: Vec<i32>,
}

/// A process that is to end.
struct Target {
    descriptor: OwnedFd,
    /// The last signal that it got.
    got: Option<Signal>,
}

impl Target {
    fn has_ended(&self) -> bool {
        let mut asked = [PollFd::new(self.descriptor.as_fd(), PollFlags::POLLIN)];
        poll(&mut asked, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
    }

    /// Sends a signal, unless it was the last. That the process has ended is no error.
    ///
    /// # Errors
    /// The caller may not signal it.
    fn send(&mut self, signal: Signal) -> Result<(), rustix::io::Errno> {
        if self.got == Some(signal) {
            return Ok(());
        }
        match pidfd_send_signal(&self.descriptor, signal) {
            Ok(()) => self.got = Some(signal),
            Err(rustix::io::Errno::SRCH) => {}
            Err(errno) => return Err(errno),
        }
        Ok(())
    }
}

/// Ends every process that `find` finds, until it finds none. They get SIGTERM first. Those that are left after some
/// seconds are stopped, all of them, so that none can fork while the others are killed, and then they are killed.
///
/// # Errors
/// `find` fails; the kernel has no pidfd_open (before Linux 5.3); or a process may not be signalled.
pub fn end(find: impl Fn() -> Result<Vec<Identity>>) -> Result<Ended> {
    let began = Instant::now();
    let mut targets: BTreeMap<Identity, Target> = BTreeMap::new();
    let (mut looks, mut left) = (0, Vec::new());
    while looks < LOOKS && began.elapsed() < LIMIT {
        left = find()?;
        open(&left, &mut targets)?;
        let alive = |target: &&mut Target| !target.has_ended();
        let gently = began.elapsed() < GRACE;
        let mut has_new = false;
        for target in targets.values_mut().filter(alive) {
            has_new |= target.got.is_none() || !gently && target.got == Some(Signal::TERM);
            let signal = if gently { Signal::TERM } else { Signal::STOP };
            if gently || target.got != Some(Signal::KILL) {
                target.send(signal).map_err(|errno| cannot_signal(&errno))?;
            }
        }
        if !gently && !has_new {
            for target in targets.values_mut().filter(alive) {
                target.send(Signal::KILL).map_err(|errno| cannot_signal(&errno))?;
            }
        }
        looks = if left.is_empty() { looks + 1 } else { 0 };
        if gently || !has_new {
            std::thread::sleep(PAUSE);
        }
    }
    let of = |wanted: &dyn Fn(&Target) -> bool| -> Vec<i32> {
        targets.iter().filter(|(_, target)| wanted(target)).map(|((pid, _), _)| *pid).collect()
    };
    Ok(Ended {
        ended: of(&|target| target.has_ended() && target.got.is_some()),
        killed: of(&|target| target.has_ended() && target.got == Some(Signal::KILL)),
        left: left.into_iter().map(|(pid, _)| pid).collect(),
    })
}

/// Opens a descriptor of each process that has none yet.
fn open(found: &[Identity], targets: &mut BTreeMap<Identity, Target>) -> Result<()> {
    for identity in found {
        if targets.contains_key(identity) {
            continue;
        }
        let Some(pid) = Pid::from_raw(identity.0) else { continue };
        match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(descriptor) => {
                // Only what has the same start once its descriptor is there is what was found: the descriptor cannot
                // come to mean another process. This look is short, because what forks again and again is gone soon.
                if started(identity.0) == Some(identity.1) {
                    targets.insert(*identity, Target { descriptor, got: None });
                }
            }
            Err(rustix::io::Errno::SRCH) => {}
            Err(rustix::io::Errno::NOSYS) => {
                return Err(hinted(
                    "this kernel cannot name a process safely: pidfd_open is there from Linux 5.3 on",
                    "see capwrap ps, and end them with kill(1)",
                ));
            }
            Err(errno) => return Err(anyhow!("cannot open process {}: {}", identity.0, reason(&errno.into()))),
        }
    }
    Ok(())
}

/// When the process started, in the kernel's ticks; `None` if there is none.
fn started(pid: i32) -> Option<u64> {
    Some(procfs::process::Process::new(pid).ok()?.stat().ok()?.starttime)
}

fn cannot_signal(errno: &rustix::io::Errno) -> anyhow::Error {
    anyhow!("cannot signal a process: {}", reason(&(*errno).into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::os::unix::process::CommandExt;
    use std::process::{Child, Command};

    fn start(script: &str) -> Child {
        Command::new("sh").args(["-c", script]).process_group(0).spawn().unwrap()
    }

    fn identity(child: &Child) -> Identity {
        let pid = child.id() as i32;
        (pid, started(pid).unwrap())
    }

    /// Finds those of the children that have not ended.
    fn still(children: &RefCell<Vec<Child>>) -> Vec<Identity> {
        let mut children = children.borrow_mut();
        let alive = |child: &mut Child| child.try_wait().unwrap().is_none().then(|| identity(child));
        children.iter_mut().filter_map(alive).collect()
    }

    #[test]
    fn who_heeds_sigterm_is_not_killed_and_who_does_not_is() {
        let children = RefCell::new(vec![start("exec sleep 60"), start("trap '' TERM; while :; do sleep 0.1; done")]);
        let pids: Vec<i32> = children.borrow().iter().map(|child| child.id() as i32).collect();
        let ignores_sigterm = || {
            procfs::process::Process::new(pids[1]).unwrap().status().unwrap().sigign & 1 << (Signal::TERM.as_raw() - 1)
        };
        while ignores_sigterm() == 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
        let ended = end(|| Ok(still(&children))).unwrap();
        assert_eq!((ended.ended.len(), ended.left.len()), (2, 0), "{ended:?}");
        assert_eq!(ended.killed, [pids[1]]);
    }

    #[test]
    fn a_process_that_got_the_pid_of_a_found_one_gets_no_signal() {
        let mut child = start("exec sleep 60");
        let (pid, ticks) = identity(&child);
        let found = RefCell::new(vec![(pid, ticks - 1)]);
        let ended = end(|| Ok(std::mem::take(&mut *found.borrow_mut()))).unwrap();
        assert!(ended.ended.is_empty() && child.try_wait().unwrap().is_none(), "{ended:?}");
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
