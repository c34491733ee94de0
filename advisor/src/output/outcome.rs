//! The outcome of a check: the exit codes of `verify`, `lint` and `diff`.

use std::process::ExitCode;

/// The exit code where capwrap refused or failed, as the launcher has it.
pub const REFUSED: u8 = 125;

/// The outcome of checking one thing, or many; the worst of them counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Nothing to report: exit code 0.
    Clean,
    /// Something was found: 1.
    Found,
    /// Something could not be checked, whatever else was found: 2.
    NotAll,
}

impl Outcome {
    /// The outcome of two checks together.
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
