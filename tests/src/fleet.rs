//! Hosts for a test: clean machines that run sshd, alone or under systemd, each on a network of its own.

use crate::machine::{Machine, inside};
use crate::{Folder, Run, done, root};
use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A host that ssh reaches until the value is dropped.
pub struct Host {
    pub name: &'static str,
    pub address: String,
    pub machine: Machine,
    /// The process whose end also ends the host's init and everything else on the host.
    process: String,
    starter: Child,
}

/// The first program on a host.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Init {
    Sshd,
    Systemd,
}

/// The ssh key that may log in on all hosts. Its directory also holds ssh's other files.
pub struct Key(Folder);

impl Key {
    pub fn new() -> Self {
        let folder = Folder::new();
        done(&root(&["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", &folder.path("key")]).run());
        Self(folder)
    }

    /// The path of the private key.
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
    /// Starts a host. `number`, from 1, gives it a network of its own (RFC 2544 keeps 198.18.0.0/15 for tests).
    pub fn start(name: &'static str, number: u8, init: Init, key: &Key) -> Self {
        let machine = Machine::new();
        let folder = machine.root();
        fs::create_dir_all(format!("{folder}/root/.ssh")).unwrap();
        fs::copy(key.file() + ".pub", format!("{folder}/root/.ssh/authorized_keys")).unwrap();
        let words = match init {
            Init::Sshd => machine.script(&format!(
                "mount -t sysfs sysfs \"$root/sys\"; mkdir -p \"$root/run/sshd\"; {}",
                inside("exec /usr/sbin/sshd -D -e")
            )),
            Init::Systemd => {
                machine.systemd(&[("start.target", "[Unit]\nDefaultDependencies=no\nWants=ssh.service\n")])
            }
        };
        let log = fs::File::create(format!("{folder}/var/log/started")).unwrap();
        let mut starter = Command::new("unshare")
            .arg("--uts")
            .args(&words)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();

        let process = with_its_own_network(&starter.id().to_string());
        let (base, interface) = (4 * number, format!("capwrap-t{number}"));
        let (here, address) = (format!("198.18.77.{}", base + 1), format!("198.18.77.{}", base + 2));
        let script = format!(
            "set -e; ip link add {interface} type veth peer name eth0 netns {process}
             ip address add {here}/30 dev {interface}; ip link set {interface} up
             nsenter --target {process} --uts --net sh -ec 'hostname {name}; ip link set lo up
             ip link set eth0 up; ip address add {address}/30 dev eth0'"
        );
        let run = root(&["sh", "-c", &script]).run();
        assert!(run.ok() && starter.try_wait().unwrap().is_none(), "{run:?}");
        let host = Self { name, address, machine, process, starter };
        until("sshd answers", || std::net::TcpStream::connect((host.address.as_str(), 22)).is_ok());
        host
    }

    /// Runs a script of sh on the host as root.
    pub fn run(&self, key: &Key, script: &str) -> Run {
        let options = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"];
        let to = format!("root@{}", self.address);
        root(&[&["ssh", "-i", &key.file()], &options[..], &[&to, script]].concat()).run()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        root(&["kill", "-KILL", &self.process]).run();
        let _ = self.starter.wait();
    }
}

/// Waits until the process or its child has another network than this process, and returns that process.
fn with_its_own_network(starter: &str) -> String {
    let network = |of: &str| fs::read_link(format!("/proc/{of}/ns/net")).ok();
    let mut found = None;
    until("it has a network of its own", || {
        let children = root(&["pgrep", "--parent", starter]).run().stdout;
        let mut all = std::iter::once(starter).chain(children.lines());
        found =
            all.find(|process| network(process).is_some_and(|other| Some(other) != network("self"))).map(str::to_owned);
        found.is_some()
    });
    found.unwrap_or_default()
}

/// Waits for a condition that must become true within half a minute.
#[track_caller]
pub fn until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(30), "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
