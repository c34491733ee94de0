//! Whether somebody is writing a file at this moment.
//!
//! An editor that saves in place empties the file and writes it piece by piece, and the first piece of
//! a policy can be a policy that grants more: a grant whose `when` is not there yet. Nobody can be
//! asked whether the file is open for writing but by a lease, which takes cap_lease (fcntl(2)). Its
//! times show it: a write sets the time of the last modification and that of the last change to the same
//! now (inode(7)). What was written elsewhere and then renamed, or had its mode or its times set when
//! it was complete, was changed later than it was modified. So is what somebody made a hard link to, which is nobody
//! but root where `fs.protected_hardlinks` is 1 (`Documentation/admin-guide/sysctl/fs.rst`); where it is not,
//! the later change shows nothing.

use crate::system::files;
use nix::sys::stat::FileStat;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

/// How long a file that was last written in place must have been left alone.
const STILL: Duration = Duration::from_secs(1);
/// How long to wait between two attempts.
pub const BETWEEN_RETRIES: Duration = Duration::from_millis(50);
/// Attempts before capwrap gives up on a file that is written all the time: ten seconds.
pub const RETRIES: usize = 200;

/// What of a file is never the same after a write.
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

    /// Whether the last thing that happened to it was a write, a moment ago.
    fn was_just_written(&self) -> bool {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        // A time in the future, after the clock was set back, is as good as now.
        let recent = |time| now.saturating_sub(time) < STILL;
        recent(self.modified) && recent(self.changed) && (self.modified == self.changed || !links_are_protected())
    }
}

/// Whether nobody can make a hard link to a file of root's. What cannot be read is as good as no.
fn links_are_protected() -> bool {
    let setting = files::read_if_there(Path::new("/proc/sys/fs/protected_hardlinks"));
    setting.is_ok_and(|value| value.is_some_and(|value| value.trim() == "1"))
}

/// Times before 1970 are as old as it gets.
fn since_1970(seconds: i64, nanoseconds: i64) -> Duration {
    Duration::new(seconds.try_into().unwrap_or(0), nanoseconds.try_into().unwrap_or(0))
}

/// The attempts to read one file.
#[derive(Debug, Default)]
pub struct Watch {
    last: Option<(Stamp, Instant)>,
}

impl Watch {
    /// Whether what was read between these two stamps is the whole file.
    pub fn is_whole(&mut self, before: Stamp, after: Stamp) -> bool {
        let since = match self.last {
            Some((last, since)) if last == before && before == after => since,
            _ => Instant::now(),
        };
        self.last = Some((after, since));
        before == after && (!after.was_just_written() || since.elapsed() >= STILL)
    }
}
