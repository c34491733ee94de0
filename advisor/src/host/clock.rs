//! The clock.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Seconds since 1970, the unit of a policy's `until`.
pub fn now() -> i64 {
    std::time::SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

/// Reads a date with or without a time and an offset, as in `2026-11-27T08:00Z`; `today` or `yesterday`, which begin at
/// midnight, as journalctl(1) has them; or a time of today, as in `18:00`. Without an offset, the time zone of this process
/// counts. `None` if the text is none of these.
pub fn instant(text: &str) -> Option<Timestamp> {
    if let Ok(instant) = text.parse() {
        return Some(instant);
    }
    let zone = TimeZone::system();
    let today = Timestamp::now().to_zoned(zone.clone()).date();
    let date = match text {
        "today" => today.at(0, 0, 0, 0),
        "yesterday" => today.yesterday().ok()?.at(0, 0, 0, 0),
        // Four digits with nothing between them are rather a year.
        _ if text.find(':') == Some(2) => today.to_datetime(text.parse().ok()?),
        _ => text.parse::<DateTime>().ok()?,
    };
    Some(date.to_zoned(zone).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_and_a_time_of_today_are_read() {
        let second = |text: &str| instant(text).unwrap().as_second();
        let (today, now) = (second("today"), now());
        assert!(today <= now && now - today <= 25 * 3600);
        assert!((23..=25).contains(&((today - second("yesterday")) / 3600)));
        assert_eq!(second("00:00"), today);
        assert!(second("18:00:30") > second("08:00"));
        for odd in ["", "18", "1800", "24:00", "8:00", "until 18:00", "tomorrow", "2d ago"] {
            assert!(instant(odd).is_none(), "{odd}");
        }
    }
}
