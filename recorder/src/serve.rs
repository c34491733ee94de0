//! Takes records from the launcher, stores them, and says so.
//!
//! One thread does everything: it takes what has come, writes and flushes all of it together, and answers. What comes in
//! the meantime is the next batch, so that 64 callers at once wait for two flushes and not for 64.

use crate::fairness::{self, OF_ALL, PER_BATCH, PER_USER, Written};
use crate::log::note;
use crate::store::{Entry, Failure, Store};
use crate::system::{self, Peer};
use capwrap_core::record::received::{MAX_BYTES, Received};
use capwrap_core::record::send::STORED;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::collections::{HashMap, VecDeque};
use std::io::{ErrorKind, Write};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant, SystemTime};

/// The time in which a connection must bring its record. The launcher does not wait longer for the answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// The time between two notes of the newest hash in the journal.
const HOUR: Duration = Duration::from_secs(3600);

/// The connections that are taken before records are written.
const PER_ROUND: usize = 256;

/// Microseconds since 1970.
pub fn now() -> u64 {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// A connection that has brought nothing yet.
struct Waiting {
    stream: UnixStream,
    peer: Peer,
    since: Instant,
}

/// A record that is to be stored, and who waits for that.
struct Pending {
    stream: UnixStream,
    peer: Peer,
    record: Received,
    bytes: u64,
}

struct Server<'s> {
    listener: &'s UnixListener,
    store: Store,
    /// The group of the launcher.
    group: u32,
    waiting: Vec<Waiting>,
    pending: VecDeque<Pending>,
    written: Written,
    /// How often each user connected without being the launcher.
    strangers: HashMap<u32, u64>,
    noted: (Instant, u64),
    buffer: Vec<u8>,
}

/// Serves until something happens after which nobody knows what is on disk.
///
/// # Errors
/// That, or the socket is no socket.
pub fn run(listener: &UnixListener, store: Store, group: u32) -> Result<(), String> {
    listener.set_nonblocking(true).map_err(|error| error.to_string())?;
    let mut server = Server {
        listener,
        store,
        group,
        waiting: Vec::new(),
        pending: VecDeque::new(),
        written: Written::default(),
        strangers: HashMap::new(),
        noted: (Instant::now(), 0),
        // One byte more than a record may have.
        buffer: vec![0; MAX_BYTES + 1],
    };
    loop {
        let is_connected = server.wait()?;
        if is_connected {
            server.accept()?;
        }
        server.receive();
        server.store()?;
        server.note();
    }
}

