//! Something that was looked up on the machine. What cannot be looked up is a fact too.

use crate::output::error::reason;
use std::io;
use std::io::ErrorKind;
use std::path::Path;

/// Something that was looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading<T = String> {
    /// It is so.
    Is(T),
    /// There is no such thing.
    Absent,
    /// It cannot be read, for this reason.
    Unreadable(String),
}

impl<T> Reading<T> {
    /// What was read, if it was.
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

/// The text of a file, without blanks around it.
pub fn text(path: impl AsRef<Path>) -> Reading {
    reading(std::fs::read(path)).map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned())
}

/// A text that is to be a number.
pub fn number(text: Reading) -> Reading<u8> {
    match text {
        Reading::Is(text) => text.parse().map_or_else(|_| Reading::Unreadable(format!("{text:?}")), Reading::Is),
        Reading::Absent => Reading::Absent,
        Reading::Unreadable(why) => Reading::Unreadable(why),
    }
}

/// What the system answered.
pub fn reading<T>(result: io::Result<T>) -> Reading<T> {
    match result {
        Ok(value) => Reading::Is(value),
        Err(error) if error.kind() == ErrorKind::NotFound => Reading::Absent,
        Err(error) => Reading::Unreadable(reason(&error)),
    }
}
