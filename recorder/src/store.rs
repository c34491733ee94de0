//! The files of the records: one a day, a line for each record, each line with the hash of the line before it.
//!
//! A line counts when it is flushed (fdatasync(2)), and nobody hears of it before. What could not be written is cut off
//! again. If the recorder or the machine stops in the middle of a line, the next start ends that line and writes one
//! behind it that says so; nobody had an answer about it. A file that somebody else removed, replaced or cut while it was
//! open gets nothing more: the lines go on in the file that has its name, or in a new one.

use crate::log::note;
use capwrap_core::digest;
use capwrap_core::record::chain::FIRST;
use capwrap_core::record::line::{self, ENDING, Line, RECORDER_STARTED, TORN};
use capwrap_core::text::hex;
use nix::fcntl::{Flock, FlockArg, OFlag};
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The most bytes of a last line: more than any record has.
const LINE_MOST: u64 = 1024 * 1024;

/// A record that is to be written.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Microseconds since 1970.
    pub time: u64,
    pub uid: u32,
    pub pid: u32,
    pub event: String,
    pub fields: Vec<(String, String)>,
}

/// Why records are not on disk.
#[derive(Debug)]
pub enum Failure {
    /// Nothing of them is there: the recorder can go on.
    NotWritten(String),
    /// Nobody knows what is there. The recorder must end and read the files anew.
    Unknown(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotWritten(why) | Self::Unknown(why) => f.write_str(why),
        }
    }
}

fn not_written(what: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::NotWritten(format!("cannot {what} {}: {error}", path.display()))
}

/// The file to which lines are added.
#[derive(Debug)]
struct Day {
    day: String,
    path: PathBuf,
    file: File,
    /// The bytes that are flushed.
    length: u64,
    /// Whether a newline is at the end, or nothing at all.
    is_ended: bool,
}

impl Day {
    /// Opens the file of a day, or makes it in the folder.
    fn open(folder: &Path, handle: &File, day: &str) -> io::Result<Self> {
        let path = file_of(folder, day);
        let file = open_regular(&path, File::options().read(true).append(true).create(true).mode(0o640))?;
        let length = file.metadata()?.len();
        let mut last = *b"\n";
        if let Some(at) = length.checked_sub(1) {
            file.read_exact_at(&mut last, at)?;
        }
        // A new name in a folder is a change of the folder.
        handle.sync_all()?;
        Ok(Self { day: day.to_owned(), path, file, length, is_ended: last == *b"\n" })
    }

    /// Whether the path still leads to the file, and the file is as long as the recorder left it. Otherwise somebody
    /// removed, replaced or cut it, and what is added to it is not among the records.
    fn is_as_it_was_left(&self) -> bool {
        let (Ok(own), Ok(named)) = (self.file.metadata(), std::fs::symlink_metadata(&self.path)) else { return false };
        (own.dev(), own.ino()) == (named.dev(), named.ino()) && own.len() == self.length
    }
}

#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    /// The folder itself. The lock keeps a second recorder out.
    handle: Flock<File>,
    /// The newest day that has a file.
    newest_day: Option<String>,
    open: Option<Day>,
    /// The hash of the newest line.
    newest: [u8; 32],
    /// Lines of the recorder about itself that could not be written yet. They stand before the next line.
    owed: Vec<Entry>,
    /// The lines that were written since the start.
    lines: u64,
}

impl Store {
    /// Opens the folder and finds the newest line. A line that is not whole is closed off. Where nothing can be written
    /// now, as on a full disk, what is to be said about that and about the start is written before the next record.
    ///
    /// # Errors
    /// The folder cannot be used, or another recorder uses it.
    pub fn open(folder: &Path, now: u64) -> Result<Self, Failure> {
        let handle = File::open(folder).map_err(|error| not_written("open", folder, &error))?;
        let handle = Flock::lock(handle, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| {
            Failure::NotWritten(format!("cannot lock {}: {errno}: does another recorder run?", folder.display()))
        })?;
        let mut store = Self {
            folder: folder.to_owned(),
            handle,
            newest_day: None,
            open: None,
            newest: FIRST,
            owed: Vec::new(),
            lines: 0,
        };
        let torn = store.find_newest().map_err(|error| not_written("read", folder, &error))?;
        let own = |event: &str, fields: &[(&str, String)]| Entry {
            time: now,
            uid: nix::unistd::getuid().as_raw(),
            pid: std::process::id(),
            event: event.to_owned(),
            fields: fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
        };
        if let Some(bytes) = torn {
            let what = format!(
                "the {bytes} bytes before this line are not a whole line, and nobody had the answer that they were stored"
            );
            store.owed.push(own(TORN, &[("what", what)]));
        }
        store.owed.push(own(RECORDER_STARTED, &[]));
        match store.append(&[]) {
            // If the program ended here, whoever waits for their record would hear nothing of the cause.
            Err(Failure::NotWritten(why)) => note(&format!("{why}: no record can be stored yet")),
            outcome => outcome?,
        }
        Ok(store)
    }

