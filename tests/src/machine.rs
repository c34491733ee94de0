//! A machine for a test: a clean Debian in a directory, in which packages are installed and used.

use crate::{Folder, Run, done, root};

/// Captures a packet as alice, who has no other rights. tcpdump can miss the first packet on a busy machine, so packets
/// are sent until tcpdump has ended.
pub const CAPTURE: &str = "runuser -u alice -- capwrap tcpdump -i lo -n -c 1 --immediate-mode > /tmp/said 2>&1 & \
    capture=$!; until grep -q listening /tmp/said || ! kill -0 $capture 2> /dev/null; do sleep 0.1; done; \
    (while bash -c 'echo > /dev/udp/127.0.0.1/9'; do sleep 0.2; done) > /dev/null 2>&1 & \
    sender=$!; wait $capture; result=$?; kill $sender; cat /tmp/said; exit $result";

/// The machine's directory, which is removed when it is dropped.
pub struct Machine(Folder);

impl Machine {
    /// Creates a machine without any file of capwrap.
    pub fn new() -> Self {
        let machine = Self(Folder::new());
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/chroot");
        done(&root(&[script, &machine.root()]).run());
        machine
    }

    /// The directory that is the machine's root.
    pub fn root(&self) -> String {
        self.0.path("root")
    }

    /// Copies a file of this machine to that one.
    pub fn put(&self, source: &str, target: &str) {
        std::fs::copy(source, self.root() + target).unwrap();
    }

    /// Runs a script of sh on this machine, with `$root` as a mount that has /proc and /dev, as every machine has.
    pub fn beside(&self, script: &str) -> Run {
        let words = self.script(script);
        root(&words.iter().map(String::as_str).collect::<Vec<_>>()).run()
    }

    /// The words of the command that runs such a script.
    pub fn script(&self, script: &str) -> Vec<String> {
        let mounted = "set -e; mount --bind \"$root\" \"$root\"; mount -t proc proc \"$root/proc\"; \
                       mount --rbind /dev \"$root/dev\"; ip link set lo up;";
        let script = format!("root={}; {mounted}\n{script}", self.root());
        let words = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-c", &script];
        words.map(str::to_owned).to_vec()
    }

    /// The words of the command that starts the machine's systemd. It starts these units and the units that they want,
    /// and none of the machine's other units.
    pub fn systemd(&self, units: &[(&str, &str)]) -> Vec<String> {
        let unit = |name: &str, text: &str| {
            std::fs::write(format!("{}/etc/systemd/system/{name}", self.root()), text).unwrap();
        };
        for target in ["sysinit", "basic", "shutdown", "timers"] {
            unit(&format!("{target}.target"), "[Unit]\nDefaultDependencies=no\n");
        }
        units.iter().for_each(|(name, text)| unit(name, text));
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/exporting/with-systemd");
        vec![script.to_owned(), self.root(), self.root()]
    }

    /// Runs a script of sh on the machine as its root.
    pub fn run(&self, script: &str) -> Run {
        self.beside(&inside(script))
    }
}

/// The words, for a script of `beside`, that run a script with the machine's root as /. Nothing outside is visible
/// there, so that paths are those that the kernel reports too.
pub fn inside(script: &str) -> String {
    let script = format!("umount -l /.outside; rmdir /.outside; {script}").replace('\'', "'\\''");
    format!("cd \"$root\"; mkdir .outside; pivot_root . .outside; exec chroot . /bin/sh -c '{script}'")
}

impl Default for Machine {
    fn default() -> Self {
        Self::new()
    }
}
