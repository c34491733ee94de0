//! A machine of a test's own: a clean Debian in a folder, in which packages are installed and used.

use crate::{Folder, Run, done, root};

/// Captures a packet as alice, who may do nothing else. tcpdump can miss the first one on a busy machine, so they are sent
/// until it has ended.
pub const CAPTURE: &str = "runuser -u alice -- capwrap tcpdump -i lo -n -c 1 --immediate-mode > /tmp/said 2>&1 & \
    capture=$!; until grep -q listening /tmp/said || ! kill -0 $capture 2> /dev/null; do sleep 0.1; done; \
    (while bash -c 'echo > /dev/udp/127.0.0.1/9'; do sleep 0.2; done) > /dev/null 2>&1 & \
    sender=$!; wait $capture; result=$?; kill $sender; cat /tmp/said; exit $result";

/// The folder, gone when dropped.
pub struct Machine(Folder);

impl Machine {
    /// A new one, with nothing of capwrap in it.
    pub fn new() -> Self {
        let machine = Self(Folder::new());
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/chroot");
        done(&root(&[script, &machine.root()]).run());
        machine
    }

    /// Where its root lies.
    pub fn root(&self) -> String {
        self.0.path("root")
    }

    /// Puts a file of this machine's there.
    pub fn put(&self, source: &str, target: &str) {
        std::fs::copy(source, self.root() + target).unwrap();
    }

    /// Runs a script of sh here, with `$root` as a mount that has /proc and /dev, as every machine has.
    pub fn beside(&self, script: &str) -> Run {
        let words = self.script(script);
        root(&words.iter().map(String::as_str).collect::<Vec<_>>()).run()
    }

    /// The command that does.
    pub fn script(&self, script: &str) -> Vec<String> {
        let mounted = "set -e; mount --bind \"$root\" \"$root\"; mount -t proc proc \"$root/proc\"; \
                       mount --rbind /dev \"$root/dev\"; ip link set lo up;";
        let script = format!("root={}; {mounted}\n{script}", self.root());
        let words = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-c", &script];
        words.map(str::to_owned).to_vec()
    }

    /// The command that starts its systemd, which starts these units and what they want, and nothing of the machine's
    /// own besides.
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

    /// Runs a script of sh as its root.
    pub fn run(&self, script: &str) -> Run {
        self.beside(&inside(script))
    }
}

/// The words of `beside` that run a script there, with nothing outside in sight: paths are those that the kernel
/// reports too.
pub fn inside(script: &str) -> String {
    let script = format!("umount -l /.outside; rmdir /.outside; {script}").replace('\'', "'\\''");
    format!("cd \"$root\"; mkdir .outside; pivot_root . .outside; exec chroot . /bin/sh -c '{script}'")
}

impl Default for Machine {
    fn default() -> Self {
        Self::new()
    }
}
