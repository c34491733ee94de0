//! Supervises the command under observation: starts it, stops it before its own exec, lets it continue, and waits for
//! it and for all processes that it leaves behind.

use crate::host::process;
use crate::observe::command::locate::NotRun;
use crate::observe::command::private_home::{self, PrivateHome};
use crate::observe::command::terminal::{Pseudoterminal, Relay};
use crate::observe::command::user::User;
use crate::output::error;
use crate::output::error::hinted;
use crate::output::outcome::REFUSED;
use crate::store::file_caps;
use anyhow::{Context, Result, bail};
use capwrap_core::CapabilitySet;
use capwrap_core::paths::HOME_VARIABLE;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SigSet, Signal, kill, raise};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;
use rustix::process::WaitOptions;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io::{Read, Seek};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// How long to wait after each request to end before sending the next, harsher one.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long to wait for the processes that the command left behind before printing a note.
const SILENCE: Duration = Duration::from_secs(2);
/// The most of the command's output that is kept, in bytes. A command that never stops writing would fill the disk, and
/// then the memory.
const MOST_KEPT: u64 = 64 << 20;
/// How often to look how much was written.
const LOOK: Duration = Duration::from_millis(50);
/// The requests to end, in order.
const REQUESTS: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGKILL];

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The command exited with this status.
    Exited(i32),
    /// This signal killed the command.
    Killed(i32),
}

impl fmt::Display for Ending {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(status) => write!(out, "status {status}"),
            Self::Killed(signal) => write!(out, "signal {signal}"),
        }
    }
}

impl Ending {
    /// Ends this process in the same way.
    pub fn pass_on(self) -> ExitCode {
        match self {
            Self::Exited(status) => ExitCode::from(status as u8),
            Self::Killed(number) => {
                // One death needs no second core file.
                let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
                if let Ok(signal) = Signal::try_from(number) {
                    let _ = SigSet::from(signal).thread_unblock();
                    let _ = raise(signal);
                }
                // If this process ignores the signal, as it does SIGPIPE, the status is the one that a shell would
                // return.
                ExitCode::from(128_u8.saturating_add(number as u8))
            }
        }
    }
}

/// Ends a verb that ran a command: as the command ended, or with the error and the status for it.
pub fn exit_code(outcome: Result<Ending>) -> ExitCode {
    match outcome {
        Ok(ending) => ending.pass_on(),
        Err(error) => {
            error::report(&error);
            ExitCode::from(error.downcast_ref::<NotRun>().map_or(REFUSED, |not_run| not_run.status))
        }
    }
}

/// A command that has ended, with all that it left behind.
pub struct Finished {
    pub ending: Ending,
    /// What it wrote to standard output, if that was kept.
    pub stdout: Vec<u8>,
    /// Whether it was asked to end: after the time that was set, or by Ctrl-C.
    pub was_asked: bool,
}

/// When to end the command.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// End the command after this time.
    pub after: Option<Duration>,
    /// End what the command leaves behind soon after the command itself has ended.
    pub ends_rest: bool,
}

/// The command, stopped before its own exec.
pub struct Stopped {
    pid: Pid,
    signals: SignalFd,
    kept: Option<File>,
    relay: Option<Relay>,
    /// It is removed when this is dropped.
    _home: Option<PrivateHome>,
    launched: bool,
}

/// What to start.
pub struct Plan<'p> {
    /// The file to execute, if it is not the command's first word.
    pub file: Option<&'p Path>,
    /// The command and its arguments.
    pub command: &'p [OsString],
    /// How root launches the command; `None` means that it runs as the user of this process, with nothing passed to it.
    pub launch: Option<&'p Launch<'p>>,
    /// Where the command's standard output goes.
    pub output: Output,
    /// Whether this process only waits for the command, and does not observe it.
    pub alone: bool,
    /// Whether this process writes to the terminal while the command runs.
    pub writes_meanwhile: bool,
}

/// A launch that root asks for. The launcher makes it, by the steps of every launch.
pub struct Launch<'l> {
    /// The user that the command runs as.
    pub user: &'l User,
    /// What is passed to it.
    pub passes: CapabilitySet,
    /// The policy whose environment and limits it gets.
    pub policy: Option<&'l str>,
    /// Whether its file may be one that others than root can change.
    pub any_owner: bool,
    /// Why, for the record.
    pub reason: Option<&'l str>,
    /// What some of the capabilities are for, as the `[[grant]]` tables of a policy say it.
    pub scopes: Option<&'l str>,
    /// The file to which the launcher's watcher writes the calls that a scope could refuse.
    pub watch: Option<&'l Path>,
    /// Whether it also writes the files that calls are about.
    pub places: bool,
}

