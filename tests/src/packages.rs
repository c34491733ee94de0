//! The packages, as `packaging/build` makes them.

use crate::root;

/// The project's folder.
pub const PROJECT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The paths of both packages of one version.
pub struct Packages {
    pub deb: String,
    pub rpm: String,
}

impl Packages {
    /// Builds them.
    pub fn build(version: &str) -> Self {
        let mut call = root(&[&format!("{PROJECT}/packaging/build"), "--version", version]);
        // Where this machine keeps its Rust.
        for name in ["PATH", "HOME", "CARGO_HOME", "RUSTUP_HOME"] {
            if let Some(value) = std::env::var_os(name) {
                call = call.env(name, value);
            }
        }
        let run = call.run();
        assert!(run.ok(), "{run:?}");
        // The next version takes their place.
        let folder = format!("{PROJECT}/target/packages/of-tests");
        std::fs::create_dir_all(&folder).unwrap();
        let kept = |end: &str| {
            let line = run.stdout.lines().find(|line| line.ends_with(end) && line.contains(version));
            let file = line.unwrap_or_else(|| panic!("{run:?}"));
            let kept = format!("{folder}/{}", file.rsplit('/').next().unwrap());
            std::fs::copy(file, &kept).unwrap();
            kept
        };
        Self { deb: kept(".deb"), rpm: kept(".rpm") }
    }
}
