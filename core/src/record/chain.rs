//! The chain of the recorder's lines: each has the hash of the line before it. A line that was changed, removed or moved
//! is found by what follows it. Nothing follows the newest line, so its hash is kept elsewhere too.

use super::line::{self, TORN};
use crate::digest;
use crate::schema::Wrong;
use std::fmt;

/// The hash that stands in for the line before the very first.
pub const FIRST: [u8; 32] = [0; 32];

/// How a line fails to follow the line before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Break {
    /// The hash in it is not that of the line before.
    NotNext,
    /// It is not a whole line, and the recorder did not say so.
    NotWhole,
    /// It is in another format, so that nobody knows what it follows.
    OtherSchema(Wrong),
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OtherSchema(wrong) => return wrong.fmt(f),
            Self::NotNext => {
                "its hash is not that of the line before: a line here was changed, removed, added or moved"
            }
            Self::NotWhole => "it is not a whole line, and the recorder wrote nothing about that",
        })
    }
}

/// The lines of a chain so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Chain {
    newest: Option<[u8; 32]>,
    /// The last line is not whole, and only a line of the recorder about that may follow.
    is_torn: bool,
}

impl Chain {
    /// Returns the hash of the newest line, if there was one.
    pub const fn newest(&self) -> Option<[u8; 32]> {
        self.newest
    }

    /// Takes the next line, without its newline. The first line may follow anything, because older files may be gone.
    ///
    /// # Errors
    /// The line does not follow. The chain goes on from it all the same.
    pub fn follow(&mut self, line: &[u8]) -> Result<(), Break> {
        let before = self.newest.replace(digest::of_bytes(line));
        let was_torn = std::mem::take(&mut self.is_torn);
        if let Some(wrong) = line::other_schema(line) {
            return Err(Break::OtherSchema(wrong));
        }
        let Some(previous) = line::previous(line) else {
            self.is_torn = true;
            return if was_torn { Err(Break::NotWhole) } else { Ok(()) };
        };
        if before.is_some_and(|before| before != previous) {
            return Err(Break::NotNext);
        }
        let says_torn = line::head(line).is_some_and(|head| head.event == TORN);
        if was_torn && !says_torn { Err(Break::NotWhole) } else { Ok(()) }
    }

    /// Ends the chain.
    ///
    /// # Errors
    /// The newest line is not whole: the recorder has not started again since it was written.
    pub const fn end(&self) -> Result<(), Break> {
        if self.is_torn { Err(Break::NotWhole) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::line::Line;

    fn lines(events: &[&str]) -> Vec<Vec<u8>> {
        let mut previous = FIRST;
        let write = |(at, event): (usize, &&str)| {
            let mut out = Vec::new();
            match *event {
                "half" => out.extend_from_slice(b"{\"time\":\"20"),
                event => Line { time: at as u64, uid: 1, pid: 2, event, fields: &[], previous }.append(&mut out),
            }
            previous = digest::of_bytes(&out);
            out
        };
        events.iter().enumerate().map(write).collect()
    }

    fn breaks(lines: &[Vec<u8>]) -> Vec<(usize, Break)> {
        let mut chain = Chain::default();
        let found = lines.iter().enumerate().filter_map(|(at, line)| chain.follow(line).err().map(|why| (at, why)));
        let mut found: Vec<_> = found.collect();
        found.extend(chain.end().err().map(|why| (lines.len(), why)));
        found
    }

    #[test]
    fn a_line_that_was_changed_removed_moved_or_added_is_found() {
        let whole = lines(&["launched"; 6]);
        assert_eq!(breaks(&whole), []);
        // Older files may be gone, and what is cut off at the end nobody sees.
        assert_eq!(breaks(&whole[2..]), []);
        assert_eq!(breaks(&whole[..4]), []);
        let mut changed = whole.clone();
        changed[2][30] ^= 1;
        assert_eq!(breaks(&changed), [(3, Break::NotNext)]);
        let mut removed = whole.clone();
        removed.remove(3);
        assert_eq!(breaks(&removed), [(3, Break::NotNext)]);
        let mut moved = whole.clone();
        moved.swap(2, 3);
        assert_eq!(breaks(&moved), [2, 3, 4].map(|at| (at, Break::NotNext)));
        let mut added = whole.clone();
        added.insert(3, whole[2].clone());
        assert_eq!(breaks(&added), [(3, Break::NotNext)]);
    }

    #[test]
    fn a_line_of_another_schema_is_named_and_the_chain_goes_on_behind_it() {
        let whole = lines(&["launched"; 3]);
        let newer =
            String::from_utf8(whole[1].clone()).unwrap().replacen("\"schema\":1,", "\"schema\":2,", 1).into_bytes();
        let previous = digest::of_bytes(&newer);
        let mut next = Vec::new();
        Line { time: 3, uid: 1, pid: 2, event: "launched", fields: &[], previous }.append(&mut next);
        assert_eq!(breaks(&[whole[0].clone(), newer, next]), [(1, Break::OtherSchema(Wrong::Newer))]);
    }

    #[test]
    fn a_line_that_is_not_whole_must_be_followed_by_one_that_says_so() {
        assert_eq!(breaks(&lines(&["launched", "half", TORN, "launched"])), []);
        assert_eq!(breaks(&lines(&["launched", "half", "launched"])), [(2, Break::NotWhole)]);
        assert_eq!(breaks(&lines(&["launched", "half", "half", TORN])), [(2, Break::NotWhole)]);
        assert_eq!(breaks(&lines(&["launched", "half"])), [(2, Break::NotWhole)]);
    }
}
