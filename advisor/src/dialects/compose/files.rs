//! Reads the other files that a Compose file names.

use crate::dialects::compose::interpolation;
use crate::dialects::yaml;
use crate::store::bounded_read;
use capwrap_core::text::printable;
use serde_json::Value;
use std::cell::Cell;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// How many files a project may have.
const MAX_FILES: usize = 32;

/// The files beside a Compose file.
#[derive(Clone, Debug)]
pub struct Files {
    /// The folder of the file. Without one, no other file is read.
    folder: Option<PathBuf>,
    /// Who wrote the file, and may have named what that user may not read.
    owner: u32,
    left: Rc<Cell<usize>>,
}

impl Files {
    /// The files beside this one.
    pub fn beside(path: &Path) -> Self {
        let folder = path.parent().map(Path::to_owned);
        Self { folder, owner: owner(path), left: Rc::new(Cell::new(MAX_FILES)) }
    }

    /// No files: a request for one is the error that it was not read.
    #[cfg(any(test, fuzzing))]
    pub fn none() -> Self {
        Self { folder: None, owner: 0, left: Rc::default() }
    }

    /// Reads a file that a Compose file names by a path from its own folder, and returns it with the files beside it.
    ///
    /// # Errors
    /// The error says in a few words why the file was not read.
    pub fn read(&self, path: &str) -> Result<(Value, Self), String> {
        let Some(folder) = &self.folder else { return Err("was not read".to_owned()) };
        let is_remote = path.contains("://") || path.starts_with("git@") || path.starts_with("oci:");
        if is_remote {
            return Err("is no file of this machine, and was not read".to_owned());
        }
        let Some(path) = interpolation::known(path) else {
            return Err("is an expression, which is not evaluated here".to_owned());
        };
        let Some(left) = self.left.get().checked_sub(1) else {
            return Err(format!("was not read: a project of more than {MAX_FILES} files"));
        };
        self.left.set(left);
        let path = folder.join(path);
        let read = bounded_read::text_for(&path, self.owner, yaml::MAX_BYTES).and_then(|text| yaml::documents(&text));
        let document = read.map_err(|error| format!("was not read: {}", printable::text(format!("{error:#}"))))?;
        let folder = path.parent().map(Path::to_owned);
        // What a file of another user includes is read for that user to the end.
        let owner = if self.owner == caller() { owner(&path) } else { self.owner };
        Ok((document.into_iter().next().unwrap_or_default(), Self { folder, owner, left: Rc::clone(&self.left) }))
    }
}

/// The owner of a file; where there is no file, as for standard input, the caller wrote the text.
fn owner(path: &Path) -> u32 {
    std::fs::metadata(path).map_or_else(|_| caller(), |about| about.uid())
}

fn caller() -> u32 {
    nix::unistd::geteuid().as_raw()
}

/// Returns the file that Compose adds to this one by itself, if it exists.
pub fn override_of(path: &Path) -> Option<PathBuf> {
    let stem = path.file_stem()?.to_str()?;
    let is_default = ["compose", "docker-compose"].contains(&stem);
    let names = ["yaml", "yml"].map(|end| path.with_file_name(format!("{stem}.override.{end}")));
    names.into_iter().find(|other| is_default && other.is_file())
}
