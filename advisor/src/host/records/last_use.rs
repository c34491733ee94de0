//! When each policy was last used, by the records that this caller may read.

use super::files::{self, Files, Lines};
use super::journal;
use super::kept::{Filter, Kept, of_line};
use capwrap_core::record::line::{self, FOLDER};
use capwrap_core::record::write::Event;
use std::collections::BTreeMap;
use std::path::Path;

/// The events that are uses.
const USES: [Event; 2] = [Event::Launch, Event::Bypass];

/// Who has not used a policy for so many seconds may not need it any more.
pub const LONG: u64 = 90 * 24 * 60 * 60;

/// Returns the time so long before now, in microseconds since 1970. `now` counts seconds.
pub fn long_ago(now: i64) -> u64 {
    u64::try_from(now).unwrap_or(0).saturating_sub(LONG).saturating_mul(1_000_000)
}

/// The last uses of some policies.
#[derive(Clone, Debug, Default)]
pub struct LastUses {
    of: BTreeMap<String, Kept>,
    /// The day of the oldest file of the recorder that this caller can read.
    oldest: Option<String>,
}

impl LastUses {
    /// Reads the newest records first, and none that are older than `since` (microseconds since 1970). What cannot be
    /// read has no uses.
    pub fn since(since: u64, names: &[String]) -> Self {
        let mut found = Self::default();
        match files::all_in(Path::new(FOLDER)) {
            Ok(all) => found.read_files(&all, since, names),
            Err(_) => found.ask(since, names),
        }
        for name in journal::named(names) {
            let events = USES.map(Event::word).to_vec();
            let filter = Filter { since: Some(since), name: Some(name), events, ..Filter::default() };
            found.extend(journal::newest(&filter), names);
        }
        found
    }

    /// Returns the last use of a policy.
    pub fn of(&self, name: &str) -> Option<&Kept> {
        self.of.get(name)
    }

    /// Whether the recorder's files reach back to this time, so that a use since then would be in them.
    pub fn reaches(&self, time: u64) -> bool {
        self.oldest.as_ref().is_some_and(|oldest| *oldest <= line::day(time))
    }

    fn read_files(&mut self, all: &[std::path::PathBuf], since: u64, names: &[String]) {
        let day = |file: &Path| file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        self.oldest = all.first().and_then(|file| day(file));
        for file in all.iter().rev() {
            if day(file) < Some(line::day(since)) || names.iter().all(|name| self.of.contains_key(name)) {
                return;
            }
            let Ok(mut lines) = Lines::open(file) else { continue };
            let mut newest: BTreeMap<&str, Vec<u8>> = BTreeMap::new();
            while let Ok(Some((text, _))) = lines.next_line() {
                if let Some(name) = names.iter().find(|name| is_use_of(text, name)) {
                    newest.insert(name, text.to_vec());
                }
            }
            self.extend(newest.into_values().filter_map(|text| of_line(&text).ok()), names);
        }
    }

    fn ask(&mut self, since: u64, names: &[String]) {
        let filter = Filter { since: Some(since), events: USES.map(Event::word).to_vec(), ..Filter::default() };
        if let Ok(own) = Files::open(&filter) {
            self.extend(own.filter_map(Result::ok), names);
        }
    }

    fn extend(&mut self, records: impl IntoIterator<Item = Kept>, names: &[String]) {
        for record in records {
            let name = record.get("name").to_owned();
            if names.contains(&name) && self.of.get(&name).is_none_or(|other| other.time < record.time) {
                self.of.insert(name, record);
            }
        }
    }
}

/// Whether a line of the recorder's is about a use of this policy. The name is the first field of such a record.
fn is_use_of(text: &[u8], name: &str) -> bool {
    let Some(head) = line::head(text) else { return false };
    if !USES.iter().any(|event| event.word() == head.event) {
        return false;
    }
    let at = head.event.as_ptr() as usize - text.as_ptr() as usize + head.event.len();
    let rest = text.get(at..).and_then(|rest| rest.strip_prefix(b"\",\"name\":\""));
    rest.and_then(|rest| rest.strip_prefix(name.as_bytes())).is_some_and(|rest| rest.first() == Some(&b'"'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use capwrap_core::record::chain::FIRST;
    use capwrap_core::record::line::Line;

    #[test]
    fn the_newest_use_of_each_policy_counts() {
        const DAY: u64 = 86_400_000_000;
        let folder = tempfile::tempdir().unwrap();
        let put = |day: u64, uses: &[(u64, &str, &str)]| {
            let mut text = Vec::new();
            for (time, event, name) in uses {
                let fields = [("name".to_owned(), (*name).to_owned())];
                Line { time: day * DAY + time, uid: 1, pid: 2, event, fields: &fields, previous: FIRST }
                    .append(&mut text);
                text.push(b'\n');
            }
            std::fs::write(folder.path().join(line::day(day * DAY)).with_extension(line::ENDING), text).unwrap();
        };
        put(3, &[(1, "launched", "a"), (2, "launched", "ab"), (3, "launched", "c")]);
        put(4, &[(1, "launched", "a"), (2, "bypassed", "a"), (3, "refused", "ab")]);
        let names = ["a", "ab", "b"].map(str::to_owned);
        let found = |since: u64| {
            let mut uses = LastUses::default();
            uses.read_files(&files::all_in(folder.path()).unwrap(), since, &names);
            uses
        };
        let uses = found(3 * DAY);
        let time = |name: &str| uses.of(name).map(|record| record.time);
        assert_eq!((time("a"), time("ab"), time("b")), (Some(4 * DAY + 2), Some(3 * DAY + 2), None));
        assert_eq!((time("c"), uses.reaches(3 * DAY), uses.reaches(2 * DAY)), (None, true, false));
        assert!(found(4 * DAY).of("ab").is_none());
    }
}
