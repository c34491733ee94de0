//! Shows records as text for people and as JSON for programs.

use crate::host::records::kept::{Kept, Source};
use crate::output::json;
use anyhow::Result;
use capwrap_core::record::write::Event;
use capwrap_core::text::printable;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{BufWriter, ErrorKind, StdoutLock, Write};

/// Prints records one by one.
pub struct Printer {
    out: BufWriter<StdoutLock<'static>>,
    json: bool,
    is_empty: bool,
}

impl Printer {
    pub fn new(json: bool) -> Self {
        Self { out: BufWriter::new(std::io::stdout().lock()), json, is_empty: true }
    }

    /// Prints a record; false if nobody reads any more.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub fn print(&mut self, record: &Kept) -> Result<bool> {
        self.is_empty = false;
        let text = if self.json { as_json(record)? } else { as_text(record) };
        match writeln!(self.out, "{text}") {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Prints what is left.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub fn end(mut self) -> Result<()> {
        if self.is_empty && !self.json {
            writeln!(self.out, "There is no such record that you may read.")?;
        }
        match self.out.flush() {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok(()),
        }
    }
}

#[derive(Serialize)]
struct Object<'r> {
    schema: u32,
    time: String,
    source: &'static str,
    event: &'r str,
    uid: u32,
    pid: u32,
    fields: &'r BTreeMap<String, String>,
}

fn as_json(record: &Kept) -> Result<String> {
    Ok(json::line(&Object {
        schema: json::SCHEMA,
        time: record.when(),
        source: match record.source {
            Source::Recorder => "recorder",
            Source::Journal => "journal",
        },
        event: &record.event,
        uid: record.uid,
        pid: record.pid,
        fields: &record.fields,
    })?)
}

/// One line: time, user, event, tool, and what else people look for.
fn as_text(record: &Kept) -> String {
    // The journal's values may be anybody's.
    let get = |name: &str| printable::line(record.get(name));
    let user = match record.get("user") {
        "" => format!("uid {}", record.uid),
        _ => get("user"),
    };
    let name = if record.get("name").is_empty() { get("file") } else { get("name") };
    let event = printable::line(&record.event);
    let seconds = &record.when()[..19];
    let mut text = format!("{seconds}Z  {user:<12}  {event:<9}  {name}");
    let is_launch = [Event::Launch, Event::Run, Event::Bypass].map(Event::word).contains(&record.event.as_str());
    let capabilities =
        if is_launch && record.get("capabilities").is_empty() { "none".into() } else { get("capabilities") };
    let scopes = get("scopes");
    let parts = [
        ("with ", if scopes.is_empty() { capabilities } else { format!("{capabilities} ({scopes})") }),
        ("as ", get("run_as")),
        ("for ", get("allowed")),
        ("", get("change")),
        ("because ", get("error")),
        ("reason: ", get("reason")),
        ("", get("what")),
    ];
    for (word, value) in parts {
        if !value.is_empty() {
            text.extend(["  ", word, &value]);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(event: &str, fields: &[(&str, &str)]) -> Kept {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Kept { source: Source::Journal, time: 1_000_000, uid: 1000, pid: 7, event: event.to_owned(), fields }
    }

    #[test]
    fn a_record_is_one_line_whatever_is_in_it() {
        let launched = kept(
            "launched",
            &[
                ("name", "tcpdump"),
                ("user", "alice"),
                ("capabilities", "cap_net_raw"),
                ("scopes", "cap_net_raw through socket:packet"),
                ("reason", "ticket 7\n\u{1b}[31m"),
            ],
        );
        assert_eq!(
            as_text(&launched),
            "1970-01-01T00:00:01Z  alice         launched   tcpdump  with cap_net_raw (cap_net_raw through socket:packet)  \
             reason: ticket 7\\u{a}\\u{1b}[31m"
        );
        let fixed = kept("fixed", &[("file", "/etc/x"), ("change", "mode 0644 (was 0600)")]);
        assert_eq!(as_text(&fixed), "1970-01-01T00:00:01Z  uid 1000      fixed      /etc/x  mode 0644 (was 0600)");
        assert!(as_text(&kept("launched", &[])).ends_with("with none"));
        assert_eq!(
            as_json(&kept("refused", &[("error", "no\u{202e}")])).unwrap(),
            "{\"schema\":1,\"time\":\"1970-01-01T00:00:01.000000Z\",\"source\":\"journal\",\"event\":\"refused\",\"uid\":1000,\"pid\":7,\
             \"fields\":{\"error\":\"no\\u202e\"}}"
        );
    }
}
