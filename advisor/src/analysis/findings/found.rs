//! A finding in a policy's text.

use crate::analysis::code_warning::ForeignCode;
use crate::analysis::policy_places::Places;
use crate::output::outcome::Outcome;
use capwrap_core::policy::PolicyError;
use std::ops::Range;

/// The severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The launcher refuses the policy, or nobody could run its tool.
    Error,
    /// The policy grants more than it seems to, or not what is meant.
    Warning,
    /// The finding is worth knowing, or it is a warning that the policy allows with a reason.
    Note,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub severity: Severity,
    /// The code that all findings of a kind share. A comment allows it.
    pub code: &'static str,
    /// The bytes of the text that the finding is about.
    pub span: Range<usize>,
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl Found {
    pub fn new(severity: Severity, code: &'static str, span: Range<usize>, message: impl Into<String>) -> Self {
        Self { severity, code, span, message: message.into(), hint: None }
    }

    pub fn warning(code: &'static str, span: Range<usize>, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, span, message)
    }

    /// The warning about code that the tool would take from others.
    pub fn of_code(one: ForeignCode, places: &Places) -> Self {
        Self::warning(one.code, places.span(&one.at), one.message).hint(one.hint)
    }

    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

/// The finding has the words that the launcher would print.
impl From<PolicyError> for Found {
    fn from(error: PolicyError) -> Self {
        Self { hint: error.hint, ..Self::new(Severity::Error, "syntax", error.span, error.message) }
    }
}

/// A file that was checked.
pub struct Linted {
    /// The name under which the file is shown.
    pub name: String,
    /// The file's text, or why it could not be read.
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
