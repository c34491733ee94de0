//! The record of a launch, a refusal or a change: its fields, and the two formats in which logs accept it.

use crate::text::printable;
use std::ffi::OsStr;
use std::fmt::Write;

/// The identifier of launch records in the journal (`journalctl MESSAGE_ID=…`). It was generated at
/// random once.
pub const LAUNCH_ID: &str = "5f0c3a6e1c7d4b5f9b1d0e6a7c2f4d18";
/// The identifier of refusal records in the journal.
pub const REFUSAL_ID: &str = "c8f4e0b29a6d4d0f8a3b7e51d26c9e07";

/// The identifier of records of changes in the journal: of what is enabled, and of files that capwrap corrects.
pub const CHANGE_ID: &str = "8c44c20a3911012f14a1c90b4b61842f";

/// The event that a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// capwrap is about to execute the tool.
    Launch,
    /// capwrap is about to execute root's own command (`capwrap run`).
    Run,
    /// capwrap refused to execute it.
    Refusal,
    /// capwrap is about to execute it with everything that the caller holds.
    Bypass,
    /// Root enabled a policy, or changed an enabled one.
    Enable,
    /// Root disabled a policy.
    Disable,
    /// Root allowed a user for a time.
    Grant,
    /// Root ended what a user was allowed for a time, or it had ended and was taken out.
    Revoke,
    /// The learner wrote a policy that is enabled.
    Learn,
    /// capwrap corrected a file.
    Fix,
    /// The file capabilities of the launcher changed.
    Launcher,
    /// Root made directories for a tool.
    Prepare,
    /// Root took back directories that were made for a tool.
    Unprepare,
}

impl Event {
    /// Returns the word that names the event in every log.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Launch => "launched",
            Self::Run => "run",
            Self::Refusal => "refused",
            Self::Bypass => "bypassed",
            Self::Enable => "enabled",
            Self::Disable => "disabled",
            Self::Grant => "granted",
            Self::Revoke => "revoked",
            Self::Learn => "learned",
            Self::Fix => "fixed",
            Self::Launcher => "launcher",
            Self::Prepare => "prepared",
            Self::Unprepare => "unprepared",
        }
    }

    const fn message_id(self) -> &'static str {
        match self {
            Self::Launch | Self::Run | Self::Bypass => LAUNCH_ID,
            Self::Refusal => REFUSAL_ID,
            Self::Enable
            | Self::Disable
            | Self::Grant
            | Self::Revoke
            | Self::Learn
            | Self::Fix
            | Self::Launcher
            | Self::Prepare
            | Self::Unprepare => CHANGE_ID,
        }
    }

    /// Returns a priority of syslog(3): warning for a refusal or a bypass, notice for anything else.
    pub const fn priority(self) -> u8 {
        match self {
            Self::Refusal | Self::Bypass => 4,
            _ => 5,
        }
    }
}

/// LOG_AUTHPRIV of syslog(3). sudo and su write there too, and only administrators can read it.
const FACILITY: u8 = 10;

/// The longest message, in bytes. RFC 3164 (section 4.1) lets a relay of syslog cut a packet after 1024 bytes. A
/// priority, a time (16), a host name (64, HOST_NAME_MAX) and `capwrap[4194304]: ` stand before the message.
const MESSAGE_MOST: usize = 920;

/// The longest value of capwrap's own in the message. Only the path of a file can be longer.
const OWN_MOST: usize = 1024;

/// The bytes that each of the caller's texts keeps in the message, however long everything before them is.
const WORDS_LEAST: usize = 64;

/// The longest value in a field of the journal. `journalctl --output=json` shows null for a field of 4096 bytes, its
/// name included.
const FIELD_MOST: usize = 4000;

/// A record: what happened, and fields in the order in which people read them. The names of fields are lower-case words
/// with `_`. Every value is escaped when it is added, so that no log and no reader of a log gets a control character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    event: Event,
    /// What capwrap found out or decided.
    own: Vec<Field>,
    /// What the caller wrote, and what may quote it.
    words: Vec<Field>,
}

