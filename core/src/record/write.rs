//! The record of a launch or a refusal: its fields, and the two formats in which logs accept it.

use crate::text::printable;
use std::fmt::Write;

/// The identifier of launch records in the journal (`journalctl MESSAGE_ID=…`). It was generated at
/// random once.
pub const LAUNCH_ID: &str = "5f0c3a6e1c7d4b5f9b1d0e6a7c2f4d18";
/// The identifier of refusal records in the journal.
pub const REFUSAL_ID: &str = "c8f4e0b29a6d4d0f8a3b7e51d26c9e07";

/// The event that a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// capwrap is about to execute the tool.
    Launch,
    /// capwrap refused to execute it.
    Refusal,
    /// capwrap is about to execute it with everything that the caller holds.
    Bypass,
}

impl Event {
    const fn word(self) -> &'static str {
        match self {
            Self::Launch => "launched",
            Self::Refusal => "refused",
            Self::Bypass => "bypassed",
        }
    }

    const fn message_id(self) -> &'static str {
        match self {
            Self::Launch | Self::Bypass => LAUNCH_ID,
            Self::Refusal => REFUSAL_ID,
        }
    }

    /// Returns a priority of syslog(3): notice for a launch by its policy, warning for anything
    /// else.
    const fn priority(self) -> u8 {
        match self {
            Self::Launch => 5,
            Self::Refusal | Self::Bypass => 4,
        }
    }
}

/// LOG_AUTHPRIV of syslog(3). sudo and su write there too, and only administrators can read it.
const FACILITY: u8 = 10;

/// A record: what happened, and fields in the order in which people read them. Names are lower-case
/// words with `_`. Values can be any text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What happened.
    pub event: Event,
    /// The name and value of each field.
    pub fields: Vec<(&'static str, String)>,
}

impl Record {
    /// Returns a message such as `launched tool=… policy=…`. Values with blanks, quotes or unusual
    /// characters are quoted and escaped, so that one record is one line and no value can imitate
    /// another field.
    pub fn message(&self) -> String {
        let mut message = self.event.word().to_owned();
        for (name, value) in &self.fields {
            // Writing to a String cannot fail.
            let _ = write!(message, " {name}={}", quoted(value));
        }
        message
    }

    /// Returns a datagram for the journal's native socket (systemd's JOURNAL_NATIVE_PROTOCOL).
    /// Every value follows its length, so that no value can end its field.
    pub fn to_journal(&self) -> Vec<u8> {
        let own = [
            ("MESSAGE", self.message()),
            ("MESSAGE_ID", self.event.message_id().to_owned()),
            ("PRIORITY", self.event.priority().to_string()),
            ("SYSLOG_FACILITY", FACILITY.to_string()),
            ("SYSLOG_IDENTIFIER", "capwrap".to_owned()),
            ("CAPWRAP_EVENT", self.event.word().to_owned()),
        ];
        let fields =
            self.fields.iter().map(|(name, value)| (format!("CAPWRAP_{}", name.to_uppercase()), value.clone()));
        let mut datagram = Vec::new();
        for (name, value) in own.into_iter().map(|(name, value)| (name.to_owned(), value)).chain(fields) {
            datagram.extend_from_slice(name.as_bytes());
            datagram.push(b'\n');
            datagram.extend_from_slice(&(value.len() as u64).to_le_bytes());
            datagram.extend_from_slice(value.as_bytes());
            datagram.push(b'\n');
        }
        datagram
    }

    /// Returns a datagram for `/dev/log`: priority, tag and message, as rsyslog, syslog-ng, busybox
    /// and journald read it. The receiver adds the time.
    pub fn to_syslog(&self, pid: u32) -> Vec<u8> {
        let priority = u16::from(FACILITY) * 8 + u16::from(self.event.priority());
        format!("<{priority}>capwrap[{pid}]: {}", self.message()).into_bytes()
    }
}

fn quoted(value: &str) -> String {
    let shown = printable::text(value);
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./,:+#@%".contains(c);
    if !shown.is_empty() && shown.chars().all(plain) { shown } else { format!("\"{}\"", shown.replace('"', "\\\"")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(reason: &str) -> Record {
        Record { event: Event::Launch, fields: vec![("tool", "/usr/bin/tcpdump".into()), ("reason", reason.into())] }
    }

    #[test]
    fn a_value_cannot_end_its_line_or_look_like_another_field() {
        let forged = "x\" caps=all\nNov 23 capwrap[1]: launched";
        assert_eq!(
            record(forged).message(),
            r#"launched tool=/usr/bin/tcpdump reason="x\" caps=all\u{a}Nov 23 capwrap[1]: launched""#
        );
        assert_eq!(record(forged).to_syslog(7).iter().filter(|byte| **byte == b'\n').count(), 0);
    }

    #[test]
    fn a_journal_field_says_its_length_before_its_value() {
        let datagram = record("two\nlines").to_journal();
        let expected = b"CAPWRAP_REASON\n\x09\0\0\0\0\0\0\0two\nlines\n";
        assert!(datagram.windows(expected.len()).any(|window| window == expected));
    }

    #[test]
    fn syslog_gets_the_facility_that_only_administrators_read() {
        assert!(record("r").to_syslog(42).starts_with(b"<85>capwrap[42]: launched tool="));
    }
}
