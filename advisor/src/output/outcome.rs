//! The outcome of a check: the exit codes of `verify`, `lint`, `diff` and other verbs that check or read.

use std::process::ExitCode;

/// The exit code if capwrap refused or failed, the same as the launcher's.
pub const REFUSED: u8 = 125;

/// The outcome of checking one thing or many. The worst outcome counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// There is nothing to report. The exit code is 0.
    Clean,
    /// Something was found. The exit code is 1.
    Found,
    /// Something could not be checked, whatever else was found. The exit code is 2.
    NotAll,
}

impl Outcome {
    /// Combines the outcomes of two checks.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.max(other)
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(match outcome {
            Outcome::Clean => 0,
            Outcome::Found => 1,
            Outcome::NotAll => 2,
        })
    }
}
