//! The line in which the recorder stores a record: one JSON object of strings and three numbers, whose first keys are
//! always the same. A reader can so decide by the beginning of a line whether it wants the rest.
//!
//! ```json
//! {"schema":1,"time":"2026-11-27T07:10:00.123456Z","uid":1000,"pid":4711,"event":"launched","name":"tcpdump", … ,"prev":"…"}
//! ```
//!
//! `schema` is the version of the format. A line of another one is not read.
//! `uid` and `pid` are the kernel's word about who connected (SO_PEERCRED, unix(7)). `prev` is the SHA-256 of the line
//! before, without its newline.

use crate::calendar::date;
use crate::schema::{FIRST, Wrong, check};
use crate::text::hex;
use crate::text::hidden::{is_hidden, json_escape};
use std::io::Write;

/// The directory of the recorder's files.
pub const FOLDER: &str = "/var/log/capwrap";

/// The ending of the recorder's files. Their names are days, as in `2026-11-27.jsonl`.
pub const ENDING: &str = "jsonl";

/// The socket on which the recorder's other half answers what the records of the asking user are.
pub const HISTORY: &str = "/run/capwrap/history.sock";

/// The last line of a whole answer.
pub const END_OF_ANSWER: &str = ".";

/// The event of a line that the recorder writes about itself. No record has such an event: theirs are letters alone.
pub const RECORDER_STARTED: &str = "recorder-started";

/// The event of the line behind one that is not whole: the recorder, or the machine, had stopped while it was written.
pub const TORN: &str = "recorder-torn";

/// Keys that no field of a record can have.
pub const OWN_KEYS: [&str; 6] = ["schema", "time", "uid", "pid", "event", "prev"];

const PREVIOUS: &[u8] = b",\"prev\":\"";
const END: &[u8] = b"\"}";

/// What a line says.
#[derive(Clone, Copy, Debug)]
pub struct Line<'l> {
    /// Microseconds since 1970.
    pub time: u64,
    /// Who connected.
    pub uid: u32,
    /// The process that connected.
    pub pid: u32,
    /// A word of [`super::write::Event`], or one of the recorder's own.
    pub event: &'l str,
    /// Names in lower case, and values.
    pub fields: &'l [(String, String)],
    /// The hash of the line before.
    pub previous: [u8; 32],
}

impl Line<'_> {
    /// Appends the line, without a newline.
    pub fn append(&self, out: &mut Vec<u8>) {
        // Writing to a Vec cannot fail.
        let _ = write!(
            out,
            "{{\"schema\":{FIRST},\"time\":\"{}\",\"uid\":{},\"pid\":{},\"event\":",
            time(self.time),
            self.uid,
            self.pid
        );
        append_string(self.event, out);
        for (name, value) in self.fields {
            out.push(b',');
            append_string(name, out);
            out.push(b':');
            append_string(value, out);
        }
        out.extend_from_slice(PREVIOUS);
        out.extend_from_slice(hex::encode(&self.previous).as_bytes());
        out.extend_from_slice(END);
    }
}

/// Appends a text as a string of JSON (RFC 8259, section 7), on one line and without a hidden character.
pub fn append_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend_from_slice(&[b'\\', c as u8]),
            // All that JSON forbids in a string, the characters below U+0020, are hidden ones.
            c if is_hidden(c) => out.extend_from_slice(json_escape(c).as_bytes()),
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}

/// The beginning of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head<'l> {
    /// The time as the line has it. Such times compare as their texts do.
    pub time: &'l str,
    /// Who connected.
    pub uid: u32,
    /// The process that connected.
    pub pid: u32,
    /// What the record is about.
    pub event: &'l str,
}

/// The beginning of every line.
const BEGIN: &[u8] = b"{\"schema\":1,\"time\":\"";

/// Returns how the schema of a line is not the one that [`head`] reads; `None` if it is, or if this is no line of any
/// recorder's.
pub fn other_schema(line: &[u8]) -> Option<Wrong> {
    let rest = line.strip_prefix(b"{\"schema\":")?;
    let end = rest.iter().take(40).position(|byte| *byte == b',')?;
    check(std::str::from_utf8(&rest[..end]).ok()?).err()
}

/// Reads the beginning of a line, and nothing behind it; `None` if it is not one of the recorder's.
pub fn head(line: &[u8]) -> Option<Head<'_>> {
    // No line needs more for these four: a time, two numbers of ten digits, and a word.
    let begin = &line[..line.len().min(160)];
    let rest = begin.strip_prefix(BEGIN)?;
    let (time, rest) = rest.split_at_checked(TIME_LENGTH)?;
    let (uid, rest) = number(rest.strip_prefix(b"\",\"uid\":")?)?;
    let (pid, rest) = number(rest.strip_prefix(b",\"pid\":")?)?;
    let rest = rest.strip_prefix(b",\"event\":\"")?;
    let end = rest.iter().position(|byte| *byte == b'"')?;
    let text = |bytes| std::str::from_utf8(bytes).ok();
    Some(Head { time: text(time)?, uid, pid, event: text(&rest[..end])? })
}

