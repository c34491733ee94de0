//! Reads untrusted input up to a limit, so that an endless file ends as an error and does not fill the memory.

use crate::output::error::reason;
use anyhow::{Context, Result, anyhow, ensure};
use capwrap_core::text::printable;
use std::fs::File;
use std::io::{self, Read};
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

/// Reads the text of a file.
///
/// # Errors
/// The errors are those of [`text`], with the file's path.
pub fn text_of(path: &Path, most: usize) -> Result<String> {
    let file = File::open(path).map_err(|error| anyhow!(reason(&error)));
    file.and_then(|file| text(file, most)).with_context(|| format!("cannot read {}", printable::text(path)))
}

fn size(bytes: usize) -> String {
    if bytes < 1 << 20 { format!("{} KiB", bytes >> 10) } else { format!("{} MiB", bytes >> 20) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_as_large_as_the_limit_is_read_and_what_is_larger_is_not() {
        let most = 4096;
        assert_eq!(text(io::repeat(b'a').take(most as u64), most).unwrap().len(), most);
        assert_eq!(text(io::repeat(b'a'), most).unwrap_err().to_string(), "it is larger than 4 KiB");
        assert_eq!(bytes(io::repeat(b'a'), most).unwrap().len(), most + 1);
        assert_eq!(text(&b"\xff"[..], most).unwrap_err().to_string(), "it is no text in UTF-8");
        let error = format!("{:#}", text_of(Path::new("/dev/zero"), MAX_BYTES).unwrap_err());
        assert_eq!(error, "cannot read /dev/zero: it is larger than 16 MiB");
        let error = format!("{:#}", text_of(Path::new("/no\nwhere"), most).unwrap_err());
        assert_eq!(error, "cannot read /no\\u{a}where: no such file or directory");
    }
}
