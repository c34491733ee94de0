//! What verify says: judged lines about subjects, some with what would set them right.

use crate::host::installed_file::Installed;
use crate::output::finding::{Judgement, Line};
use crate::output::outcome::Outcome;
use capwrap_core::policy::FileCapabilities;
use std::path::PathBuf;

/// One thing that was verified.
#[derive(Debug)]
pub struct Subject {
    pub kind: Kind,
    /// The policy's name, or the path where there is none.
    pub name: String,
    /// The file that it is about, where there is one.
    pub path: Option<PathBuf>,
    pub lines: Vec<Judged>,
}

/// What a subject is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// An enabled policy and its tool.
    Policy,
    /// capwrap itself.
    Launcher,
    /// A file that no enabled policy names.
    File,
}

/// A line, and what would correct what it reports.
#[derive(Debug)]
pub struct Judged {
    pub line: Line,
    pub fix: Option<(PathBuf, Fix)>,
    /// Whether it reports that something could not be checked.
    pub unread: bool,
}

/// What sets something right. None of these makes trusted what others than root could have written: that is to be
/// checked first, and then corrected by whoever has checked it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fix {
    /// Give it to this group.
    Group(u32),
    /// Set these permission bits.
    Mode(u32),
    /// Let it carry this, or nothing.
    Capabilities(Option<FileCapabilities>),
}

impl From<Line> for Judged {
    fn from(line: Line) -> Self {
        Self { line, fix: None, unread: false }
    }
}

impl Judged {
    /// With what would set this file right.
    pub fn fixed_by(line: Line, found: &Installed, fix: Fix) -> Self {
        Self { line, fix: Some((found.path.clone(), fix)), unread: false }
    }

    /// Something that could not be checked.
    pub fn unread(name: &str, what: impl Into<String>, why: &str) -> Self {
        Self { line: Line::problem(name, what).means(format!("cannot be checked: {why}")), fix: None, unread: true }
    }
}

impl Subject {
    /// How many lines are judged so.
    pub fn count(&self, judgement: Judgement) -> usize {
        self.lines.iter().filter(|judged| judged.line.judgement == judgement).count()
    }

    /// The outcome of checking it.
    pub fn outcome(&self) -> Outcome {
        if self.lines.iter().any(|judged| judged.unread) {
            Outcome::NotAll
        } else if self.count(Judgement::Problem) > 0 {
            Outcome::Found
        } else {
            Outcome::Clean
        }
    }
}
