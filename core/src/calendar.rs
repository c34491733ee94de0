//! Dates of the proleptic Gregorian calendar and the days that they are after the first of January 1970, both ways.

/// Returns days of the proleptic Gregorian calendar. It counts in years that begin in March, so
/// that the leap day is the last day of its year.
pub(crate) fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // From March on the months have 31, 30, 31, 30 and 31 days, and the pattern repeats.
    let days_before_month = (153 * month + 2) / 5;
    // 719 468 days lie between 0000-03-01 and 1970-01-01.
    365 * year + leap_days + days_before_month + day - 1 - 719_468
}

/// The date of the Gregorian calendar, so many days after the first of January 1970.
pub(crate) fn date(days: u64) -> (u64, u64, u64) {
    let is_leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    // Every 400 years have the same number of days.
    let (mut year, mut left) = (1970 + days / 146_097 * 400, days % 146_097);
    loop {
        let length = if is_leap(year) { 366 } else { 365 };
        if left < length {
            break;
        }
        left -= length;
        year += 1;
    }
    let february = if is_leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if left < length {
            break;
        }
        left -= length;
        month += 1;
    }
    (year, month, left + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_day_of_five_centuries_has_the_date_whose_day_it_is() {
        for days in 0..5 * 36_525 {
            let (year, month, day) = date(days);
            assert_eq!(days_since_1970(year as i64, month as i64, day as i64), days as i64, "{year}-{month}-{day}");
        }
    }
}
