//! Podman with images and containers that belong to a test.

use crate::{Folder, Run, done, root};
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// Podman's store, which is removed when it is dropped.
pub struct Podman(Folder);

impl Podman {
    /// Creates the store, and a program `podman` in a directory, for scripts that call it by name.
    pub fn new() -> Self {
        let folder = Folder::new();
        let at = folder.0.to_str().unwrap();
        // The program uses runc, because crun refuses a machine with both kinds of control groups.
        fs::write(
            folder.path("containers.conf"),
            "[containers]\ndefault_ulimits = []\nnetns = \"host\"\n[engine]\nruntime = \"runc\"\n\
             cgroup_manager = \"cgroupfs\"\nevents_logger = \"none\"\n",
        )
        .unwrap();
        let script = format!(
            "#!/bin/sh\nCONTAINERS_CONF={at}/containers.conf exec /usr/bin/podman --root {at}/root --runroot {at}/run \
             --storage-driver vfs \"$@\"\n"
        );
        fs::write(folder.path("podman"), script).unwrap();
        fs::set_permissions(folder.path("podman"), fs::Permissions::from_mode(0o755)).unwrap();
        Self(folder)
    }

    /// The directory to put first in PATH.
    pub fn folder(&self) -> &str {
        self.0.0.to_str().unwrap()
    }

    /// Runs `podman WORDS…`.
    pub fn run(&self, words: &[&str]) -> Run {
        root(&[&[self.0.path("podman").as_str()], words].concat()).run()
    }

    /// Makes an image from the files of a directory.
    pub fn import(&self, files: &str, name: &str) {
        let script = format!("tar -C {files} -c . | {} import - {name}", self.0.path("podman"));
        done(&root(&["sh", "-c", &script]).run());
    }
}

impl Default for Podman {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        self.run(&["rm", "--all", "--force"]);
        // Podman leaves its empty parent control group behind. If another Podman uses it, it stays.
        root(&["sh", "-c", "find /sys/fs/cgroup -depth -type d -path '*/libpod_parent*' -exec rmdir {} +"]).run();
    }
}