/// The name and the escaped value.
type Field = (&'static str, String);

impl Record {
    /// Returns a record without fields.
    pub const fn new(event: Event) -> Self {
        Self { event, own: Vec::new(), words: Vec::new() }
    }

    /// Adds a fact: something that capwrap found out or decided, and whose length the caller does not choose. Add the
    /// most important facts first, because a receiver of syslog may keep as few as 480 bytes (RFC 5424, section 6.1).
    pub fn fact(&mut self, name: &'static str, value: impl AsRef<OsStr>) {
        self.own.push((name, printable::text(value)));
    }

    /// Adds words whose length the caller chooses, such as a reason, arguments or a folder. In the message they follow
    /// all facts, and share what these leave of it.
    pub fn words(&mut self, name: &'static str, words: impl IntoIterator<Item = impl AsRef<OsStr>>) {
        let shown: Vec<String> = words.into_iter().map(printable::text).collect();
        self.words.push((name, shown.join(" ")));
    }

    /// Returns a message such as `launched tool=… policy=…`. Values with blanks, quotes or unusual
    /// characters are quoted, so that one record is one line and no value can imitate another field.
    /// A value that was cut has `…` behind it, outside of the quotes.
    ///
    /// The message is not longer than 920 bytes, unless the facts alone are.
    pub fn message(&self) -> String {
        let mut message = self.event.word().to_owned();
        for (name, value) in &self.own {
            append(name, value, OWN_MOST, &mut message);
        }
        // A blank, the name, `=`, two quotes and the mark of a cut.
        let around: usize = self.words.iter().map(|(name, _)| name.len() + "=\"\"…".len() + 1).sum();
        let room = MESSAGE_MOST.saturating_sub(message.len() + around).max(WORDS_LEAST * self.words.len());
        let most = fair_share(self.words.iter().map(|(_, value)| in_quotes(value).len()).collect(), room);
        for (name, value) in &self.words {
            append(name, value, most, &mut message);
        }
        message
    }

    /// Returns a datagram for the journal's native socket (systemd's JOURNAL_NATIVE_PROTOCOL).
    /// Every value has its length before it, so that no value can end its field.
    pub fn to_journal(&self) -> Vec<u8> {
        let mut fields: Vec<(String, String)> = [
            ("MESSAGE", self.message()),
            ("MESSAGE_ID", self.event.message_id().to_owned()),
            ("PRIORITY", self.event.priority().to_string()),
            ("SYSLOG_FACILITY", FACILITY.to_string()),
            ("SYSLOG_IDENTIFIER", "capwrap".to_owned()),
            ("CAPWRAP_EVENT", self.event.word().to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        let mut cut = Vec::new();
        for (name, value) in self.own.iter().chain(&self.words) {
            let kept = printable::cut(value, FIELD_MOST);
            let mark = if kept.len() == value.len() { "" } else { "…" };
            if !mark.is_empty() {
                cut.push(*name);
            }
            fields.push((format!("CAPWRAP_{}", name.to_uppercase()), format!("{kept}{mark}")));
        }
        if !cut.is_empty() {
            fields.push(("CAPWRAP_CUT".to_owned(), cut.join(",")));
        }
        let mut datagram = Vec::new();
        for (name, value) in fields {
            datagram.extend_from_slice(name.as_bytes());
            datagram.push(b'\n');
            datagram.extend_from_slice(&(value.len() as u64).to_le_bytes());
            datagram.extend_from_slice(value.as_bytes());
            datagram.push(b'\n');
        }
        datagram
    }

    /// Returns a datagram for `/dev/log`: priority, tag and message, in the format that rsyslog, syslog-ng, busybox and
    /// journald read. The listener adds the time.
    pub fn to_syslog(&self, pid: u32) -> Vec<u8> {
        let priority = u16::from(FACILITY) * 8 + u16::from(self.event.priority());
        format!("<{priority}>capwrap[{pid}]: {}", self.message()).into_bytes()
    }
}

/// Appends a field to a message, with at most so many bytes of its value.
fn append(name: &str, value: &str, most: usize, message: &mut String) {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./,:+#@%".contains(c);
    let whole = in_quotes(value);
    let kept = printable::cut(&whole, most);
    // Writing to a String cannot fail.
    let _ = match !kept.is_empty() && kept.chars().all(plain) {
        true => write!(message, " {name}={kept}"),
        false => write!(message, " {name}=\"{kept}\""),
    };
    if kept.len() < whole.len() {
        message.push('…');
    }
}

/// The escaped value with its quotes escaped too, as it stands between quotes.
fn in_quotes(value: &str) -> String {
    value.replace('"', "\\\"")
}

/// Returns the most that each text may have if texts of these lengths share the room. What a short text leaves goes to
/// the longer ones.
fn fair_share(mut lengths: Vec<usize>, mut room: usize) -> usize {
    lengths.sort_unstable();
    let count = lengths.len();
    for (at, length) in lengths.into_iter().enumerate() {
        let equal = room / (count - at);
        if length > equal {
            return equal;
        }
        room -= length;
    }
    usize::MAX
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;

    fn record(reason: &str) -> Record {
        let mut record = Record::new(Event::Launch);
        record.fact("tool", "/usr/bin/tcpdump");
        record.words("reason", [reason]);
        record
    }

    #[test]
    fn a_value_cannot_end_its_line_or_look_like_another_field() {
        let forged = "x\" caps=all\nNov 23 capwrap[1]: launched";
        assert_eq!(
            record(forged).message(),
            r#"launched tool=/usr/bin/tcpdump reason="x\" caps=all\u{a}Nov 23 capwrap[1]: launched""#
        );
        assert_eq!(record(forged).to_syslog(7).iter().filter(|byte| **byte == b'\n').count(), 0);
        assert!(record("ends with \\").message().ends_with(r#"reason="ends with \\""#));
    }

    #[test]
    fn a_journal_field_says_its_length_before_its_value() {
        let datagram = record("two\nlines").to_journal();
        let expected = b"CAPWRAP_REASON\n\x0d\0\0\0\0\0\0\0two\\u{a}lines\n";
        assert!(datagram.windows(expected.len()).any(|window| window == expected));
    }

    #[test]
    fn syslog_gets_the_facility_that_only_administrators_read() {
        assert!(record("r").to_syslog(42).starts_with(b"<85>capwrap[42]: launched tool="));
    }

    #[test]
    fn the_callers_words_stand_behind_the_facts_and_share_what_these_leave() {
        for (reason, arguments) in [(10_000, 10_000), (10_000, 3), (3, 10_000), (0, 10_000), (500, 500)] {
            for unit in ["x", "ü", "\n", "\"", "\u{202e}", "\\", "\u{e0001}"] {
                let mut record = record(&unit.repeat(reason));
                record.words("arguments", vec![unit; arguments]);
                record.fact("capabilities", "cap_net_raw");
                let message = record.message();
                assert!(message.len() <= MESSAGE_MOST, "{} {message}", message.len());
                let facts = "launched tool=/usr/bin/tcpdump capabilities=cap_net_raw reason=";
                assert!(message.starts_with(facts), "{message}");
                let (reasons, argument) = message[facts.len()..].split_once(" arguments=").unwrap();
                // Neither drives the other out, and nothing is wasted.
                let total = reason * printable::text(unit).len();
                assert!(
                    reasons.len() >= total.min(300) && argument.len() >= (arguments * unit.len()).min(300),
                    "{message}"
                );
                let cut = reason.max(arguments) >= 500;
                assert!(message.len() > MESSAGE_MOST - 40 || !cut, "{} {message}", message.len());
                // No escape is cut: what stands between the quotes reads back.
                for value in [reasons, argument] {
                    let inner = value.trim_end_matches('…');
                    let inner = inner.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')).unwrap_or(inner);
                    for piece in inner.split(' ').filter(|piece| !piece.is_empty()) {
                        let escaped = in_quotes(&printable::text(unit));
                        assert_eq!(piece.replace(&escaped, ""), "", "{message}");
                    }
                }
            }
        }
    }

    #[test]
    fn facts_of_any_length_leave_something_of_the_words_and_the_whole_is_bounded() {
        let mut record = Record::new(Event::Refusal);
        for name in ["tool", "policy"] {
            record.fact(name, OsStr::from_bytes(&[0xff; 4096]));
        }
        record.words("error", ["why ".repeat(50)]);
        record.words("reason", ["r"]);
        record.words("arguments", vec!["a"; 1_000_000]);
        let message = record.message();
        assert!(message.contains("\\xff\"… policy=") && message.contains("error=\"why why"), "{message}");
        assert!(message.len() < 3000, "{}", message.len());
        let datagram = record.to_journal();
        assert!(datagram.len() < 16_000, "{}", datagram.len());
        let end = b"CAPWRAP_CUT\n\x15\0\0\0\0\0\0\0tool,policy,arguments\n";
        assert!(datagram.ends_with(end), "{}", String::from_utf8_lossy(&datagram[datagram.len() - 100..]));
    }

    #[test]
    fn what_a_short_text_leaves_goes_to_the_longer_ones() {
        assert_eq!(fair_share(vec![], 10), usize::MAX);
        assert_eq!(fair_share(vec![5, 5], 10), usize::MAX);
        assert_eq!(fair_share(vec![100, 2], 10), 8);
        assert_eq!(fair_share(vec![100, 2, 100], 10), 4);
    }
}
