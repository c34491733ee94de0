//! Something that was found in a policy's text.

use crate::output::outcome::Outcome;
use capwrap_core::policy::PolicyError;
use std::ops::Range;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The launcher refuses the policy, or nobody could run its tool.
    Error,
    /// It grants more than it looks, or not what is meant.
    Warning,
    /// Worth knowing, or a warning that the policy allows with a reason.
    Note,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub severity: Severity,
    /// The same for all findings of a kind: what a comment allows.
    pub code: &'static str,
    /// The bytes of the text that it is about.
    pub span: Range<usize>,
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

impl Found {
    pub fn new(severity: Severity, code: &'static str, span: Range<usize>, message: impl Into<String>) -> Self {
        Self { severity, code, span, message: message.into(), help: None }
    }

    pub fn warning(code: &'static str, span: Range<usize>, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, span, message)
    }

    pub fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

/// What the launcher would say.
impl From<PolicyError> for Found {
    fn from(error: PolicyError) -> Self {
        Self { help: error.hint, ..Self::new(Severity::Error, "syntax", error.span, error.message) }
    }
}

/// A file that was checked.
pub struct Linted {
    /// As it is shown.
    pub name: String,
    /// Its text, or why there is none.
    pub text: Result<String, String>,
    pub found: Vec<Found>,
}

impl Linted {
    pub fn outcome(&self) -> Outcome {
        match &self.text {
            Err(_) => Outcome::NotAll,
            Ok(_) if self.found.iter().any(|one| one.severity != Severity::Note) => Outcome::Found,
            Ok(_) => Outcome::Clean,
        }
    }
}
