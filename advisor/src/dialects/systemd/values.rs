//! Reads the values of a unit's settings as systemd does (systemd.exec(5)). What systemd ignores is a note.

use crate::dialects::boolean::systemd as boolean;
use crate::dialects::systemd::syntax::{Assignment, words};
use crate::host::systemd_numbers::{signed, span, unsigned};
use capwrap_core::policy::limits::Limit;
use capwrap_core::text::printable;
use capwrap_core::{Capability, CapabilitySet};

/// The bits with which systemd starts a bounding set. It has a bit for capabilities that no kernel has yet.
pub const EVERY_BIT: CapabilitySet = CapabilitySet::from_mask(u64::MAX);

/// The settings of a unit, and what systemd ignores of them.
pub struct Values<'a> {
    pub assignments: &'a [Assignment],
    pub notes: Vec<String>,
}

impl<'a> Values<'a> {
    /// Whether a key is assigned.
    pub fn says(&self, key: &str) -> bool {
        self.all(key).next().is_some()
    }

    /// Returns the values of a key, the first one first.
    pub fn all<'k>(&self, key: &'k str) -> impl DoubleEndedIterator<Item = &'a str> + use<'a, 'k> {
        self.assignments.iter().filter(move |(own, _)| own == key).map(|(_, value)| value.as_str())
    }

    /// Returns the last value that is a boolean. systemd ignores every other value and keeps the one before.
    pub fn is_on(&mut self, key: &str) -> Option<bool> {
        self.valid(key, boolean)
    }

    /// Returns the last value that can be read.
    pub fn valid<T>(&mut self, key: &str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
        let mut found = None;
        for value in self.all(key) {
            match read(value) {
                Some(value) => found = Some(value),
                None => self.notes.push(format!("systemd ignores {key}={}", printable::text(value))),
            }
        }
        found
    }

    /// Merges all assignments of a list as systemd's config_parse_capability_set does. An assignment replaces the list
    /// if the list so far is the initial one, or if the assignment names nothing. Otherwise it adds to the list or,
    /// after `~`, removes from it.
    pub fn capabilities(&mut self, key: &str, initial: CapabilitySet) -> CapabilitySet {
        let mut set = initial;
        for value in self.all(key) {
            let (inverted, list) = value.strip_prefix('~').map_or((false, value), |list| (true, list));
            let sum = self.named(list, key);
            set = match (sum.is_empty() || set == initial, inverted) {
                (true, false) => sum,
                (true, true) => EVERY_BIT.without(sum),
                (false, false) => set.union(sum),
                (false, true) => set.without(sum),
            };
        }
        set
    }

    /// Returns what all assignments of a list name together, or `all`, as nspawn-settings.c does.
    pub fn added(&mut self, key: &str) -> CapabilitySet {
        let mut set = CapabilitySet::EMPTY;
        for value in self.all(key) {
            let is_all = words(value).iter().any(|word| word == "all");
            let named = words(value).into_iter().filter(|word| word != "all").collect::<Vec<_>>().join(" ");
            set = set.union(if is_all { EVERY_BIT } else { CapabilitySet::EMPTY }).union(self.named(&named, key));
        }
        set
    }

    /// Returns the capabilities of a list. As in systemd, unknown names are left out.
    fn named(&mut self, list: &str, key: &str) -> CapabilitySet {
        let mut mask = 0;
        for word in &words(list) {
            match bit(word) {
                Some(bit) => mask |= 1 << bit,
                None => self.notes.push(format!("{key}= names \"{}\", which systemd ignores", printable::text(word))),
            }
        }
        CapabilitySet::from_mask(mask)
    }
}

/// Reads a capability as systemd's capability_from_name does: a name with its prefix in any case, or a number below 64.
fn bit(word: &str) -> Option<u8> {
    if let Some(number) = signed(word) {
        return u8::try_from(number).ok().filter(|bit| *bit < 64);
    }
    let is_whole = word.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("cap_"));
    is_whole.then(|| Capability::parse(word).ok().map(Capability::number))?
}

