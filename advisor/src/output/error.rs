//! Prints errors and notes on standard error. An error has one line, and a second line if it has a hint.

use capwrap_core::UnknownCapability;
use capwrap_core::text::error;

/// Prints an error, with its hint if it has one.
pub fn report(error: &anyhow::Error) {
    let hint = error.downcast_ref::<HintedError>().map(|error| error.hint.as_str());
    print_error(&format!("{error:#}"), hint);
}

/// Prints something worth knowing that is no error.
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

/// Returns the system's error message in the form for the middle of a sentence.
pub fn reason(error: &std::io::Error) -> String {
    without_numbers(&error.to_string()).to_lowercase()
}

/// Prints an error. Every error of capwrap has this form.
pub fn print_error(message: &str, hint: Option<&str>) {
    use std::io::Write;
    let _ = std::io::stderr().write_all(error::lines(&without_numbers(message), hint).as_bytes());
}

/// Returns a message without the error numbers that the library appends to the system's text.
fn without_numbers(message: &str) -> String {
    let mut parts = message.split(" (os error ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once(')').map_or("", |(_, rest)| rest))
}

/// The message for a name on the command line that no capability has, with the nearest one that there is.
pub fn unknown_capability(error: &UnknownCapability) -> String {
    match error.nearest {
        Some(near) => format!("{error}; {near} is one"),
        None => error.to_string(),
    }
}
