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
use std::fs::{DirBuilder, File, Permissions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The lock that is held while a policy is enabled or disabled. Only root can open it, because anyone who can take a
/// lock can keep it.
const LOCK: &str = "/etc/capwrap/lock";
/// How long to wait for another process that holds the lock.
const PATIENCE: Duration = Duration::from_secs(30);

/// Returns the path of the policy of this name, whether the file exists or not.
pub fn path(name: &str) -> PathBuf {
    Path::new(paths::POLICIES).join(format!("{name}.toml"))
}

/// Returns all enabled policies that the launcher would accept. A policy that the launcher would refuse does not count,
/// and is reported.
pub fn all() -> Result<Vec<Policy>> {
    let mut policies = Vec::new();
    for name in names()? {
        match read(&path(&name)) {
            Ok(policy) => policies.push(policy),
            Err(error) => error::print_error(&format!("policy {name} cannot be used: {error:#}"), None),
        }
    }
    Ok(policies)
}

/// Returns the capabilities that the launcher needs to launch the tools of these policies on these kernels.
pub fn needed(policies: &[Policy], kernels: Kernels) -> CapabilitySet {
    policies.iter().fold(CapabilitySet::EMPTY, |all, policy| all.union(needed_by_launcher(policy, kernels)))
}

/// Returns the names of all enabled policies, sorted.
pub fn names() -> Result<Vec<String>> {
    names_in(Path::new(paths::POLICIES))
}

/// Returns the names of the policies in a directory, sorted. A missing directory has none.
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

/// Reads a policy that only root can have written.
pub fn read(path: &Path) -> Result<Policy> {
    Ok(Policy::read(&trusted_file::text(path)?)?)
}

/// Takes the lock. Until it is dropped, no other process enables or disables a policy or changes the launcher's file
/// capabilities.
///
/// # Errors
/// Another process holds the lock for too long, or the lock cannot be opened, which requires root.
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

/// Creates a directory, and those above it, that all users can read and only root can write, whatever the caller's
/// umask is. What exists stays as it is.
pub fn make_directory(path: &Path) -> Result<()> {
    let cannot = || format!("cannot make {}", path.display());
    let above: Vec<&Path> = path.ancestors().collect();
    for one in above.into_iter().rev() {
        match DirBuilder::new().mode(0o755).create(one) {
            Ok(()) => std::fs::set_permissions(one, Permissions::from_mode(0o755)).with_context(cannot)?,
            Err(_) if one.is_dir() => {}
            Err(error) => return Err(error).with_context(cannot),
        }
    }
    Ok(())
}