/// Whether systemd accepts a text as the name or number of a user (systemd, `valid_user_group_name`). It refuses to
/// load a unit with any other text.
pub fn is_user(name: &str) -> bool {
    if name.bytes().all(|digit| digit.is_ascii_digit()) {
        let is_canonical = name == "0" || !name.starts_with('0');
        // The kernel uses the two largest numbers of each width for "no user".
        return is_canonical && name.parse().is_ok_and(|id: u32| id != u32::MAX && id != u32::from(u16::MAX));
    }
    ![".", ".."].contains(&name) && !name.contains(|letter: char| ":/".contains(letter) || letter.is_control())
}

/// Whether the words of `SecureBits=` contain noroot. `systemctl show` prints the bits as a number.
pub fn has_noroot(value: &str) -> Option<bool> {
    match value.parse::<u8>() {
        Ok(bits) => Some(bits & 1 == 1),
        Err(_) => Some(words(value).iter().any(|word| word == "noroot")),
    }
}

/// Returns the hard limit of `SOFT:HARD` or `BOTH` (systemd, `rlimit_parse`), and `None` for what systemd ignores.
pub fn limit(resource: &str, text: &str) -> Option<Limit> {
    let (soft, hard) = text.split_once(':').unwrap_or((text, text));
    let read = |text: &str| match resource {
        _ if text == "infinity" => Some(u64::MAX),
        "nofile" | "nproc" | "locks" | "sigpending" | "rtprio" => unsigned(text),
        "nice" => nice(text),
        // The kernel counts this limit in seconds, and systemd rounds up.
        "cpu" => Some(microseconds(text, 1_000_000)?.div_ceil(1_000_000)),
        "rttime" => microseconds(text, 1),
        _ => size(text),
    };
    let (soft, hard) = (read(soft)?, read(hard)?);
    (soft <= hard).then_some(Limit(hard))
}

/// Reads a span of time. A number alone counts in this many microseconds.
fn microseconds(text: &str, unit: u64) -> Option<u64> {
    match unsigned(text) {
        Some(number) => number.checked_mul(unit),
        None => u64::try_from(span(text)?.as_micros()).ok(),
    }
}

/// Reads a nice level after a sign, or else the limit's own number, which is 20 less the level.
fn nice(text: &str) -> Option<u64> {
    let level = text.starts_with(['+', '-']).then(|| signed(text));
    match level {
        Some(level) => level.filter(|level| (-20..20).contains(level)).and_then(|level| u64::try_from(20 - level).ok()),
        None => unsigned(text).filter(|number| *number <= 40),
    }
}

/// Reads a size with an optional suffix of base 1024.
fn size(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let power = ["B", "K", "M", "G", "T", "P", "E"].iter().position(|suffix| *suffix == &text[digits.len()..]);
    let power = if digits.len() == text.len() { 0 } else { power? };
    let number: u64 = digits.parse().ok()?;
    number.checked_mul(1_u64.checked_shl(u32::try_from(10 * power).ok()?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_capabilities_in_every_base() {
        for (word, expected) in [
            ("12", Some(12)),
            ("0x0c", Some(12)),
            ("014", Some(12)),
            ("+12", Some(12)),
            ("63", Some(63)),
            ("64", None),
            ("-1", None),
            ("KILL", None),
            ("Cap_Kill", Some(5)),
            ("é", None),
        ] {
            assert_eq!(bit(word), expected, "{word}");
        }
    }

    #[test]
    fn limits_have_the_units_of_their_resources() {
        let limit = |resource, text| super::limit(resource, text).map(|limit| limit.0);
        assert_eq!(limit("memlock", "64M"), Some(64 << 20));
        assert_eq!(limit("memlock", "1:2K"), Some(2048));
        assert_eq!(limit("memlock", "2:1"), None);
        assert_eq!(
            (limit("cpu", "90"), limit("cpu", "1min 1.5s"), limit("rttime", "5")),
            (Some(90), Some(62), Some(5))
        );
        assert_eq!(limit("nofile", "64K"), None);
        assert_eq!(limit("nofile", "infinity"), Some(u64::MAX));
        assert_eq!((limit("nice", "-5"), limit("nice", "30"), limit("nice", "+25")), (Some(25), Some(30), None));
    }

    #[test]
    fn users_are_those_that_systemd_accepts() {
        assert!(["nobody", "0", "65534", "a b", "\"x\"", "%H", "-x"].iter().all(|name| is_user(name)));
        assert!(!["", "00", "a:b", "a/b", "..", "4294967295", "65535"].iter().any(|name| is_user(name)));
    }
}
