//! The policies in force, and what they need together.

use crate::launcher_file;
use anyhow::{Context, Result};
use capwrap::decision::needed_by_launcher;
use capwrap::policy::{self, Policy};
use capwrap::{CapabilitySet, paths};
use std::io::Read;
use std::path::{Path, PathBuf};

/// The file of the policy of this name, whether there is one or not.
pub fn path(name: &str) -> PathBuf {
    Path::new(paths::POLICIES).join(format!("{name}.toml"))
}

/// What every launch that some policy in force allows could need of the launcher. A policy that
/// the launcher would refuse counts for nothing, and is told.
pub fn needed() -> Result<CapabilitySet> {
    let mut needed = CapabilitySet::EMPTY;
    for name in names()? {
        match read(&path(&name)) {
            Ok(policy) => needed = needed.union(needed_by_launcher(&policy)),
            Err(error) => crate::print_error(&format!("policy {name} counts for nothing: {error:#}"), None),
        }
    }
    Ok(needed)
}

/// The names of all policies in force, sorted.
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
    let mut text = String::new();
    launcher_file::open(&path.canonicalize()?)?.take(policy::MAX_BYTES as u64 + 1).read_to_string(&mut text)?;
    Ok(Policy::read(&text)?)
}
