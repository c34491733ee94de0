//! Who else could put another file in a file's place.

use capwrap_core::trusted_path;
use capwrap_core::trusted_path::{Fault, Surveyed};
use nix::sys::stat::FileStat;
use std::fmt;
use std::io;
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
        let directory = capwrap_core::text::printable::text(&self.directory);
        match self {
            Self { uid: 1.., .. } => write!(out, "{directory} belongs to uid {}", self.uid),
            Self { mode, .. } if mode & 0o002 != 0 => write!(out, "everybody can write {directory} (mode {mode:04o})"),
            Self { mode, gid, .. } => write!(out, "group {gid} can write {directory} (mode {mode:04o})"),
        }
    }
}

/// The openings among directories on the way to a file, each once: all but those that are root's and writable by nobody
/// else, sticky or not, which is the launcher's rule.
pub fn among(directories: &[(PathBuf, FileStat)]) -> Vec<Opening> {
    let mut openings = Vec::new();
    for (directory, about) in directories {
        let directory = directory.clone();
        let opening = Opening { directory, uid: about.st_uid, gid: about.st_gid, mode: about.st_mode & 0o7777 };
        if (opening.uid != 0 || opening.mode & 0o022 != 0) && !openings.contains(&opening) {
            openings.push(opening);
        }
    }
    openings
}

/// Those on the way to this absolute path, links followed.
///
/// # Errors
/// Something on the way cannot be checked.
pub fn openings(path: &Path) -> io::Result<Vec<Opening>> {
    Ok(among(&survey(path)?.directories))
}

/// What lies at the path, and the directories on the way to it.
///
/// # Errors
/// Something on the way is missing or cannot be checked.
pub fn survey(path: &Path) -> io::Result<Surveyed> {
    trusted_path::survey(path).map_err(|fault| match fault {
        Fault::Missing(_) => io::ErrorKind::NotFound.into(),
        Fault::Failed(_, errno) => errno.into(),
        other => io::Error::other(other.describe(path)),
    })
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
        assert_eq!(openings(Path::new("/nowhere/at/all")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_directory_in_the_middle_of_a_chain_of_links_is_an_opening_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["begin", "middle"] {
            std::fs::create_dir(path(name)).unwrap();
        }
        std::os::unix::fs::symlink("/usr/bin/env", path("middle/tool")).unwrap();
        std::os::unix::fs::symlink(path("middle/tool"), path("begin/tool")).unwrap();
        let mode = |mode| std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(path("middle"), mode(0o775)).unwrap();
        let found = openings(&path("begin/tool")).unwrap();
        assert!(found.iter().any(|opening| opening.directory == path("middle") && opening.mode == 0o775), "{found:?}");
    }
}
