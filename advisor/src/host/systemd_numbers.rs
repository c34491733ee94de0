//! Reads numbers and spans of time in systemd's files as systemd does.

use std::time::Duration;

/// Reads a number (systemd, `safe_atou64`): in base 10, or in base 16, 8 or 2 after `0x`, `0o` or `0b`. A zero before
/// other digits means base 8.
pub fn unsigned(text: &str) -> Option<u64> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    let after = |prefixes: [&str; 2]| prefixes.iter().find_map(|prefix| digits.strip_prefix(prefix));
    let (digits, base) = match (after(["0x", "0X"]), after(["0o", "0O"]), after(["0b", "0B"]), digits.strip_prefix('0'))
    {
        (Some(rest), ..) => (rest, 16),
        (_, Some(rest), ..) => (rest, 8),
        (_, _, Some(rest), _) => (rest, 2),
        (.., Some(rest)) if !rest.is_empty() => (rest, 8),
        _ => (digits, 10),
    };
    // The standard library would accept a second sign.
    digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| u64::from_str_radix(digits, base).ok())?
}

/// Reads a number with a sign (systemd, `safe_atoi`).
pub fn signed(text: &str) -> Option<i64> {
    match text.strip_prefix('-') {
        Some(digits) if digits.starts_with('+') => None,
        Some(digits) => i64::try_from(unsigned(digits)?).ok().map(|number| -number),
        None => i64::try_from(unsigned(text)?).ok(),
    }
}

/// The units of a time span (systemd.time(7)), in microseconds.
const UNITS: [(&[&str], u64); 9] = [
    (&["s", "sec", "second", "seconds", ""], 1_000_000),
    (&["min", "m", "minute", "minutes"], 60_000_000),
    (&["h", "hr", "hour", "hours"], 3_600_000_000),
    (&["ms", "msec"], 1000),
    (&["us", "usec", "µs", "μs"], 1),
    (&["d", "day", "days"], 86_400_000_000),
    (&["w", "week", "weeks"], 604_800_000_000),
    (&["M", "month", "months"], 2_629_800_000_000),
    (&["y", "year", "years"], 31_557_600_000_000),
];

/// Reads a time span such as `30`, `1.5s` or `2min 30s`. A number without a unit counts seconds.
pub fn span(value: &str) -> Option<Duration> {
    if value == "infinity" {
        return Some(Duration::MAX);
    }
    let (mut rest, mut total) = (value.trim(), None::<Duration>);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (count, after) = rest.split_at(digits);
        let after = after.trim_start();
        let end = after.find(|c: char| c.is_whitespace() || c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let (_, microseconds) = UNITS.iter().find(|(names, _)| names.contains(&unit))?;
        let count: f64 = count.parse().ok()?;
        #[allow(clippy::cast_precision_loss, reason = "a span is not that long")]
        let part = Duration::try_from_secs_f64(count * (*microseconds as f64) / 1e6).ok()?;
        total = Some(total.unwrap_or_default().checked_add(part)?);
        rest = after.trim_start();
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_every_base() {
        for (text, expected) in
            [("12", 12), ("+12", 12), ("0x0C", 12), ("014", 12), ("0o14", 12), ("0b1100", 12), ("0", 0)]
        {
            assert_eq!((unsigned(text), signed(text)), (Some(expected), i64::try_from(expected).ok()), "{text}");
        }
        for text in ["", "-", "+", "0x", "++1", "1 ", "0x-1", "09", "1e3"] {
            assert_eq!((unsigned(text), signed(text)), (None, None), "{text}");
        }
        assert_eq!((unsigned("-1"), signed("-1"), signed("-+1")), (None, Some(-1), None));
    }

    #[test]
    fn a_time_span_is_read_as_systemd_reads_it() {
        for (text, milliseconds) in [
            ("30", 30_000),
            ("30s", 30_000),
            ("1min 30s", 90_000),
            ("2 h", 7_200_000),
            ("1.5s", 1500),
            ("500ms", 500),
            ("1min30s", 90_000),
            ("0", 0),
            ("1d", 86_400_000),
        ] {
            assert_eq!(span(text), Some(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "s", "soon", "-1", "1 fortnight", "1..5s", "30s x"] {
            assert_eq!(span(text), None, "{text}");
        }
        assert_eq!(span("infinity"), Some(Duration::MAX));
    }
}
