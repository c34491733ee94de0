//! The policy model: the content of a policy file, checked and typed.
//!
//! [`Policy::read`] turns the text of a file into a [`Policy`], or into one [`PolicyError`] that
//! points at the faulty line. It never uses a part of a faulty file.

mod command;
pub mod demand;
mod error;
mod instant;
pub mod limits;
mod read;
mod read_scope;
mod scope;
mod section;

pub use error::PolicyError;
pub use scope::{Enforce, GrantScope, Port, Preset, ScopeRules};

use crate::CapabilitySet;
use crate::decision::condition::Condition;
use crate::decision::getopt::ArgumentRules;
use crate::policy::demand::Demand;
use crate::policy::limits::{Limit, Resource};
use crate::text::duration;
use std::fmt;
use std::path::PathBuf;

/// The size of the largest policy file that capwrap reads, in bytes.
pub const MAX_BYTES: usize = 64 * 1024;

/// The content of one policy file.
#[derive(Debug)]
pub struct Policy {
    /// One line for people: it says what the tool is and, if that matters, what the policy grants.
    pub summary: String,
    /// Where the tool's own documentation describes the privileges that it needs.
    pub docs: Option<String>,
    /// Which file capwrap runs.
    pub tool: Tool,
    /// Who may run the tool.
    pub allow: Allow,
    /// Capabilities, each with its condition, in the order of the file.
    pub grants: Vec<Grant>,
    /// How the scopes of the grants are enforced.
    pub scope: ScopeRules,
    /// What the tool needs besides capabilities, in the order of the file.
    pub demands: Vec<Demand>,
    /// Capabilities that the caller may add.
    pub optional: Option<Optional>,
    /// How the tool reads its arguments, if the policy says so.
    pub arguments: Option<ArgumentRules>,
    /// How capwrap runs the tool.
    pub exec: Exec,
    /// The file capabilities of the tool, for those who use setcap alone.
    pub file: Option<FileCapabilities>,
    /// What a container needs besides the capabilities.
    pub container: Option<Container>,
}

/// `[tool]`: which file capwrap runs, and what must be true of it.
#[derive(Debug)]
pub struct Tool {
    /// Absolute paths. capwrap runs the first that exists.
    pub paths: Vec<PathBuf>,
    /// The SHA-256 that the file must have, if the policy pins one.
    pub sha256: Option<[u8; 32]>,
    /// The owner that the file may have; root, unless the policy names another.
    pub owner: Identity,
    /// The group that the file must have, if the policy names one.
    pub group: Option<Identity>,
    /// The most permissive mode that the file may have.
    pub mode: Option<u32>,
    /// Whether the file may be a `#!` script.
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

/// `[allow]`: who may run the tool, until when, and what the caller must give.
#[derive(Debug)]
pub struct Allow {
    /// Users who may run it.
    pub users: Vec<Identity>,
    /// Groups whose members may run it.
    pub groups: Vec<Identity>,
    /// Users who may run it for a time.
    pub temporary: Vec<Temporary>,
    /// The time after which nobody may run it, in seconds since 1970.
    pub until: Option<i64>,
    /// Whether the caller must give `--reason`.
    pub reason: bool,
    /// Whether capwrap refuses a launch unless its record is on the disk.
    pub audit_required: bool,
}

impl Allow {
    /// Whether the policy names somebody for longer than a time.
    pub fn names_somebody_for_good(&self) -> bool {
        !self.users.is_empty() || !self.groups.is_empty()
    }
}

/// `[[allow.temporary]]`: a user who may run the tool until an instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Temporary {
    /// The line of the file that the grant starts on, from 1.
    pub line: usize,
    /// Who may run the tool.
    pub user: Identity,
    /// The instant from which on the user may not, in seconds since 1970.
    pub until: i64,
    /// That instant as the policy writes it.
    pub written: String,
    /// Why the user was allowed.
    pub reason: Option<String>,
    /// Who allowed it.
    pub by: Option<String>,
}

impl Temporary {
    /// Returns the seconds for which it still holds at `now`, in seconds since 1970; `None` if it has ended.
    pub fn left(&self, now: i64) -> Option<u64> {
        u64::try_from(self.until.checked_sub(now)?).ok().filter(|left| *left > 0)
    }

    /// Returns the user and the end in words, with the seconds that [`Self::left`] gives.
    pub fn in_words(&self, left: Option<u64>) -> String {
        let left = left.map_or_else(|| "ended".to_owned(), |left| format!("{} more", duration::words(left)));
        format!("user {} until {} ({left})", self.user, self.written)
    }
}

/// `[[grant]]`: capabilities that the policy grants when conditions hold.
#[derive(Debug)]
pub struct Grant {
    /// The line of the file that the grant starts on, from 1.
    pub line: usize,
    /// The modes that the grant is for; empty means all of them.
    pub modes: Vec<String>,
    /// The capabilities that it grants.
    pub caps: CapabilitySet,
    /// The conditions, which must all hold: the keys of `when`, and those of `unless`.
    pub when: Vec<Condition>,
    /// What the capabilities are for.
    pub scope: GrantScope,
    /// Why the tool needs the capabilities.
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
    /// The line of the file that the section starts on, from 1.
    pub line: usize,
    /// The capabilities that may be added.
    pub caps: CapabilitySet,
    /// What the tool uses them for.
    pub why: Option<String>,
}

