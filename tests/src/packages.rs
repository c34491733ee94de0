//! The packages that `packaging/build` makes.

use crate::root;
use nix::fcntl::{Flock, FlockArg};

/// The project's directory.
pub const PROJECT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The paths of both packages of one version.
pub struct Packages {
    pub deb: String,
    pub rpm: String,
}

impl Packages {
    /// Builds the packages, once in a run of all tests: `tests/run` removes those of the last run.
    pub fn build(version: &str) -> Self {
        let folder = format!("{PROJECT}/target/packages/of-tests");
        std::fs::create_dir_all(&folder).unwrap();
        let lock = std::fs::File::create(format!("{folder}/lock")).unwrap();
        let _lock = Flock::lock(lock, FlockArg::LockExclusive).unwrap();
        let kept = format!("{folder}/{version}");
        if !std::fs::exists(&kept).unwrap() {
            build_into(&kept, version);
        }
        let file = |end: &str| {
            let mut paths = std::fs::read_dir(&kept).unwrap().map(|entry| entry.unwrap().path());
            let path = paths.find(|path| path.extension().is_some_and(|extension| extension == end));
            path.unwrap_or_else(|| panic!("no .{end} in {kept}")).to_str().unwrap().to_owned()
        };
        Self { deb: file("deb"), rpm: file("rpm") }
    }
}

/// Builds into a directory that exists only when both packages are in it. Every build overwrites the output of the one
/// before.
fn build_into(kept: &str, version: &str) {
    let run = root(&[&format!("{PROJECT}/packaging/build"), "--version", version]).building().run();
    assert!(run.ok(), "{run:?}");
    let half = format!("{kept}.half");
    let _ = std::fs::remove_dir_all(&half);
    std::fs::create_dir(&half).unwrap();
    for file in run.stdout.lines().filter(|line| line.ends_with(".deb") || line.ends_with(".rpm")) {
        assert!(file.contains(version), "{run:?}");
        std::fs::copy(file, format!("{half}/{}", file.rsplit('/').next().unwrap())).unwrap();
    }
    std::fs::rename(half, kept).unwrap();
}
