//! A systemd of its own for a test, in which commands are run while it goes on.

use crate::{Folder, Run, root};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A systemd in its own namespaces, with the units of a directory. It ends when it is dropped.
pub struct Systemd {
    /// The directory of its units. Drop-ins that are written below /etc/systemd/system are in it.
    pub folder: Folder,
    script: Child,
    id: u32,
}

impl Systemd {
    /// Starts a systemd that knows these units, and starts none of them.
    pub fn start(units: &[(&str, &str)]) -> Self {
        let folder = Folder::new();
        let empty = "[Unit]\nDefaultDependencies=no\n";
        for name in ["start.target", "sysinit.target", "basic.target", "shutdown.target", "local-fs.target"] {
            std::fs::write(folder.path(name), empty).unwrap();
        }
        for (name, text) in units {
            std::fs::write(folder.path(name), text).unwrap();
        }
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/exporting/with-systemd");
        let script = Command::new(script).arg(&folder.0).stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        let began = Instant::now();
        let id = loop {
            if let Some(id) = descendants(script.id()).into_iter().find(|id| name(*id) == "systemd") {
                break id;
            }
            assert!(began.elapsed() < Duration::from_secs(30), "systemd does not start");
            std::thread::sleep(Duration::from_millis(50));
        };
        let systemd = Self { folder, script, id };
        while !systemd.run(&["systemctl", "is-active", "start.target"]).ok() {
            assert!(began.elapsed() < Duration::from_secs(60), "systemd does not answer");
            std::thread::sleep(Duration::from_millis(100));
        }
        let units = systemd.folder.0.to_str().unwrap().to_owned();
        // An administrator's directory, for this systemd alone.
        assert!(systemd.run(&["mount", "--bind", &units, "/etc/systemd/system"]).ok());
        systemd
    }

    /// The words that run a command beside this systemd, in all its namespaces but that of cgroups.
    pub fn words(&self, words: &[&str]) -> Vec<String> {
        let id = self.id.to_string();
        let inside = ["nsenter", "-t", &id, "-m", "-p", "-n", "-i", "-u", "--"];
        inside.iter().chain(words).map(|word| (*word).to_owned()).collect()
    }

    /// Runs a command beside this systemd.
    pub fn run(&self, words: &[&str]) -> Run {
        let words = self.words(words);
        root(&words.iter().map(String::as_str).collect::<Vec<_>>()).run()
    }

    /// Returns a property of a unit.
    pub fn show(&self, unit: &str, property: &str) -> String {
        self.run(&["systemctl", "show", "-P", property, unit]).stdout.trim().to_owned()
    }
}

impl Drop for Systemd {
    fn drop(&mut self) {
        // Process 1 of a namespace takes all others of it along.
        root(&["kill", "-KILL", &self.id.to_string()]).run();
        let _ = self.script.wait();
    }
}

fn name(id: u32) -> String {
    std::fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default().trim().to_owned()
}

fn descendants(id: u32) -> Vec<u32> {
    let text = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
    let children: Vec<u32> = text.split_whitespace().filter_map(|child| child.parse().ok()).collect();
    children.iter().flat_map(|child| [vec![*child], descendants(*child)].concat()).collect()
}
