//! The policy model: what a policy file says, checked and typed.
//!
//! [`Policy::read`] turns the text of a file into a [`Policy`] or into one [`PolicyError`] that
//! points at the offending line. A file is never half-applied.

mod error;
mod instant;
pub mod limits;
mod read;
mod section;

pub use error::PolicyError;

use crate::CapabilitySet;
use crate::decision::condition::Condition;
use crate::policy::limits::{Limit, Resource};
use std::fmt;
use std::path::PathBuf;

/// The largest policy file that is read, in bytes.
pub const MAX_BYTES: usize = 64 * 1024;

/// What one policy file says.
#[derive(Debug)]
pub struct Policy {
    /// One line for people: what the tool is and, where it matters, what the policy grants.
    pub summary: String,
    /// Where the tool's own documentation speaks of privileges.
    pub docs: Option<String>,
    /// Which file is run.
    pub tool: Tool,
    /// Who may run it.
    pub allow: Allow,
    /// Capabilities, each with its condition, in the order of the file.
    pub grants: Vec<Grant>,
    /// Capabilities that the caller may add.
    pub optional: Option<Optional>,
    /// How it is run.
    pub exec: Exec,
    /// The capabilities that the tool's own file carries, for those who use setcap alone.
    pub file: Option<FileCapabilities>,
    /// What a container needs besides the capabilities.
    pub container: Option<Container>,
}

/// `[tool]`: which file is run, and what must be true of it.
#[derive(Debug)]
pub struct Tool {
    /// Absolute paths; the first that exists is run.
    pub paths: Vec<PathBuf>,
    /// The SHA-256 of its content.
    pub sha256: Option<[u8; 32]>,
    /// Its owner; root unless the policy names another.
    pub owner: Identity,
    /// Its group, where that matters.
    pub group: Option<Identity>,
    /// The most permissive mode that it may have.
    pub mode: Option<u32>,
    /// Whether it may be a `#!` script.
    pub script: bool,
}

/// A user or a group, as a policy names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// A name of the local user or group file.
    Name(String),
    /// A number, written `#1001`.
    Id(u32),
}

impl fmt::Display for Identity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => out.write_str(name),
            Self::Id(id) => write!(out, "#{id}"),
        }
    }
}

/// `[allow]`: who may run the tool, until when, and what is demanded of them.
#[derive(Debug)]
pub struct Allow {
    /// Users who may.
    pub users: Vec<Identity>,
    /// Groups whose members may.
    pub groups: Vec<Identity>,
    /// Seconds since 1970 after which nobody may.
    pub until: Option<i64>,
    /// Whether `--reason` is demanded.
    pub reason: bool,
    /// Whether a launch that cannot be recorded is refused.
    pub audit_required: bool,
}

/// `[[grant]]`: capabilities that are granted when a condition holds.
#[derive(Debug)]
pub struct Grant {
    /// The line of the file that it starts on, from 1.
    pub line: usize,
    /// The modes that it serves; empty: all of them.
    pub modes: Vec<String>,
    /// What it grants.
    pub caps: CapabilitySet,
    /// When it does; all must hold.
    pub when: Vec<Condition>,
    /// Why the tool needs it.
    pub why: Option<String>,
}

impl Grant {
    fn is_for_root_alone(&self) -> bool {
        self.when.contains(&Condition::Uid0(true))
    }
}

/// `[optional]`: capabilities that the caller may add with `--add`.
#[derive(Debug)]
pub struct Optional {
    /// The line of the file that it starts on, from 1.
    pub line: usize,
    /// What may be added.
    pub caps: CapabilitySet,
    /// What they are good for.
    pub why: Option<String>,
}