impl Launch<'_> {
    /// The launcher's command line for this command.
    pub fn words(&self, file: &Path, command: &[OsString]) -> Vec<OsString> {
        let user = self.user;
        let mut words: Vec<OsString> =
            vec![file_caps::installed().into(), "--run".into(), "--file".into(), file.into()];
        let mut option = |name: &str, value: &OsStr| words.extend([name.into(), value.to_owned()]);
        if user.is_another() {
            let ids: Vec<_> = [user.uid, user.gid].iter().chain(&user.groups).map(u32::to_string).collect();
            option("--ids", OsStr::new(&ids.join(",")));
        }
        if !self.passes.is_empty() {
            option("--caps", OsStr::new(&self.passes.to_string()));
        }
        if let Some(report) = self.watch {
            option("--watch", report.as_os_str());
        }
        for (name, value) in [("--policy", self.policy), ("--reason", self.reason), ("--scopes", self.scopes)] {
            if let Some(value) = value {
                option(name, OsStr::new(value));
            }
        }
        words.extend(self.places.then(|| "--places".into()));
        words.extend(self.any_owner.then(|| "--any-owner".into()));
        words.push("--".into());
        words.extend(command.iter().cloned());
        words
    }
}

/// Where the command's standard output goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// The command's standard output and input are those of this process.
    Own,
    /// The output goes to standard error, because standard output is reserved for the result.
    StandardError,
    /// The output is kept and not shown. The command has no input.
    Kept,
}

/// What becomes of the children, and the signals that ask this process to end: without a handler each of them would end
/// it at once, with the terminal left in raw mode and the command's home in place (signal(7)).
const ASKING: [Signal; 8] = [
    Signal::SIGCHLD,
    Signal::SIGINT,
    Signal::SIGTERM,
    Signal::SIGHUP,
    Signal::SIGQUIT,
    Signal::SIGALRM,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
];

/// Blocks the signals and returns a descriptor to wait for them, so that they do not interrupt this process.
///
/// The kernel keeps a blocked signal even where it is ignored. SIGHUP counts for nothing where nohup(1) ignores it. The
/// others that a shell's background jobs ignore count for nothing if the command is `alone`, which would ignore them
/// too without this process. What observes is ended by them as any tracer is.
fn wait_for_signals(alone: bool) -> Result<SignalFd> {
    let ignored = process::ignored_signals().context("cannot find out which signals are ignored")?;
    let counts = |signal: &Signal| {
        let is_ignored = ignored & 1 << (*signal as u64 - 1) != 0;
        !is_ignored || !(alone || *signal == Signal::SIGHUP)
    };
    let asking = ASKING.into_iter().filter(counts);
    let mask: SigSet = asking.chain(ABOUT_THE_TERMINAL.into_iter().flatten()).collect();
    mask.thread_block().context("cannot block signals")?;
    SignalFd::with_flags(&mask, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC).context("cannot wait for signals")
}

/// A wait that only a request to end, a time limit or a condition ends.
pub struct Waiting {
    signals: SignalFd,
}

impl Waiting {
    /// Blocks the signals. From here on they only end the wait, in every thread that is started later.
    pub fn new() -> Result<Self> {
        Ok(Self { signals: wait_for_signals(false)? })
    }

    /// Waits until a signal asks for the end, the time is over, or `done` returns true.
    pub fn until_asked(&self, limits: Limits, done: impl Fn() -> bool) -> Result<()> {
        let end = limits.after.map(|limit| Instant::now() + limit);
        while !done() && end.is_none_or(|end| Instant::now() < end) {
            let look = Instant::now() + Duration::from_millis(200);
            if self.asks_until(end.map_or(look, |end| end.min(look)))? {
                break;
            }
        }
        Ok(())
    }

    /// Whether a signal has asked for the end since the last wait.
    pub fn is_asked(&self) -> Result<bool> {
        self.asks_until(Instant::now())
    }

    fn asks_until(&self, deadline: Instant) -> Result<bool> {
        let received = wait(&self.signals, Some(deadline))?;
        Ok(received.iter().any(|signal| !ABOUT_THE_TERMINAL.contains(&signal.signal())))
    }
}

