//! A fact and its judgement, as `doctor` and `verify` print them.

use serde::Serialize;

/// Facts about one part of the machine.
#[derive(Debug)]
pub struct Section {
    /// Its heading.
    pub name: &'static str,
    /// A line a fact.
    pub lines: Vec<Line>,
}

/// What a fact means for capwrap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Judgement {
    /// As it should be, or of no consequence.
    Ok,
    /// Worth knowing; nothing breaks by it alone.
    Note,
    /// It takes something away.
    Problem,
}

/// One fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// What it is about: the same on every machine.
    pub name: String,
    /// As it was read; `None` where this machine has no such thing.
    pub value: Option<String>,
    /// What it means.
    pub judgement: Judgement,
    /// What it changes, in words.
    pub means: String,
    /// What would change it.
    pub hint: Option<String>,
}

impl Line {
    pub fn new(name: impl Into<String>, judgement: Judgement, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: Some(value.into()), judgement, means: String::new(), hint: None }
    }

    pub fn ok(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self::new(name, Judgement::Ok, value)
    }

    pub fn note(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self::new(name, Judgement::Note, value)
    }

    pub fn problem(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self::new(name, Judgement::Problem, value)
    }

    /// A thing that is not here.
    pub fn absent(name: impl Into<String>, judgement: Judgement) -> Self {
        Self { value: None, ..Self::new(name, judgement, "") }
    }

    pub fn means(self, means: impl Into<String>) -> Self {
        Self { means: means.into(), ..self }
    }

    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}
