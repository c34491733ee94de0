//! The records of launches, refusals and changes that this machine keeps: those of the recorder and those of the journal,
//! each once, in the order of their times.
//!
//! Root and the group adm read the recorder's files. Everybody else asks the recorder, which answers with the asking
//! user's own records, and journalctl shows each user their own part of the journal.

pub mod files;
pub mod journal;
pub mod kept;
pub mod last_use;

use anyhow::Result;
use capwrap_core::record::line::{FOLDER, HISTORY};
use capwrap_core::record::send::{JOURNAL, RECORDER};
use kept::{Filter, Kept, Source};
use std::collections::{HashMap, VecDeque};
use std::path::Path;

/// Whether anything keeps records on this machine, or has kept some.
pub fn are_kept() -> bool {
    let has_files = files::all_in(Path::new(FOLDER)).is_ok_and(|files| !files.is_empty());
    // The folder of the sockets is everybody's to search.
    has_files || [RECORDER, HISTORY, JOURNAL].iter().any(|socket| Path::new(socket).exists())
}

/// The two logs, and why one of them cannot be read.
pub struct Records {
    merged: Merged<files::Files, journal::Journal>,
    /// What the reader should know: a log that is there and was not read.
    pub notes: Vec<String>,
}

impl Records {
    /// Opens what this caller may read of both logs.
    ///
    /// # Errors
    /// The recorder's files are there and cannot be read, or journalctl cannot be started.
    pub fn open(filter: &Filter) -> Result<Self> {
        let mut notes = Vec::new();
        let stored = files::Files::open(filter).unwrap_or_else(|error| {
            notes.push(format!("{error:#}"));
            files::Files::none()
        });
        let journal = journal::Journal::open(filter).unwrap_or_else(|error| {
            notes.push(format!("{error:#}"));
            journal::Journal::none()
        });
        Ok(Self { merged: Merged::new(stored, journal), notes })
    }
}

impl Iterator for Records {
    type Item = Result<Kept>;

    fn next(&mut self) -> Option<Self::Item> {
        self.merged.next()
    }
}

/// The longest time between the two copies of one record, in microseconds: the launcher waits no longer for either log.
const APART: u64 = 5_000_000;

/// Two logs in the order of time, without the journal's copy of what the recorder has.
struct Merged<R, J> {
    stored: R,
    journal: J,
    next_stored: Option<Kept>,
    next_journal: Option<Kept>,
    /// Records that were read and can still have a copy.
    held: VecDeque<Kept>,
    /// How many records were held and are no longer.
    gone: usize,
    /// Where the held records of a process are, counted from the first that was ever held.
    of_process: HashMap<u32, Vec<usize>>,
    is_started: bool,
}

impl<R: Iterator<Item = Result<Kept>>, J: Iterator<Item = Result<Kept>>> Merged<R, J> {
    fn new(stored: R, journal: J) -> Self {
        Self {
            stored,
            journal,
            next_stored: None,
            next_journal: None,
            held: VecDeque::new(),
            gone: 0,
            of_process: HashMap::new(),
            is_started: false,
        }
    }

    /// The older one of the two next records.
    fn read(&mut self) -> Result<Option<Kept>> {
        if !std::mem::replace(&mut self.is_started, true) {
            self.next_stored = self.stored.next().transpose()?;
            self.next_journal = self.journal.next().transpose()?;
        }
        let is_stored = match (&self.next_stored, &self.next_journal) {
            (Some(stored), Some(journal)) => stored.time <= journal.time,
            (stored, _) => stored.is_some(),
        };
        if is_stored {
            let next = self.stored.next().transpose()?;
            return Ok(std::mem::replace(&mut self.next_stored, next));
        }
        let next = if self.next_journal.is_some() { self.journal.next().transpose()? } else { None };
        Ok(std::mem::replace(&mut self.next_journal, next))
    }

