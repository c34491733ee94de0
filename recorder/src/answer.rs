//! Shows each user their own records: those whose uid is the one that the kernel names for the asking process.

use crate::{store, system};
use capwrap_core::record::line::{self, END_OF_ANSWER};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The questions that are answered at a time, each of another user.
const AT_ONCE: usize = 8;

/// The time that a reader gets for the next part of an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The time for which nobody loses their place to another user. One user can have many numbers (subuid(5)), and take all
/// places with questions that never end.
const OWN_TIME: Duration = Duration::from_secs(5);

/// The longest question.
const QUESTION_MOST: u64 = 64;

/// The questions that are being answered, by who asks.
type Asking = Arc<Mutex<HashMap<u32, Place>>>;

/// A question that is being answered.
struct Place {
    since: Instant,
    stream: Arc<UnixStream>,
}

/// Answers until the socket fails.
///
/// # Errors
/// It failed.
pub fn run(listener: &UnixListener, folder: &Path) -> Result<(), String> {
    let asking = Asking::default();
    loop {
        let stream = match listener.accept() {
            Ok((stream, _)) => Arc::new(stream),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(format!("cannot take a connection: {error}")),
        };
        let Ok(peer) = system::peer(&stream) else { continue };
        // Who is turned away sees that the answer has no end.
        if !take_place(&asking, peer.uid, &stream) {
            continue;
        }
        let (others, folder, own) = (Arc::clone(&asking), folder.to_owned(), Arc::clone(&stream));
        let thread = std::thread::Builder::new().spawn(move || {
            let _ = answer(&own, peer.uid, &folder);
            leave_place(&others, peer.uid, &own);
        });
        if thread.is_err() {
            leave_place(&asking, peer.uid, &stream);
        }
    }
}

/// Takes a place for a user, of whom no other question is being answered. If there is none, the oldest question ends that
/// has had its time.
fn take_place(asking: &Asking, uid: u32, stream: &Arc<UnixStream>) -> bool {
    let mut asking = asking.lock().unwrap_or_else(PoisonError::into_inner);
    if asking.contains_key(&uid) {
        return false;
    }
    if asking.len() >= AT_ONCE {
        let oldest = asking.iter().min_by_key(|(_, place)| place.since);
        let Some((oldest, place)) = oldest.filter(|(_, place)| place.since.elapsed() >= OWN_TIME) else { return false };
        let oldest = *oldest;
        let _ = place.stream.shutdown(Shutdown::Both);
        asking.remove(&oldest);
    }
    asking.insert(uid, Place { since: Instant::now(), stream: Arc::clone(stream) });
    true
}

/// Leaves the place of a question, unless it was taken away.
fn leave_place(asking: &Asking, uid: u32, stream: &Arc<UnixStream>) {
    let mut asking = asking.lock().unwrap_or_else(PoisonError::into_inner);
    if asking.get(&uid).is_some_and(|place| Arc::ptr_eq(&place.stream, stream)) {
        asking.remove(&uid);
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
