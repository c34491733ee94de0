//! A recorder of a test's own, with the folder of records on a file system of its own.

use crate::{CAPWRAP, cover, in_own_mounts, root};
use nix::mount::{MsFlags, mount};
use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub const RECORDER: &str = "/usr/local/libexec/capwrap/capwrap-recorder";
pub const SOCKET: &str = "/run/capwrap/record.sock";
pub const HISTORY: &str = "/run/capwrap/history.sock";
pub const FOLDER: &str = "/var/log/capwrap";

/// A recorder that ends with the test.
pub struct Running(Child);

impl Running {
    pub fn start(options: &[&str], socket: &str) -> Self {
        Self::of(Command::new(RECORDER).args(options).args(["--listen", socket]).stderr(Stdio::null()), socket)
    }

    /// Starts a recorder by a command that becomes it.
    pub fn of(command: &mut Command, socket: &str) -> Self {
        let running = Self(command.spawn().unwrap());
        // Both sockets are reachable when their modes are set.
        let is_ready = || {
            let listens = fs::read_to_string("/proc/net/unix").unwrap().contains(socket);
            let status = fs::read_to_string(format!("/proc/{}/status", running.0.id())).unwrap_or_default();
            listens && status.lines().any(|line| line.starts_with("Uid:") && !line.contains("\t0\t"))
        };
        wait_for(is_ready);
        running
    }

    pub fn signal(&self, name: &str) {
        assert!(root(&["kill", &format!("-{name}"), &self.0.id().to_string()]).run().ok());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until something is so.
pub fn wait_for(mut is: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is() {
        assert!(start.elapsed() < Duration::from_secs(20), "it did not happen");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The number of a user (`passwd`) or a group (`group`).
pub fn id(kind: &str, name: &str) -> String {
    root(&["getent", kind, name]).run().stdout.split(':').nth(2).unwrap().to_owned()
}

/// Runs a test where the folder of records is empty and has so much space, no log listens, and no recorder runs.
pub fn on_an_empty_disk<T: Send>(size: &str, test: impl FnOnce() -> T + Send) -> T {
    let about = root(&["stat", "--format=%a %G", CAPWRAP]).run().stdout;
    assert_eq!(about.trim(), "2755 capwrap-record", "the recorder cannot know this launcher");
    in_own_mounts(|| {
        for folder in ["/run/systemd/journal", "/run/capwrap", FOLDER] {
            fs::create_dir_all(folder).unwrap();
            cover(folder);
        }
        let owner = format!("uid={},gid={}", id("passwd", "capwrap-recorder"), id("group", "adm"));
        let options = format!("mode=2750,size={size},{owner}");
        mount(Some("none"), FOLDER, Some("tmpfs"), MsFlags::empty(), Some(&*options)).unwrap();
        test()
    })
}
