//! Sends a record to the log of this machine: to the journal's own socket if there is one, and else to the socket of
//! syslog. The launcher and the verbs send by this code alone.

use super::write::Record;
use crate::errno;
use nix::errno::Errno;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

/// The journal's socket for records with fields (systemd's JOURNAL_NATIVE_PROTOCOL).
pub const JOURNAL: &str = "/run/systemd/journal/socket";
/// The socket of syslog(3).
pub const SYSLOG: &str = "/dev/log";

/// The time that the log gets to accept a record. After that, capwrap counts it as a log that does
/// not accept records.
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
