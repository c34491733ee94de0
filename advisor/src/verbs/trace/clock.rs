//! Converts the kernel's nanoseconds since boot to the time of day.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::io::{self, Write};

const SECOND: i64 = 1_000_000_000;

/// The wall clock can be set, and the probe's clock stands still while the machine sleeps. If their difference changes
/// by this much or more, it is computed anew.
const JUMP: i64 = SECOND / 100;

/// Converts times of CLOCK_MONOTONIC to wall-clock time. Most times fall into the same second as the one before, so the
/// text of that second is kept.
pub struct Clock {
    zone: TimeZone,
    /// What to add to CLOCK_MONOTONIC to get the wall-clock time, in nanoseconds.
    difference: i64,
    /// The second for which the texts were made.
    second: i64,
    local: String,
    utc: String,
}

impl Clock {
    /// A clock with the current times of both clocks.
    pub fn new(zone: TimeZone, monotonic: i64, wall: i64) -> Self {
        let difference = wall - monotonic;
        Self { zone, difference, second: i64::MIN, local: String::new(), utc: String::new() }
    }

    /// Computes the difference anew if the wall clock was set.
    pub fn adjust(&mut self, monotonic: i64, wall: i64) {
        if (wall - monotonic - self.difference).abs() > JUMP {
            self.difference = wall - monotonic;
        }
    }

    /// Writes the local time, as in `14:03:59.123`.
    pub fn write_local(&mut self, out: &mut impl Write, monotonic: u64) -> io::Result<()> {
        let rest = self.seek(monotonic);
        write!(out, "{}.{:03}", self.local, rest / 1_000_000)
    }

    /// Writes the time in UTC as in RFC 3339: `2026-11-23T14:03:59.123456Z`.
    pub fn write_utc(&mut self, out: &mut impl Write, monotonic: u64) -> io::Result<()> {
        let rest = self.seek(monotonic);
        write!(out, "{}.{:06}Z", self.utc, rest / 1_000)
    }

    /// Makes the texts for the second of that time, and returns the nanoseconds within it.
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

    /// The time 2026-11-23T05:07:06Z.
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
