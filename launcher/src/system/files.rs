//! Files of the system that may be missing for a good reason.

use capwrap_core::errno;
use nix::Error;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, openat};
use nix::sys::stat::Mode;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Returns the text of a file, or `None` if no file has this name. A second attempt must confirm
/// that the file is missing, because what capwrap grants may depend on it.
pub fn read_if_there(path: &Path) -> Result<Option<String>, Error> {
    match open(path) {
        Ok(file) => read(file).map(Some),
        Err(Errno::ENOENT) => match std::fs::symlink_metadata(path).map_err(errno::of) {
            Err(Errno::ENOENT) => Ok(None),
            Ok(_) => Err(Errno::ENOENT),
            Err(errno) => Err(errno),
        },
        Err(errno) => Err(errno),
    }
}

/// Opens a file for reading. musl follows its open(2), which std uses, with a call that sets close-on-exec anew, and its
/// openat(2) with none.
fn open(path: &Path) -> Result<File, Error> {
    openat(AT_FDCWD, path, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()).map(File::from)
}

/// What is read at once. std would ask for the size and the position of the file first.
const CHUNK: usize = 4096;

/// Returns the bytes of a file that is there.
pub fn bytes(path: &Path) -> Result<Vec<u8>, Error> {
    read_bytes(open(path)?)
}

fn read_bytes(file: File) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::with_capacity(CHUNK);
    file.take(u64::MAX).read_to_end(&mut bytes).map_err(errno::of)?;
    bytes.shrink_to_fit();
    Ok(bytes)
}

/// Replaces what is not UTF-8. A policy cannot name an account with such a name.
fn read(file: File) -> Result<String, Error> {
    let bytes = read_bytes(file)?;
    Ok(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

/// The beginning of a file that the kernel writes at once, in a single read.
pub fn beginning(path: &Path) -> Result<String, Error> {
    let mut bytes = [0; 512];
    let read = open(path)?.read(&mut bytes).map_err(errno::of)?;
    Ok(String::from_utf8_lossy(&bytes[..read]).into_owned())
}
