//! `[[demand]]`: what a tool needs and no capability gives. A demand is reported and never enforced: the tool runs all
//! the same.

use crate::decision::condition::Condition;
use crate::text::printable;
use std::fmt;
use std::path::PathBuf;

/// One `[[demand]]` of a policy.
#[derive(Debug)]
pub struct Demand {
    /// The line of the file that the demand starts on, from 1.
    pub line: usize,
    /// What must be true.
    pub need: Need,
    /// Whether the tool has dropped its capabilities by then, so that they do not help.
    pub unprivileged: bool,
    /// The modes that the demand is for; empty means all of them.
    pub modes: Vec<String>,
    /// The conditions under which it is demanded, which must all hold: the keys of `when`, and those of `unless`.
    pub when: Vec<Condition>,
    /// Why the tool needs it.
    pub why: String,
    /// What the user or the administrator can do.
    pub hint: Option<String>,
    /// The directory that `enable --prepare` makes.
    pub prepare: Option<Prepare>,
}

/// What a demand is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// `uid0`: the tool runs as root.
    Uid0,
    /// `readable`: the tool can read this file, or list and enter this directory.
    Readable(PathBuf),
    /// `writable`: the tool can write this file, or make files in this directory.
    Writable(PathBuf),
    /// `mounted`: the path lies on a file system of this type.
    Mounted {
        /// The type, as `/proc/self/mountinfo` shows it.
        kind: String,
        /// The path.
        path: PathBuf,
    },
}

impl Need {
    /// The keys that say what a demand is about. A demand has one of them.
    pub const KEYS: [&'static str; 4] = ["uid0", "readable", "writable", "mounted"];

    /// Returns the key that a policy file writes.
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Uid0 => Self::KEYS[0],
            Self::Readable(_) => Self::KEYS[1],
            Self::Writable(_) => Self::KEYS[2],
            Self::Mounted { .. } => Self::KEYS[3],
        }
    }

    /// Returns whether it is about what the tool could do with a path, which its user and its capabilities decide.
    pub const fn is_about_access(&self) -> bool {
        matches!(self, Self::Readable(_) | Self::Writable(_))
    }

    /// Returns the path that the demand is about, if it is about one.
    pub const fn path(&self) -> Option<&PathBuf> {
        match self {
            Self::Uid0 => None,
            Self::Readable(path) | Self::Writable(path) | Self::Mounted { path, .. } => Some(path),
        }
    }
}

/// Formats what must be true, safe to print, for example `/var/lib/tracee is writable`.
impl fmt::Display for Need {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uid0 => out.write_str("the tool runs as uid 0"),
            Self::Readable(path) => write!(out, "{} is readable", printable::text(path)),
            Self::Writable(path) => write!(out, "{} is writable", printable::text(path)),
            Self::Mounted { kind, path } => {
                write!(out, "{} lies on {}", printable::text(path), printable::text(kind))
            }
        }
    }
}

/// `prepare`: a directory that makes the demand hold. It belongs to root, and its group is the policy's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepare {
    /// The directory.
    pub directory: PathBuf,
    /// Its mode. Others than owner and group can never write it.
    pub mode: u32,
}

impl Prepare {
    /// The mode bits that let a group write in a directory, and let it find what is in there.
    pub const GROUP_WRITES: u32 = 0o030;

    /// Returns whether members of the directory's group can put files and links in it.
    pub const fn is_writable_by_group(&self) -> bool {
        self.mode & Self::GROUP_WRITES == Self::GROUP_WRITES
    }
}
