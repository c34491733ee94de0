//! The shipped policies, each with its tool. The tool does its work with what the policy grants, and neither without it
//! nor with one capability less. The ways to run other code from the tool are closed by the policy, and open without
//! it.

mod absent;
mod debuggers;
mod kernel;
mod network;

use capwrap_core::policy::Policy as Read;
use capwrap_tests::*;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// A time that is longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(9);

/// Runs a test with a shipped policy enabled, in namespaces of its own. No other test, and nothing on this machine,
/// meets its policy, its ports or its packets.
fn with_shipped(name: &str, options: &[&str], test: impl FnOnce() + Send) {
    // The launcher file is the machine's, and must keep what all enabled policies need.
    let everything = fs::read_to_string(format!("{POLICIES}/t-everything.toml")).unwrap();
    in_own_mounts(|| {
        cover("/etc/capwrap");
        fs::create_dir(POLICIES).unwrap();
        let _everything = Policy::named("t-everything", &everything);
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
        assert!(root(&["ip", "link", "set", "lo", "up"]).run().ok());
        let _enabled = enable(name, options);
        test();
    });
}

/// The text of a shipped policy.
fn shipped(name: &str) -> String {
    fs::read_to_string(format!("/usr/local/share/capwrap/policies/{name}.toml")).unwrap()
}

/// The shipped policy with these changes of its text, enabled under another name.
fn changed(name: &str, changes: &[(&str, &str)]) -> Policy {
    let text = changes.iter().fold(shipped(name), |text, (old, new)| {
        assert!(text.contains(old), "{name} has no {old}");
        text.replace(old, new)
    });
    Policy::new(&text)
}

/// The shipped policy without its filter on execve.
fn with_children(name: &str) -> Policy {
    let text = shipped(name);
    let closed = ["children = \"none\"", "children = \"when-unprivileged\""];
    let closed = closed.into_iter().find(|closed| text.contains(closed));
    changed(name, &[(closed.unwrap_or_else(|| panic!("{name} has no filter")), "children = \"any\"")])
}

/// The path of the tool of an enabled policy.
fn tool(name: &str) -> String {
    let policy = Read::read(&fs::read_to_string(format!("{POLICIES}/{name}.toml")).unwrap()).unwrap();
    let found = policy.tool.paths.iter().find(|path| path.exists());
    found.unwrap_or_else(|| panic!("{name} is not installed: tests/run installs it")).to_str().unwrap().to_owned()
}

/// The capabilities that the policy grants for these arguments on this machine, as `--explain` reports them.
fn granted(name: &str, arguments: &[&str]) -> Vec<String> {
    let run = capwrap(&[&["--explain", name], arguments].concat()).run();
    assert!(run.stdout.contains("\ngranted\n"), "{run:?}");
    let section = run.stdout.lines().skip_while(|line| *line != "granted").skip(1).take_while(|line| !line.is_empty());
    let heads = section.filter(|line| !line.starts_with("   ")).flat_map(|line| line.split([',', ' ']));
    heads.filter(|word| word.starts_with("cap_")).map(str::to_owned).collect()
}

/// Asserts that the tool does this work through capwrap, but neither by itself nor with any one capability less than
/// its policy grants for it. Returns the granted capabilities.
fn takes_exactly(
    name: &str,
    arguments: &[&str],
    run: impl Fn(Call) -> Run + Sync,
    done: impl Fn(&Run) -> bool + Sync,
) -> Vec<String> {
    let granted = granted(name, arguments);
    // If the policy grants cap_sys_admin too (for kernels and settings that ask for it), it replaces these two.
    let stands_in = granted.iter().any(|capability| capability == "cap_sys_admin");
    let needed = granted.iter().filter(|one| !(stands_in && ["cap_bpf", "cap_perfmon"].contains(&one.as_str())));
    takes_each(name, arguments, needed.cloned().collect(), run, done);
    granted
}

/// Asserts the same for the capabilities that the test names.
fn takes_each(
    name: &str,
    arguments: &[&str],
    needed: Vec<String>,
    run: impl Fn(Call) -> Run + Sync,
    done: impl Fn(&Run) -> bool + Sync,
) {
    assert!(!needed.is_empty(), "{name} is granted nothing for {arguments:?}");
    // With no_new_privs, capabilities of its file give it nothing.
    let by_itself = run(user(MEMBER, &[&["setpriv", "--no-new-privs", tool(name).as_str()], arguments].concat()));
    assert!(!done(&by_itself), "it works without capwrap: {by_itself:?}");
    let with_all = run(capwrap(&[&[name], arguments].concat()));
    assert!(done(&with_all), "it does not work with {needed:?}: {with_all:?}");
    thread::scope(|scope| {
        for capability in &needed {
            let (run, done) = (&run, &done);
            scope.spawn(move || {
                let with_less = run(capwrap(&[&["--drop", capability, name], arguments].concat()));
                assert!(!with_less.stderr.contains("capwrap: "), "it was not run: {with_less:?}");
                assert!(!done(&with_less), "it works without {capability}: {with_less:?}");
            });
        }
    });
}

