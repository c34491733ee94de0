//! Finds a unit by its name: its file and its drop-ins, as systemd finds them (systemd.unit(5)).

use crate::dialects::systemd::read::{Settings, of_unit};
use crate::store::bounded_read::{MAX_BYTES, text_of};
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The directories that systemd searches, the most important first (`systemd-analyze unit-paths`).
const PLACES: [&str; 13] = [
    "/etc/systemd/system.control",
    "/run/systemd/system.control",
    "/run/systemd/transient",
    "/run/systemd/generator.early",
    "/etc/systemd/system",
    "/etc/systemd/system.attached",
    "/run/systemd/system",
    "/run/systemd/system.attached",
    "/run/systemd/generator",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
    "/run/systemd/generator.late",
];

/// The types of units that start processes.
const TYPES: [&str; 4] = [".service", ".socket", ".mount", ".swap"];

/// Whether a word can be the name of a unit that starts processes.
pub fn is_name(word: &str) -> bool {
    !word.contains('/') && TYPES.iter().any(|kind| word.len() > kind.len() && word.ends_with(kind))
}

/// Returns the name of the unit at this path, if systemd finds it there.
pub fn name_of(path: &str) -> Option<&str> {
    let (place, name) = path.rsplit_once('/')?;
    (PLACES.contains(&place) && is_name(name)).then_some(name)
}

/// A unit of this machine.
pub struct Unit {
    pub settings: Settings,
    /// The files that contain the settings.
    pub files: Vec<PathBuf>,
    /// Whether a link to /dev/null takes the place of its file.
    pub is_masked: bool,
}

/// Returns a unit of this machine, or `None` if it has no file.
///
/// # Errors
/// A file cannot be read or parsed.
pub fn load(name: &str) -> Result<Option<Unit>> {
    load_from(name, &PLACES.map(PathBuf::from))
}

fn load_from(name: &str, places: &[PathBuf]) -> Result<Option<Unit>> {
    let template = template(name);
    let names = [Some(name.to_owned()), template].into_iter().flatten();
    let found = names.flat_map(|name| places.iter().map(move |place| place.join(&name))).find(|path| path.exists());
    let Some(fragment) = found else { return Ok(None) };
    let is_null = |file: &Path| file.canonicalize().is_ok_and(|target| target == Path::new("/dev/null"));
    let is_masked = is_null(&fragment);
    let drop_ins = drop_ins(&names_of(name, &fragment, places), places);
    let files: Vec<PathBuf> = std::iter::once(fragment).chain(drop_ins).collect();
    let mut settings = Settings::default();
    // A link to /dev/null masks a drop-in, too.
    for file in files.iter().filter(|file| !is_null(file)) {
        settings.extend(of_unit(&text_of(file, MAX_BYTES)?, &file.to_string_lossy())?);
    }
    Ok(Some(Unit { settings, files, is_masked }))
}

/// Returns all names of a unit: the one that was asked for, that of its file, and those of the links to its file. The
/// drop-ins of all of them count.
fn names_of(name: &str, fragment: &Path, places: &[PathBuf]) -> Vec<String> {
    let mut names = vec![name.to_owned()];
    let Some(file) = fragment.canonicalize().ok().filter(|file| file != Path::new("/dev/null")) else { return names };
    let entries = places.iter().flat_map(|place| std::fs::read_dir(place).into_iter().flatten().flatten());
    for path in entries.map(|entry| entry.path()) {
        let Some(other) = path.file_name().and_then(|other| other.to_str()) else { continue };
        if is_name(other) && !other.contains("@.") && path.canonicalize().is_ok_and(|target| target == file) {
            names.push(other.to_owned());
        }
    }
    names.sort_unstable();
    names.dedup();
    names
}

/// Returns `x@.service` for `x@i.service`.
fn template(name: &str) -> Option<String> {
    let (stem, kind) = name.rsplit_once('.')?;
    let (prefix, _) = stem.split_once('@')?;
    Some(format!("{prefix}@.{kind}"))
}

/// Returns the drop-ins in the order of their names. Of two drop-ins with the same name, the one in the folder of the
/// more specific unit name counts, and otherwise the one in the more important directory.
fn drop_ins(names: &[String], places: &[PathBuf]) -> Vec<PathBuf> {
    let mut by_name: BTreeMap<OsString, PathBuf> = BTreeMap::new();
    for folder in names.iter().flat_map(|name| folders(name)) {
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
        let unit = load_from("a-b@i.service", &places).unwrap().unwrap();
        let users: Vec<_> = unit.settings.assignments.iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!((users, unit.files.len()), (vec!["1", "2", "3", "4"], 4));
        write("etc/main.service", "User=1");
        std::os::unix::fs::symlink("main.service", root.path().join("etc/alias.service")).unwrap();
        write("etc/alias.service.d/10.conf", "User=2");
        write("etc/main.service.d/20.conf", "User=3");
        for name in ["main.service", "alias.service"] {
            let unit = load_from(name, &places).unwrap().unwrap();
            assert_eq!(unit.files.len(), 3, "{name}: {:?}", unit.files);
        }
        std::os::unix::fs::symlink("/dev/null", root.path().join("etc/masked.service")).unwrap();
        assert!(load_from("masked.service", &places).unwrap().unwrap().is_masked);
        assert!(load_from("none.service", &places).unwrap().is_none());
    }
}
