//! Sends a record to the recorder, and to the log of this machine: to the journal's own socket if there is one, and else
//! to the socket of syslog. The launcher and the verbs send by this code alone.

use super::write::Record;
use crate::errno;
use crate::text::printable;
use nix::errno::Errno;
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

/// The journal's socket for records with fields (systemd's JOURNAL_NATIVE_PROTOCOL).
pub const JOURNAL: &str = "/run/systemd/journal/socket";
/// The socket of syslog(3).
pub const SYSLOG: &str = "/dev/log";

/// The recorder's socket for records. It takes packets (SOCK_SEQPACKET), each a whole record.
pub const RECORDER: &str = "/run/capwrap/record.sock";

/// The group by which the recorder knows the launcher. It owns nothing but the socket, and nobody is in it.
pub const RECORD_GROUP: &str = "capwrap-record";

/// The command that starts the recorder where systemd runs, and the page that says how another supervisor does.
pub const START_RECORDER: &str =
    "systemctl enable --now capwrap-recorder.socket  # without systemd: man capwrap-recorder";

/// The recorder's answer after it has flushed the record to the disk. Every other answer says why it did not.
pub const STORED: &[u8] = b"stored";

/// The time that the recorder gets to store a record, or the log to accept one. After that, capwrap counts it as a log
/// that does not accept records.
const PATIENCE: Duration = Duration::from_secs(2);

/// Converts a record to the datagram that a log expects.
type Form = fn(&Record) -> Vec<u8>;

/// A log that is listening, and the format in which it accepts records.
#[derive(Debug)]
pub struct Log {
    socket: UnixDatagram,
    form: Form,
}

impl Log {
    /// Opens the first log that is listening. The result is `None` if none is.
    ///
    /// # Errors
    /// A log is there, and the system refuses to connect to it.
    pub fn open() -> Result<Option<Self>, Errno> {
        let socket = UnixDatagram::unbound().map_err(errno::of)?;
        socket.set_write_timeout(Some(PATIENCE)).map_err(errno::of)?;
        let forms: [(&str, Form); 2] =
            [(JOURNAL, Record::to_journal), (SYSLOG, |record| record.to_syslog(std::process::id()))];
        for (path, form) in forms {
            match socket.connect(path).map_err(errno::of) {
                Ok(()) => return Ok(Some(Self { socket, form })),
                Err(Errno::ENOENT | Errno::ECONNREFUSED | Errno::ENOTDIR) => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(None)
    }

    /// Waits for nothing from here on: a log that does not accept a record at once does not get it.
    ///
    /// # Errors
    /// The system refuses.
    pub fn without_patience(self) -> Result<Self, Errno> {
        self.socket.set_nonblocking(true).map_err(errno::of)?;
        Ok(self)
    }

    /// Sends a record.
    ///
    /// # Errors
    /// The log does not accept the record, or not soon enough.
    pub fn take(&self, record: &Record) -> Result<(), Errno> {
        let datagram = (self.form)(record);
        match self.socket.send(&datagram).map_err(errno::of)? {
            sent if sent == datagram.len() => Ok(()),
            _ => Err(Errno::EMSGSIZE),
        }
    }
}

/// The most bytes of an answer that are shown.
const ANSWER_MOST: usize = 512;

/// Why a record is not on the disk for sure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotStored {
    /// Nothing listens on [`RECORDER`].
    NoRecorder,
    /// This process may not connect: it does not have [`RECORD_GROUP`].
    NotAllowed,
    /// The recorder has not answered in time.
    Late,
    /// The recorder's answer in its own words, or an error of the system.
    Refused(String),
}

impl NotStored {
    fn of(errno: Errno) -> Self {
        match errno {
            Errno::ENOENT | Errno::ECONNREFUSED | Errno::ENOTDIR => Self::NoRecorder,
            Errno::EACCES | Errno::EPERM => Self::NotAllowed,
            Errno::EAGAIN | Errno::ETIMEDOUT => Self::Late,
            errno => Self::Refused(errno.desc().to_owned()),
        }
    }
}

impl fmt::Display for NotStored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRecorder => write!(f, "no recorder listens on {RECORDER}"),
            Self::NotAllowed => {
                write!(f, "this process may not connect to {RECORDER}: it lacks the group {RECORD_GROUP}")
            }
            Self::Late => write!(f, "the recorder has not stored it within {} seconds", PATIENCE.as_secs()),
            Self::Refused(why) => f.write_str(why),
        }
    }
}

/// A connection to the recorder, which wrote down at that moment who connected.
#[derive(Debug)]
pub struct Recorder {
    /// Not a socket of datagrams: what the standard library does with one is right for each socket of packets.
    socket: UnixDatagram,
    /// Until when it is waited for, if it is at all.
    until: Option<Instant>,
}

impl Recorder {
    /// Connects a new socket of the kind SOCK_SEQPACKET. A queue of connections that is full is waited for, if `waits`.
    ///
    /// # Errors
    /// There is no recorder, or it is not open to this process, or not in time.
    pub fn connect(socket: OwnedFd, waits: bool) -> Result<Self, NotStored> {
        let recorder = Self { socket: socket.into(), until: waits.then(|| Instant::now() + PATIENCE) };
        if !waits {
            recorder.socket.set_nonblocking(true).map_err(|error| NotStored::of(errno::of(error)))?;
        }
        recorder.patiently(|socket| socket.connect(RECORDER))?;
        Ok(recorder)
    }

    /// Sends a record and waits until it is on the disk.
    ///
    /// # Errors
    /// Nobody knows that it is there.
    pub fn store(&self, record: &Record) -> Result<(), NotStored> {
        self.send(record)?;
        let mut answer = [0; ANSWER_MOST];
        let length = self.patiently(|socket| socket.recv(&mut answer))?;
        match &answer[..length] {
            STORED => Ok(()),
            [] => Err(NotStored::Refused("the recorder ended without an answer".to_owned())),
            why => Err(NotStored::Refused(printable::text(String::from_utf8_lossy(why).as_ref()))),
        }
    }

    /// Sends a record, and does not wait for what becomes of it.
    ///
    /// # Errors
    /// The recorder does not take it.
    pub fn send(&self, record: &Record) -> Result<(), NotStored> {
        let packet = record.to_journal();
        match self.patiently(|socket| socket.send(&packet))? {
            sent if sent == packet.len() => Ok(()),
            _ => Err(NotStored::Refused("the recorder took a part of it".to_owned())),
        }
    }

    /// Does something with the socket in the time that is left. A signal that stopped and continued this process
    /// interrupts a call with a timeout (signal(7)).
    fn patiently<T>(&self, mut act: impl FnMut(&UnixDatagram) -> io::Result<T>) -> Result<T, NotStored> {
        loop {
            if let Some(until) = self.until {
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Err(NotStored::Late);
                }
                self.limit_to(left).map_err(|error| NotStored::of(errno::of(error)))?;
            }
            match act(&self.socket).map_err(errno::of) {
                Err(Errno::EINTR) => {}
                outcome => return outcome.map_err(NotStored::of),
            }
        }
    }

    fn limit_to(&self, left: Duration) -> io::Result<()> {
        self.socket.set_write_timeout(Some(left))?;
        self.socket.set_read_timeout(Some(left))
    }
}
