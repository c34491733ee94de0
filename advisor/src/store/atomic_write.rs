//! Replaces a file as a whole or not at all. Another user may write in the directory, so nothing in it is followed, and
//! every step uses one descriptor of the directory.

use crate::output::error::hinted;
use anyhow::{Context, Result, bail};
use capwrap_core::text::{hex, printable, shell};
use capwrap_core::trusted_path;
use capwrap_core::trusted_path::Fault;
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::rand::{GetRandomFlags, getrandom};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Writes a temporary file in the same directory and renames it over `path`, so that no reader ever sees a partial
/// file. The new file belongs to the caller, and only the caller can write it.
///
/// # Errors
/// The system refuses a step. The path leads through a link that another user could have put there. There is something
/// else than a regular file at the path, such as a link or a device.
pub fn replace(path: &Path, text: &str) -> Result<()> {
    put(path, text, Readers::AsBefore).map(drop)
}

/// Does the same for a file that everybody must be able to read, such as a policy, whatever the caller's umask is.
///
/// # Errors
/// As for [`replace`].
pub fn replace_for_all(path: &Path, text: &str) -> Result<()> {
    put(path, text, Readers::All).map(drop)
}

/// Puts an empty file in place as [`replace`] does, and returns it for what is still to be written. A reader sees what
/// was written so far.
///
/// # Errors
/// As for [`replace`].
pub fn begin(path: &Path) -> Result<File> {
    put(path, "", Readers::AsBefore)
}

/// Who may read what is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Readers {
    /// Those who could read the file that is replaced, and of a new file all whom the caller's umask leaves.
    AsBefore,
    /// Everybody.
    All,
}

fn put(path: &Path, text: &str, readers: Readers) -> Result<File> {
    // An error with a hint keeps its hint if no context is added to it.
    let shown = printable::text(path);
    let name = path.file_name().with_context(|| format!("cannot write {shown}: it has no name of a file"))?;
    let directory = directory_of(path)?;
    let before = replaceable(&directory, name).with_context(|| format!("cannot write {shown}"))?;
    let mode = match (readers, before) {
        (Readers::All, _) | (Readers::AsBefore, None) => FOR_ALL,
        // What others could not read must not be shown to them by being written again.
        (Readers::AsBefore, Some(before)) => FOR_ALL & before | OWN,
    };
    let written = write(&directory, name, text, mode, readers == Readers::All);
    written.with_context(|| format!("cannot write {shown}"))
}

/// Opens the directory of a path.
fn directory_of(path: &Path) -> Result<OwnedFd> {
    let shown = printable::text(path);
    let absolute = std::path::absolute(path).with_context(|| format!("cannot write {shown}"))?;
    let directory = absolute.parent().with_context(|| format!("cannot write {shown}: it has no directory"))?;
    if directory == Path::new("/") {
        return open(rustix::fs::CWD, directory).with_context(|| format!("cannot write {shown}"));
    }
    let found = trusted_path::survey(directory).map_err(|fault| match fault {
        Fault::Missing(_) => anyhow::anyhow!("cannot write {shown}: no such file or directory"),
        fault => anyhow::anyhow!("cannot write {shown}: {}", fault.describe(directory)),
    })?;
    // A link that was followed may have been put there by who can write its directory.
    let own = rustix::process::geteuid().as_raw();
    let is_weak = found.directories.iter().any(|(_, status)| !trusted_path::is_trusted(status, own));
    if is_weak && found.through_link {
        let what = format!("cannot write {shown}: another user could have put the link there that leads to it");
        let straight = path.file_name().and_then(|name| shell::path(&found.path.join(name)));
        return Err(match straight {
            Some(straight) => hinted(what, format!("if this is the file that you mean, name it so: {straight}")),
            None => anyhow::anyhow!(what),
        });
    }
    open(&found.file, Path::new(".")).with_context(|| format!("cannot write {shown}"))
}

/// Opens a directory for reading, which fsync(2) takes.
fn open(from: impl std::os::fd::AsFd, directory: &Path) -> Result<OwnedFd, Errno> {
    let how = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(from, directory, how, Mode::empty())
}

/// The mode of a file that everybody may read and its owner may write.
const FOR_ALL: u32 = 0o644;
/// What of it is the owner's.
const OWN: u32 = 0o600;

/// Returns the mode of the file that is replaced, if there is one.
///
/// # Errors
/// There is something that a rename would destroy, such as `/dev/null`, or that leads elsewhere.
fn replaceable(directory: &OwnedFd, name: &OsStr) -> Result<Option<u32>> {
    let there = match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => return Ok(None),
        there => there.map_err(io::Error::from)?,
    };
    match FileType::from_raw_mode(there.st_mode) {
        FileType::RegularFile => Ok(Some(there.st_mode)),
        FileType::Symlink => bail!("it is a symbolic link, which capwrap neither follows nor replaces"),
        _ => bail!("it is no regular file"),
    }
}

