//! Versions of the formats that capwrap reads back: policies, records, and the JSON of its verbs. Each says its version in
//! `schema`. A format whose version is not known is never read in part.

use std::fmt;

/// The first version, and the only one so far.
pub const FIRST: u32 = 1;

/// How a version is not [`FIRST`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// There is no version.
    Missing,
    /// The version is no whole number.
    NoNumber,
    /// A number that was never a version.
    TooLow,
    /// A later version.
    Newer,
}

/// Checks a version, which is a whole number in decimal digits, and may be of any size. (TOML also writes numbers in hexadecimal
/// digits. Those of 1 are the same, and those of another number are never 1.)
///
/// # Errors
/// It is not [`FIRST`].
pub fn check(digits: &str) -> Result<(), Wrong> {
    let is_negative = digits.starts_with('-');
    let digits = digits.trim_start_matches(['+', '-']).trim_start_matches('0');
    match digits.parse::<u32>() {
        _ if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) => Err(Wrong::NoNumber),
        Ok(FIRST) if !is_negative => Ok(()),
        _ if is_negative || digits.is_empty() => Err(Wrong::TooLow),
        _ => Err(Wrong::Newer),
    }
}

impl Wrong {
    /// Returns what to do about what another capwrap, or this one, wrote.
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Newer => "capwrap --version  # read it with the capwrap that wrote it, or a later one",
            _ => "capwrap --version  # write it anew with this capwrap",
        }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => {
                write!(out, "no `schema`, which says what format this is: this capwrap reads schema {FIRST}")
            }
            Self::NoNumber => write!(out, "`schema` is not a whole number: this capwrap reads schema {FIRST}"),
            Self::TooLow => write!(out, "there is no such schema: this capwrap reads schema {FIRST}"),
            Self::Newer => write!(out, "this schema is of a later capwrap: this one reads schema {FIRST}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_alone_is_a_version_that_is_read() {
        for one in ["1", "+1", "01"] {
            assert_eq!(check(one), Ok(()), "{one}");
        }
        for low in ["0", "-0", "-1", "-99999999999999999999999"] {
            assert_eq!(check(low), Err(Wrong::TooLow), "{low}");
        }
        for newer in ["2", "99", "ff", "4294967297", "99999999999999999999999"] {
            assert_eq!(check(newer), Err(Wrong::Newer), "{newer}");
        }
        for odd in ["1.0", "1_", "x", "1 "] {
            assert_eq!(check(odd), Err(Wrong::NoNumber), "{odd}");
        }
    }
}
