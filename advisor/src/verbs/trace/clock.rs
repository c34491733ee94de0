//! From the kernel's nanoseconds since boot to the time of day.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::io::{self, Write};

const SECOND: i64 = 1_000_000_000;

/// The wall clock may be set, and stands still for the probe's clock while the machine sleeps: from
/// this much on the difference between the two is taken anew.
const JUMP: i64 = SECOND / 100;

/// Turns times of CLOCK_MONOTONIC into those of the wall clock. Most follow one another within the
/// same second, whose text is kept.
pub struct Clock {
    zone: TimeZone,
    /// From the one clock to the other, in nanoseconds.
    difference: i64,
    /// The second that the texts are of.
    second: i64,
    local: String,
    utc: String,
}

impl Clock {
    /// With what both clocks say now.
    pub fn new(zone: TimeZone, monotonic: i64, wall: i64) -> Self {
        let difference = wall - monotonic;
        Self { zone, difference, second: i64::MIN, local: String::new(), utc: String::new() }
    }

    /// Sets it anew if the wall clock was.
    pub fn adjust(&mut self, monotonic: i64, wall: i64) {
        if (wall - monotonic - self.difference).abs() > JUMP {
            self.difference = wall - monotonic;
        }
    }

    /// `14:03:59.123`, local time.
    pub fn write_local(&mut self, out: &mut impl Write, monotonic: u64) -> io::Result<()> {
        let rest = self.seek(monotonic);
        write!(out, "{}.{:03}", self.local, rest / 1_000_000)
    }

    /// `2026-11-23T14:03:59.123456Z`, RFC 3339 in UTC.
    pub fn write_utc(&mut self, out: &mut impl Write, monotonic: u64) -> io::Result<()> {
        let rest = self.seek(monotonic);
        write!(out, "{}.{:06}Z", self.utc, rest / 1_000)
    }

    /// Keeps the texts of that time's second; the nanoseconds behind it.
    fn seek(&mut self, monotonic: u64) -> i64 {
        let wall = i64::try_from(monotonic).unwrap_or(i64::MAX).saturating_add(self.difference);
        let second = wall.div_euclid(SECOND);
        if second != self.second {
            self.second = second;
            let time = Timestamp::from_second(second).unwrap_or_default();
            self.local = time.to_zoned(self.zone.clone()).strftime("%H:%M:%S").to_string();
            self.utc = time.strftime("%Y-%m-%dT%H:%M:%S").to_string();
        }
        wall.rem_euclid(SECOND)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-23T05:07:06Z.
    const NOW: i64 = 1_795_410_426 * SECOND;

    fn local(clock: &mut Clock, monotonic: u64) -> String {
        let mut text = Vec::new();
        clock.write_local(&mut text, monotonic).unwrap();
        String::from_utf8(text).unwrap()
    }

    fn utc(clock: &mut Clock, monotonic: u64) -> String {
        let mut text = Vec::new();
        clock.write_utc(&mut text, monotonic).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn a_time_since_boot_is_shown_as_the_time_of_day() {
        let mut clock = Clock::new(TimeZone::UTC, 5 * SECOND, NOW);
        assert_eq!(local(&mut clock, 5_000_000_000), "05:07:06.000");
        assert_eq!(local(&mut clock, 5_123_999_999), "05:07:06.123");
        assert_eq!(utc(&mut clock, 5_123_456_789), "2026-11-23T05:07:06.123456Z");
        assert_eq!(local(&mut clock, 6_000_000_000), "05:07:07.000");
    }

    #[test]
    fn the_time_of_day_is_local_and_that_of_a_program_is_not() {
        let mut clock = Clock::new(TimeZone::fixed(jiff::tz::offset(-8)), 0, NOW);
        assert_eq!(local(&mut clock, 0), "21:07:06.000");
        assert_eq!(utc(&mut clock, 0), "2026-11-23T05:07:06.000000Z");
    }

    #[test]
    fn a_check_just_before_the_clock_was_read_lies_before_it() {
        let mut clock = Clock::new(TimeZone::UTC, 5 * SECOND, NOW);
        assert_eq!(local(&mut clock, 4_999_000_000), "05:07:05.999");
    }

    #[test]
    fn the_clock_follows_a_jump_and_no_drift() {
        let mut clock = Clock::new(TimeZone::UTC, 0, NOW);
        clock.adjust(SECOND, NOW + SECOND + 1_000_000);
        assert_eq!(local(&mut clock, 0), "05:07:06.000");
        clock.adjust(SECOND, NOW + 3601 * SECOND);
        assert_eq!(local(&mut clock, 0), "06:07:06.000");
    }
}
