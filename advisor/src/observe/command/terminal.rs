//! A terminal for a command that runs as another user. Whoever holds a terminal can type into it and read what is typed
//! there (TIOCSTI, tty_ioctl(4)), so that the command gets a pseudoterminal of its own, and what goes through it is
//! copied from and to the terminal of whoever started the command.

use crate::output::error;
use crate::output::error::hinted;
use anyhow::{Context, Result};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rustix::fs::{Uid, fchown};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetpgrp, tcgetwinsize, tcsetattr, tcsetwinsize,
};
use std::fs::File;
use std::io::{ErrorKind, IsTerminal, PipeReader, PipeWriter, Read, Write, pipe, stderr, stdin, stdout};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// What to do where no pseudoterminal can be made.
const NO_DEVPTS: &str = "mount -t devpts devpts /dev/pts, or give the command no terminal: < /dev/null > FILE 2>&1";

/// A pseudoterminal before the command is started on it.
pub struct Pseudoterminal {
    /// The end that is read and written here.
    master: File,
    /// The end that the command gets.
    slave: OwnedFd,
    /// The terminal whose place it takes.
    outer: Arc<OwnedFd>,
    /// Whether that one is standard input, so that what is typed there is for the command.
    takes_input: bool,
    /// Who gets it.
    user: Uid,
}

impl Pseudoterminal {
    /// Opens one in the place of the terminal among the standard descriptors, with its size and its modes, for this
    /// user; `None` where none of them is a terminal.
    pub fn in_place_of_own(user: u32) -> Result<Option<Self>> {
        let (input, output, error) = (stdin(), stdout(), stderr());
        let standard: [BorrowedFd<'_>; 3] = [output.as_fd(), error.as_fd(), input.as_fd()];
        let Some(outer) = standard.into_iter().find(IsTerminal::is_terminal) else { return Ok(None) };
        let cannot = "cannot make a terminal for the command";
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)
            .map_err(|errno| hinted(format!("{cannot}: {}", error::reason(&errno.into())), NO_DEVPTS))?;
        grantpt(&master).context(cannot)?;
        unlockpt(&master).context(cannot)?;
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let slave = ioctl_tiocgptpeer(&master, flags).context(cannot)?;
        tcsetattr(&slave, OptionalActions::Now, &tcgetattr(outer).context(cannot)?).context(cannot)?;
        let outer = Arc::new(outer.try_clone_to_owned().context(cannot)?);
        let made = Self {
            master: File::from(master),
            slave,
            outer,
            takes_input: input.is_terminal(),
            user: Uid::from_raw(user),
        };
        copy_size(&made.outer, &made.master);
        Ok(Some(made))
    }

    /// Puts the other end in the place of each standard descriptor of the command that is a terminal.
    /// `output_to_error` says that the command's standard output goes where standard error goes.
    pub fn take_the_place(&self, command: &mut Command, output_to_error: bool) -> Result<()> {
        let end =
            || Ok::<Stdio, anyhow::Error>(self.slave.try_clone().context("cannot use the command's terminal")?.into());
        if stdin().is_terminal() {
            command.stdin(end()?);
        }
        let is_output_terminal = if output_to_error { stderr().is_terminal() } else { stdout().is_terminal() };
        if is_output_terminal {
            command.stdout(end()?);
        }
        if stderr().is_terminal() {
            command.stderr(end()?);
        }
        Ok(())
    }