impl Server<'_> {
    /// Waits until there is something to do, and returns whether somebody has connected.
    fn wait(&self) -> Result<bool, String> {
        let next = if self.pending.is_empty() {
            let oldest =
                self.waiting.iter().map(|one| (one.since + PATIENCE).saturating_duration_since(Instant::now()));
            oldest.min().unwrap_or(HOUR)
        } else {
            Duration::ZERO
        };
        let milliseconds = i32::try_from(next.as_millis() + u128::from(!next.is_zero())).unwrap_or(i32::MAX);
        let mut polled = vec![PollFd::new(self.listener.as_fd(), PollFlags::POLLIN)];
        polled.extend(self.waiting.iter().map(|one| PollFd::new(one.stream.as_fd(), PollFlags::POLLIN)));
        let timeout = PollTimeout::try_from(milliseconds).unwrap_or(PollTimeout::MAX);
        match poll(&mut polled, timeout) {
            Ok(_) => Ok(polled[0].any().unwrap_or(false)),
            Err(nix::errno::Errno::EINTR) => Ok(false),
            Err(errno) => Err(format!("cannot wait for records: {errno}")),
        }
    }

    fn accept(&mut self) -> Result<(), String> {
        for _ in 0..PER_ROUND {
            let stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if matches!(error.raw_os_error(), Some(libc::ECONNABORTED | libc::EINTR)) => continue,
                // No descriptor or no memory is left: the records that are here make room.
                Err(error) if matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM)) => {
                    self.make_room();
                    return Ok(());
                }
                Err(error) => return Err(format!("cannot take a connection: {error}")),
            };
            let Ok(peer) = system::peer(&stream) else { continue };
            // Root can take every group.
            if peer.gid != self.group && peer.uid != 0 {
                let count = self.strangers.entry(peer.uid).or_default();
                *count += 1;
                if *count == 1 {
                    note(&format!("uid {} connected with gid {}, which is not the launcher's", peer.uid, peer.gid));
                }
                refuse(&stream, "only the launcher may send records");
                continue;
            }
            let users = self.waiting.iter().map(|one| one.peer.uid).chain(self.pending.iter().map(|one| one.peer.uid));
            if users.filter(|uid| *uid == peer.uid).count() >= PER_USER {
                refuse(&stream, "too many launches of this user wait for their records");
                continue;
            }
            if self.waiting.len() + self.pending.len() >= OF_ALL {
                self.make_room();
            }
            if stream.set_nonblocking(true).is_ok() {
                self.waiting.push(Waiting { stream, peer, since: Instant::now() });
            }
        }
        Ok(())
    }

    /// Drops a connection of the user who has the most.
    fn make_room(&mut self) {
        let largest = fairness::largest(self.waiting.iter().map(|one| one.peer.uid));
        if let Some(at) = self.waiting.iter().position(|one| Some(one.peer.uid) == largest) {
            refuse(&self.waiting.swap_remove(at).stream, "too many launches wait for their records");
        }
    }

    /// Takes the records that have come.
    fn receive(&mut self) {
        let (mut at, now) = (0, Instant::now());
        while let Some(one) = self.waiting.get(at) {
            let length = match system::receive(&one.stream, &mut self.buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock && now < one.since + PATIENCE => {
                    at += 1;
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => 0,
                Ok(length) => length,
            };
            let Waiting { stream, peer, .. } = self.waiting.remove(at);
            // It ended, or brought nothing in time.
            if length == 0 {
                continue;
            }
            let read = match self.buffer.get(..length) {
                Some(packet) => Received::read(packet),
                None => Err("it is too large"),
            };
            match read {
                Ok(record) if record.uid.is_some_and(|uid| uid != peer.uid) => {
                    refuse(&stream, "the record names another user than the one who sent it");
                }
                Ok(record) => self.pending.push_back(Pending { stream, peer, record, bytes: length as u64 }),
                Err(why) => refuse(&stream, &format!("the record cannot be read: {why}")),
            }
        }
    }

    /// Stores the next batch, in which no user has more than a part, and answers.
    fn store(&mut self) -> Result<(), String> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let (mut batch, mut rest, mut counts) = (Vec::new(), VecDeque::new(), HashMap::new());
        for one in self.pending.drain(..) {
            let count = counts.entry(one.peer.uid).or_insert(0);
            *count += 1;
            if *count <= PER_BATCH { batch.push(one) } else { rest.push_back(one) }
        }
        self.pending = rest;
        let (free, all) = self.store.space().unwrap_or((u64::MAX, u64::MAX));
        batch.retain(|one| {
            let may = self.written.may_write(one.peer.uid, free, all);
            if !may {
                refuse(&one.stream, "the disk is almost full, and this user has written much today");
            }
            may
        });
        let time = now();
        let mut streams = Vec::new();
        let mut entries = Vec::new();
        for Pending { stream, peer: Peer { uid, pid, .. }, record: Received { event, fields, .. }, bytes } in batch {
            self.written.count(uid, bytes, time);
            streams.push(stream);
            entries.push(Entry { time, uid, pid, event, fields });
        }
        match self.store.append(&entries) {
            // Who does not wait for the answer is gone.
            Ok(()) => streams.iter().for_each(|mut stream| drop(stream.write(STORED))),
            Err(failure) => {
                streams.iter().for_each(|stream| refuse(stream, &failure.to_string()));
                if let Failure::Unknown(why) = failure {
                    return Err(why);
                }
            }
        }
        Ok(())
    }

    /// Writes the newest hash into the journal once an hour, if there is a new one, and who was not the launcher.
    fn note(&mut self) {
        let (since, lines) = self.noted;
        if since.elapsed() < HOUR && lines > 0 {
            return;
        }
        if self.store.lines() > lines {
            let (hash, path) = self.store.newest();
            note(&format!("newest hash {hash} in {}", path.display()));
        }
        for (uid, count) in self.strangers.drain() {
            note(&format!("uid {uid} connected {count} times without being the launcher"));
        }
        self.noted = (Instant::now(), self.store.lines());
    }
}

/// Answers that the record is not stored, and why. Nobody waits for somebody who does not read.
fn refuse(stream: &UnixStream, why: &str) {
    let mut stream = stream;
    let _ = stream.set_nonblocking(true);
    // The other end reads no answer from a connection that is closed with something unread in it.
    let _ = system::receive(stream, &mut [0]);
    let _ = stream.write(why.as_bytes());
}
