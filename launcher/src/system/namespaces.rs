//! Which namespaces the process is in.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The number by which the kernel shows the namespace that a link below `/proc` leads to, `None` where it shows none.
pub fn inode(link: &Path) -> Option<u64> {
    std::fs::metadata(link).ok().map(|namespace| namespace.ino())
}