/// Starts the command and stops it before its own exec.
pub fn start(plan: Plan<'_>) -> Result<Stopped> {
    let signals = wait_for_signals(plan.alone)?;
    let mut helper = Command::new("/proc/self/exe");
    helper.arg("become");
    let mut kept = None;
    match plan.output {
        Output::Own => {}
        Output::StandardError => {
            let error = std::io::stderr().as_fd().try_clone_to_owned().context("cannot use standard error")?;
            helper.stdout(error);
        }
        Output::Kept => {
            // A file, unlike a pipe, does not block a command that writes more than anybody reads.
            let file = tempfile::tempfile().context("cannot keep the command's output")?;
            helper.stdin(Stdio::null()).stderr(Stdio::null()).stdout(file.try_clone()?);
            kept = Some(file);
        }
    }
    let (mut terminal, mut home) = (None, None);
    if let Some(launch) = plan.launch {
        let file = plan.file.context("a launch without the command's file")?;
        if launch.user.is_another() {
            helper.arg("--own-session");
            let made = private_home::make(launch.user.uid, launch.user.gid)?;
            helper.env(HOME_VARIABLE, made.path());
            home = Some(made);
            terminal =
                if plan.output == Output::Kept { None } else { Pseudoterminal::in_place_of_own(launch.user.uid)? };
        }
        if let Some(terminal) = &terminal {
            terminal.take_the_place(&mut helper, plan.output == Output::StandardError)?;
        }
        helper.arg("--keep").arg("--");
        helper.args(launch.words(file, plan.command));
    } else {
        if let Some(file) = plan.file {
            helper.arg("--file").arg(file);
        }
        helper.arg("--").args(plan.command);
    }
    let child = helper.spawn().context("cannot start a process")?;
    // Its copies of the command's terminal are closed here, so that the terminal ends with the command.
    drop(helper);
    let pid = Pid::from_raw(i32::try_from(child.id()).context("an odd process id")?);
    match waitpid(pid, Some(WaitPidFlag::WUNTRACED)).context("cannot wait for the command's process")? {
        WaitStatus::Stopped(..) => {}
        status => bail!("the command's process ended before it began: {status:?}"),
    }
    let relay = terminal.map(|terminal| terminal.relay(plan.writes_meanwhile)).transpose()?;
    Ok(Stopped { pid, signals, kept, relay, _home: home, launched: plan.launch.is_some() })
}

impl Stopped {
    /// Its process id.
    pub fn id(&self) -> u32 {
        self.pid.as_raw().unsigned_abs()
    }

    /// How many execs come before the first one of the plan: one if the launcher launches the command.
    pub fn execs_before(&self) -> u32 {
        u32::from(self.launched)
    }

    /// Lets the command continue, and waits for it alone. The command gets each signal that asks this process to end.
    pub fn run_alone(mut self) -> Result<Ending> {
        kill(self.pid, Signal::SIGCONT).context("cannot let the command go on")?;
        loop {
            match reap(self.pid)? {
                Some(Change::Ended(ending)) => {
                    drop(self.relay.take());
                    return Ok(ending);
                }
                Some(Change::Stopped) => self.stop_too()?,
                None => {}
            }
            for signal in self.wait(None)? {
                // The terminal sends to a whole group. The command leads its own, in which it does not get that signal.
                let target = if signal.from_terminal { Pid::from_raw(-self.pid.as_raw()) } else { self.pid };
                if let Some(signal) = signal.signal() {
                    // One that ended meanwhile needs no signal.
                    let _ = kill(target, signal);
                }
            }
        }
    }

    /// Stops this process because the command has been stopped, so that a shell can say so and has its terminal back.
    /// When this process continues, the command does.
    fn stop_too(&self) -> Result<()> {
        if let Some(relay) = &self.relay {
            relay.give_back();
        }
        raise(Signal::SIGSTOP).context("cannot stop with the command")?;
        if let Some(relay) = &self.relay {
            relay.adjust();
        }
        // One that was killed meanwhile needs no signal.
        let _ = kill(self.pid, Signal::SIGCONT);
        Ok(())
    }

    /// Lets the command continue, and waits until none of its processes is left.
    pub fn run(mut self, limits: Limits) -> Result<Finished> {
        // Daemons become children of this process, so that their end is seen.
        prctl::set_child_subreaper(true).context("cannot adopt what the command leaves behind")?;
        let lived = self.live(limits);
        // What runs between two runs, such as a check that starts a service, leaves nothing to the next one.
        prctl::set_child_subreaper(false).context("cannot stop adopting")?;
        let (ending, was_asked) = lived?;
        let mut stdout = Vec::new();
        if self.has_written_too_much() {
            return Err(hinted(
                format!(
                    "the command wrote more than {} MiB to standard output, which is too much to keep",
                    MOST_KEPT >> 20
                ),
                "let it write elsewhere, as in sh -c 'CMD > /dev/null'",
            ));
        }
        if let Some(file) = &mut self.kept {
            file.rewind()?;
            file.read_to_end(&mut stdout).context("cannot read what the command wrote")?;
        }
        Ok(Finished { ending, stdout, was_asked })
    }

    fn has_written_too_much(&self) -> bool {
        self.kept.as_ref().and_then(|file| file.metadata().ok()).is_some_and(|about| about.len() > MOST_KEPT)
    }

