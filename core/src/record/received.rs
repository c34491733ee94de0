//! Reads a record as [`super::write::Record::to_journal`] wrote it. The recorder trusts who sent it and still reads it
//! as it reads anybody's bytes.

use super::line::OWN_KEYS;

/// The largest record in bytes. Every field is bounded when a record is written, so that none comes near.
pub const MAX_BYTES: usize = 64 * 1024;

/// The prefix of the fields that are capwrap's own.
const PREFIX: &str = "CAPWRAP_";

/// A record that was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// One lower-case word.
    pub event: String,
    /// The uid that the record names as the caller's.
    pub uid: Option<u32>,
    /// Everything else: names in lower case, and values.
    pub fields: Vec<(String, String)>,
}

impl Received {
    /// Reads a datagram in the format of the journal's native protocol (systemd's JOURNAL_NATIVE_PROTOCOL), in which every
    /// value has its length before it.
    ///
    /// # Errors
    /// Says in a few words what is wrong with it.
    pub fn read(datagram: &[u8]) -> Result<Self, &'static str> {
        if datagram.len() > MAX_BYTES {
            return Err("it is too large");
        }
        let (mut event, mut uid, mut fields) = (None, None, Vec::<(String, String)>::new());
        let mut rest = datagram;
        while !rest.is_empty() {
            let (name, value, behind) = field(rest).ok_or("a field of it ends in the middle")?;
            rest = behind;
            let name = std::str::from_utf8(name).map_err(|_| "the name of a field is not text")?;
            let value = std::str::from_utf8(value).map_err(|_| "a value is not text")?;
            let Some(name) = name.strip_prefix(PREFIX) else { continue };
            let is_name = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
            if name.is_empty() || !name.bytes().all(is_name) {
                return Err("the name of a field is not one of capwrap's");
            }
            match name {
                "EVENT" => event = Some(value),
                "UID" => uid = Some(value.parse().map_err(|_| "its uid is no number")?),
                name => {
                    let name = name.to_lowercase();
                    if OWN_KEYS.contains(&name.as_str()) || fields.iter().any(|(other, _)| *other == name) {
                        return Err("a field is there twice, or is the recorder's own");
                    }
                    fields.push((name, value.to_owned()));
                }
            }
        }
        let event = event.ok_or("it names no event")?;
        if event.is_empty() || event.len() > 32 || !event.bytes().all(|byte| byte.is_ascii_lowercase()) {
            return Err("its event is no word");
        }
        Ok(Self { event: event.to_owned(), uid, fields })
    }
}

/// Splits off a field: its name, its value, and the rest.
fn field(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let (name, rest) = (&bytes[..end], &bytes[end + 1..]);
    let (length, rest) = rest.split_first_chunk()?;
    let (value, rest) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    Some((name, value, rest.strip_prefix(b"\n")?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::write::{Event, Record};

    #[test]
    fn what_is_written_is_read_again() {
        let mut record = Record::new(Event::Launch);
        record.fact("name", "tcpdump");
        record.fact("uid", "1000");
        record.words("reason", ["ticket 7\nCAPWRAP_UID\n"]);
        let read = Received::read(&record.to_journal()).unwrap();
        assert_eq!((read.event.as_str(), read.uid), ("launched", Some(1000)));
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(read.fields, [field("name", "tcpdump"), field("reason", "ticket 7\\u{a}CAPWRAP_UID\\u{a}")]);
    }

    #[test]
    fn what_is_cut_or_made_up_is_refused() {
        let one = |name: &str, value: &str| {
            [name.as_bytes(), b"\n", &(value.len() as u64).to_le_bytes(), value.as_bytes(), b"\n"].concat()
        };
        let event = one("CAPWRAP_EVENT", "launched");
        assert!(Received::read(&event).is_ok());
        for length in 0..event.len() {
            assert!(Received::read(&event[..length]).is_err(), "{length}");
        }
        for (more, why) in [
            (one("CAPWRAP_PREV", "x"), "recorder's own"),
            (one("CAPWRAP_TIME", "x"), "recorder's own"),
            ([one("CAPWRAP_A", "x"), one("CAPWRAP_A", "y")].concat(), "twice"),
            (one("CAPWRAP_", "x"), "not one of capwrap's"),
            (one("CAPWRAP_a", "x"), "not one of capwrap's"),
            (one("CAPWRAP_UID", "-1"), "no number"),
            (one("CAPWRAP_EVENT", "a b"), "no word"),
            ([b"A\n".as_slice(), &u64::MAX.to_le_bytes(), b"x\n"].concat(), "in the middle"),
            (one("CAPWRAP_A", &"x".repeat(MAX_BYTES)), "too large"),
        ] {
            let error = Received::read(&[event.clone(), more].concat()).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
        assert!(Received::read(&[&event[..], b"CAPWRAP_A\n\x01\0\0\0\0\0\0\0\xff\n"].concat()).is_err());
    }
}
