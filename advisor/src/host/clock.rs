//! The clock.

/// Seconds since 1970, the unit of a policy's `until`.
pub fn now() -> i64 {
    std::time::SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}
