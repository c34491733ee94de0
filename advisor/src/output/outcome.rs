//! What came of looking: the exit codes of `verify`, `lint` and `diff`.

use std::process::ExitCode;

/// The exit code where capwrap refused or failed, as the launcher has it.
pub const REFUSED: u8 = 125;

/// What came of looking at one thing, or at many; the worst of them counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Nothing to report: exit code 0.
    Clean,
    /// Something was found: 1.
    Found,
    /// Something could not be looked at, whatever else was found: 2.
    NotAll,
}

impl Outcome {
    /// Of two things looked at.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.max(other)
    }
}

impl From<Outcome> for ExitCode {
    fn from(looked: Outcome) -> Self {
        Self::from(match looked {
            Outcome::Clean => 0,
            Outcome::Found => 1,
            Outcome::NotAll => 2,
        })
    }
}
