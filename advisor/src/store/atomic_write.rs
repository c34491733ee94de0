//! Replaces a file as a whole or not at all.

use anyhow::{Context, Result};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Writes a temporary file in the same directory and renames it over `path`, so that no reader ever sees a partial
/// file. The new file belongs to root, and only root can write it.
pub fn replace(path: &Path, text: &str) -> Result<()> {
    let directory = match path.parent().context("a file without a directory")? {
        here if here.as_os_str().is_empty() => Path::new("."),
        directory => directory,
    };
    let name = path.file_name().context("a file without a name")?.to_string_lossy();
    // No policy's name begins with a dot, so the launcher never reads the temporary file.
    let beside = directory.join(format!(".{name}.{}", std::process::id()));
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(&beside)?;
        file.write_all(text.as_bytes())?;
        // The launcher must see that the file was renamed into place, and that no editor is writing it. It takes a file
        // as complete if its ctime is later than its mtime and the mtime is not recent.
        file.set_modified(SystemTime::now() - Duration::from_secs(2))?;
        file.sync_all()?;
        std::fs::rename(&beside, path)?;
        File::open(directory)?.sync_all()
    })();
    if written.is_err() {
        // The first error is the one to report, whether or not the file can be removed.
        let _ = std::fs::remove_file(&beside);
    }
    written.with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_name_lies_in_the_working_directory() {
        let name = format!("capwrap-bare-{}", std::process::id());
        replace(Path::new(&name), "text").unwrap();
        assert_eq!(std::fs::read_to_string(&name).unwrap(), "text");
        std::fs::remove_file(&name).unwrap();
    }
}
