//! Files of the system that may be missing for a good reason.

use capwrap_core::errno;
use nix::Error;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Returns the text of a file, or `None` if no file has this name. A second attempt must confirm
/// that the file is missing, because what capwrap grants may depend on it.
pub fn read_if_there(path: &Path) -> Result<Option<String>, Error> {
    let opened = File::options().read(true).custom_flags(OFlag::O_CLOEXEC.bits()).open(path).map_err(errno::of);
    match opened {
        Ok(file) => read(file).map(Some),
        Err(Errno::ENOENT) => match std::fs::symlink_metadata(path).map_err(errno::of) {
            Err(Errno::ENOENT) => Ok(None),
            Ok(_) => Err(Errno::ENOENT),
            Err(errno) => Err(errno),
        },
        Err(errno) => Err(errno),
    }
}

/// Replaces what is not UTF-8. A policy cannot name an account with such a name.
fn read(mut file: File) -> Result<String, Error> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(errno::of)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The beginning of a file that the kernel writes at once, in a single read.
pub fn beginning(path: &Path) -> Result<String, Error> {
    let mut bytes = [0; 512];
    let read = File::open(path).and_then(|mut file| file.read(&mut bytes)).map_err(errno::of)?;
    Ok(String::from_utf8_lossy(&bytes[..read]).into_owned())
}
