//! The recorder's lines: from its files, or as its answer.

use super::kept::{Filter, Kept, of_line};
use crate::output::error::{hinted, reason};
use crate::store::bounded_read;
use anyhow::{Context, Result, anyhow, bail};
use capwrap_core::record::line::{self, END_OF_ANSWER, ENDING, FOLDER, HISTORY};
use capwrap_core::text::printable;
use memchr::memmem::Finder;
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The bytes that are read at a time.
const BLOCK: usize = 256 * 1024;

/// The longest line: the recorder takes records of 64 KiB, and an escape is at most six times as long as what it is for.
/// What is longer is damage, such as the zeros that a file system leaves where the power failed.
const LINE_MOST: usize = 512 * 1024;

/// The most bytes of one such line that are passed over: a source that has no end must end.
const DAMAGE_MOST: usize = 64 * 1024 * 1024;

/// The time that the recorder gets for the next part of an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Returns the recorder's files below a folder, the oldest first.
///
/// # Errors
/// The folder cannot be listed.
pub fn all_in(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == ENDING) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Lines of a source, without their newlines.
pub struct Lines {
    source: Box<dyn Read>,
    /// What is read and not given out yet starts at `begin`.
    bytes: Vec<u8>,
    begin: usize,
    /// What has been searched for a newline.
    searched: usize,
    /// The bytes of the present line that were passed over, because it is too long for a record.
    passed_over: usize,
    is_at_end: bool,
}

impl Lines {
    pub fn of(source: Box<dyn Read>) -> Self {
        Self { source, bytes: Vec::with_capacity(2 * BLOCK), begin: 0, searched: 0, passed_over: 0, is_at_end: false }
    }

    /// Opens a file.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn open(path: &Path) -> Result<Self> {
        let file = bounded_read::open(path);
        let file = file.map_err(|error| anyhow!("cannot read {}: {}", printable::text(path), reason(&error)))?;
        Ok(Self::of(Box::new(file)))
    }

    /// Returns the next line, and whether it is whole: a newline ends it, and it is no longer than a record can be. Of a
    /// longer one the beginning is returned. `None` at the end.
    ///
    /// # Errors
    /// The source cannot be read, or a line does not seem to end.
    pub fn next_line(&mut self) -> Result<Option<(&[u8], bool)>> {
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.bytes[self.searched..]) {
                let (begin, end) = (self.begin, self.searched + at);
                (self.begin, self.searched) = (end + 1, end + 1);
                self.passed_over = 0;
                return Ok(Some((&self.bytes[begin..end.min(begin + LINE_MOST)], end - begin <= LINE_MOST)));
            }
            if self.is_at_end {
                let begin = std::mem::replace(&mut self.begin, self.bytes.len());
                self.searched = self.begin;
                return Ok((begin < self.bytes.len()).then(|| (&self.bytes[begin..], false)));
            }
            self.bytes.drain(..self.begin);
            self.begin = 0;
            // One byte too many stays, by which the line is known as too long.
            if self.bytes.len() > LINE_MOST {
                self.passed_over += self.bytes.len() - LINE_MOST - 1;
                self.bytes.truncate(LINE_MOST + 1);
            }
            if self.passed_over > DAMAGE_MOST {
                bail!("a line is longer than {DAMAGE_MOST} bytes");
            }
            let filled = self.bytes.len();
            self.bytes.resize(filled + BLOCK, 0);
            let read = loop {
                match self.source.read(&mut self.bytes[filled..]) {
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    read => break read.map_err(|error| anyhow!(reason(&error)))?,
                }
            };
            self.bytes.truncate(filled + read);
            self.searched = filled;
            self.is_at_end = read == 0;
        }
    }
}

/// The recorder's records that a filter takes.
pub struct Files {
    files: VecDeque<PathBuf>,
    open: Option<(Lines, String)>,
    is_answer: bool,
    wanted: Wanted,
}