    /// Finds the newest line. Returns the number of its bytes if it is not whole.
    fn find_newest(&mut self) -> io::Result<Option<u64>> {
        let mut days = days(&self.folder)?;
        days.retain(|day| day.len() == 10);
        self.newest_day = days.last().cloned();
        for name in days.iter().rev() {
            let mut file = open_regular(&file_of(&self.folder, name), File::options().read(true))?;
            let Some(last) = last_line(&mut file)? else { continue };
            let (text, is_ended) = match last.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (&last[..], false),
            };
            self.newest = digest::of_bytes(text);
            // A line of a later recorder is whole too. Its hash is the same in every format.
            let is_whole = line::previous(text).is_some() || line::other_schema(text).is_some();
            return Ok((!is_ended || !is_whole).then_some(text.len() as u64));
        }
        Ok(None)
    }

    /// Returns the hash of the newest line, and where it is.
    pub fn newest(&self) -> (String, &Path) {
        (hex::encode(&self.newest), self.open.as_ref().map_or(&self.folder, |day| &day.path))
    }

    /// Returns the number of lines that were written since the start.
    pub const fn lines(&self) -> u64 {
        self.lines
    }

    /// Returns the free bytes and all bytes of the file system.
    pub fn space(&self) -> io::Result<(u64, u64)> {
        let found = nix::sys::statvfs::fstatvfs(&*self.handle).map_err(io::Error::from)?;
        let (size, free, all) = (found.fragment_size(), found.blocks_available(), found.blocks());
        Ok((free.saturating_mul(size), all.saturating_mul(size)))
    }

    /// Writes and flushes all entries, or none. The entries are in the order of time.
    ///
    /// # Errors
    /// Nothing is stored, or nobody knows.
    pub fn append(&mut self, entries: &[Entry]) -> Result<(), Failure> {
        let Some(last) = entries.last().or(self.owed.last()) else { return Ok(()) };
        let day = line::day(last.time);
        // What somebody does to a file between the two checks of it is found by the second.
        for _ in 0..2 {
            self.turn_to(&day)?;
            let (bytes, newest) = self.lines_of(entries);
            let Some(open) = &mut self.open else { continue };
            write(open, &bytes)?;
            if open.is_as_it_was_left() {
                self.newest = newest;
                self.lines += (self.owed.len() + entries.len()) as u64;
                self.owed.clear();
                return Ok(());
            }
        }
        Err(Failure::Unknown(format!("somebody removes or changes the files in {}", self.folder.display())))
    }

    /// Opens the file to which lines of this day are added, unless it is open.
    fn turn_to(&mut self, day: &str) -> Result<(), Failure> {
        if let Some(open) = self.open.take_if(|open| !open.is_as_it_was_left()) {
            note(&format!("{} was removed, replaced or changed by somebody else", open.path.display()));
        }
        // An earlier day never comes again, so that the order of the files is that of the lines, whatever the clock does.
        let day = self.newest_day.as_deref().filter(|newest| *newest > day).unwrap_or(day).to_owned();
        if self.open.as_ref().is_some_and(|open| open.day == day) {
            return Ok(());
        }
        let opened = Day::open(&self.folder, &self.handle, &day);
        let opened = opened.map_err(|error| not_written("open a file in", &self.folder, &error))?;
        if let Some(open) = self.open.replace(opened) {
            let hash = hex::encode(&self.newest);
            note(&format!("newest hash {hash} in {}, to which nothing is added any more", open.path.display()));
        }
        self.newest_day = Some(day);
        Ok(())
    }

    /// The lines of what is owed and of these entries, and the hash of the last.
    fn lines_of(&self, entries: &[Entry]) -> (Vec<u8>, [u8; 32]) {
        let (mut bytes, mut newest) = (Vec::new(), self.newest);
        for Entry { time, uid, pid, event, fields } in self.owed.iter().chain(entries) {
            let begin = bytes.len();
            let (time, uid, pid) = (*time, *uid, *pid);
            Line { time, uid, pid, event, fields, previous: newest }.append(&mut bytes);
            newest = digest::of_bytes(&bytes[begin..]);
            bytes.push(b'\n');
        }
        (bytes, newest)
    }
}

