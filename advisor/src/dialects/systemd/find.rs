//! Finds a unit by its name: its file and its drop-ins, as systemd finds them (systemd.unit(5)).

use crate::dialects::systemd::read::{Assignment, assignments};
use crate::store::bounded_read::{MAX_BYTES, text_of};
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The directories that systemd searches, the most important first.
const PLACES: [&str; 10] = [
    "/etc/systemd/system.control",
    "/run/systemd/system.control",
    "/run/systemd/transient",
    "/run/systemd/generator.early",
    "/etc/systemd/system",
    "/run/systemd/system",
    "/run/systemd/generator",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];

/// The types of units that start processes.
const TYPES: [&str; 4] = [".service", ".socket", ".mount", ".swap"];

/// Whether a word can be the name of a unit that starts processes.
pub fn is_name(word: &str) -> bool {
    !word.contains('/') && TYPES.iter().any(|kind| word.len() > kind.len() && word.ends_with(kind))
}

/// Returns the settings of a unit of this machine and the files that contain them. It returns `None` if the unit has no
/// file.
///
/// # Errors
/// A file cannot be read or parsed.
pub fn load(name: &str) -> Result<Option<(Vec<Assignment>, Vec<PathBuf>)>> {
    load_from(name, &PLACES.map(PathBuf::from))
}

fn load_from(name: &str, places: &[PathBuf]) -> Result<Option<(Vec<Assignment>, Vec<PathBuf>)>> {
    let template = template(name);
    let names = [Some(name.to_owned()), template].into_iter().flatten();
    let found = names.flat_map(|name| places.iter().map(move |place| place.join(&name))).find(|path| path.exists());
    let Some(fragment) = found else { return Ok(None) };
    let files: Vec<PathBuf> = std::iter::once(fragment).chain(drop_ins(name, places)).collect();
    let mut settings = Vec::new();
    for file in &files {
        // A link to /dev/null masks a unit or a drop-in.
        if file.canonicalize().is_ok_and(|target| target == Path::new("/dev/null")) {
            continue;
        }
        settings.extend(assignments(&text_of(file, MAX_BYTES)?, &file.to_string_lossy())?);
    }
    Ok(Some((settings, files)))
}

/// Returns `x@.service` for `x@i.service`.
fn template(name: &str) -> Option<String> {
    let (stem, kind) = name.rsplit_once('.')?;
    let (prefix, _) = stem.split_once('@')?;
    Some(format!("{prefix}@.{kind}"))
}

/// Returns the drop-ins in the order of their names. Of two drop-ins with the same name, the one in the folder of the
/// more specific unit name counts, and otherwise the one in the more important directory.
fn drop_ins(name: &str, places: &[PathBuf]) -> Vec<PathBuf> {
    let mut by_name: BTreeMap<OsString, PathBuf> = BTreeMap::new();
    for folder in folders(name) {
        for place in places {
            let entries = std::fs::read_dir(place.join(&folder)).into_iter().flatten().flatten();
            let files: BTreeSet<PathBuf> = entries.map(|entry| entry.path()).collect();
            for file in files.into_iter().filter(|file| file.extension().is_some_and(|end| end == "conf")) {
                if let Some(own) = file.file_name() {
                    by_name.entry(own.to_owned()).or_insert(file.clone());
                }
            }
        }
    }
    by_name.into_values().collect()
}

/// Returns the folders of a unit's drop-ins, the most specific first: `a-b@i.service.d`, `a-b@.service.d`,
/// `a-.service.d`, `service.d`.
fn folders(name: &str) -> Vec<String> {
    let Some((stem, kind)) = name.rsplit_once('.') else { return Vec::new() };
    let prefix = stem.split('@').next().unwrap_or_default();
    let dashes = prefix.rmatch_indices('-').map(|(at, _)| format!("{}.{kind}.d", &prefix[..=at]));
    let own = [Some(name.to_owned()), template(name)].into_iter().flatten().map(|name| format!("{name}.d"));
    let mut all: Vec<String> = own.chain(dashes).chain([format!("{kind}.d")]).collect();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn drop_ins_are_found_where_systemd_looks_and_apply_by_their_names() {
        assert_eq!(
            folders("a-b@i.service"),
            ["a-b@i.service.d", "a-b@.service.d", "a-.service.d", "service.d"].map(str::to_owned)
        );
        let root = tempfile::tempdir().unwrap();
        let places = ["etc", "usr"].map(|place| root.path().join(place));
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, format!("[Service]\n{text}\n")).unwrap();
        };
        write("usr/a-b@.service", "User=1");
        write("usr/a-b@i.service.d/20.conf", "User=3");
        write("etc/a-.service.d/20.conf", "User=hidden");
        write("etc/service.d/10.conf", "User=2");
        write("etc/a-b@.service.d/30.conf", "User=4");
        write("usr/a-b@.service.d/30.conf", "User=hidden");
        let (settings, files) = load_from("a-b@i.service", &places).unwrap().unwrap();
        let users: Vec<_> = settings.iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!((users, files.len()), (vec!["1", "2", "3", "4"], 4));
        assert!(load_from("none.service", &places).unwrap().is_none());
    }
}
