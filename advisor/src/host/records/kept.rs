//! A record that was kept, and which ones are wanted.

use anyhow::{Context, Result};
use capwrap_core::record::line;
use serde_json::Value;
use std::collections::BTreeMap;

/// The log that kept a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The recorder: uid, pid and time are not the record's own word, and the record is a link of a chain.
    Recorder,
    /// The journal.
    Journal,
}

/// A record that was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub source: Source,
    /// Microseconds since 1970.
    pub time: u64,
    /// Who called capwrap, by the kernel's word.
    pub uid: u32,
    /// The process that called it, and that became the tool.
    pub pid: u32,
    /// A word of `capwrap_core::record::write::Event`, or one of the recorder's own.
    pub event: String,
    /// Everything else by its name: `name`, `user`, `tool`, `capabilities`, `reason` and so on.
    pub fields: BTreeMap<String, String>,
}

impl Kept {
    /// Returns a field, or nothing.
    pub fn get(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }

    /// The time in UTC, in the form of RFC 3339.
    pub fn when(&self) -> String {
        line::time(self.time)
    }
}

/// Which records are wanted. Every condition that is there must hold.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// From this time on, in microseconds since 1970.
    pub since: Option<u64>,
    /// Before this time.
    pub until: Option<u64>,
    /// The name of the policy, or of the command of `capwrap run`.
    pub name: Option<String>,
    /// The name of the user who called.
    pub user: Option<String>,
    /// The number of the user who called.
    pub uid: Option<u32>,
    /// The words of the events; every event if there is none.
    pub events: Vec<&'static str>,
}

impl Filter {
    /// Whether a record is wanted.
    pub fn takes(&self, record: &Kept) -> bool {
        let is = |wanted: &Option<String>, name: &str| wanted.as_ref().is_none_or(|wanted| wanted == record.get(name));
        self.since.is_none_or(|since| record.time >= since)
            && self.until.is_none_or(|until| record.time < until)
            && (self.events.is_empty() || self.events.contains(&record.event.as_str()))
            && is(&self.name, "name")
            && is(&self.user, "user")
            && self.uid.is_none_or(|uid| uid == record.uid)
    }
}

/// Reads a line of the recorder's.
pub fn of_line(text: &[u8]) -> Result<Kept> {
    let head = line::head(text).context("this is no line of the recorder's")?;
    let time = microseconds(head.time)?;
    let all: BTreeMap<String, Value> = serde_json::from_slice(text).context("this is no line of the recorder's")?;
    let fields = all.into_iter().filter(|(name, _)| !line::OWN_KEYS.contains(&name.as_str()));
    let fields = fields.filter_map(|(name, value)| value.as_str().map(|value| (name, value.to_owned()))).collect();
    Ok(Kept { source: Source::Recorder, time, uid: head.uid, pid: head.pid, event: head.event.to_owned(), fields })
}

fn microseconds(time: &str) -> Result<u64> {
    let time: jiff::Timestamp = time.parse().with_context(|| format!("{time:?} is no time"))?;
    Ok(u64::try_from(time.as_microsecond())?)
}