/// Adds lines to a file, and flushes them. A line without an end gets one before them.
fn write(day: &mut Day, bytes: &[u8]) -> Result<(), Failure> {
    let end: &[u8] = if day.is_ended { b"" } else { b"\n" };
    if let Err(error) = day.file.write_all(&[end, bytes].concat()) {
        let failure = not_written("write", &day.path, &error);
        // Nobody has an answer yet about what is there in part.
        return match day.file.set_len(day.length) {
            Ok(()) => Err(failure),
            Err(error) => Err(Failure::Unknown(format!("{failure}, nor cut off what was written: {error}"))),
        };
    }
    if let Err(error) = day.file.sync_data() {
        // After a failed flush the kernel takes the pages for clean, and a second flush would succeed for nothing.
        return Err(Failure::Unknown(format!("cannot flush {}: {error}", day.path.display())));
    }
    day.length += (end.len() + bytes.len()) as u64;
    day.is_ended = true;
    Ok(())
}

/// Opens a regular file, and nothing else that may be in its place.
fn open_regular(path: &Path, how: &mut OpenOptions) -> io::Result<File> {
    let file = how.custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits()).open(path)?;
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::other(format!("{} is no regular file", path.display())))
}

/// Returns the last line of a file, with its newline if it has one; `None` if the file is empty. What is too long for a
/// line is cut at its beginning.
fn last_line(file: &mut File) -> io::Result<Option<Vec<u8>>> {
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LINE_MOST)))?;
    let mut end = Vec::new();
    file.take(LINE_MOST).read_to_end(&mut end)?;
    if end.is_empty() {
        return Ok(None);
    }
    let begin = end[..end.len() - 1].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    Ok(Some(end.split_off(begin)))
}

/// Returns the names of the files in a folder without their ending, in the order of time.
///
/// # Errors
/// The folder cannot be read.
pub fn days(folder: &Path) -> io::Result<Vec<String>> {
    let mut days = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        days.extend(name.strip_suffix(ENDING).and_then(|name| name.strip_suffix('.')).map(str::to_owned));
    }
    days.sort();
    Ok(days)
}