    /// Begins to copy, once the command has the other end and leads the session of the terminal: from here on it is the
    /// user's, of whom another process could else have taken it for its own session. `keep_lines` says that this
    /// process writes to the outer terminal too, which therefore goes on making line ends of what is written.
    pub fn relay(self, keep_lines: bool) -> Result<Relay> {
        let Self { master, slave, outer, takes_input, user } = self;
        // Some programs open the terminal again by its name.
        fchown(&slave, Some(user), None).context("cannot give the command its terminal")?;
        drop(slave);
        // A command that reads nothing must not hold up the copying, and neither must its end.
        rustix::io::ioctl_fionbio(&master, true).context("cannot use the command's terminal")?;
        let (end, ended) = pipe().context("cannot make a pipe")?;
        let interrupted = Arc::new(AtomicBool::new(false));
        let mut threads = Vec::new();
        let cannot = "cannot copy from and to the command's terminal";
        // A process in the background that reads or changes its terminal is stopped (SIGTTIN, SIGTTOU).
        let raw = if takes_input && is_in_foreground(&outer) { Raw::of(&outer, keep_lines).ok() } else { None };
        if raw.is_some() {
            let keyboard = Keyboard {
                outer: Arc::clone(&outer),
                master: master.try_clone().context(cannot)?,
                ended: end.try_clone().context(cannot)?,
                interrupted: Arc::clone(&interrupted),
            };
            threads.push(std::thread::spawn(move || keyboard.copy()));
        }
        let screen = Screen { master: master.try_clone().context(cannot)?, outer: Arc::clone(&outer), ended: end };
        threads.push(std::thread::spawn(move || screen.copy()));
        Ok(Relay { master, outer, raw, threads, running: Some(ended), interrupted })
    }
}

/// The copying between a pseudoterminal and the terminal whose place it takes. It ends, and the terminal is as it was,
/// when this is dropped.
pub struct Relay {
    master: File,
    outer: Arc<OwnedFd>,
    raw: Option<Raw>,
    threads: Vec<JoinHandle<()>>,
    /// The threads see it closed when they are to end.
    running: Option<PipeWriter>,
    interrupted: Arc<AtomicBool>,
}

impl Relay {
    /// Gives the command's terminal the size of the outer one, and the outer one the modes that a shell may have
    /// changed while this process was stopped.
    pub fn adjust(&self) {
        copy_size(&self.outer, &self.master);
        if let Some(raw) = &self.raw {
            raw.enter();
        }
    }

    /// Gives the outer terminal the modes back that it had, until the next [`Self::adjust`].
    pub fn give_back(&self) {
        if let Some(raw) = &self.raw {
            raw.leave();
        }
    }

    /// Whether the interrupt character was typed since the last call.
    pub fn take_interrupt(&self) -> bool {
        self.interrupted.swap(false, Ordering::AcqRel)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.running = None;
        for thread in self.threads.drain(..) {
            // A thread that panicked has copied what it could.
            let _ = thread.join();
        }
    }
}

/// The outer terminal in raw mode: it passes each character on and does nothing with it, because the command's own
/// terminal does. It is as before when this is dropped.
struct Raw {
    outer: Arc<OwnedFd>,
    before: Termios,
    keep_lines: bool,
}

impl Raw {
    fn of(outer: &Arc<OwnedFd>, keep_lines: bool) -> Result<Self> {
        let raw = Self { outer: Arc::clone(outer), before: tcgetattr(&**outer)?, keep_lines };
        raw.enter();
        Ok(raw)
    }

    /// A shell may have put this process into the background meanwhile, where a change of modes would stop it
    /// (SIGTTOU).
    fn enter(&self) {
        if !is_in_foreground(&self.outer) {
            return;
        }
        let mut modes = self.before.clone();
        modes.make_raw();
        if self.keep_lines {
            modes.output_modes = self.before.output_modes;
        }
        // A terminal that is gone meanwhile has no modes.
        let _ = tcsetattr(&*self.outer, OptionalActions::Drain, &modes);
    }

    fn leave(&self) {
        if is_in_foreground(&self.outer) {
            let _ = tcsetattr(&*self.outer, OptionalActions::Drain, &self.before);
        }
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.leave();
    }
}

fn is_in_foreground(terminal: &OwnedFd) -> bool {
    tcgetpgrp(terminal).is_ok_and(|group| group == rustix::process::getpgrp())
}

/// What is typed, on its way to the command.
struct Keyboard {
    outer: Arc<OwnedFd>,
    master: File,
    ended: PipeReader,
    interrupted: Arc<AtomicBool>,
}

impl Keyboard {
    fn copy(mut self) {
        let mut buffer = [0; 4096];
        while wait_for(self.outer.as_fd(), PollFlags::POLLIN, &self.ended) == Some(Ready::ToUse) {
            match rustix::io::read(&*self.outer, &mut buffer) {
                Ok(0) => return,
                Ok(read) => {
                    self.look_for_interrupt(&buffer[..read]);
                    if self.type_in(&buffer[..read]).is_err() {
                        return;
                    }
                }
                Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
                Err(_) => return,
            }
        }
    }