fn number(digits: &[u8]) -> Option<(u32, &[u8])> {
    let end = digits.iter().position(|byte| !byte.is_ascii_digit())?;
    let (number, rest) = digits.split_at(end);
    Some((std::str::from_utf8(number).ok()?.parse().ok()?, rest))
}

/// Returns the hash of the line before that a whole line ends with.
pub fn previous(line: &[u8]) -> Option<[u8; 32]> {
    head(line)?;
    let line = line.strip_suffix(END)?;
    let (rest, digits) = line.split_at_checked(line.len().checked_sub(64)?)?;
    rest.ends_with(PREVIOUS).then_some(())?;
    hex::decode(std::str::from_utf8(digits).ok()?)
}

const TIME_LENGTH: usize = "2026-11-27T07:10:00.123456Z".len();

/// Returns a time in UTC, in the form of RFC 3339 with microseconds. The argument counts them since 1970.
pub fn time(microseconds: u64) -> String {
    let seconds = microseconds / 1_000_000;
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{}T{hour:02}:{minute:02}:{second:02}.{:06}Z", day(microseconds), microseconds % 1_000_000)
}

/// Returns the day of a time, as `2026-11-27`.
pub fn day(microseconds: u64) -> String {
    let (year, month, day) = date(microseconds / 86_400_000_000);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(fields: &[(&str, &str)]) -> Vec<u8> {
        let fields: Vec<_> = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut out = Vec::new();
        Line {
            time: 1_795_763_400_123_456,
            uid: 1000,
            pid: 4711,
            event: "launched",
            fields: &fields,
            previous: [0xab; 32],
        }
        .append(&mut out);
        out
    }

    #[test]
    fn a_line_begins_and_ends_in_a_known_way_and_no_value_can_imitate_that() {
        let hostile = "x\",\"event\":\"refused\"}\n{\"time\":\"\u{1b}\u{202e}\u{e0041}\\";
        let line = line(&[("name", "tcpdump"), ("reason", hostile)]);
        let text = String::from_utf8(line.clone()).unwrap();
        assert_eq!(
            text,
            format!(
                "{{\"schema\":1,\"time\":\"2026-11-27T07:10:00.123456Z\",\"uid\":1000,\"pid\":4711,\"event\":\"launched\",\
                 \"name\":\"tcpdump\",\"reason\":\"x\\\",\\\"event\\\":\\\"refused\\\"}}\\u000a{{\\\"time\\\":\\\"\\u001b\
                 \\u202e\\udb40\\udc41\\\\\",\"prev\":\"{}\"}}",
                "ab".repeat(32)
            )
        );
        let read = head(&line).unwrap();
        assert_eq!((read.time, read.uid, read.pid), ("2026-11-27T07:10:00.123456Z", 1000, 4711));
        assert_eq!(read.event, "launched");
        assert_eq!(previous(&line), Some([0xab; 32]));
        for length in 0..line.len() {
            assert_eq!(previous(&line[..length]), None, "{length}");
        }
        assert_eq!(other_schema(&line), None);
        for (other, expected) in
            [("0", Wrong::TooLow), ("-1", Wrong::TooLow), ("2", Wrong::Newer), ("\"1\"", Wrong::NoNumber)]
        {
            let other = text.replacen(":1,", &format!(":{other},"), 1);
            assert_eq!((head(other.as_bytes()), other_schema(other.as_bytes())), (None, Some(expected)), "{other}");
        }
        for odd in [&b""[..], b"{}", b"{\"time\":\"", &[0; 300]] {
            assert_eq!((head(odd), previous(odd)), (None, None));
        }
    }

    #[test]
    fn a_day_is_that_of_the_calendar() {
        // The counts are those of date(1): date -u -d DAY +%s, divided by 86400.
        for (days, expected) in [
            (0, "1970-01-01"),
            (58, "1970-02-28"),
            (59, "1970-03-01"),
            (789, "1972-02-29"),
            (10_956, "1999-12-31"),
            (11_016, "2000-02-29"),
            (20_786, "2026-11-29"),
            (47_540, "2100-02-28"),
            (47_541, "2100-03-01"),
            (157_113, "2400-02-29"),
        ] {
            assert_eq!(day(days * 86_400_000_000 + 86_399_999_999), expected);
        }
        assert_eq!(time(86_399_000_001), "1970-01-01T23:59:59.000001Z");
    }
}
