//! An installed file: every property that capwrap judges, read from one descriptor.

use crate::host::process::UserNamespace;
use crate::host::writable_path;
use crate::host::writable_path::Weakness;
use crate::output::error::reason;
use capwrap_core::capability::xattr::{ATTRIBUTE, Attribute};
use capwrap_core::digest;
use capwrap_core::text::shell;
use capwrap_core::tool_rules::ToolFile;
use capwrap_core::trusted_path;
use capwrap_core::trusted_path::{Fault, Surveyed};
use nix::fcntl::OFlag;
use nix::libc::{EINVAL, EOVERFLOW};
use nix::sys::statvfs::{FsFlags, fstatvfs};
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Returns the first of a policy's paths at which something exists, which is the one that the launcher would open. A
/// path that this process has no right to look up may exist, and the launcher tries no later path.
pub fn first(paths: &[PathBuf]) -> Option<&PathBuf> {
    look_first(paths).map(|(path, _)| path)
}

/// Returns the same path, and what is there.
pub fn look_first(paths: &[PathBuf]) -> Option<(&PathBuf, io::Result<Installed>)> {
    let is_missing = |error: &io::Error| matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory);
    let mut found = paths.iter().map(|path| (path, Installed::look(path)));
    found.find(|(_, found)| !found.as_ref().is_err_and(is_missing))
}

/// What was found at a path.
#[derive(Debug)]
pub struct Installed {
    /// The path that was asked for.
    pub path: PathBuf,
    /// The path after all symbolic links are followed.
    pub real: PathBuf,
    /// The file that was opened there (O_PATH), which is also what a fix changes, and every directory on the way.
    surveyed: Surveyed,
    pub is_regular: bool,
    pub uid: u32,
    pub gid: u32,
    /// Permission bits, with setuid, setgid and sticky.
    pub mode: u32,
    /// The number of hard links.
    pub links: u64,
    /// Device and inode.
    pub identity: (u64, u64),
    /// The file capabilities, or why they are not known.
    pub carries: Result<Option<Attribute>, Unread>,
    /// Whether its mount is nosuid.
    pub nosuid: bool,
    /// Whether its mount is noexec.
    pub noexec: bool,
}

/// Why the file capabilities are not known.
#[derive(Debug, PartialEq, Eq)]
pub enum Unread {
    /// They are malformed, so the file cannot be executed.
    Malformed(String),
    /// They could not be read.
    Failed(String),
}

impl Installed {
    /// Checks a path.
    ///
    /// # Errors
    /// Nothing exists there, or it cannot be checked.
    pub fn look(path: &Path) -> io::Result<Self> {
        let surveyed = writable_path::survey(path)?;
        let about = surveyed.file.metadata()?;
        let mount = fstatvfs(&surveyed.file).map(|file_system| file_system.flags()).unwrap_or(FsFlags::empty());
        Ok(Self {
            path: path.to_owned(),
            real: surveyed.path.clone(),
            is_regular: about.is_file(),
            uid: about.uid(),
            gid: about.gid(),
            mode: about.mode() & 0o7777,
            links: about.nlink(),
            identity: (about.dev(), about.ino()),
            carries: carried(&surveyed.file),
            nosuid: mount.contains(FsFlags::ST_NOSUID),
            noexec: mount.contains(FsFlags::ST_NOEXEC),
            surveyed,
        })
    }

    /// Reports whether a user other than root could have written the content, or can replace the file.
    pub fn is_others_too(&self) -> bool {
        self.uid != 0 || self.mode & 0o022 != 0 || !self.weaknesses(0).is_empty()
    }

    /// Returns the directories on the way in which a user other than root and `owner` can replace the file.
    pub fn weaknesses(&self, owner: u32) -> Vec<Weakness> {
        writable_path::among(&self.surveyed.directories, owner)
    }

    /// Returns why the launcher would not trust the file if `owner` may own it.
    pub fn faults(&self, owner: u32) -> Vec<Fault> {
        trusted_path::faults(&self.surveyed, owner)
    }

    /// Returns the user who can safely run a command on the path; 0 is root. It returns `None` if a user other than the
    /// owner can replace the file.
    pub fn safe_for(&self) -> Option<u32> {
        trusted_path::safe_for(self.uid, self.weaknesses(0).is_empty()).filter(|uid| self.weaknesses(*uid).is_empty())
    }

    /// Returns the path for a command that root runs, if root can safely run a command on it. There is none for what is
    /// no regular file, such as a home in a tool's place.
    pub fn in_command(&self) -> Option<String> {
        if !self.is_regular || self.safe_for() != Some(0) {
            return None;
        }
        shell::path(&self.real)
    }

