//! What a launcher refuses of system calls, as far as names say it.

use capwrap_core::scope::calls::{Call, UNTOUCHED};
use capwrap_core::scope::profile::{Answer, Profile};
use std::collections::BTreeSet;

/// The system calls that are refused. Conditions on arguments are not compared, and neither are calls that no architecture of
/// [`Call::all`] has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// Those that are refused with any arguments.
    pub refused: BTreeSet<String>,
    /// Those that are refused with some arguments.
    pub in_part: BTreeSet<String>,
}

impl Calls {
    /// Returns what a profile refuses.
    pub fn of(profile: &Profile) -> Self {
        let named = |is: fn(&Answer) -> bool| {
            profile.iter().filter(|(_, answer)| is(answer)).map(|(call, _)| (*call).to_owned()).collect()
        };
        Self {
            refused: named(|answer| matches!(answer, Answer::Refused(_))),
            in_part: named(|answer| matches!(answer, Answer::AllowedFor(_))),
        }
    }

    /// Refuses a call with any arguments.
    pub fn refuse(&mut self, call: &str) {
        self.in_part.remove(call);
        if known().any(|known| known == call) {
            self.refused.insert(call.to_owned());
        }
    }

    /// Refuses a part of a call.
    pub fn refuse_in_part(&mut self, call: &str) {
        if !self.refused.contains(call) && known().any(|known| known == call) {
            self.in_part.insert(call.to_owned());
        }
    }
}

/// Returns the names of all calls that are compared.
pub fn known() -> impl Iterator<Item = &'static str> {
    Call::all().iter().map(|call| call.name).chain(UNTOUCHED.iter().copied())
}