/// `[exec]`: how the tool is run.
#[derive(Debug)]
pub struct Exec {
    /// The way in which the capabilities reach the tool.
    pub deliver: Delivery,
    /// Whether `no_new_privs` is set.
    pub no_new_privs: bool,
    /// Whether the tool may start other programs.
    pub children: Children,
    /// Whether the bounding set is reduced to the grant.
    pub bounding: Bounding,
    /// What reaches its environment.
    pub env: EnvironmentRules,
    /// Resource limits, soft and hard alike. `core` is 0 unless it is named here.
    pub limits: Vec<(Resource, Limit)>,
}

/// The way in which the capabilities reach the tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// In the ambient set: any tool can use them, and so can all that it starts.
    Ambient,
    /// In the inheritable set alone: only a file marked `=ei` makes them effective.
    Inheritable,
}

impl fmt::Display for Delivery {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Ambient => "ambient",
            Self::Inheritable => "inheritable",
        })
    }
}

/// Whether the tool may start other programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Children {
    /// It may.
    Any,
    /// Every execve of it fails with EPERM.
    None,
}

/// Whether the bounding set is reduced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bounding {
    /// It stays as the caller's.
    Keep,
    /// Only the grant survives in it.
    Drop,
}

/// `exec.env`: what reaches the tool's environment besides what always does.
#[derive(Debug, Default)]
pub struct EnvironmentRules {
    /// Variables of the caller that pass unchanged.
    pub keep: Vec<String>,
    /// Variables with a value of the policy's own.
    pub set: Vec<(String, String)>,
}

/// `[file]`: capabilities that the tool's file is to carry, in setcap's notation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileCapabilities {
    /// The effective bit: all that is gained becomes effective at exec.
    pub effective: bool,
    /// What the file permits.
    pub permitted: CapabilitySet,
    /// What the file lets be inherited.
    pub inheritable: CapabilitySet,
}

/// `[container]`: what running the tool in a container takes besides the capabilities.
#[derive(Debug)]
pub struct Container {
    /// The image.
    pub image: Option<String>,
    /// Mounts as `SOURCE:TARGET[:OPTIONS]`.
    pub mounts: Vec<String>,
    /// The process namespace, as in `--pid=host`.
    pub pid: Option<String>,
    /// The network namespace, as in `--net=host`.
    pub net: Option<String>,
}

impl Policy {
    /// What some kernel could grant to callers other than root, without `--add`.
    pub fn grantable(&self) -> CapabilitySet {
        self.union(|grant| !grant.is_for_root_alone())
    }

    /// What could be granted to root alone.
    pub fn grantable_to_root(&self) -> CapabilitySet {
        self.union(Grant::is_for_root_alone)
    }

    /// What a caller may ask for with `--add`.
    pub fn optional(&self) -> CapabilitySet {
        self.optional.as_ref().map_or(CapabilitySet::EMPTY, |optional| optional.caps)
    }

    fn union(&self, wanted: impl Fn(&Grant) -> bool) -> CapabilitySet {
        let grants = self.grants.iter().filter(|grant| wanted(grant));
        grants.fold(CapabilitySet::EMPTY, |all, grant| all.union(grant.caps))
    }

    /// The names of all modes, each once, in the order of the file.
    pub fn modes(&self) -> Vec<&str> {
        let mut modes: Vec<&str> = Vec::new();
        for mode in self.grants.iter().flat_map(|grant| &grant.modes) {
            if !modes.contains(&mode.as_str()) {
                modes.push(mode);
            }
        }
        modes
    }
}

/// Whether `name` can be the name of a policy: what a user types, and a file name without its
/// `.toml`. A letter or digit, then letters, digits and `._+-`; at most 64 of them.
///
/// A name never holds a `/` (CVE-2023-42456 was a user's name used as a path).
pub fn is_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "._+-".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_could_be_a_path_or_an_option_is_none() {
        for good in ["tcpdump", "mtr-packet", "g++", "python3.11", "7z"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", ".", "..", "../etc/passwd", "a/b", "-x", ".hidden", "a b", "a\n", "é", &"a".repeat(65)] {
            assert!(!is_name(bad), "{bad:?}");
        }
    }
}
