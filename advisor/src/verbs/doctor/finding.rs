//! What the doctor prints: facts with a judgement each, and what works.

use crate::output::finding::{Line, Section};
use serde::Serialize;

/// Everything that the doctor says.
#[derive(Debug)]
pub struct Findings {
    /// The facts, under their headings.
    pub sections: Vec<Section>,
    /// What capwrap can do here.
    pub works: Vec<Work>,
}

/// Whether something works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It does.
    Yes,
    /// It does not, or not for all.
    No,
    /// Nobody has set it up, which is no fault.
    Off,
    /// Who asks may not see whether it does.
    Unknown,
}

/// One thing that capwrap can do, or cannot do here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Work {
    /// What.
    pub name: &'static str,
    /// Whether it works.
    pub works: State,
    /// How, or why not.
    pub why: String,
    /// What would make it work.
    pub hint: Option<String>,
}

impl Findings {
    /// Whether nothing is known not to work.
    pub fn all_works(&self) -> bool {
        self.works.iter().all(|work| work.works != State::No)
    }
}

/// A fact that could not be had.
pub fn unreadable(name: &str, why: &str) -> Line {
    Line { value: None, ..Line::note(name, "").means(format!("cannot be read: {why}")) }
}
