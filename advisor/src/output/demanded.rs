//! A demand as a JSON object, and in a line for those who know no arguments.

use capwrap_core::decision::condition::Condition;
use capwrap_core::decision::demand::State;
use capwrap_core::decision::demands_for_any_arguments;
use capwrap_core::decision::facts::Facts;
use capwrap_core::policy::Policy;
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
        reason(&self.why, self.hint.as_deref().filter(|_| self.holds != Some(true)))
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

/// Returns what a policy demands on a machine in one mode or in all of them, a line for each demand. They are for
/// launchers and comparisons that know no arguments, and no user for whom a demand could hold.
pub fn of_any_arguments(policy: &Policy, facts: &Facts, mode: Option<&str>) -> Vec<String> {
    let line = |demand: &Demand| {
        // The arguments do not count for whoever names one of the demand's modes.
        let is_named = mode.is_some() && !demand.modes.is_empty();
        let depends = !is_named && demand.when.iter().any(Condition::is_about_arguments);
        let whether = if depends { "with some arguments, " } else { "" };
        let why = printable::text(&demand.why);
        let hint = demand.hint.as_ref().map(printable::text);
        format!("{whether}{}; {}", demand.need, reason(&why, hint.as_deref()))
    };
    demands_for_any_arguments(policy, facts, mode).map(line).collect()
}

/// The reason of a demand, with its hint if that is to be shown.
fn reason(why: &str, hint: Option<&str>) -> String {
    hint.map_or_else(|| why.to_owned(), |hint| format!("{why}; hint: {hint}"))
}
