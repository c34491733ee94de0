//! The error that says what is wrong with a policy file, and where.

use crate::text::printable;
use std::fmt;
use std::ops::Range;

/// A fault in the text of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyError {
    /// What is wrong.
    pub message: String,
    /// The line of the fault, from 1.
    pub line: usize,
    /// The column of the fault in that line, in characters, from 1.
    pub column: usize,
    /// The bytes of the text that the fault concerns.
    pub span: Range<usize>,
    /// The line as the file has it, without surrounding blanks.
    pub source_line: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl PolicyError {
    pub(super) fn new(text: &str, span: Range<usize>, message: impl Into<String>) -> Self {
        let at = floor_char_boundary(text, span.start);
        let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            message: message.into(),
            line: Lines::of(text).number(at),
            column: text[start..at].chars().count() + 1,
            span,
            source_line: text[start..].lines().next().unwrap_or_default().trim().to_owned(),
            hint: None,
        }
    }

    pub(super) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Formats as `LINE:COLUMN: what is wrong: the line itself`, on one line whatever the file
/// contains.
impl fmt::Display for PolicyError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}: {}", self.line, self.column, self.message)?;
        if self.source_line.is_empty() {
            return Ok(());
        }
        let shown: String = self.source_line.chars().take(120).collect();
        write!(out, ": `{}`", printable::line(&shown))
    }
}

impl std::error::Error for PolicyError {}

/// The ends of the lines of a text. With them the line of a byte is found without counting again.
pub(super) struct Lines {
    ends: Vec<usize>,
}

impl Lines {
    pub fn of(text: &str) -> Self {
        Self { ends: text.match_indices('\n').map(|(at, _)| at).collect() }
    }

    /// Returns the line that contains a byte, from 1.
    pub fn number(&self, at: usize) -> usize {
        self.ends.partition_point(|end| *end < at) + 1
    }
}

fn floor_char_boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}