    /// Passes it on as the command takes it, until the end.
    fn type_in(&mut self, mut typed: &[u8]) -> std::io::Result<()> {
        while !typed.is_empty() {
            match self.master.write(typed) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => typed = &typed[written..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if wait_for(self.master.as_fd(), PollFlags::POLLOUT, &self.ended) != Some(Ready::ToUse) {
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The command's terminal makes a signal of the character for the command alone. The thread that waits for the
    /// command must know of it too. It waits for signals, and SIGWINCH makes it check.
    fn look_for_interrupt(&self, typed: &[u8]) {
        let Ok(modes) = tcgetattr(&self.master) else { return };
        let is_signal = modes.local_modes.contains(LocalModes::ISIG);
        if is_signal && typed.contains(&modes.special_codes[SpecialCodeIndex::VINTR]) {
            self.interrupted.store(true, Ordering::Release);
            let _ = kill(Pid::this(), Signal::SIGWINCH);
        }
    }
}

/// More than the kernel keeps of what is written to a terminal and not read (64 KiB, `TTYB_DEFAULT_MEM_LIMIT` in
/// `drivers/tty/tty_buffer.c`). A process that the command left behind could write for ever.
const KEPT_BY_A_TERMINAL: usize = 1 << 17;

/// What the command writes, on its way to the outer terminal.
struct Screen {
    master: File,
    outer: Arc<OwnedFd>,
    ended: PipeReader,
}

impl Screen {
    /// Copies until the command has ended and nothing of it is left to read.
    fn copy(mut self) {
        let mut buffer = [0; 16384];
        let mut left = KEPT_BY_A_TERMINAL;
        loop {
            let is_over = match wait_for(self.master.as_fd(), PollFlags::POLLIN, &self.ended) {
                Some(Ready::ToUse) => false,
                Some(Ready::Ended) => true,
                None => return,
            };
            if is_over && (left == 0 || !is_readable(self.master.as_fd())) {
                return;
            }
            match self.master.read(&mut buffer) {
                Ok(0) => return,
                Ok(read) => {
                    left = if is_over { left.saturating_sub(read) } else { left };
                    // Where the outer terminal is gone, what the command writes is read all the same.
                    let _ = write_all(&self.outer, &buffer[..read]);
                }
                Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => {}
                // Nobody has the other end open (EIO).
                Err(_) => return,
            }
        }
    }
}

fn write_all(to: &OwnedFd, mut bytes: &[u8]) -> Result<(), rustix::io::Errno> {
    while !bytes.is_empty() {
        match rustix::io::write(to, bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::AGAIN) => {
                let _ = poll(&mut [PollFd::new(to.as_fd(), PollFlags::POLLOUT)], PollTimeout::NONE);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[derive(PartialEq, Eq)]
enum Ready {
    ToUse,
    Ended,
}

/// Waits until the source can be read, or written, or the end has come, which goes first; `None` where waiting fails.
fn wait_for(source: BorrowedFd<'_>, to: PollFlags, ended: &PipeReader) -> Option<Ready> {
    loop {
        let mut both = [PollFd::new(ended.as_fd(), PollFlags::POLLIN), PollFd::new(source, to)];
        match poll(&mut both, PollTimeout::NONE) {
            Ok(_) if both[0].any() == Some(true) => return Some(Ready::Ended),
            Ok(_) if both[1].any() == Some(true) => return Some(Ready::ToUse),
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(_) => return None,
        }
    }
}

fn is_readable(source: BorrowedFd<'_>) -> bool {
    let mut one = [PollFd::new(source, PollFlags::POLLIN)];
    poll(&mut one, PollTimeout::ZERO).is_ok() && one[0].revents().is_some_and(|what| what.contains(PollFlags::POLLIN))
}

/// A terminal without a size, as a serial line is, leaves the command's without one.
fn copy_size(from: &OwnedFd, to: &File) {
    if let Ok(size) = tcgetwinsize(from) {
        let _ = tcsetwinsize(to, size);
    }
}
