//! Converts TOML's date-times to seconds since 1970.

use crate::calendar::days_since_1970;
use toml::value::{Datetime, Offset};

/// Returns the seconds since 1970-01-01T00:00:00Z. The result is `None` if the date, the time or
/// the offset is missing, because the value then names no instant.
pub(super) fn unix_seconds(value: &Datetime) -> Option<i64> {
    let (date, time, offset) = (value.date?, value.time?, value.offset?);
    let minutes_ahead = match offset {
        Offset::Z => 0,
        Offset::Custom { minutes } => i64::from(minutes),
    };
    let days = days_since_1970(i64::from(date.year), i64::from(date.month), i64::from(date.day));
    let seconds = i64::from(time.hour) * 3600 + i64::from(time.minute) * 60 + i64::from(time.second.unwrap_or(0));
    Some(days * 86_400 + seconds - minutes_ahead * 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> Option<i64> {
        unix_seconds(&text.parse().unwrap())
    }

    #[test]
    fn instants_agree_with_date_1() {
        // `date -d TEXT +%s` printed these numbers.
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:00:00Z", 951_825_600),
            ("2027-01-31T00:00:00Z", 1_801_353_600),
            ("2027-01-31T01:30:00+01:30", 1_801_353_600),
            ("2100-03-01T00:00:00-05:00", 4_107_560_400),
            ("1969-12-31T23:59:59Z", -1),
        ] {
            assert_eq!(seconds(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_time_without_an_offset_names_no_instant() {
        assert_eq!(seconds("2027-01-31T00:00:00"), None);
        assert_eq!(seconds("2027-01-31"), None);
    }
}
