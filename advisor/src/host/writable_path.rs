//! Finds who else could replace a file. The launcher accepts a directory in which nobody except root and a permitted
//! owner can do so. This module asks the launcher's rule, and the weaknesses are the directories that fail it.

use capwrap_core::trusted_path;
use capwrap_core::trusted_path::{Fault, Surveyed};
use nix::sys::stat::FileStat;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// A directory on the way to a file in which another user can replace an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weakness {
    /// The directory.
    pub directory: PathBuf,
    /// Its owner's user id.
    pub uid: u32,
    /// Its group's id.
    pub gid: u32,
    /// Its permission bits.
    pub mode: u32,
    /// The owner that would be permitted besides root.
    pub owner: u32,
    /// The user who can safely run a command on it.
    pub safe_for: Option<u32>,
}

impl fmt::Display for Weakness {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let directory = capwrap_core::text::printable::text(&self.directory);
        match self {
            Self { uid, owner, .. } if *uid != 0 && uid != owner => {
                write!(out, "{directory} belongs to uid {}", self.uid)
            }
            Self { mode, .. } if mode & 0o002 != 0 => write!(out, "everybody can write {directory} (mode {mode:04o})"),
            Self { mode, gid, .. } => write!(out, "group {gid} can write {directory} (mode {mode:04o})"),
        }
    }
}

/// Returns each weakness once among the directories on the way to a file. These are the directories that the launcher
/// refuses if the file may belong to `owner`; with 0 only root may own it.
pub fn among(directories: &[(PathBuf, FileStat)], owner: u32) -> Vec<Weakness> {
    let mut weaknesses: Vec<Weakness> = Vec::new();
    let mut roots_way = true;
    for (directory, about) in directories {
        let safe_for = trusted_path::safe_for(about.st_uid, roots_way);
        roots_way &= trusted_path::is_trusted(about, 0);
        if trusted_path::is_trusted(about, owner) {
            continue;
        }
        let directory = directory.clone();
        let mode = about.st_mode & 0o7777;
        let weakness = Weakness { directory, uid: about.st_uid, gid: about.st_gid, mode, owner, safe_for };
        if !weaknesses.iter().any(|known| known.directory == weakness.directory) {
            weaknesses.push(weakness);
        }
    }
    weaknesses
}

/// Returns the weaknesses on the way to this absolute path, with links followed.
///
/// # Errors
/// Something on the way cannot be checked.
pub fn weaknesses(path: &Path, owner: u32) -> io::Result<Vec<Weakness>> {
    Ok(among(&survey(path)?.directories, owner))
}

/// Returns the file at the path, and the directories on the way to it.
///
/// # Errors
/// Something on the way is missing or cannot be checked.
pub fn survey(path: &Path) -> io::Result<Surveyed> {
    trusted_path::survey(path).map_err(|fault| match fault {
        // With a number, so that the error is in the words of the system.
        Fault::Missing(_) => rustix::io::Errno::NOENT.into(),
        Fault::Failed(_, errno) => errno.into(),
        other => io::Error::other(other.describe(path)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_all_can_write_is_a_weakness_and_usr_bin_is_none() {
        assert_eq!(weaknesses(Path::new("/usr/bin/env"), 0).unwrap(), []);
        let file = tempfile::NamedTempFile::new_in("/tmp").unwrap();
        let shown: Vec<String> = weaknesses(file.path(), 0).unwrap().iter().map(Weakness::to_string).collect();
        assert_eq!(shown, ["everybody can write /tmp (mode 1777)"]);
        assert_eq!(weaknesses(Path::new("/nowhere/at/all"), 0).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_directory_in_the_middle_of_a_chain_of_links_is_a_weakness_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["begin", "middle"] {
            std::fs::create_dir(path(name)).unwrap();
        }
        std::os::unix::fs::symlink("/usr/bin/env", path("middle/tool")).unwrap();
        std::os::unix::fs::symlink(path("middle/tool"), path("begin/tool")).unwrap();
        let mode = |mode| std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(path("middle"), mode(0o775)).unwrap();
        let found = weaknesses(&path("begin/tool"), 0).unwrap();
        assert!(
            found.iter().any(|weakness| weakness.directory == path("middle") && weakness.mode == 0o775),
            "{found:?}"
        );
    }
}
