//! Hosts of a test's own: clean machines that run sshd, each on a network of its own.

use crate::machine::{Machine, inside};
use crate::{Folder, Run, done, root};
use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A host that ssh reaches until it is dropped.
pub struct Host {
    pub name: &'static str,
    pub address: String,
    pub machine: Machine,
    sshd: Child,
}

/// Who may log in on all hosts, and where ssh keeps what it needs.
pub struct Key(Folder);

impl Key {
    pub fn new() -> Self {
        let folder = Folder::new();
        done(&root(&["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", &folder.path("key")]).run());
        Self(folder)
    }

    /// The private key's file.
    pub fn file(&self) -> String {
        self.0.path("key")
    }
}

impl Default for Key {
    fn default() -> Self {
        Self::new()
    }
}

impl Host {
    /// Starts one; `number`, from 1, tells their networks apart (RFC 2544 keeps 198.18.0.0/15 for tests).
    pub fn start(name: &'static str, number: u8, key: &Key) -> Self {
        let machine = Machine::new();
        let (base, interface) = (4 * number, format!("capwrap-t{number}"));
        let (here, address) = (format!("198.18.77.{}", base + 1), format!("198.18.77.{}", base + 2));
        fs::create_dir_all(machine.root() + "/root/.ssh").unwrap();
        fs::copy(key.file() + ".pub", machine.root() + "/root/.ssh/authorized_keys").unwrap();
        let sshd = machine.script(&format!(
            "mount -t sysfs sysfs \"$root/sys\"; hostname {name}; mkdir -p \"$root/run/sshd\"
             until ip link set eth0 up 2> /dev/null; do sleep 0.05; done; ip address add {address}/30 dev eth0
             {}",
            inside("exec /usr/sbin/sshd -D -e")
        ));
        let log = fs::File::create(machine.root() + "/var/log/sshd").unwrap();
        let mut sshd = Command::new(&sshd[0])
            .arg("--uts")
            .args(&sshd[1..])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let network = |of: &str| fs::read_link(format!("/proc/{of}/ns/net")).unwrap();
        let process = sshd.id().to_string();
        until("it has a network of its own", || network(&process) != network("self"));
        let script = format!(
            "ip link add {interface} type veth peer name eth0 netns {process} && ip address add {here}/30 dev {interface} && ip link set {interface} up"
        );
        let run = root(&["sh", "-c", &script]).run();
        assert!(run.ok() && sshd.try_wait().unwrap().is_none(), "{run:?}");
        let host = Self { name, address, machine, sshd };
        until("sshd answers", || std::net::TcpStream::connect((host.address.as_str(), 22)).is_ok());
        host
    }

    /// Runs a script of sh there, as root.
    pub fn run(&self, key: &Key, script: &str) -> Run {
        let options = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"];
        let to = format!("root@{}", self.address);
        root(&[&["ssh", "-i", &key.file()], &options[..], &[&to, script]].concat()).run()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Its children go with it, and its network with them.
        let _ = self.sshd.kill();
        let _ = self.sshd.wait();
    }
}

#[track_caller]
fn until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(30), "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
