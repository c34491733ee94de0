//! A refusal says why a launch does not happen. It has one line for the caller, perhaps a hint, and
//! an exit code.

use capwrap_core::text::error;
use std::fmt::Display;

/// capwrap refused or failed.
pub const REFUSED: u8 = 125;
/// The tool was found, but it cannot be run.
pub const NOT_EXECUTABLE: u8 = 126;
/// The tool was not found.
pub const NOT_FOUND: u8 = 127;

/// A launch that does not happen. Every step of the trusted path either succeeds or ends in a
/// refusal.
#[derive(Debug)]
pub struct Refusal {
    status: u8,
    message: String,
    hint: Option<String>,
    /// The name of a tool that has no enabled policy.
    lacks_policy: Option<String>,
    waited: bool,
}

impl Refusal {
    pub fn new(message: impl Into<String>) -> Self {
        Self { status: REFUSED, message: message.into(), hint: None, lacks_policy: None, waited: false }
    }

    /// The usual form of a refusal: it says what capwrap tried, and what the system answered.
    pub fn failed(tried: impl Display, why: impl Display) -> Self {
        Self::new(format!("cannot {tried}: {why}"))
    }

    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the hint if there is one.
    pub fn with_hint_if_any(self, hint: Option<impl Into<String>>) -> Self {
        match hint {
            Some(hint) => self.with_hint(hint),
            None => self,
        }
    }

    pub const fn with_status(mut self, status: u8) -> Self {
        self.status = status;
        self
    }

    /// Notes that the tool of this name has no enabled policy.
    pub fn for_lack_of_policy(mut self, name: &str) -> Self {
        self.lacks_policy = Some(name.to_owned());
        self
    }

    /// The name of the tool, if the refusal is for lack of a policy.
    pub fn tool_without_policy(&self) -> Option<&str> {
        self.lacks_policy.as_deref()
    }

    /// Notes that the caller has waited for a log or the recorder in vain.
    pub const fn after_a_wait(mut self) -> Self {
        self.waited = true;
        self
    }

    /// Whether the caller has waited already, so that nothing else may make them wait.
    pub const fn is_after_a_wait(&self) -> bool {
        self.waited
    }

    pub fn message(&self) -> &str {
        &self.message
    }

    /// Prints the refusal and returns its exit code.
    pub fn report(&self) -> u8 {
        print_error(&self.message, self.hint.as_deref());
        self.status
    }
}

/// Prints an error in the form that all errors of capwrap have. Standard error may be closed or
/// full: then nobody reads the error, and the exit code alone reports it.
pub fn print_error(message: &str, hint: Option<&str>) {
    use std::io::Write;
    let _ = std::io::stderr().write_all(error::lines(message, hint).as_bytes());
}

/// Prints what the caller should know of a launch that goes on.
pub fn print_note(message: &str, hint: Option<&str>) {
    use std::io::Write;
    let _ = std::io::stderr().write_all(error::lines(&format!("note: {message}"), hint).as_bytes());
}

/// Turns an error of the system into a refusal that says what capwrap tried.
pub trait OrRefuse<T> {
    fn or_refuse<D: Display>(self, tried: impl FnOnce() -> D) -> Result<T, Refusal>;
}

impl<T> OrRefuse<T> for Result<T, nix::Error> {
    fn or_refuse<D: Display>(self, tried: impl FnOnce() -> D) -> Result<T, Refusal> {
        self.map_err(|errno| Refusal::failed(tried(), errno.desc()))
    }
}

impl<T> OrRefuse<T> for Result<T, std::io::Error> {
    fn or_refuse<D: Display>(self, tried: impl FnOnce() -> D) -> Result<T, Refusal> {
        self.map_err(|error| match error.raw_os_error() {
            Some(number) => Refusal::failed(tried(), nix::Error::from_raw(number).desc()),
            None => Refusal::failed(tried(), error),
        })
    }
}

impl<T> OrRefuse<T> for Result<T, caps::errors::CapsError> {
    fn or_refuse<D: Display>(self, tried: impl FnOnce() -> D) -> Result<T, Refusal> {
        self.map_err(|error| Refusal::failed(tried(), error))
    }
}
