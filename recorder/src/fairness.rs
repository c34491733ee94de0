//! What one user can take of the recorder, so that nobody holds up others: connections, places in a batch, and the last
//! free space of the disk.

use std::collections::HashMap;

/// The connections of one user at a time.
pub const PER_USER: usize = 256;

/// The connections of all users at a time.
pub const OF_ALL: usize = 1024;

/// The records of one user that are flushed together.
pub const PER_BATCH: usize = 64;

/// The space that is kept for users who have written little today: this, or a part of a small file system.
const RESERVE: u64 = 64 * 1024 * 1024;
const RESERVED_PART: u64 = 20;

/// What is little.
const LITTLE: u64 = 1024 * 1024;

/// The users whose bytes are counted. More than so many in a day begin anew.
const COUNTED: usize = 100_000;

/// The bytes that each user has written today.
#[derive(Debug, Default)]
pub struct Written {
    day: u64,
    of_user: HashMap<u32, u64>,
}

impl Written {
    /// Counts bytes of a user, at a time in microseconds since 1970.
    pub fn count(&mut self, uid: u32, bytes: u64, now: u64) {
        let day = now / 86_400_000_000;
        if day != self.day || self.of_user.len() >= COUNTED {
            self.day = day;
            self.of_user.clear();
        }
        *self.of_user.entry(uid).or_default() += bytes;
    }

    /// Whether a user may write more where so much of the file system is free. Root may always.
    pub fn may_write(&self, uid: u32, free: u64, all: u64) -> bool {
        let is_short = free < RESERVE.min(all / RESERVED_PART);
        uid == 0 || !is_short || self.of_user.get(&uid).is_none_or(|written| *written < LITTLE)
    }
}

/// Returns the user with the most, of those that are counted; the greatest number among equals.
pub fn largest(users: impl Iterator<Item = u32>) -> Option<u32> {
    let mut counts: HashMap<u32, usize> = HashMap::new();
    users.for_each(|uid| *counts.entry(uid).or_default() += 1);
    counts.into_iter().max_by_key(|(uid, count)| (*count, *uid)).map(|(uid, _)| uid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_written_much_waits_for_space_and_others_do_not() {
        let mut written = Written::default();
        written.count(7, 2 * LITTLE, 0);
        written.count(0, 2 * LITTLE, 0);
        let (all, short) = (1 << 40, RESERVE - 1);
        assert!(written.may_write(7, RESERVE, all) && !written.may_write(7, short, all));
        assert!(written.may_write(8, short, all) && written.may_write(0, short, all));
        // A small file system has a small reserve.
        assert!(written.may_write(7, 2 << 20, 20 << 20) && !written.may_write(7, 1 << 19, 20 << 20));
        written.count(9, 1, 86_400_000_000);
        assert!(written.may_write(7, short, all), "it is another day");
    }

    #[test]
    fn the_one_with_the_most_is_found() {
        assert_eq!(largest([1, 2, 2, 3].into_iter()), Some(2));
        assert_eq!(largest([].into_iter()), None);
    }
}
