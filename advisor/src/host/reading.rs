//! The result of looking something up on the machine. That it cannot be read is a fact too.

use crate::output::error::reason;
use std::io;
use std::io::ErrorKind;
use std::path::Path;

/// The result of looking something up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading<T = String> {
    /// The value exists.
    Is(T),
    /// The value does not exist.
    Absent,
    /// The value cannot be read, for this reason.
    Unreadable(String),
}

impl<T> Reading<T> {
    /// Returns the value if it was read.
    pub const fn is(&self) -> Option<&T> {
        match self {
            Self::Is(value) => Some(value),
            _ => None,
        }
    }

    pub fn map<U>(self, to: impl FnOnce(T) -> U) -> Reading<U> {
        match self {
            Self::Is(value) => Reading::Is(to(value)),
            Self::Absent => Reading::Absent,
            Self::Unreadable(why) => Reading::Unreadable(why),
        }
    }
}

/// Reads the text of a file, without blanks around it.
pub fn text(path: impl AsRef<Path>) -> Reading {
    reading(std::fs::read(path)).map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned())
}

/// Parses a text as a number.
pub fn number(text: Reading) -> Reading<u8> {
    match text {
        Reading::Is(text) => text.parse().map_or_else(|_| Reading::Unreadable(format!("{text:?}")), Reading::Is),
        Reading::Absent => Reading::Absent,
        Reading::Unreadable(why) => Reading::Unreadable(why),
    }
}

/// Converts the answer of a system call.
pub fn reading<T>(result: io::Result<T>) -> Reading<T> {
    match result {
        Ok(value) => Reading::Is(value),
        Err(error) if error.kind() == ErrorKind::NotFound => Reading::Absent,
        Err(error) => Reading::Unreadable(reason(&error)),
    }
}