/// Returns the file of a day.
pub fn file_of(folder: &Path, day: &str) -> PathBuf {
    folder.join(format!("{day}.{ENDING}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use capwrap_core::record::chain::Chain;

    const DAY: u64 = 86_400_000_000;

    fn entry(time: u64) -> Entry {
        let fields = vec![("reason".to_owned(), "two\nlines".to_owned())];
        Entry { time, uid: 1000, pid: 7, event: "launched".to_owned(), fields }
    }

    /// All lines of a folder, whose chain must be whole.
    fn events(folder: &Path) -> Vec<String> {
        let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let (mut chain, mut events) = (Chain::default(), Vec::new());
        for file in files {
            let text = std::fs::read(file).unwrap();
            assert_eq!(text.last(), Some(&b'\n'));
            for text in text[..text.len() - 1].split(|byte| *byte == b'\n') {
                assert_eq!(chain.follow(text), Ok(()));
                events.push(line::head(text).map_or("-".to_owned(), |head| head.event.to_owned()));
            }
        }
        assert_eq!(chain.end(), Ok(()));
        events
    }

    #[test]
    fn the_chain_goes_on_over_restarts_and_days_and_a_clock_that_goes_back() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path(), DAY).unwrap();
        store.append(&[entry(DAY + 1), entry(DAY + 2)]).unwrap();
        assert!(Store::open(folder.path(), DAY).unwrap_err().to_string().contains("another recorder"));
        drop(store);
        let mut store = Store::open(folder.path(), DAY + 3).unwrap();
        store.append(&[entry(2 * DAY)]).unwrap();
        store.append(&[entry(DAY)]).unwrap();
        drop(store);
        let started = RECORDER_STARTED;
        assert_eq!(events(folder.path()), [started, "launched", "launched", started, "launched", "launched"]);
        let second = std::fs::read_to_string(folder.path().join("1970-01-03.jsonl")).unwrap();
        assert_eq!(second.lines().count(), 2);
    }

    #[test]
    fn a_line_that_is_not_whole_is_closed_off_at_the_next_start() {
        for (rest, is_torn) in
            [(&b"{\"time\":"[..], true), (b"\0\0\0", true), (b"not a line\n", true), (b"\n", true), (b"", false)]
        {
            let folder = tempfile::tempdir().unwrap();
            Store::open(folder.path(), DAY).unwrap().append(&[entry(DAY)]).unwrap();
            let file = folder.path().join("1970-01-02.jsonl");
            File::options().append(true).open(&file).unwrap().write_all(rest).unwrap();
            drop(Store::open(folder.path(), DAY).unwrap());
            let expected: &[&str] = if is_torn { &["-", TORN, RECORDER_STARTED] } else { &[RECORDER_STARTED] };
            assert_eq!(events(folder.path())[2..], *expected, "{rest:?}");
        }
        // A whole line without its newline: nobody had an answer about it either.
        let folder = tempfile::tempdir().unwrap();
        Store::open(folder.path(), DAY).unwrap().append(&[entry(DAY)]).unwrap();
        let file = File::options().write(true).open(folder.path().join("1970-01-02.jsonl")).unwrap();
        file.set_len(file.metadata().unwrap().len() - 1).unwrap();
        drop(Store::open(folder.path(), DAY).unwrap());
        assert_eq!(events(folder.path()), [RECORDER_STARTED, "launched", TORN, RECORDER_STARTED]);
    }

    #[test]
    fn lines_are_appended_to_those_of_a_later_recorder() {
        let folder = tempfile::tempdir().unwrap();
        let newer = b"{\"schema\":2,\"when\":1}";
        std::fs::write(folder.path().join("1970-01-02.jsonl"), [&newer[..], b"\n"].concat()).unwrap();
        let store = Store::open(folder.path(), DAY).unwrap();
        drop(store);
        let text = std::fs::read_to_string(folder.path().join("1970-01-02.jsonl")).unwrap();
        let second = text.lines().nth(1).unwrap();
        assert_eq!(line::head(second.as_bytes()).unwrap().event, RECORDER_STARTED);
        assert_eq!(line::previous(second.as_bytes()), Some(digest::of_bytes(newer)));
    }

    #[test]
    fn what_is_added_to_a_file_that_somebody_removed_replaced_or_cut_is_added_again_where_it_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path(), DAY).unwrap();
        let file = folder.path().join("1970-01-02.jsonl");
        let lines = || std::fs::read_to_string(&file).unwrap().lines().count();
        std::fs::remove_file(&file).unwrap();
        store.append(&[entry(DAY)]).unwrap();
        assert_eq!(lines(), 1);
        std::fs::rename(&file, folder.path().join("moved")).unwrap();
        std::fs::write(&file, "").unwrap();
        store.append(&[entry(DAY)]).unwrap();
        assert_eq!(lines(), 1);
        // The line that is cut is lost, and the next one is whole and does not follow what is left of it.
        File::options().write(true).open(&file).unwrap().set_len(9).unwrap();
        store.append(&[entry(DAY)]).unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        let (cut, last) = text.trim_end().split_once('\n').unwrap();
        let mut chain = Chain::default();
        assert_eq!(chain.follow(cut.as_bytes()), Ok(()));
        assert_eq!(line::head(last.as_bytes()).unwrap().event, "launched");
        assert!(chain.follow(last.as_bytes()).is_err());
    }

    #[test]
    fn what_the_start_could_not_write_stands_before_the_first_line_that_can_be() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path(), DAY).unwrap();
        store.append(&[entry(DAY)]).unwrap();
        drop(store);
        let file = folder.path().join("1970-01-02.jsonl");
        File::options().append(true).open(&file).unwrap().write_all(b"{\"time").unwrap();
        // The next day's file cannot be made, whoever runs this.
        let next = folder.path().join("1970-01-03.jsonl");
        std::fs::create_dir(&next).unwrap();
        assert!(Store::open(folder.path(), DAY).is_err());
        std::fs::remove_dir(&next).unwrap();
        let mut store = Store::open(folder.path(), DAY).unwrap();
        store.owed.push(Entry { event: "again".to_owned(), ..entry(DAY) });
        std::fs::create_dir(&next).unwrap();
        assert!(matches!(store.append(&[entry(2 * DAY)]), Err(Failure::NotWritten(_))));
        std::fs::remove_dir(&next).unwrap();
        store.append(&[entry(2 * DAY)]).unwrap();
        let started = RECORDER_STARTED;
        assert_eq!(events(folder.path()), [started, "launched", "-", TORN, started, "again", "launched"]);
    }

    #[test]
    fn a_link_or_a_fifo_in_the_place_of_a_file_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let other = tempfile::NamedTempFile::new().unwrap();
        std::os::unix::fs::symlink(other.path(), folder.path().join("1970-01-02.jsonl")).unwrap();
        assert!(Store::open(folder.path(), DAY).is_err());
        assert_eq!(other.path().metadata().unwrap().len(), 0);
    }
}