/// Runs a command to its end, and kills it if it does not end.
fn run(call: Call) -> Run {
    call.under(&["timeout", "--kill-after=1", &PATIENCE.as_secs().to_string()]).run()
}

/// A process that runs until the value is dropped.
struct Running {
    child: Child,
    lines: Receiver<String>,
    said: String,
}

impl Running {
    fn start(call: &Call) -> Self {
        let mut command = call.command();
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = channel();
        let streams: [Box<dyn std::io::Read + Send>; 2] =
            [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        for mut stream in streams.map(BufReader::new) {
            let sender = sender.clone();
            thread::spawn(move || {
                let mut line = Vec::new();
                while stream.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
                    let _ = sender.send(String::from_utf8_lossy(&line).into_owned());
                    line.clear();
                }
            });
        }
        Self { child, lines, said: String::new() }
    }

    /// Starts the process and waits until it has printed this.
    fn started(call: &Call, word: &str) -> Self {
        let mut running = Self::start(call);
        assert!(running.says(word), "{}", running.said);
        running
    }

    /// Waits for a line that contains this; false if the process ends without one.
    fn says(&mut self, word: &str) -> bool {
        let end = Instant::now() + PATIENCE;
        while let Ok(line) = self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
            self.said.push_str(&line);
            if line.contains(word) {
                return true;
            }
        }
        false
    }

    fn pid(&self) -> String {
        self.child.id().to_string()
    }

    fn write(&mut self, text: &str) {
        let _ = self.child.stdin.as_mut().unwrap().write_all(text.as_bytes());
    }

    /// Asks the process to end, and returns its result. All its output is in `stdout`.
    fn stop(mut self) -> Run {
        let code = self.end();
        while let Ok(line) = self.lines.recv_timeout(Duration::from_secs(1)) {
            self.said.push_str(&line);
        }
        Run { code, stdout: std::mem::take(&mut self.said), stderr: String::new() }
    }

    fn end(&mut self) -> i32 {
        use std::os::unix::process::ExitStatusExt;
        drop(self.child.stdin.take());
        root(&["kill", "-TERM", &self.pid()]).run();
        let ended = holds_soon(|| self.child.try_wait().unwrap().is_some());
        if !ended {
            let _ = self.child.kill();
        }
        let status = self.child.wait().unwrap();
        status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            self.end();
        }
    }
}

/// Whether a condition becomes true within a while.
fn holds_soon(mut condition: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + Duration::from_secs(3);
    while !condition() {
        if Instant::now() > end {
            return false;
        }
        thread::sleep(Duration::from_millis(10));
    }
    true
}

/// A directory of the member's on a disk. It is removed when it is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("capwrap-tools-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = PathBuf::from("/var/tmp").join(name);
        fs::create_dir(&path).unwrap();
        let scratch = Self(path);
        scratch.give_to(MEMBER);
        scratch
    }

    fn give_to(&self, owner: &str) {
        assert!(root(&["chown", owner, self.0.to_str().unwrap()]).run().ok());
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    /// A program of the member's that writes its effective set to the file `escaped`.
    fn escape(&self) -> String {
        let path = self.path("escape");
        let text = format!("#!/bin/sh\ngrep CapEff /proc/self/status >{}\n", self.path("escaped"));
        fs::write(&path, text).unwrap();
        assert!(root(&["chmod", "755", &path]).run().ok());
        path
    }

    /// The effective set of that program, if the tool started it.
    fn escaped(&self) -> Option<u64> {
        effective(&fs::read_to_string(self.0.join("escaped")).ok()?)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The effective set in a text that quotes /proc/PID/status.
fn effective(text: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.trim().strip_prefix("CapEff:"))?;
    u64::from_str_radix(value.trim(), 16).ok()
}

/// A process of the stranger's for tools to observe; see src/bin/observed.rs.
struct Observed {
    process: Running,
    uid: String,
    _folder: Folder,
}

impl Observed {
    fn start(arguments: &[&str]) -> Self {
        let folder = Folder::new();
        let program = folder.copy(env!("CARGO_BIN_EXE_observed"), "observed");
        let process = Running::started(&user(STRANGER, &[&[program.as_str()], arguments].concat()), "ready");
        let uid = root(&["id", "-u", STRANGER]).run().stdout.trim().to_owned();
        Self { process, uid, _folder: folder }
    }

    fn pid(&self) -> String {
        self.process.pid()
    }
}

/// A setting of the kernel, by its path below /proc/sys.
fn sysctl(path: &str) -> Option<i64> {
    fs::read_to_string(format!("/proc/sys/{path}")).ok()?.trim().parse().ok()
}
