//! The voice of capwrap on standard error: an error in one line, with a hint where there is one, and notes.

use capwrap_core::text::error;

/// Prints an error, with its hint where it has one.
pub fn report(error: &anyhow::Error) {
    let hint = error.downcast_ref::<HintedError>().map(|error| error.hint.as_str());
    print_error(&format!("{error:#}"), hint);
}

/// Something worth knowing that is no error.
pub fn note(what: &str) {
    use std::io::Write;
    let _ = std::io::stderr().write_all(error::lines(what, None).as_bytes());
}

/// An error with a hint: what to do about it.
#[derive(Debug)]
pub struct HintedError {
    what: String,
    pub hint: String,
}

impl std::fmt::Display for HintedError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.what)
    }
}

impl std::error::Error for HintedError {}

pub fn hinted(what: impl Into<String>, hint: impl Into<String>) -> anyhow::Error {
    anyhow::Error::new(HintedError { what: what.into(), hint: hint.into() })
}

/// What the system said, in the middle of a sentence.
pub fn reason(error: &std::io::Error) -> String {
    without_numbers(&error.to_string()).to_lowercase()
}

/// The voice of every error of capwrap.
pub fn print_error(message: &str, hint: Option<&str>) {
    use std::io::Write;
    let _ = std::io::stderr().write_all(error::lines(&without_numbers(message), hint).as_bytes());
}

/// A message without the numbers that the library puts behind the system's words.
fn without_numbers(message: &str) -> String {
    let mut parts = message.split(" (os error ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once(')').map_or("", |(_, rest)| rest))
}
