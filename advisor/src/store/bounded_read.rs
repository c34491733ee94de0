//! Reads untrusted input: no more than a limit, so that an endless file ends as an error and does not fill the memory,
//! and regular files alone, because another user may have put something else there. Opening a FIFO waits, opening some
//! devices acts (a watchdog starts), and a link may lead to what that user cannot read.

use crate::output::error::reason;
use anyhow::{Context, Result, anyhow, ensure};
use capwrap_core::text::printable;
use capwrap_core::trusted_path;
use capwrap_core::trusted_path::Fault;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::makedev;
use nix::unistd::geteuid;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

/// The largest file that is read if its format has no limit of its own, in bytes.
pub const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Reads at most `most` bytes and one more. The extra byte shows that the source has more.
///
/// # Errors
/// The source cannot be read.
pub fn bytes(source: impl Read, most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(most as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads a text of at most `most` bytes.
///
/// # Errors
/// The source cannot be read, is larger, or is not UTF-8. Each error has a few words.
pub fn text(source: impl Read, most: usize) -> Result<String> {
    let bytes = bytes(source, most).map_err(|error| anyhow!(reason(&error)))?;
    ensure!(bytes.len() <= most, "it is larger than {}", size(most));
    String::from_utf8(bytes).map_err(|_| anyhow!("it is no text in UTF-8"))
}

/// Opens a regular file, which may be anybody's, and never waits. A descriptor that the caller opened for this process,
/// such as `/dev/stdin` or the pipe of a shell's `<(…)`, is read whatever it is, and so is `/dev/null`.
///
/// # Errors
/// There is no such file; the system refuses; it is no regular file; or another user could have put a link there, and
/// not everybody may read what it leads to.
pub fn open(path: &Path) -> io::Result<File> {
    open_for(path, geteuid().as_raw())
}

/// Opens a file as [`open`] does that a file of the user `by` names.
///
/// # Errors
/// The errors are those of [`open`], and that `by` is neither root nor the caller, and may not read the file.
fn open_for(path: &Path, by: u32) -> io::Result<File> {
    let reader = geteuid().as_raw();
    let is_foreign = ![0, reader].contains(&by);
    if !is_foreign && is_own_descriptor(path) {
        return File::open(path);
    }
    let found = trusted_path::survey(&std::path::absolute(path)?).map_err(|fault| match fault {
        Fault::Missing(_) => Errno::ENOENT.into(),
        Fault::Failed(_, errno) => io::Error::from(errno),
        fault => io::Error::other(fault.describe(path)),
    })?;
    let about = found.file.metadata()?;
    if about.is_dir() {
        return Err(Errno::EISDIR.into());
    }
    if !about.is_file() && !is_null(&about) {
        return Err(io::Error::other("it is no regular file"));
    }
    if is_foreign && found.status.st_uid != by && !found.everybody_may_read() {
        return Err(io::Error::other(format!("uid {by}, whose file names it, may not be allowed to read it")));
    }
    if found.is_a_secret_that_others_led_to(reader) {
        return Err(io::Error::other(
            "another user could have put the link there, and not everybody may read the file",
        ));
    }
    // The name may lead elsewhere by now; the descriptor does not (proc(5)).
    let same = format!("/proc/self/fd/{}", found.file.as_raw_fd());
    File::options().read(true).custom_flags((OFlag::O_NONBLOCK | OFlag::O_NOCTTY).bits()).open(same)
}

/// Whether it is `/dev/null`, which is as good as an empty file (`Documentation/admin-guide/devices.txt` of Linux).
fn is_null(about: &Metadata) -> bool {
    about.file_type().is_char_device() && about.rdev() == makedev(1, 3)
}

/// Whether the path names a descriptor of this process by its number.
fn is_own_descriptor(path: &Path) -> bool {
    let number = ["/dev/fd", "/proc/self/fd"].into_iter().find_map(|folder| path.strip_prefix(folder).ok());
    let is_number = |name: &Path| name.to_str().is_some_and(|name| name.parse::<u32>().is_ok());
    path == Path::new("/dev/stdin") || number.is_some_and(is_number)
}

/// Reads the text of a file.
///
/// # Errors
/// The errors are those of [`open`] and [`text`], with the file's path.
pub fn text_of(path: &Path, most: usize) -> Result<String> {
    text_for(path, geteuid().as_raw(), most)
}

/// Reads the text of a file that a file of the user `by` names. That user must be allowed to read it.
///
/// # Errors
/// The errors are those of [`text_of`], and that the user may not read the file.
pub fn text_for(path: &Path, by: u32, most: usize) -> Result<String> {
    let file = open_for(path, by).map_err(|error| anyhow!(reason(&error)));
    file.and_then(|file| text(file, most)).with_context(|| format!("cannot read {}", printable::text(path)))
}

fn size(bytes: usize) -> String {
    if bytes < 1 << 20 { format!("{} KiB", bytes >> 10) } else { format!("{} MiB", bytes >> 20) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::fs::Permissions;
    use std::io::Write;
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    #[test]
    fn what_is_as_large_as_the_limit_is_read_and_what_is_larger_is_not() {
        let most = 4096;
        assert_eq!(text(io::repeat(b'a').take(most as u64), most).unwrap().len(), most);
        assert_eq!(text(io::repeat(b'a'), most).unwrap_err().to_string(), "it is larger than 4 KiB");
        assert_eq!(bytes(io::repeat(b'a'), most).unwrap().len(), most + 1);
        assert_eq!(text(&b"\xff"[..], most).unwrap_err().to_string(), "it is no text in UTF-8");
        let error = format!("{:#}", text_of(Path::new("/dev/zero"), MAX_BYTES).unwrap_err());
        assert_eq!(error, "cannot read /dev/zero: it is no regular file");
        let error = format!("{:#}", text_of(Path::new("/no\nwhere"), most).unwrap_err());
        assert_eq!(error, "cannot read /no\\u{a}where: no such file or directory");
    }

    #[test]
    fn regular_files_and_the_callers_own_descriptors_are_read_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        nix::unistd::mkfifo(&path("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
        for (name, target) in [("to-fifo", "fifo"), ("to-device", "/dev/full"), ("round", "round")] {
            symlink(target, path(name)).unwrap();
        }
        for (name, why) in [
            ("fifo", "it is no regular file"),
            ("to-fifo", "it is no regular file"),
            ("to-device", "it is no regular file"),
            ("socket", "it is no regular file"),
            (".", "is a directory"),
            ("nowhere", "no such file or directory"),
            ("round", "too many levels of symbolic links"),
            ("fifo/x", "not a directory"),
        ] {
            assert_eq!(reason(&open(&path(name)).unwrap_err()), why, "{name}");
        }
        symlink("/dev/null", path("to-null")).unwrap();
        assert_eq!(text_of(&path("to-null"), 9).unwrap(), "");
        let (from, mut to) = io::pipe().unwrap();
        to.write_all(b"text").unwrap();
        drop(to);
        for folder in ["/dev/fd", "/proc/self/fd"] {
            assert!(open(&Path::new(folder).join(from.as_raw_fd().to_string())).is_ok());
            assert!(open(&Path::new(folder).join("../fd/no")).is_err());
        }
        assert_eq!(text_of(Path::new(&format!("/dev/fd/{}", from.as_raw_fd())), 9).unwrap(), "text");
    }

    #[test]
    fn a_link_of_anothers_leads_to_no_secret_of_a_third() {
        if !geteuid().is_root() {
            return;
        }
        let home = tempfile::tempdir_in("/").unwrap();
        let path = |name: &str| home.path().join(name);
        let outside = tempfile::tempdir_in("/").unwrap();
        let put = |path: &Path, mode: u32, owner: u32| {
            fs::write(path, "text").unwrap();
            fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
            chown(path, Some(owner), None).unwrap();
        };
        for (name, mode, owner) in [("secret", 0o600, 0), ("shown", 0o644, 0), ("own", 0o600, 1234)] {
            put(&outside.path().join(name), mode, owner);
            symlink(outside.path().join(name), path(name)).unwrap();
        }
        put(&path("plain"), 0o600, 1234);
        put(&path("of-root"), 0o600, 0);
        put(&path("linked"), 0o600, 0);
        fs::hard_link(path("linked"), path("hard-link")).unwrap();
        for folder in [&home, &outside] {
            fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        }
        chown(home.path(), Some(1234), None).unwrap();
        let why = "another user could have put the link there, and not everybody may read the file";
        for name in ["secret", "hard-link"] {
            assert_eq!(open(&path(name)).unwrap_err().to_string(), why, "{name}");
        }
        for name in ["shown", "own", "plain", "of-root"] {
            assert!(open(&path(name)).is_ok(), "{name}");
        }
        // What the user names by a path is read for that user.
        let named = |name: &str| open_for(&outside.path().join(name), 1234).map_err(|error| error.to_string());
        assert_eq!(named("secret").unwrap_err(), "uid 1234, whose file names it, may not be allowed to read it");
        assert!(named("shown").is_ok() && named("own").is_ok());
        assert!(open_for(Path::new("/dev/stdin"), 1234).is_err());
        chown(home.path(), Some(0), None).unwrap();
        assert!(open(&path("secret")).is_ok());
    }
}
