//! Reads what other tools print about processes: who holds which capabilities, and who asked for which.

pub mod asked;
pub mod capsh;
pub mod events;
pub mod getpcaps;
pub mod others;
pub mod pscap;

use crate::dialects::grant::Side;
use capwrap_core::capability::setcap_text::ProcessSets;

/// Returns what a process with these sets could use.
fn of_sets(kind: &'static str, sets: ProcessSets) -> Side {
    let mut side = Side::new(kind, sets.permitted, "the permitted set");
    side.stated.effective = Some(sets.effective);
    side
}
