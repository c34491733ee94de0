//! The command's life under observation: started, stopped before its own exec, let go, and waited
//! for together with everything it leaves behind.

use crate::observe::command::user::User;
use anyhow::{Context, Result, bail};
use capwrap_core::CapabilitySet;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SigSet, Signal, kill, raise};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;
use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Seek};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// How long each request to end is given before the next, harsher one.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long the processes that the command left behind are waited for in silence.
const SILENCE: Duration = Duration::from_secs(2);
/// The requests to end, in their order.
const REQUESTS: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGKILL];

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With this status.
    Exited(i32),
    /// Killed by this signal.
    Killed(i32),
}

impl Ending {
    /// Ends this process in the same way.
    pub fn pass_on(self) -> ExitCode {
        match self {
            Self::Exited(status) => ExitCode::from(status as u8),
            Self::Killed(number) => {
                // No second core file of the same death.
                let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
                if let Ok(signal) = Signal::try_from(number) {
                    let _ = SigSet::from(signal).thread_unblock();
                    let _ = raise(signal);
                }
                // Where the signal is ignored here, as SIGPIPE is: what a shell would say.
                ExitCode::from(128_u8.saturating_add(number as u8))
            }
        }
    }
}

/// When to end it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// After this time.
    pub after: Option<Duration>,
}

/// The command before its own exec.
pub struct Stopped {
    pid: Pid,
    signals: SignalFd,
    kept: Option<File>,
}

/// What to start.
pub struct Plan<'p> {
    /// The file to execute, where it is not the command's first word.
    pub file: Option<&'p Path>,
    pub command: &'p [OsString],
    /// `None`: as whoever runs this.
    pub user: Option<&'p User>,
    pub hold: CapabilitySet,
    /// Whether uid 0 is to hold no more than that.
    pub confine: bool,
    pub output: Output,
}

/// Where the command's standard output goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Where this process's goes, and the same for its input.
    Own,
    /// To standard error: standard output is kept for the result.
    StandardError,
    /// Kept; there is no input, and nothing is shown.
    Kept,
}

/// Signals that are waited for instead of being interrupted by them.
fn wait_for_signals() -> Result<SignalFd> {
    let signals = [Signal::SIGCHLD, Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT];
    let mask: SigSet = signals.into_iter().collect();
    mask.thread_block().context("cannot block signals")?;
    SignalFd::with_flags(&mask, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC).context("cannot wait for signals")
}

/// Waiting for nothing but the word to end.
pub struct Waiting {
    signals: SignalFd,
}

impl Waiting {
    /// From here on signals only end the waiting, in every thread that is started.
    pub fn new() -> Result<Self> {
        Ok(Self { signals: wait_for_signals()? })
    }

    /// Until a signal asks for the end, the time is over, or `done` says so.
    pub fn until_asked(self, limits: Limits, done: impl Fn() -> bool) -> Result<()> {
        let end = limits.after.map(|limit| Instant::now() + limit);
        while !done() && end.is_none_or(|end| Instant::now() < end) {
            let look = Instant::now() + Duration::from_millis(200);
            if !wait(&self.signals, Some(end.map_or(look, |end| end.min(look))))?.is_empty() {
                break;
            }
        }
        Ok(())
    }
}

/// Starts the command and stops it before its own exec.
pub fn start(plan: Plan<'_>) -> Result<Stopped> {
    let signals = wait_for_signals()?;
    // Daemons become children of this process, so that their end is seen.
    prctl::set_child_subreaper(true).context("cannot adopt what the command leaves behind")?;

    let mut helper = Command::new("/proc/self/exe");
    helper.arg("become");
    if let Some(user) = plan.user {
        let ids: Vec<_> = [user.uid, user.gid].iter().chain(&user.groups).map(u32::to_string).collect();
        helper.arg(format!("--ids={}", ids.join(",")));
        // The PATH that a launch gives: through the caller's own, which may lead into folders that
        // are root's alone, cap_dac_read_search would be asked for that the tool does not need.
        helper.env("PATH", capwrap_core::decision::environment::PATH);
        helper.env("HOME", &user.home).env("SHELL", &user.shell).env("USER", &user.name).env("LOGNAME", &user.name);
    }
    if plan.confine {
        helper.arg("--confine");
    }
    if let Some(file) = plan.file {
        helper.arg("--file").arg(file);
    }
    helper.arg(format!("--hold={:x}", plan.hold.mask())).arg("--").args(plan.command);
    let mut kept = None;
    match plan.output {
        Output::Own => {}
        Output::StandardError => {
            let error = std::io::stderr().as_fd().try_clone_to_owned().context("cannot use standard error")?;
            helper.stdout(error);
        }
        Output::Kept => {
            // A file and not a pipe: whoever writes much is not stopped by nobody reading.
            let file = tempfile::tempfile().context("cannot keep the command's output")?;
            helper.stdin(Stdio::null()).stderr(Stdio::null()).stdout(file.try_clone()?);
            kept = Some(file);
        }
    }
    let child = helper.spawn().context("cannot start a process")?;
    let pid = Pid::from_raw(i32::try_from(child.id()).context("an odd process id")?);
    match waitpid(pid, Some(WaitPidFlag::WUNTRACED)).context("cannot wait for the command's process")? {
        WaitStatus::Stopped(..) => Ok(Stopped { pid, signals, kept }),
        status => bail!("the command's process ended before it began: {status:?}"),
    }
}

