//! Shows each user their own records: those whose uid is the one that the kernel names for the asking process.

use crate::{store, system};
use capwrap_core::record::line::{self, END_OF_ANSWER};
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The questions that are answered at a time, each of another user.
const AT_ONCE: usize = 8;

/// The time that a reader gets for the next part of an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The longest question.
const QUESTION_MOST: u64 = 64;

/// Answers until the socket fails.
///
/// # Errors
/// It failed.
pub fn run(listener: &UnixListener, folder: &Path) -> Result<(), String> {
    let asking: Arc<Mutex<HashSet<u32>>> = Arc::default();
    loop {
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(format!("cannot take a connection: {error}")),
        };
        let Ok(peer) = system::peer(&stream) else { continue };
        {
            let mut asking = asking.lock().unwrap_or_else(PoisonError::into_inner);
            // Who is turned away sees that the answer has no end.
            if asking.len() >= AT_ONCE || !asking.insert(peer.uid) {
                continue;
            }
        }
        let (others, folder) = (Arc::clone(&asking), folder.to_owned());
        let thread = std::thread::Builder::new().spawn(move || {
            let _ = answer(&stream, peer.uid, &folder);
            others.lock().unwrap_or_else(PoisonError::into_inner).remove(&peer.uid);
        });
        if thread.is_err() {
            asking.lock().unwrap_or_else(PoisonError::into_inner).remove(&peer.uid);
        }
    }
}

/// The question is a day, or `all`, and a newline. The answer is the lines of this user from that day on.
fn answer(stream: &UnixStream, uid: u32, folder: &Path) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut question = String::new();
    BufReader::new(stream.take(QUESTION_MOST)).read_line(&mut question)?;
    let first = question.trim_end();
    let first = if first == "all" { "" } else { first };
    let mut out = BufWriter::with_capacity(64 * 1024, stream);
    for day in store::days(folder)?.iter().filter(|day| day.as_str() >= first) {
        let mut lines = BufReader::with_capacity(256 * 1024, File::open(store::file_of(folder, day))?);
        let mut text = Vec::new();
        while lines.read_until(b'\n', &mut text)? > 0 {
            if text.ends_with(b"\n") && line::head(&text).is_some_and(|head| head.uid == uid) {
                out.write_all(&text)?;
            }
            text.clear();
        }
    }
    writeln!(out, "{END_OF_ANSWER}")?;
    out.flush()
}