impl Files {
    /// Reads the files, or asks the recorder where this caller may not. The result is empty if this machine has no
    /// recorder.
    ///
    /// # Errors
    /// There is a recorder, and neither its files can be read nor does it answer.
    pub fn open(filter: &Filter) -> Result<Self> {
        let folder = Path::new(FOLDER);
        match all_in(folder) {
            Ok(files) => Ok(Self::of(files, filter)),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => Self::ask(Path::new(HISTORY), filter),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self::none()),
            Err(error) => Err(anyhow!("cannot read {FOLDER}: {}", reason(&error))),
        }
    }

    /// Reads these files, which are in the order of time.
    pub fn of(files: Vec<PathBuf>, filter: &Filter) -> Self {
        // No line of a file is younger than its day: the recorder never goes back to an earlier one.
        let first = filter.since.map(line::day);
        let is_young = |file: &PathBuf| first.as_deref() <= file.file_stem().and_then(|stem| stem.to_str());
        let files = files.into_iter().filter(is_young).collect();
        Self { files, open: None, is_answer: false, wanted: Wanted::new(filter) }
    }

    pub fn none() -> Self {
        Self::of(Vec::new(), &Filter::default())
    }

    fn ask(socket: &Path, filter: &Filter) -> Result<Self> {
        let shown = socket.display().to_string();
        let ask = || {
            let mut stream = UnixStream::connect(socket)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            let first = filter.since.map_or_else(|| "all".to_owned(), line::day);
            stream.write_all(format!("{first}\n").as_bytes())?;
            Ok::<_, std::io::Error>(stream)
        };
        let stream = ask().map_err(|error| {
            anyhow!("you may not read {FOLDER}, and the recorder does not answer on {shown}: {}", reason(&error))
        })?;
        let open = Some((Lines::of(Box::new(stream)), shown));
        Ok(Self { files: VecDeque::new(), open, is_answer: true, wanted: Wanted::new(filter) })
    }

    fn step(&mut self) -> Result<Option<Kept>> {
        loop {
            if self.open.is_none() {
                let Some(file) = self.files.pop_front() else { return Ok(None) };
                self.open = Some((Lines::open(&file)?, printable::text(&file)));
            }
            let Some((lines, name)) = &mut self.open else { continue };
            while let Some((text, is_whole)) = lines.next_line().with_context(|| format!("cannot read {name}"))? {
                if self.is_answer && text == END_OF_ANSWER.as_bytes() {
                    self.open = None;
                    return Ok(None);
                }
                if let Some(wrong) = line::other_schema(text) {
                    return Err(hinted(format!("cannot read {name}: {wrong}"), wrong.hint()));
                }
                if is_whole && self.wanted.may_be(text) {
                    // A line that is not whole says nothing; `history --verify` reports it.
                    match of_line(text) {
                        Ok(record) if self.wanted.filter.takes(&record) => return Ok(Some(record)),
                        _ => {}
                    }
                }
            }
            if self.is_answer {
                bail!("the recorder's answer on {name} ends in the middle");
            }
            self.open = None;
        }
    }
}

impl Iterator for Files {
    type Item = Result<Kept>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step().transpose()
    }
}

/// A filter that a line of bytes can be held against: most lines are not read further.
struct Wanted {
    filter: Filter,
    since: Option<String>,
    until: Option<String>,
    /// What the line must have somewhere. A quote in a value has a backslash before it, so that no value can imitate one.
    parts: Vec<Finder<'static>>,
}

impl Wanted {
    fn new(filter: &Filter) -> Self {
        let part = |name: &str, value: &String| {
            let mut part = format!("\"{name}\":").into_bytes();
            line::append_string(value, &mut part);
            Finder::new(&part).into_owned()
        };
        let name = filter.name.as_ref().map(|value| part("name", value));
        let user = filter.user.as_ref().map(|value| part("user", value));
        Self {
            filter: filter.clone(),
            since: filter.since.map(line::time),
            until: filter.until.map(line::time),
            parts: name.into_iter().chain(user).collect(),
        }
    }