/// `[exec]`: how capwrap runs the tool.
#[derive(Debug)]
pub struct Exec {
    /// How the capabilities reach the tool.
    pub deliver: Delivery,
    /// Whether capwrap sets `no_new_privs`.
    pub no_new_privs: bool,
    /// Whether the tool may start other programs.
    pub children: Children,
    /// Whether capwrap reduces the bounding set to the grant.
    pub bounding: Bounding,
    /// What the tool finds in `argv[0]`.
    pub argv0: Argv0,
    /// What reaches the tool's environment.
    pub env: EnvironmentRules,
    /// Resource limits, each for soft and hard. `core` is 0 unless it is named here.
    pub limits: Vec<(Resource, Limit)>,
}

impl Exec {
    /// Returns whether a tool to which capwrap passes these capabilities may start no other program. The capabilities
    /// alone decide, and no argument: under [`Children::WhenUnprivileged`], nothing that the tool starts has any.
    pub fn forbids_children(&self, passed: CapabilitySet) -> bool {
        match self.children {
            Children::Any => false,
            Children::None => true,
            Children::WhenUnprivileged => !passed.is_empty(),
        }
    }
}

/// How the capabilities reach the tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// In the ambient set. Any tool can use them there, and so can every program that it starts.
    Ambient,
    /// In the inheritable set alone. Only a file with `=ei` file capabilities makes them effective.
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
    /// The tool may start other programs.
    Any,
    /// Every execve of the tool fails with EPERM.
    None,
    /// As `None` in a launch that passes a capability, and as `Any` in a launch that passes none.
    WhenUnprivileged,
}

/// Whether capwrap reduces the bounding set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bounding {
    /// The caller's bounding set is kept.
    Keep,
    /// Only the grant remains in the bounding set.
    Drop,
}

/// What the tool finds in `argv[0]`, its own name. A script finds its path there whatever the policy says, because the
/// kernel puts the path in its place (execve(2)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argv0 {
    /// The tool's path, as the policy writes it. Programs that start themselves again (sshd), that find their files
    /// beside themselves (the Python of a virtual environment) or that choose what they do by their name (busybox) need
    /// no more.
    Path,
    /// The policy's name, as the caller typed it.
    Name,
}

/// `exec.env`: what reaches the tool's environment besides the variables that always do.
#[derive(Debug, Default)]
pub struct EnvironmentRules {
    /// Variables of the caller that are passed unchanged.
    pub keep: Vec<String>,
    /// Variables to which the policy gives a value.
    pub set: Vec<(String, String)>,
}

/// `[file]`: the capabilities that the tool's file should carry, in setcap's notation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileCapabilities {
    /// The effective bit: with it, everything that the process gains becomes effective at exec.
    pub effective: bool,
    /// The permitted set of the file.
    pub permitted: CapabilitySet,
    /// The inheritable set of the file.
    pub inheritable: CapabilitySet,
}

/// `[container]`: what a container needs besides the capabilities to run the tool.
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
    /// Returns what the policy could grant, on some kernel, to callers other than root without
    /// `--add`.
    pub fn grantable(&self) -> CapabilitySet {
        self.union(|grant| !grant.is_for_root_alone())
    }

    /// Returns what the policy could grant to root alone.
    pub fn grantable_to_root(&self) -> CapabilitySet {
        self.union(Grant::is_for_root_alone)
    }

    /// Returns what a caller may request with `--add`.
    pub fn optional(&self) -> CapabilitySet {
        self.optional.as_ref().map_or(CapabilitySet::EMPTY, |optional| optional.caps)
    }

    fn union(&self, wanted: impl Fn(&Grant) -> bool) -> CapabilitySet {
        let grants = self.grants.iter().filter(|grant| wanted(grant));
        grants.fold(CapabilitySet::EMPTY, |all, grant| all.union(grant.caps))
    }

    /// Returns the names of all modes, each once, in the order of the file.
    pub fn modes(&self) -> Vec<&str> {
        let mut modes: Vec<&str> = Vec::new();
        let of_demands = self.demands.iter().flat_map(|demand| &demand.modes);
        for mode in self.grants.iter().flat_map(|grant| &grant.modes).chain(of_demands) {
            if !modes.contains(&mode.as_str()) {
                modes.push(mode);
            }
        }
        modes
    }

    /// Returns every condition of the policy: those of its grants, then those of its demands.
    pub fn conditions(&self) -> impl Iterator<Item = &Condition> {
        let of_demands = self.demands.iter().flat_map(|demand| &demand.when);
        self.grants.iter().flat_map(|grant| &grant.when).chain(of_demands)
    }
}

/// Returns whether `name` can be the name of a policy. The user types this name, and it is the file
/// name without `.toml`. It starts with a letter or digit, goes on with letters, digits and `._+-`,
/// and has at most 64 of them.
///
/// A name never contains a `/`. In CVE-2023-42456 a user's name was used as a path.
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
