//! The enabled policies, and the capabilities that they need together.

use crate::output::error;
use crate::output::error::hinted;
use crate::store::trusted_file;
use anyhow::{Context, Result};
use capwrap_core::CapabilitySet;
use capwrap_core::decision::launcher_needs::{Kernels, needed_by_launcher};
use capwrap_core::paths;
use capwrap_core::policy;
use capwrap_core::policy::Policy;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use std::fs::{DirBuilder, File};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Held by whoever enables or disables a policy. Only root can open it, because whoever can take a lock can keep it.
const LOCK: &str = "/etc/capwrap/lock";
/// How long to wait for another who changes it.
const PATIENCE: Duration = Duration::from_secs(30);

/// The file of the policy of this name, whether there is one or not.
pub fn path(name: &str) -> PathBuf {
    Path::new(paths::POLICIES).join(format!("{name}.toml"))
}

/// All enabled policies that the launcher would take. One that it would refuse does not count, and is reported.
pub fn all() -> Result<Vec<Policy>> {
    let mut policies = Vec::new();
    for name in names()? {
        match read(&path(&name)) {
            Ok(policy) => policies.push(policy),
            Err(error) => error::print_error(&format!("policy {name} counts for nothing: {error:#}"), None),
        }
    }
    Ok(policies)
}

/// What launches of these policies could need of the launcher on these kernels.
pub fn needed(policies: &[Policy], kernels: Kernels) -> CapabilitySet {
    policies.iter().fold(CapabilitySet::EMPTY, |all, policy| all.union(needed_by_launcher(policy, kernels)))
}

/// The names of all enabled policies, sorted.
pub fn names() -> Result<Vec<String>> {
    names_in(Path::new(paths::POLICIES))
}

/// The names of the policies in a directory, sorted. A directory that is not there has none.
pub fn names_in(directory: &Path) -> Result<Vec<String>> {
    if !directory.exists() {
        return Ok(Vec::new());
    }
    let entries = std::fs::read_dir(directory).with_context(|| format!("cannot read {}", directory.display()))?;
    let files = entries.map(|entry| Ok(entry?.file_name())).collect::<Result<Vec<_>, std::io::Error>>()?;
    let mut names: Vec<String> = files
        .iter()
        .filter_map(|file| file.to_str()?.strip_suffix(".toml"))
        .filter(|name| policy::is_name(name))
        .map(str::to_owned)
        .collect();
    names.sort();
    Ok(names)
}

/// Reads one that only root can have written.
pub fn read(path: &Path) -> Result<Policy> {
    Ok(Policy::read(&trusted_file::text(path)?)?)
}

/// Until it is dropped, nobody else enables or disables a policy or changes the launcher's file capabilities.
///
/// # Errors
/// Another does so for too long, or the lock cannot be opened, which takes root.
pub fn lock() -> Result<Flock<File>> {
    make_directory(Path::new(paths::POLICIES))?;
    let how = File::options().read(true).write(true).create(true).truncate(false).mode(0o600).to_owned();
    let start = Instant::now();
    let mut file = how.open(LOCK).with_context(|| format!("cannot open {LOCK}"))?;
    loop {
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => return Ok(lock),
            Err((unlocked, Errno::EWOULDBLOCK)) if start.elapsed() < PATIENCE => file = unlocked,
            Err((_, Errno::EWOULDBLOCK)) => {
                return Err(hinted(
                    format!("another capwrap is enabling or disabling a policy, and holds {LOCK}"),
                    format!("see which: fuser --verbose {LOCK}"),
                ));
            }
            Err((_, errno)) => return Err(errno).with_context(|| format!("cannot lock {LOCK}")),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Makes a directory that all can read and root alone can write, and those above it.
pub fn make_directory(path: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(path)
        .with_context(|| format!("cannot make {}", path.display()))
}