    fn may_be(&self, text: &[u8]) -> bool {
        let Some(head) = line::head(text) else { return false };
        self.since.as_deref().is_none_or(|since| head.time >= since)
            && self.until.as_deref().is_none_or(|until| head.time < until)
            && self.filter.uid.is_none_or(|uid| uid == head.uid)
            && (self.filter.events.is_empty() || self.filter.events.contains(&head.event))
            && self.parts.iter().all(|part| part.find(text).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::error::HintedError;
    use capwrap_core::record::chain::FIRST;
    use capwrap_core::record::line::Line;
    use std::fs;

    const DAY: u64 = 86_400_000_000;

    fn line_of(time: u64, event: &str, name: &str, user: &str) -> Vec<u8> {
        let fields = [("name", name), ("user", user), ("reason", "\"name\":\"other\"")];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut out = Vec::new();
        Line { time, uid: 1, pid: 2, event, fields: &fields, previous: FIRST }.append(&mut out);
        out.push(b'\n');
        out
    }

    #[test]
    fn a_filter_takes_the_same_lines_before_and_after_they_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let put = |day: u64, lines: &[Vec<u8>]| {
            fs::write(folder.path().join(format!("{}.{ENDING}", line::day(day * DAY))), lines.concat()).unwrap();
        };
        put(1, &[line_of(DAY + 1, "launched", "a", "u"), line_of(DAY + 2, "refused", "b", "u")]);
        put(2, &[line_of(2 * DAY, "launched", "b", "v\u{202e}\"x"), b"torn\n".to_vec(), vec![b'{'; 9]]);
        fs::write(folder.path().join("other"), "x").unwrap();
        let files = all_in(folder.path()).unwrap();
        assert_eq!(files.len(), 2);
        let times = |filter: Filter| {
            let found = Files::of(files.clone(), &filter).map(|one| one.unwrap().time);
            found.collect::<Vec<_>>()
        };
        assert_eq!(times(Filter::default()), [DAY + 1, DAY + 2, 2 * DAY]);
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(times(Filter { name: some("b"), ..Filter::default() }), [DAY + 2, 2 * DAY]);
        assert_eq!(times(Filter { name: some("other"), ..Filter::default() }), [0; 0]);
        assert_eq!(times(Filter { user: some("v\u{202e}\"x"), ..Filter::default() }), [2 * DAY]);
        assert_eq!(times(Filter { uid: Some(1), ..Filter::default() }).len(), 3);
        assert_eq!(times(Filter { uid: Some(2), ..Filter::default() }), [0; 0]);
        assert_eq!(times(Filter { events: vec!["refused"], ..Filter::default() }), [DAY + 2]);
        assert_eq!(times(Filter { since: Some(DAY + 2), ..Filter::default() }), [DAY + 2, 2 * DAY]);
        assert_eq!(times(Filter { since: Some(2 * DAY), ..Filter::default() }), [2 * DAY]);
        assert_eq!(times(Filter { until: Some(2 * DAY), ..Filter::default() }), [DAY + 1, DAY + 2]);
    }

    #[test]
    fn a_line_of_another_schema_is_an_error_and_never_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("1970-01-02.jsonl");
        for (schema, expected) in [("2", "later capwrap"), ("0", "no such schema"), ("\"1\"", "not a whole number")] {
            let line = String::from_utf8(line_of(DAY, "launched", "a", "u")).unwrap();
            fs::write(&file, line.replacen(":1,", &format!(":{schema},"), 1)).unwrap();
            let error = Files::of(vec![file.clone()], &Filter::default()).next().unwrap().unwrap_err();
            assert!(error.to_string().contains(expected) && error.is::<HintedError>(), "{error}");
        }
    }

    #[test]
    fn lines_of_any_length_are_cut_at_their_newlines() {
        let long = "x".repeat(BLOCK + 7);
        let text = format!("a\n\n{long}\nlast");
        let mut lines = Lines::of(Box::new(std::io::Cursor::new(text.into_bytes())));
        let mut read = Vec::new();
        while let Some((line, is_whole)) = lines.next_line().unwrap() {
            read.push((String::from_utf8(line.to_vec()).unwrap(), is_whole));
        }
        let expected = [("a", true), ("", true), (&long, true), ("last", false)];
        assert_eq!(read, expected.map(|(line, is_whole)| (line.to_owned(), is_whole)));
        assert!(Lines::of(Box::new(std::io::repeat(0))).next_line().is_err());
    }

    #[test]
    fn a_line_that_is_too_long_for_a_record_is_passed_over_and_what_follows_is_read() {
        for length in [LINE_MOST + 1, LINE_MOST + BLOCK, 5 * LINE_MOST + 7] {
            let text = [&vec![b'z'; length][..], b"\nnext\n", &vec![0; length]].concat();
            let mut lines = Lines::of(Box::new(std::io::Cursor::new(text)));
            let damaged = lines.next_line().unwrap().unwrap();
            assert_eq!((damaged.0.len(), damaged.1), (LINE_MOST, false), "{length}");
            assert_eq!(lines.next_line().unwrap(), Some((&b"next"[..], true)));
            assert!(matches!(lines.next_line().unwrap(), Some((_, false))));
            assert_eq!(lines.next_line().unwrap(), None);
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("1970-01-02.jsonl");
        let record = line_of(DAY, "launched", "a", "u");
        fs::write(&file, [&vec![0; 3 * LINE_MOST][..], b"\n", &record].concat()).unwrap();
        assert_eq!(Files::of(vec![file], &Filter::default()).map(|one| one.unwrap().time).collect::<Vec<_>>(), [DAY]);
    }
}
