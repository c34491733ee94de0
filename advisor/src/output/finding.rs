//! A fact and its judgement, as `doctor` and `verify` print them.

use serde::{Serialize, Serializer};

/// Facts about one part of the machine.
#[derive(Debug)]
pub struct Section {
    /// Its heading.
    pub name: &'static str,
    /// One line per fact.
    pub lines: Vec<Line>,
}

/// What a fact means for capwrap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Judgement {
    /// The fact is as it should be, or has no effect.
    Ok,
    /// The fact is worth knowing, and breaks nothing by itself.
    Note,
    /// The fact prevents something from working.
    Problem,
}

/// One fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The name of the fact, the same on every machine.
    pub name: String,
    /// The value that was read; `None` if this machine has no such thing.
    pub value: Option<String>,
    /// The judgement of the fact.
    pub judgement: Judgement,
    /// The effect of the fact, in words.
    #[serde(serialize_with = "null_if_empty")]
    pub means: String,
    /// What would change the fact.
    pub hint: Option<String>,
}

fn null_if_empty<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    Some(text).filter(|text| !text.is_empty()).serialize(serializer)
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

    /// Makes a line for something that does not exist here.
    pub fn absent(name: impl Into<String>, judgement: Judgement) -> Self {
        Self { value: None, ..Self::new(name, judgement, "") }
    }

    pub fn means(self, means: impl Into<String>) -> Self {
        Self { means: means.into(), ..self }
    }

    pub fn hint(self, hint: impl Into<String>) -> Self {
        self.optional_hint(Some(hint.into()))
    }

    /// The line with this hint, or without any.
    pub fn optional_hint(self, hint: Option<String>) -> Self {
        Self { hint, ..self }
    }
}
