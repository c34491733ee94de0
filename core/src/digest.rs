//! SHA-256 digests of files and texts.

use sha2::{Digest, Sha256};
use std::io::{self, Read};

/// The number of bytes of a file that are read at a time.
const BLOCK: usize = 128 * 1024;

/// Returns the SHA-256 of everything that is left to read.
///
/// # Errors
/// The errors of reading the source.
pub fn of_file(mut source: impl Read) -> io::Result<[u8; 32]> {
    let (mut hash, mut block) = (Sha256::new(), vec![0; BLOCK]);
    loop {
        match source.read(&mut block) {
            Ok(0) => return Ok(hash.finalize().into()),
            Ok(length) => hash.update(&block[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Returns the SHA-256 of these bytes.
pub fn of_bytes(bytes: impl AsRef<[u8]>) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::hex;

    #[test]
    fn a_file_and_its_bytes_have_the_digest_that_the_standard_gives() {
        // The first digest is the example in FIPS 180-4, appendix B.1. The second is that of the
        // empty message.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        for (text, expected) in [("abc", abc), ("", empty)] {
            assert_eq!(hex::encode(&of_bytes(text)), expected);
            assert_eq!(hex::encode(&of_file(text.as_bytes()).unwrap()), expected);
        }
        let long = vec![7; BLOCK * 2 + 1];
        assert_eq!(of_file(&long[..]).unwrap(), of_bytes(&long));
    }
}
