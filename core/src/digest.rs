//! SHA-256 digests of files and texts.

use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read};

/// The number of bytes of a file that are read at a time.
const BLOCK: usize = 128 * 1024;

/// The size of the largest file of which a digest is computed. A user can own a tool, and a sparse
/// file of any size costs that user nothing.
pub const MAX_BYTES: u64 = 1 << 30;

/// Returns the SHA-256 of everything that is left to read of a file.
///
/// # Errors
/// The file is larger than [`MAX_BYTES`], or it cannot be read.
pub fn of_file(file: &File) -> io::Result<[u8; 32]> {
    if file.metadata()?.len() > MAX_BYTES {
        return Err(too_large());
    }
    // The file may grow meanwhile.
    of_source(file, MAX_BYTES)
}

fn of_source(source: impl Read, most: u64) -> io::Result<[u8; 32]> {
    let (mut hash, mut block) = (Sha256::new(), vec![0; BLOCK]);
    let (mut source, mut total) = (source.take(most + 1), 0);
    loop {
        match source.read(&mut block) {
            Ok(0) => return Ok(hash.finalize().into()),
            Ok(length) => {
                total += length as u64;
                if total > most {
                    return Err(too_large());
                }
                hash.update(&block[..length]);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn too_large() -> io::Error {
    let most = MAX_BYTES >> 30;
    io::Error::other(format!("it is larger than {most} GiB, and capwrap computes the SHA-256 of no larger file"))
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
            assert_eq!(hex::encode(&of_source(text.as_bytes(), 3).unwrap()), expected);
        }
        let long = vec![7; BLOCK * 2 + 1];
        assert_eq!(of_source(&long[..], MAX_BYTES).unwrap(), of_bytes(&long));
    }

    #[test]
    fn an_endless_source_and_a_sparse_file_end_as_errors() {
        let said = "it is larger than 1 GiB, and capwrap computes the SHA-256 of no larger file";
        assert_eq!(of_source(io::repeat(0), 5 * BLOCK as u64).unwrap_err().to_string(), said);
        assert!(of_source(&[0; 7][..], 7).is_ok() && of_source(&[0; 8][..], 7).is_err());
        let path = std::env::temp_dir().join(format!("capwrap-sparse-{}", std::process::id()));
        let file = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        file.set_len(MAX_BYTES + 1).unwrap();
        assert_eq!(of_file(&file).unwrap_err().to_string(), said);
    }
}
