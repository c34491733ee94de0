//! The results of verify: judged lines about subjects, some with a fix.

use crate::host::installed_file::Installed;
use crate::output::finding::{Judgement, Line};
use crate::output::outcome::Outcome;
use capwrap_core::policy::FileCapabilities;
use std::path::PathBuf;

/// One thing that was verified.
#[derive(Debug)]
pub struct Subject {
    pub kind: Kind,
    /// The policy's name, or the path where there is no policy.
    pub name: String,
    /// The file that the subject is about, if there is one.
    pub path: Option<PathBuf>,
    pub lines: Vec<Judged>,
}

/// The kind of a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// An enabled policy and its tool.
    Policy,
    /// capwrap itself.
    Launcher,
    /// A file that no enabled policy names.
    File,
    /// Processes that capwrap launched and that go on although their users may not run the tool any more.
    Process,
}

/// A line, and the fix for what it reports, if there is one.
#[derive(Debug)]
pub struct Judged {
    pub line: Line,
    pub fix: Option<(PathBuf, Fix)>,
    /// Whether the line reports that something could not be checked.
    pub unread: bool,
}

/// A correction of a file. No fix makes a file trusted that users other than root could have written. The administrator
/// must inspect such a file first and then correct it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fix {
    /// Change the file's group to this one.
    Group(u32),
    /// Set these permission bits.
    Mode(u32),
    /// Set these file capabilities, or remove all.
    Capabilities(Option<FileCapabilities>),
}

impl From<Line> for Judged {
    fn from(line: Line) -> Self {
        Self { line, fix: None, unread: false }
    }
}

impl Judged {
    /// The line together with the fix for this file.
    pub fn fixed_by(line: Line, found: &Installed, fix: Fix) -> Self {
        Self { line, fix: Some((found.path.clone(), fix)), unread: false }
    }

    /// A line about something that could not be checked.
    pub fn unread(name: &str, what: impl Into<String>, why: &str) -> Self {
        Self { line: Line::problem(name, what).means(format!("cannot be checked: {why}")), fix: None, unread: true }
    }
}

impl Subject {
    /// The number of lines with this judgement.
    pub fn count(&self, judgement: Judgement) -> usize {
        self.lines.iter().filter(|judged| judged.line.judgement == judgement).count()
    }

    /// The outcome of checking the subject.
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
