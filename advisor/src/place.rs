//! Who else could put another file in a file's place.

use std::fmt;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A directory on the way to a file in which somebody other than root can replace what lies there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The directory.
    pub directory: PathBuf,
    /// Its owner's user id.
    pub uid: u32,
    /// Its group's id.
    pub gid: u32,
    /// Its permission bits.
    pub mode: u32,
}

impl fmt::Display for Opening {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let directory = capwrap::printable::text(&self.directory);
        match self {
            Self { uid: 1.., .. } => write!(out, "{directory} belongs to uid {}", self.uid),
            Self { mode, .. } if mode & 0o002 != 0 => write!(out, "everybody can write {directory} (mode {mode:04o})"),
            Self { mode, gid, .. } => write!(out, "group {gid} can write {directory} (mode {mode:04o})"),
        }
    }
}

/// Every opening among the directories on the way to this absolute path, those of the way as it is
/// written and those that its symbolic links lead through, each once. The launcher's rule, in the
/// launcher's `walk`: root's, and writable by nobody else, sticky or not.
///
/// # Errors
/// Something on the way cannot be looked at.
pub fn openings(path: &Path) -> io::Result<Vec<Opening>> {
    let mut openings = Vec::new();
    for way in [path.to_owned(), path.canonicalize()?] {
        for directory in way.ancestors().skip(1) {
            let about = directory.metadata()?;
            let opening = Opening {
                directory: directory.to_owned(),
                uid: about.uid(),
                gid: about.gid(),
                mode: about.mode() & 0o7777,
            };
            if (opening.uid != 0 || opening.mode & 0o022 != 0) && !openings.contains(&opening) {
                openings.push(opening);
            }
        }
    }
    openings.reverse();
    Ok(openings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_all_can_write_is_an_opening_and_usr_bin_is_none() {
        assert_eq!(openings(Path::new("/usr/bin/env")).unwrap(), []);
        let file = tempfile::NamedTempFile::new_in("/tmp").unwrap();
        let shown: Vec<String> = openings(file.path()).unwrap().iter().map(Opening::to_string).collect();
        assert_eq!(shown, ["everybody can write /tmp (mode 1777)"]);
        assert!(openings(Path::new("/nowhere/at/all")).is_err());
    }
}