impl Stopped {
    /// Its process id.
    pub fn id(&self) -> u32 {
        self.pid.as_raw().unsigned_abs()
    }

    /// Lets it go on, and waits until no process of it is left.
    /// With what it wrote, where that is kept.
    pub fn run(mut self, limits: Limits) -> Result<(Ending, Vec<u8>)> {
        let ending = self.live(limits)?;
        let mut written = Vec::new();
        if let Some(file) = &mut self.kept {
            file.rewind()?;
            file.read_to_end(&mut written).context("cannot read what the command wrote")?;
        }
        Ok((ending, written))
    }

    fn live(&self, limits: Limits) -> Result<Ending> {
        kill(self.pid, Signal::SIGCONT).context("cannot let the command go on")?;
        let mut ending = None;
        let mut request = Request::after(limits.after);
        let mut noted = None;
        loop {
            if let Some(status) = reap(self.pid)? {
                ending = Some(status);
                noted = Some(Instant::now() + SILENCE);
            }
            if nobody_left() {
                return ending.context("the command's process is gone without a word");
            }
            if noted.is_some_and(|at| Instant::now() >= at) {
                noted = None;
                let left = descendants().len();
                eprintln!("capwrap: {left} of its processes still run; Ctrl-C ends them and shows the result");
            }
            request.make_if_due();
            let next = [request.due, noted].into_iter().flatten().min();
            for signal in wait(&self.signals, next)? {
                request.asked(&signal);
            }
        }
    }
}

/// Waits for a signal, or until `deadline`.
fn wait(signals: &SignalFd, deadline: Option<Instant>) -> Result<Vec<Received>> {
    let timeout = deadline.map_or(PollTimeout::NONE, |at| {
        let left = at.saturating_duration_since(Instant::now()) + Duration::from_millis(1);
        PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
    });
    match poll(&mut [PollFd::new(signals.as_fd(), PollFlags::POLLIN)], timeout) {
        Ok(_) | Err(Errno::EINTR) => {}
        Err(error) => return Err(error).context("cannot wait for the command"),
    }
    let mut received = Vec::new();
    while let Some(signal) = signals.read_signal().context("cannot read a signal")? {
        if signal.ssi_signo != Signal::SIGCHLD as u32 {
            received.push(Received { number: signal.ssi_signo, from_terminal: signal.ssi_code == SI_KERNEL });
        }
    }
    Ok(received)
}

/// The kernel itself sent it: from the terminal, to the whole process group (sigaction(2)).
const SI_KERNEL: i32 = 0x80;

struct Received {
    number: u32,
    from_terminal: bool,
}

/// The request to end that is due next.
struct Request {
    due: Option<Instant>,
    next: usize,
}

impl Request {
    fn after(limit: Option<Duration>) -> Self {
        Self { due: limit.map(|limit| Instant::now() + limit), next: 0 }
    }

    fn asked(&mut self, signal: &Received) {
        if self.next == 0 && signal.from_terminal && signal.number != Signal::SIGHUP as u32 {
            // Each process that reads from this terminal has had it too.
            self.next = 1;
            self.due = Some(Instant::now() + PATIENCE);
        } else {
            self.due = Some(Instant::now());
        }
    }

    fn make_if_due(&mut self) {
        if self.due.is_none_or(|due| Instant::now() < due) {
            return;
        }
        let signal = REQUESTS[self.next.min(REQUESTS.len() - 1)];
        for process in descendants() {
            // One that ended meanwhile needs no request.
            let _ = kill(process, signal);
        }
        self.next += 1;
        self.due = Some(Instant::now() + PATIENCE);
    }
}

/// Collects every child that ended; how the command did, if it is among them.
fn reap(command: Pid) -> Result<Option<Ending>> {
    let mut ending = None;
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, status)) if pid == command => ending = Some(Ending::Exited(status)),
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == command => ending = Some(Ending::Killed(signal as i32)),
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return Ok(ending),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error).context("cannot wait for the command"),
        }
    }
}

fn nobody_left() -> bool {
    waitid(Id::All, WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT) == Err(Errno::ECHILD)
}

/// Every process below this one.
fn descendants() -> Vec<Pid> {
    let Ok(processes) = procfs::process::all_processes() else { return Vec::new() };
    let parents: Vec<(i32, i32)> =
        processes.filter_map(|process| process.ok()?.stat().ok()).map(|stat| (stat.pid, stat.ppid)).collect();
    let mut found = vec![std::process::id() as i32];
    let mut at = 0;
    while at < found.len() {
        let above = found[at];
        found.extend(parents.iter().filter(|(_, parent)| *parent == above).map(|(pid, _)| *pid));
        at += 1;
    }
    found.into_iter().skip(1).map(Pid::from_raw).collect()
}