    /// Returns how the command ended, and whether it was asked to.
    fn live(&mut self, limits: Limits) -> Result<(Ending, bool)> {
        kill(self.pid, Signal::SIGCONT).context("cannot let the command go on")?;
        let mut ending = None;
        let mut request = Request::after(limits.after);
        let mut noted = None;
        loop {
            if let Some(Change::Ended(status)) = reap(self.pid)? {
                ending = Some(status);
                // Its terminal ended with it, and from here on what is typed is for this process.
                drop(self.relay.take());
                noted = Some(Instant::now() + SILENCE);
            }
            if nobody_left() {
                let ending = ending.context("the command's process is gone without a word")?;
                return Ok((ending, request.next > 0));
            }
            if noted.is_some_and(|at| Instant::now() >= at) {
                noted = None;
                // The launcher's watcher lives as long as they do, and is none of them.
                let launcher = file_caps::installed();
                let is_watcher = |process: &Pid| {
                    std::fs::read_link(format!("/proc/{process}/exe")).is_ok_and(|file| file == launcher)
                };
                let left = descendants().iter().filter(|process| !is_watcher(process)).count();
                let what = if limits.ends_rest && left > 0 {
                    request.due = Some(Instant::now());
                    "they are ended, and --for lets them run longer"
                } else {
                    "Ctrl-C ends them and shows the result"
                };
                // The first of several runs has no limit, and says it for all.
                if limits.after.is_none() || !limits.ends_rest {
                    error::note(&format!("{left} of its processes still run; {what}"));
                }
            }
            if self.has_written_too_much() {
                request.end_at_once();
            }
            request.make_if_due();
            let look = self.kept.is_some().then(|| Instant::now() + LOOK);
            let next = [request.due, noted, look].into_iter().flatten().min();
            for signal in self.wait(next)? {
                request.asked(&signal);
            }
            if self.relay.as_ref().is_some_and(Relay::take_interrupt) {
                request.asked(&Received { number: Signal::SIGINT as u32, from_terminal: true });
            }
        }
    }

    /// Waits for a signal that asks for the end, or until `deadline`.
    fn wait(&self, deadline: Option<Instant>) -> Result<Vec<Received>> {
        let (asking, others): (Vec<_>, Vec<_>) = wait(&self.signals, deadline)?
            .into_iter()
            .partition(|signal| !ABOUT_THE_TERMINAL.contains(&signal.signal()));
        if let (Some(relay), false) = (&self.relay, others.is_empty()) {
            relay.adjust();
        }
        Ok(asking)
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

/// The kernel itself sent the signal. It comes from the terminal and went to the whole process group (sigaction(2)).
const SI_KERNEL: i32 = 0x80;

struct Received {
    number: u32,
    from_terminal: bool,
}

impl Received {
    fn signal(&self) -> Option<Signal> {
        Signal::try_from(i32::try_from(self.number).ok()?).ok()
    }
}

/// What a terminal sends whose size has changed, and what a shell sends that has had the terminal meanwhile.
const ABOUT_THE_TERMINAL: [Option<Signal>; 2] = [Some(Signal::SIGWINCH), Some(Signal::SIGCONT)];

/// The next request to end, and when it is due.
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
            // The terminal sent the signal to each process that reads from it.
            self.next = 1;
            self.due = Some(Instant::now() + PATIENCE);
        } else {
            self.due = Some(Instant::now());
        }
    }

    /// The last request is the harshest.
    fn end_at_once(&mut self) {
        (self.next, self.due) = (REQUESTS.len() - 1, Some(Instant::now()));
    }

    fn make_if_due(&mut self) {
        if self.due.is_none_or(|due| Instant::now() < due) {
            return;
        }
        let signal = REQUESTS[self.next.min(REQUESTS.len() - 1)];
        for process in descendants() {
            // A process that ended meanwhile needs no request.
            let _ = kill(process, signal);
        }
        self.next += 1;
        self.due = Some(Instant::now() + PATIENCE);
    }
}

/// What has become of the command.
enum Change {
    /// It ended.
    Ended(Ending),
    /// A signal stopped it.
    Stopped,
}

/// Reaps every child that ended, and returns the last change of the command if there is one. Any user's process can be
/// ended by a real-time signal of that user, for which nix has no name.
fn reap(command: Pid) -> Result<Option<Change>> {
    let mut change = None;
    loop {
        match rustix::process::wait(WaitOptions::NOHANG | WaitOptions::UNTRACED) {
            Ok(Some((pid, status))) if pid.as_raw_nonzero().get() == command.as_raw() => {
                let killed = status.terminating_signal().map(Ending::Killed);
                let ended = killed.or(status.exit_status().map(Ending::Exited)).map(Change::Ended);
                change = ended.or(status.stopped().then_some(Change::Stopped)).or(change);
            }
            Ok(None) | Err(rustix::io::Errno::CHILD) => return Ok(change),
            Ok(Some(_)) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error).context("cannot wait for the command"),
        }
    }
}

fn nobody_left() -> bool {
    waitid(Id::All, WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT) == Err(Errno::ECHILD)
}

/// Returns every descendant of this process.
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
