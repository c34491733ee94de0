//! The files of the records: one a day, a line for each record, each line with the hash of the line before it.
//!
//! A line counts when it is flushed (fdatasync(2)), and nobody hears of it before. What could not be written is cut off
//! again. If the recorder or the machine stops in the middle of a line, the next start ends that line and writes one
//! behind it that says so; nobody had an answer about it.

use capwrap_core::digest;
use capwrap_core::record::chain::FIRST;
use capwrap_core::record::line::{self, ENDING, Line, RECORDER_STARTED, TORN};
use capwrap_core::text::hex;
use nix::fcntl::{Flock, FlockArg, OFlag};
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
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

/// The file of the newest day.
#[derive(Debug)]
struct Day {
    day: String,
    path: PathBuf,
    file: File,
    /// The bytes that are flushed.
    length: u64,
}

#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    /// The folder itself. The lock keeps a second recorder out.
    handle: Flock<File>,
    newest_day: Option<Day>,
    newest: [u8; 32],
    /// The lines that were written since the start.
    lines: u64,
}

impl Store {
    /// Opens the folder, finds the newest line, and closes off a line that is not whole.
    ///
    /// # Errors
    /// The folder cannot be used, or another recorder uses it.
    pub fn open(folder: &Path, now: u64) -> Result<Self, Failure> {
        let handle = File::open(folder).map_err(|error| not_written("open", folder, &error))?;
        let handle = Flock::lock(handle, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| {
            Failure::NotWritten(format!("cannot lock {}: {errno}: does another recorder run?", folder.display()))
        })?;
        let mut store = Self { folder: folder.to_owned(), handle, newest_day: None, newest: FIRST, lines: 0 };
        let cannot = |error: io::Error| not_written("read", folder, &error);
        let torn = store.find_newest().map_err(cannot)?;
        let own = |event: &str, fields: &[(&str, String)]| Entry {
            time: now,
            uid: nix::unistd::getuid().as_raw(),
            pid: std::process::id(),
            event: event.to_owned(),
            fields: fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
        };
        let mut first = Vec::new();
        if let Some(bytes) = torn {
            let what = format!(
                "the {bytes} bytes before this line are not a whole line, and nobody had the answer that they were stored"
            );
            first.push(own(TORN, &[("what", what)]));
        }
        first.push(own(RECORDER_STARTED, &[]));
        store.append(&first)?;
        Ok(store)
    }

    /// Finds the newest line. Returns the number of bytes of a last line that is not whole, which is ended then.
    fn find_newest(&mut self) -> io::Result<Option<u64>> {
        let mut days = days(&self.folder)?;
        days.retain(|day| day.len() == 10);
        let Some(newest) = days.last() else { return Ok(None) };
        let mut day = self.open_day(newest)?;
        let mut torn = None;
        for name in days.iter().rev() {
            let mut file = File::open(file_of(&self.folder, name))?;
            let Some(last) = last_line(&mut file)? else { continue };
            let (text, is_ended) = match last.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (&last[..], false),
            };
            self.newest = digest::of_bytes(text);
            if !is_ended && name == newest {
                day.file.write_all(b"\n")?;
                day.file.sync_data()?;
                day.length += 1;
            }
            // A line of a later recorder is whole too. Its hash is the same in every format.
            let is_whole = line::previous(text).is_some() || line::other_schema(text).is_some();
            if !is_ended || !is_whole {
                torn = Some(text.len() as u64);
            }
            break;
        }
        self.newest_day = Some(day);
        Ok(torn)
    }

    fn open_day(&self, day: &str) -> io::Result<Day> {
        let path = file_of(&self.folder, day);
        let mut how = File::options();
        how.read(true)
            .append(true)
            .create(true)
            .mode(0o640)
            .custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits());
        let file = how.open(&path)?;
        let found = file.metadata()?;
        if !found.is_file() {
            return Err(io::Error::other(format!("{} is no regular file", path.display())));
        }
        // A new name in a folder is a change of the folder.
        self.handle.sync_all()?;
        Ok(Day { day: day.to_owned(), path, file, length: found.len() })
    }

    /// Returns the hash of the newest line, and where it is.
    pub fn newest(&self) -> (String, &Path) {
        (hex::encode(&self.newest), self.newest_day.as_ref().map_or(&self.folder, |day| &day.path))
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
        let Some(last) = entries.last() else { return Ok(()) };
        // An earlier day never comes again, so that the order of the files is that of the lines, whatever the clock does.
        let day = line::day(last.time);
        if self.newest_day.as_ref().is_none_or(|newest| newest.day < day) {
            let opened = self.open_day(&day).map_err(|error| not_written("open a file in", &self.folder, &error))?;
            if self.newest_day.is_some() {
                let (hash, path) = self.newest();
                eprintln!("newest hash {hash} in {}, to which nothing is added any more", path.display());
            }
            self.newest_day = Some(opened);
        }
        let Some(file) = &mut self.newest_day else { return Ok(()) };
        let (mut bytes, mut newest) = (Vec::new(), self.newest);
        for Entry { time, uid, pid, event, fields } in entries {
            let begin = bytes.len();
            let (time, uid, pid) = (*time, *uid, *pid);
            Line { time, uid, pid, event, fields, previous: newest }.append(&mut bytes);
            newest = digest::of_bytes(&bytes[begin..]);
            bytes.push(b'\n');
        }
        if let Err(error) = file.file.write_all(&bytes) {
            let failure = not_written("write", &file.path, &error);
            // Nobody has an answer yet about what is there in part.
            return match file.file.set_len(file.length) {
                Ok(()) => Err(failure),
                Err(error) => Err(Failure::Unknown(format!("{failure}, nor cut off what was written: {error}"))),
            };
        }
        if let Err(error) = file.file.sync_data() {
            // After a failed flush the kernel takes the pages for clean, and a second flush would succeed for nothing.
            return Err(Failure::Unknown(format!("cannot flush {}: {error}", file.path.display())));
        }
        file.length += bytes.len() as u64;
        self.newest = newest;
        self.lines += entries.len() as u64;
        Ok(())
    }
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
    fn a_link_or_a_fifo_in_the_place_of_a_file_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let other = tempfile::NamedTempFile::new().unwrap();
        std::os::unix::fs::symlink(other.path(), folder.path().join("1970-01-02.jsonl")).unwrap();
        assert!(Store::open(folder.path(), DAY).is_err());
        assert_eq!(other.path().metadata().unwrap().len(), 0);
    }
}
