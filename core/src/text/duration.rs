//! A length of time in words, and the text that a person writes for one.

/// Seconds of each unit, from the largest on, with the letter that a person writes and the word that is printed.
const UNITS: [(u64, char, &str); 4] = [(86_400, 'd', "d"), (3600, 'h', "h"), (60, 'm', "min"), (1, 's', "s")];

/// Returns the length in its two largest units, as in `1 h 12 min`. What is smaller is left out.
pub fn words(seconds: u64) -> String {
    let first = UNITS.iter().position(|(unit, ..)| seconds >= *unit).unwrap_or(UNITS.len() - 1);
    let (unit, _, word) = UNITS[first];
    let rest = UNITS.get(first + 1).map(|(smaller, _, word)| (seconds % unit / smaller, word));
    match rest {
        Some((count, smaller)) if count > 0 => format!("{} {word} {count} {smaller}", seconds / unit),
        _ => format!("{} {word}", seconds / unit),
    }
}

/// Reads a length such as `90s`, `30m`, `2h`, `1d` or `1h30m`, in seconds. Each number has a unit, and the units go from
/// large to small.
///
/// # Errors
/// The text is no such length, or is nothing, or is longer than any clock.
pub fn parse(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is no length of time: write 90s, 30m, 2h, 1d or 1h30m");
    let mut total: u64 = 0;
    let mut rest = text;
    let mut smaller = 0;
    while !rest.is_empty() {
        let end = rest.find(|character: char| !character.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, after) = rest.split_at(end);
        let letter = after.chars().next().ok_or_else(wrong)?;
        let place = UNITS[smaller..].iter().position(|(_, known, _)| *known == letter).ok_or_else(wrong)?;
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let (unit, ..) = UNITS[smaller + place];
        total = number.checked_mul(unit).and_then(|more| total.checked_add(more)).ok_or_else(wrong)?;
        smaller += place + 1;
        rest = &after[letter.len_utf8()..];
    }
    if total == 0 { Err(wrong()) } else { Ok(total) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_has_its_two_largest_units() {
        for (seconds, expected) in
            [(0, "0 s"), (59, "59 s"), (61, "1 min 1 s"), (3600, "1 h"), (4359, "1 h 12 min"), (180_000, "2 d 2 h")]
        {
            assert_eq!(words(seconds), expected);
        }
    }

    #[test]
    fn a_length_that_a_person_writes_is_read() {
        for (text, seconds) in [("90s", 90), ("30m", 1800), ("2h", 7200), ("1d", 86_400), ("1h30m", 5400)] {
            assert_eq!(parse(text), Ok(seconds));
        }
    }

    #[test]
    fn what_is_no_length_is_refused() {
        for text in [
            "",
            "2",
            "h",
            "0s",
            "2 h",
            "-1h",
            "30m1h",
            "1h1h",
            "2w",
            "99999999999999999999h",
            "9999999999999999d",
            "2é",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