/// Writes the file with this mode, less the caller's umask unless the mode is `exact`.
fn write(directory: &OwnedFd, name: &OsStr, text: &str, mode: u32, exact: bool) -> io::Result<File> {
    let beside = random_name()?;
    let how = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = File::from(rustix::fs::openat(directory, &*beside, how, Mode::from_raw_mode(mode))?);
    let written: io::Result<()> = (|| {
        if exact {
            rustix::fs::fchmod(&file, Mode::from_raw_mode(mode))?;
        }
        file.write_all(text.as_bytes())?;
        // The launcher must see that the file was renamed into place, and that no editor is writing it. It takes a file
        // as complete if its ctime is later than its mtime and the mtime is not recent.
        file.set_modified(SystemTime::now() - Duration::from_secs(2))?;
        file.sync_all()?;
        Ok(rustix::fs::renameat(directory, &*beside, directory, name)?)
    })();
    if written.is_err() {
        // The first error is the one to report, whether or not the file can be removed.
        let _ = remove(directory, &beside, &file);
    }
    written?;
    rustix::fs::fsync(directory)?;
    Ok(file)
}

/// Removes the temporary file, if the name still means it.
fn remove(directory: &OwnedFd, name: &str, file: &File) -> Result<(), Errno> {
    let (own, there) = (rustix::fs::fstat(file)?, rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?);
    if (own.st_dev, own.st_ino) == (there.st_dev, there.st_ino) {
        rustix::fs::unlinkat(directory, name, AtFlags::empty())?;
    }
    Ok(())
}

/// A name that nobody can guess. No policy's name begins with a dot, so the launcher never reads such a file.
fn random_name() -> Result<String, Errno> {
    let mut bytes = [0_u8; 16];
    getrandom(&mut bytes, GetRandomFlags::empty())?;
    Ok(format!(".capwrap-{}", hex::encode(&bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_bare_name_lies_in_the_working_directory() {
        let name = format!("capwrap-bare-{}", std::process::id());
        replace(Path::new(&name), "text").unwrap();
        assert_eq!(fs::read_to_string(&name).unwrap(), "text");
        fs::remove_file(&name).unwrap();
    }

    #[test]
    fn a_file_is_replaced_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for text in ["one", "two"] {
            replace(&path, text).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(names(folder.path()), ["file"]);
    }

    #[test]
    fn what_others_could_not_read_is_not_shown_to_them_and_a_policy_is_shown_to_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o7777;
        for (before, after) in [(0o600, 0o600), (0o640, 0o640), (0o644, 0o644), (0o4777, 0o644), (0o000, 0o600)] {
            fs::write(&path, "before").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(before)).unwrap();
            replace(&path, "after").unwrap();
            assert_eq!(mode(), after, "{before:o}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        replace_for_all(&path, "after").unwrap();
        assert_eq!(mode(), 0o644);
    }

    #[test]
    fn a_name_above_the_working_directory_is_written_where_others_write_too() {
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        fs::create_dir(folder.path().join("sub")).unwrap();
        replace(&folder.path().join("sub/../file"), "text").unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("file")).unwrap(), "text");
        assert_eq!(names(folder.path()), ["file", "sub"]);
    }

    #[test]
    fn a_file_that_was_begun_is_in_its_place_before_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "what was there").unwrap();
        let mut file = begin(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "");
        file.write_all(b"a line").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "a line");
    }

    #[test]
    fn what_is_no_regular_file_is_neither_replaced_nor_followed() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("target"), "theirs").unwrap();
        symlink("target", path("link")).unwrap();
        symlink("nowhere", path("dangling")).unwrap();
        fs::create_dir(path("folder")).unwrap();
        for (name, why) in [
            ("link", "it is a symbolic link, which capwrap neither follows nor replaces"),
            ("dangling", "it is a symbolic link, which capwrap neither follows nor replaces"),
            ("folder", "it is no regular file"),
        ] {
            let error = format!("{:#}", replace(&path(name), "text").unwrap_err());
            assert_eq!(error, format!("cannot write {}: {why}", path(name).display()));
        }
        assert!(replace(Path::new("/dev/null"), "text").is_err());
        assert_eq!(fs::read_to_string(path("target")).unwrap(), "theirs");
        assert_eq!(names(folder.path()), ["dangling", "folder", "link", "target"]);
    }

    #[test]
    fn a_link_on_the_way_is_followed_where_nobody_else_can_have_put_it() {
        let folder = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("real")).unwrap();
        symlink("real", path("link")).unwrap();
        let outcome = replace(&path("link/file"), "text");
        // The directories above this one may be other users' on a developer's machine.
        let own = rustix::process::geteuid().as_raw();
        let way = trusted_path::survey(&path("real")).unwrap();
        let is_own = way.directories.iter().all(|(_, status)| trusted_path::is_trusted(status, own));
        assert_eq!(outcome.is_ok(), is_own, "{outcome:?}");
        let shared = tempfile::tempdir_in("/tmp").unwrap();
        symlink(folder.path(), shared.path().join("link")).unwrap();
        let error = replace(&shared.path().join("link/other"), "text").unwrap_err().to_string();
        assert!(error.contains("another user could have put the link there"), "{error}");
        assert!(!path("other").exists());
    }
}
