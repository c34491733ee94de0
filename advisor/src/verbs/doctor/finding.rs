//! The findings that the doctor prints: facts with a judgement each, and what works.

use crate::output::finding::{Line, Section};
use serde::Serialize;

/// Everything that the doctor prints.
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
    /// It works.
    Yes,
    /// It does not work, or it does not work for all.
    No,
    /// Nobody has set it up. This is no problem.
    Off,
    /// The user who asks lacks the rights to find out.
    Unknown,
}

/// One thing that capwrap can do, or cannot do here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Work {
    /// The name of the feature.
    pub name: &'static str,
    /// Whether it works.
    pub works: State,
    /// How it works, or why it does not.
    pub why: String,
    /// What would make it work.
    pub hint: Option<String>,
}

impl Findings {
    /// Whether everything works, except for what is not set up or not known.
    pub fn all_works(&self) -> bool {
        self.works.iter().all(|work| work.works != State::No)
    }
}

/// The line of a fact that could not be read.
pub fn unreadable(name: &str, why: &str) -> Line {
    Line { value: None, ..Line::note(name, "").means(format!("cannot be read: {why}")) }
}
