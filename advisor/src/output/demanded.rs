//! A demand as a JSON object.

use capwrap_core::decision::demand::State;
use capwrap_core::policy::demand::{Demand, Need};
use capwrap_core::text::printable;
use serde::Serialize;

/// What a tool needs besides capabilities, and whether it holds.
#[derive(Clone, Debug, Serialize)]
pub struct Demanded {
    /// `uid0`, `readable`, `writable` or `mounted`.
    needs: &'static str,
    /// The path; `None` for `uid0`.
    path: Option<String>,
    /// The type of the file system; `None` unless `mounted`.
    file_system: Option<String>,
    line: usize,
    /// Whether it holds; `None` where that is not known.
    holds: Option<bool>,
    /// What is so instead, or why it is not known.
    because: Option<String>,
    why: String,
    hint: Option<String>,
}

impl Demanded {
    /// Returns what it is for, with what can be done about it if it does not hold.
    pub fn details(&self) -> String {
        match self.hint.as_ref().filter(|_| self.holds != Some(true)) {
            Some(hint) => format!("{}; hint: {hint}", self.why),
            None => self.why.clone(),
        }
    }

    /// The object for one demand, which is in this state.
    pub fn new(demand: &Demand, state: &State) -> Self {
        let (holds, because) = match state {
            State::Met => (Some(true), None),
            State::Unmet(what) => (Some(false), Some(what.clone())),
            State::Unknown(why) => (None, Some(why.clone())),
        };
        let file_system = match &demand.need {
            Need::Mounted { kind, .. } => Some(printable::text(kind)),
            _ => None,
        };
        Self {
            needs: demand.need.key(),
            path: demand.need.path().map(printable::text),
            file_system,
            line: demand.line,
            holds,
            because,
            why: printable::text(&demand.why),
            hint: demand.hint.as_ref().map(printable::text),
        }
    }
}
