//! Detects that somebody is writing a file at this moment.
//!
//! An editor that saves in place empties the file and writes it piece by piece. The first piece of
//! a policy can grant more than the whole: it may contain a grant whose `when` has not been written
//! yet. Only a lease would show whether the file is open for writing, and a lease needs cap_lease
//! (fcntl(2)).
//!
//! The file's times show it instead. A write sets the times of the last modification and of the
//! last change to the same moment (inode(7)). A file that was written under another name and then
//! renamed, or whose mode or times were set when it was complete, was changed later than it was
//! modified. The same is true of a file to which somebody made a hard link. Only root can do that
//! where `fs.protected_hardlinks` is 1 (`Documentation/admin-guide/sysctl/fs.rst`); where it is not
//! 1, the later change proves nothing.

use crate::system::{clock, files};
use nix::Error;
use nix::sys::stat::FileStat;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a file that was last written in place must have been unchanged.
const STILL: Duration = Duration::from_secs(1);
/// The time to wait between two attempts.
pub const BETWEEN_RETRIES: Duration = Duration::from_millis(50);
/// The number of attempts before capwrap gives up on a file that is written all the time. Together
/// they take ten seconds.
pub const RETRIES: usize = 200;

/// The properties of a file that a write always changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    inode: (u64, u64),
    size: i64,
    modified: Duration,
    changed: Duration,
}

impl Stamp {
    pub fn of(status: &FileStat) -> Self {
        Self {
            inode: (status.st_dev, status.st_ino),
            size: status.st_size,
            modified: since_1970(status.st_mtime, status.st_mtime_nsec),
            changed: since_1970(status.st_ctime, status.st_ctime_nsec),
        }
    }

    /// Returns whether the last change to the file was a write, a moment ago.
    fn was_just_written(&self) -> Result<bool, Error> {
        let now = clock::since_1970()?;
        // A time in the future, left from before the clock was set back, counts as now.
        let recent = |time| now.saturating_sub(time) < STILL;
        let is_recent = recent(self.modified) && recent(self.changed);
        Ok(is_recent && (self.modified == self.changed || !links_are_protected()))
    }
}

/// Returns whether only root can make a hard link to a file of root's. A setting that cannot be
/// read counts as no.
fn links_are_protected() -> bool {
    let setting = files::read_if_there(Path::new("/proc/sys/fs/protected_hardlinks"));
    setting.is_ok_and(|value| value.is_some_and(|value| value.trim() == "1"))
}

/// A time before 1970 counts as 1970.
fn since_1970(seconds: i64, nanoseconds: i64) -> Duration {
    Duration::new(seconds.try_into().unwrap_or(0), nanoseconds.try_into().unwrap_or(0))
}

/// The attempts to read one file.
#[derive(Debug, Default)]
pub struct Watch {
    last: Option<(Stamp, Instant)>,
}

impl Watch {
    /// Returns whether the text that was read between these two stamps is the whole file.
    ///
    /// # Errors
    /// The kernel does not say what time it is.
    pub fn is_whole(&mut self, before: Stamp, after: Stamp) -> Result<bool, Error> {
        if before == after && !after.was_just_written()? {
            return Ok(true);
        }
        let since = match self.last {
            Some((last, since)) if last == before && before == after => since,
            _ => Instant::now(),
        };
        self.last = Some((after, since));
        Ok(before == after && since.elapsed() >= STILL)
    }
}