    /// Returns the properties that the launcher's rules for tools ask about. If the file capabilities could not be
    /// read, the rules see none.
    pub fn as_tool(&self, is_script: bool) -> ToolFile<'_> {
        ToolFile {
            gid: self.gid,
            mode: self.mode,
            attribute: match &self.carries {
                Ok(attribute) => Ok(attribute.as_ref()),
                Err(Unread::Malformed(why)) => Err(why),
                Err(Unread::Failed(_)) => Ok(None),
            },
            in_initial_namespace: UserNamespace::is_initial_here(),
            is_script,
            nosuid: self.nosuid,
            noexec: self.noexec,
        }
    }

    /// Opens the same file for reading, whatever its name means by now. It never waits, as for the writer of a FIFO.
    ///
    /// # Errors
    /// It is no regular file; the system refuses; or it is a file that others could have put there by a link, and not
    /// everybody may read it. Its owner did not mean to show it, and what capwrap reports of it may reach those others.
    pub fn read(&self) -> io::Result<File> {
        if !self.is_regular {
            return Err(io::Error::other("it is no regular file"));
        }
        if self.safe_for().is_none() && !self.surveyed.everybody_may_read() {
            return Err(io::Error::other("others could have put it there, and not everybody may read it"));
        }
        let how = (OFlag::O_NONBLOCK | OFlag::O_NOCTTY).bits();
        File::options().read(true).custom_flags(how).open(by_descriptor(&self.surveyed.file))
    }

    /// Returns the SHA-256 of the content.
    ///
    /// # Errors
    /// The errors of [`Self::read`] and of [`digest::of_file`].
    pub fn sha256(&self) -> io::Result<[u8; 32]> {
        digest::of_file(&self.read()?)
    }

    /// Returns why exec does not heed the file's capabilities, if it does not (capabilities(7), "File capabilities";
    /// execve(2)). It is the end of a sentence.
    pub fn ignored_at_exec(&self) -> Option<&'static str> {
        if self.nosuid {
            Some("its mount is nosuid, so exec ignores them")
        } else if self.noexec {
            Some("its mount is noexec, so exec refuses it")
        } else if self.is_script().unwrap_or(false) {
            Some("it is a #! script, so exec heeds those of its interpreter alone")
        } else {
            None
        }
    }

    /// Reports whether the file begins with `#!`.
    ///
    /// # Errors
    /// The errors of [`Self::read`].
    pub fn is_script(&self) -> io::Result<bool> {
        let mut beginning = Vec::new();
        self.read()?.take(2).read_to_end(&mut beginning)?;
        Ok(beginning == b"#!")
    }
}

/// Reads the attribute of the file behind a descriptor, which may be an O_PATH descriptor.
pub fn carried(file: &File) -> Result<Option<Attribute>, Unread> {
    decoded(xattr::get_deref(by_descriptor(file), ATTRIBUTE))
}

/// Reads the attribute of the file at a path. It does not follow a link.
pub fn carried_at(path: &Path) -> Result<Option<Attribute>, Unread> {
    decoded(xattr::get(path, ATTRIBUTE))
}

fn decoded(bytes: io::Result<Option<Vec<u8>>>) -> Result<Option<Attribute>, Unread> {
    // The attribute of another user namespace does not count in this one.
    if bytes.as_ref().is_err_and(|error| error.raw_os_error() == Some(EOVERFLOW)) {
        return Ok(None);
    }
    bytes
        .map_err(|error| match error.raw_os_error() {
            // `cap_inode_getsecurity` returns this error for every attribute that it cannot show.
            Some(EINVAL) => Unread::Malformed(format!("{ATTRIBUTE} that the kernel does not show")),
            _ => Unread::Failed(reason(&error)),
        })?
        .map(|bytes| Attribute::decode(&bytes))
        .transpose()
        .map_err(|malformed| Unread::Malformed(malformed.to_string()))
}

/// Opening this path opens the file itself, even if its name now means another file (proc(5)).
fn by_descriptor(file: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_is_missing_is_passed_over_and_one_that_cannot_be_looked_up_is_not() {
        let paths = ["/nowhere/tool", "/etc/passwd/tool", "/etc/passwd", "/etc/group"].map(PathBuf::from);
        assert_eq!(first(&paths), Some(&paths[2]));
        assert_eq!(first(&paths[..2]), None);
        // A name that is too long for the kernel is an example of every other error.
        let unknown = [PathBuf::from(format!("/{}", "a".repeat(5000))), PathBuf::from("/etc/passwd")];
        assert_eq!(first(&unknown), Some(&unknown[0]));
    }
}