    /// Holds a record, in the place of its copy or beside it.
    fn hold(&mut self, record: Kept) {
        let places = self.of_process.entry(record.pid).or_default();
        let is_copy = |other: &Kept| {
            other.source != record.source
                && (other.uid, &other.event) == (record.uid, &record.event)
                && other.get("name") == record.get("name")
                && other.time.abs_diff(record.time) < APART
        };
        let copy = places.iter().map(|at| at - self.gone).find(|at| is_copy(&self.held[*at]));
        match copy {
            Some(at) if record.source == Source::Recorder => self.held[at] = record,
            Some(_) => {}
            None => {
                places.push(self.gone + self.held.len());
                self.held.push_back(record);
            }
        }
    }

    fn release(&mut self) -> Option<Kept> {
        let oldest = self.held.pop_front()?;
        if let Some(places) = self.of_process.get_mut(&oldest.pid) {
            places.retain(|at| *at != self.gone);
            if places.is_empty() {
                self.of_process.remove(&oldest.pid);
            }
        }
        self.gone += 1;
        Some(oldest)
    }

    fn step(&mut self) -> Result<Option<Kept>> {
        loop {
            let Some(record) = self.read()? else { return Ok(self.release()) };
            // Where the journal has nothing, no record has a copy.
            if self.held.is_empty() && self.next_journal.is_none() && record.source == Source::Recorder {
                return Ok(Some(record));
            }
            let time = record.time;
            self.hold(record);
            if self.held.front().is_some_and(|oldest| oldest.time + APART < time) {
                return Ok(self.release());
            }
        }
    }
}

impl<R: Iterator<Item = Result<Kept>>, J: Iterator<Item = Result<Kept>>> Iterator for Merged<R, J> {
    type Item = Result<Kept>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step().transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn kept(source: Source, time: u64, pid: u32) -> Kept {
        let fields = BTreeMap::from([("name".to_owned(), "tcpdump".to_owned())]);
        Kept { source, time, uid: 1000, pid, event: "launched".to_owned(), fields }
    }

    fn merged(stored: &[(u64, u32)], journal: &[(u64, u32)]) -> Vec<(Source, u64, u32)> {
        let of = |source: Source, all: &[(u64, u32)]| {
            all.iter().map(|(second, pid)| Ok(kept(source, second * 1_000_000, *pid))).collect::<Vec<_>>().into_iter()
        };
        let merged = Merged::new(of(Source::Recorder, stored), of(Source::Journal, journal));
        merged.map(|one| one.unwrap()).map(|one| (one.source, one.time / 1_000_000, one.pid)).collect()
    }

    #[test]
    fn each_record_is_there_once_and_the_recorders_counts() {
        use Source::{Journal, Recorder};
        assert_eq!(merged(&[(1, 7), (2, 8)], &[]), [(Recorder, 1, 7), (Recorder, 2, 8)]);
        assert_eq!(merged(&[], &[(1, 7), (2, 8)]), [(Journal, 1, 7), (Journal, 2, 8)]);
        // The copy is older, as old, or younger.
        for at in [9, 10, 11] {
            assert_eq!(merged(&[(10, 7)], &[(at, 7)]), [(Recorder, 10, 7)], "{at}");
        }
        // A pid that comes again is another launch.
        assert_eq!(merged(&[(10, 7)], &[(20, 7)]), [(Recorder, 10, 7), (Journal, 20, 7)]);
        assert_eq!(merged(&[(20, 7)], &[(10, 7)]), [(Journal, 10, 7), (Recorder, 20, 7)]);
        assert_eq!(
            merged(&[(1, 1), (3, 3), (5, 5)], &[(1, 1), (2, 2), (3, 3), (30, 6)]),
            [(Recorder, 1, 1), (Journal, 2, 2), (Recorder, 3, 3), (Recorder, 5, 5), (Journal, 30, 6)]
        );
        // One log has no copy of its own records.
        assert_eq!(merged(&[(1, 1), (1, 1)], &[]).len(), 2);
    }
}
