//! Converts TOML's date-times to seconds since 1970.

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

/// Returns days of the proleptic Gregorian calendar. It counts in years that begin in March, so
/// that the leap day is the last day of its year.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // From March on the months have 31, 30, 31, 30 and 31 days, and the pattern repeats.
    let days_before_month = (153 * month + 2) / 5;
    // 719 468 days lie between 0000-03-01 and 1970-01-01.
    365 * year + leap_days + days_before_month + day - 1 - 719_468
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
