//! Shows records as text for people and as JSON for programs.

use crate::host::records::kept::{Kept, Source};
use crate::output::page::{below_label, wrapped};
use crate::output::{json, standard_output, terminal};
use anyhow::Result;
use capwrap_core::decision::accounts;
use capwrap_core::record::write::Event;
use capwrap_core::text::printable;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{BufWriter, StdoutLock, Write};

/// How many records are read before the first is printed, so that the columns are as wide as what is in them.
const LOOKED_AT: usize = 200;

/// The longest name of a tool for which its column is made as wide. A longer one pushes the rest of its own line alone.
const NAME_MOST: usize = 16;

/// Prints records one by one.
pub struct Printer {
    out: BufWriter<StdoutLock<'static>>,
    json: bool,
    is_empty: bool,
    /// The text of passwd(5), for records that have a number alone.
    passwd: String,
    /// The first records, until the widths of the columns are known.
    first: Vec<Row>,
    widths: Option<[usize; 3]>,
    /// The columns of the terminal, if it is one.
    width: Option<u16>,
}

/// A record as text: the user, the event and the name, which stand in columns after the time, and the rest of the line.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    time: String,
    columns: [String; 3],
    rest: String,
}

impl Row {
    fn line(&self, widths: [usize; 3]) -> String {
        let ([user, event, name], [first, second, third]) = (&self.columns, widths);
        let name = if name.is_empty() { String::new() } else { format!("{name:third$}  ") };
        let text = format!("{}  {user:first$}  {event:second$}  {name}{}", self.time, self.rest);
        text.trim_end().to_owned()
    }
}

/// The width of each column.
fn widths(rows: &[Row]) -> [usize; 3] {
    [(0, usize::MAX), (1, usize::MAX), (2, NAME_MOST)].map(|(at, most)| {
        let lengths = rows.iter().map(|row| row.columns[at].chars().count());
        lengths.filter(|length| *length <= most).max().unwrap_or(0)
    })
}

impl Printer {
    pub fn new(json: bool, passwd: String) -> Self {
        let out = BufWriter::new(std::io::stdout().lock());
        Self { out, json, is_empty: true, passwd, first: Vec::new(), widths: None, width: terminal::of_terminal() }
    }

    /// Prints a record; false if it makes no sense to go on: nobody reads any more, or standard output is full.
    ///
    /// # Errors
    /// The record cannot be expressed as JSON.
    pub fn print(&mut self, record: &Kept) -> Result<bool> {
        self.is_empty = false;
        if self.json {
            return Ok(self.write(&as_json(record)?));
        }
        let row = as_row(record, &self.passwd);
        if let Some(widths) = self.widths {
            return Ok(self.write(&row.line(widths)));
        }
        self.first.push(row);
        Ok(self.first.len() < LOOKED_AT || self.print_first())
    }

    fn print_first(&mut self) -> bool {
        let rows = std::mem::take(&mut self.first);
        let widths = *self.widths.insert(widths(&rows));
        rows.iter().all(|row| self.write(&row.line(widths)))
    }

    fn write(&mut self, text: &str) -> bool {
        let lines = match self.width {
            Some(width) if !self.json => below_label(text, width),
            _ => vec![text.to_owned()],
        };
        let written = lines.iter().try_for_each(|line| writeln!(self.out, "{line}"));
        written.inspect_err(standard_output::note).is_ok()
    }

    /// Prints what is left, or that there was nothing.
    pub fn end(mut self, nothing: impl FnOnce() -> String) {
        if self.is_empty && !self.json {
            wrapped(&nothing(), usize::from(terminal::width())).iter().all(|line| self.write(line));
        }
        if self.print_first() {
            let _ = self.out.flush().inspect_err(standard_output::note);
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

/// Time, user, event, tool, and what else people look for.
fn as_row(record: &Kept, passwd: &str) -> Row {
    // The journal's values may be anybody's.
    let get = |name: &str| printable::line(record.get(name));
    let user = match record.get("user") {
        "" => printable::line(&accounts::name(passwd, record.uid)),
        _ => get("user"),
    };
    let name = if record.get("name").is_empty() { get("file") } else { get("name") };
    let event = printable::line(&record.event);
    let time = format!("{}Z", &record.when()[..19]);
    let mut text = String::new();
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
        ("arguments: ", get("arguments")),
    ];
    for (word, value) in parts {
        if !value.is_empty() {
            text.extend([if text.is_empty() { "" } else { "  " }, word, &value]);
        }
    }
    Row { time, columns: [user, event, name], rest: text }
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
        let row = |record: &Kept| as_row(record, "log:x:1000:7::/:/bin/sh\n");
        let as_text = |record: &Kept| row(record).line([5, 9, 7]);
        assert_eq!(
            as_text(&launched),
            "1970-01-01T00:00:01Z  alice  launched   tcpdump  with cap_net_raw (cap_net_raw through socket:packet)  \
             reason: ticket 7\\u{a}\\u{1b}[31m"
        );
        let fixed = kept("fixed", &[("file", "/etc/x"), ("change", "mode 0644 (was 0600)")]);
        assert_eq!(as_text(&fixed), "1970-01-01T00:00:01Z  log    fixed      /etc/x   mode 0644 (was 0600)");
        assert!(as_text(&kept("launched", &[("arguments", "-i lo")])).ends_with("with none  arguments: -i lo"));
        let long = kept("fixed", &[("file", "/usr/local/bin/tool"), ("change", "none")]);
        let rows = [row(&launched), row(&kept("recorder-started", &[])), row(&long)];
        assert_eq!(widths(&rows), [5, 16, 7]);
        assert!(rows[2].line(widths(&rows)).ends_with("  /usr/local/bin/tool  none"));
        assert_eq!(rows[1].line(widths(&rows)), "1970-01-01T00:00:01Z  log    recorder-started");
        assert_eq!(
            as_json(&kept("refused", &[("error", "no\u{202e}")])).unwrap(),
            "{\"schema\":1,\"time\":\"1970-01-01T00:00:01.000000Z\",\"source\":\"journal\",\"event\":\"refused\",\"uid\":1000,\"pid\":7,\
             \"fields\":{\"error\":\"no\\u202e\"}}"
        );
    }
}
