//! The times that a person writes: a length before now, or a date.

use crate::host::clock;
use anyhow::{Context, Result};
use capwrap_core::text::duration;

/// A time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Time {
    /// So many seconds before now.
    Ago(u64),
    /// Microseconds since 1970.
    At(u64),
}

impl Time {
    /// Returns the microseconds since 1970. `now` counts seconds.
    pub fn microseconds(self, now: i64) -> u64 {
        match self {
            Self::Ago(seconds) => u64::try_from(now).unwrap_or(0).saturating_sub(seconds).saturating_mul(1_000_000),
            Self::At(time) => time,
        }
    }
}

/// Reads a length such as `2d`, or an instant as [`clock::instant`] has it.
///
/// # Errors
/// The text is neither, or lies before 1970.
pub fn parse(text: &str) -> Result<Time> {
    if let Ok(seconds) = duration::parse(text) {
        return Ok(Time::Ago(seconds));
    }
    let wrong = || {
        format!(
            "{text:?} is no time: write 2d, today, yesterday, 08:00, 2026-11-27, 2026-11-27T08:00 or 2026-11-27T08:00Z"
        )
    };
    let instant = clock::instant(text).with_context(wrong)?;
    let time = u64::try_from(instant.as_microsecond()).with_context(wrong)?;
    Ok(Time::At(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_or_a_date_is_read() {
        assert_eq!(parse("2d").unwrap().microseconds(200_000), 27_200_000_000);
        assert_eq!(parse("2d").unwrap().microseconds(5), 0);
        assert_eq!(parse("1970-01-02T00:00:01Z").unwrap(), Time::At(86_401_000_000));
        assert_eq!(parse("1970-01-02T01:00+01:00").unwrap(), Time::At(86_400_000_000));
        let (day, noon) = (parse("2026-11-27").unwrap(), parse("2026-11-27T12:00").unwrap());
        assert_eq!(noon.microseconds(0) - day.microseconds(0), 12 * 3_600_000_000);
        for odd in ["", "tomorrow", "2d ago", "1969-12-31T00:00Z", "2026-13-01"] {
            assert!(parse(odd).unwrap_err().to_string().contains("is no time"), "{odd}");
        }
    }
}
