//! Step 3 reads the policy, which it finds by the tool's name alone.

use crate::launch::write_in_progress::{self, Stamp, Watch};
use crate::refusal::{OrRefuse, Refusal};
use capwrap_core::digest;
use capwrap_core::paths;
use capwrap_core::policy::{self, MAX_BYTES, Policy};
use capwrap_core::text::{hex, printable};
use capwrap_core::trusted_path;
use capwrap_core::trusted_path::Fault;
use nix::sys::stat::fstat;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A policy file as it was read.
#[derive(Debug)]
pub struct PolicyFile {
    /// The path of the file.
    pub path: PathBuf,
    /// The policy in the file.
    pub policy: Policy,
    text: String,
}

impl PolicyFile {
    /// Returns the SHA-256 of its text, in hexadecimal. Only a record has it, and computing it begins with the
    /// instruction CPUID, which leaves a virtual machine.
    pub fn sha256(&self) -> String {
        hex::encode(&digest::of_bytes(&self.text))
    }
}

/// Opens, checks and reads the policy of the tool.
pub fn read(name: &str) -> Result<PolicyFile, Refusal> {
    read_at(name, Path::new(paths::POLICIES).join(format!("{name}.toml")))
}

/// Opens, checks and reads the enabled policy of that name, or else the disabled or the shipped one, for its surroundings
/// alone: a policy that is not enabled grants nothing.
///
/// # Errors
/// The name is none that a policy can have, and the errors of [`read`].
pub fn read_for_surroundings(name: &str) -> Result<PolicyFile, Refusal> {
    if !policy::is_name(name) {
        return Err(Refusal::new(format!("{:?} is no name of a policy", printable::text(name)))
            .with_hint("letters, digits and ._+-, as in mtr-packet"));
    }
    let file = format!("{name}.toml");
    let (enabled, disabled) = (Path::new(paths::POLICIES).join(&file), Path::new(paths::DISABLED).join(&file));
    let others = [disabled, shipped(name)].into_iter().filter(|_| !enabled.exists()).find(|path| path.exists());
    read_at(name, others.unwrap_or(enabled))
}

fn read_at(name: &str, path: PathBuf) -> Result<PolicyFile, Refusal> {
    let text = read_whole(name, &path)?;
    let text = String::from_utf8(text).map_err(|_| Refusal::new(format!("{} is not UTF-8", path.display())))?;
    let policy = Policy::read(&text)
        .map_err(|error| Refusal::new(format!("{}:{error}", path.display())).with_hint_if_any(error.hint))?;
    Ok(PolicyFile { path, policy, text })
}

/// Returns the text of the file, once nobody is still writing it.
fn read_whole(name: &str, path: &Path) -> Result<Vec<u8>, Refusal> {
    let mut watch = Watch::default();
    for _ in 0..write_in_progress::RETRIES {
        let mut opened = trusted_path::open(path, 0).map_err(|fault| unusable(name, path, &fault))?;
        let before = Stamp::of(&opened.status);
        // Reading one byte more than the limit shows that a file is too large.
        let most = MAX_BYTES as u64 + 1;
        let expected = u64::try_from(opened.status.st_size).unwrap_or(0).min(most);
        let mut text = Vec::with_capacity(expected as usize + 1);
        let read = || format!("read {}", path.display());
        opened.file.by_ref().take(most).read_to_end(&mut text).or_refuse(read)?;
        let after = Stamp::of(&fstat(&opened.file).or_refuse(read)?);
        if watch.is_whole(before, after).or_refuse(|| "ask for the time")? {
            if text.len() > MAX_BYTES {
                return Err(Refusal::new(format!("{} is larger than {} KiB", path.display(), MAX_BYTES / 1024)));
            }
            return Ok(text);
        }
        std::thread::sleep(write_in_progress::BETWEEN_RETRIES);
    }
    Err(Refusal::new(format!("{} is being written", path.display())).with_hint("run it again once it is saved"))
}

fn unusable(name: &str, path: &Path, fault: &Fault) -> Refusal {
    if matches!(fault, Fault::Missing(_)) {
        return missing(name);
    }
    Refusal::new(format!("cannot trust policy {}: {}", path.display(), fault.describe(path)))
        .with_hint_if_any(fault.hint())
}

/// The advisor says more, because it may read what else there is: a policy that is shipped, or a name that is similar.
fn missing(name: &str) -> Refusal {
    Refusal::new(format!("no policy for {name:?} is enabled"))
        .with_hint(format!("look for a shipped one: capwrap list --shipped {name}"))
        .for_lack_of_policy(name)
}

fn shipped(name: &str) -> PathBuf {
    Path::new(paths::PREFIX).join(paths::TEMPLATES).join(format!("{name}.toml"))
}
