//! Finds a unit by its name: its file and its drop-ins, as systemd finds them (systemd.unit(5)).

use crate::dialects::systemd::refusal::of_drop_in;
use crate::dialects::systemd::syntax::{Settings, of_file};
use crate::dialects::systemd::unit_name::{is_name, template};
use crate::store::bounded_read::{MAX_BYTES, text_of};
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

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
    let Some((id, fragment)) = resolved(name, places) else { return Ok(None) };
    // An empty file masks a unit as a link to /dev/null does.
    let is_masked = std::fs::metadata(&fragment).is_ok_and(|about| about.len() == 0);
    let drop_ins = drop_ins(&names_of(&id, places), places);
    let files: Vec<PathBuf> = std::iter::once(fragment).chain(drop_ins).collect();
    let mut settings = Settings { unit: id.clone(), ..Settings::default() };
    // A link to /dev/null masks a drop-in, too.
    let is_null = |file: &Path| file.canonicalize().is_ok_and(|target| target == Path::new("/dev/null"));
    for (at, file) in files.iter().enumerate().filter(|(_, file)| !is_null(file)) {
        let read = of_file(&text_of(file, MAX_BYTES)?, &file.to_string_lossy(), &id)?;
        settings.extend(if at == 0 { read } else { of_drop_in(read) });
    }
    Ok(Some(Unit { settings, files, is_masked }))
}

/// Returns a unit's own name and its file (systemd, `unit_file_build_name_map`). A link to a name in systemd's folders
/// makes an alias of that name, wherever its file is. Any other link is the unit's file itself.
fn resolved(name: &str, places: &[PathBuf]) -> Option<(String, PathBuf)> {
    let mut name = name.to_owned();
    for _ in 0..MAX_LINKS {
        let names = [Some(name.clone()), template(&name)].into_iter().flatten();
        let mut paths = names.flat_map(|name| places.iter().map(move |place| place.join(&name)));
        let path = paths.find(|path| path.symlink_metadata().is_ok())?;
        match alias(&path, places) {
            Some(target) => name = with_instance(&target, &name),
            None => return path.exists().then_some((name, path)),
        }
    }
    None
}

/// How many links systemd follows from one name to another.
const MAX_LINKS: usize = 8;

/// Returns the name to which a link in systemd's folders points, if its target lies there too.
fn alias(path: &Path, places: &[PathBuf]) -> Option<String> {
    let link = std::fs::read_link(path).ok()?;
    let mut target = PathBuf::new();
    for component in path.parent()?.join(link).components() {
        match component {
            Component::ParentDir => {
                target.pop();
            }
            part => target.push(part),
        }
    }
    let name = target.file_name()?.to_str()?;
    (is_name(name) && places.iter().any(|place| Some(place.as_path()) == target.parent())).then(|| name.to_owned())
}

/// Returns the name of a template with the instance of another name. A name that is no template stays.
fn with_instance(target: &str, other: &str) -> String {
    let instance = other.rsplit_once('.').and_then(|(stem, _)| stem.split_once('@')).map(|(_, instance)| instance);
    match (target.split_once("@."), instance) {
        (Some((prefix, kind)), Some(instance)) => format!("{prefix}@{instance}.{kind}"),
        _ => target.to_owned(),
    }
}

/// Returns all names of a unit, its own first. The drop-ins of all of them count.
fn names_of(id: &str, places: &[PathBuf]) -> Vec<String> {
    let entries = places.iter().flat_map(|place| std::fs::read_dir(place).into_iter().flatten().flatten());
    let mut others = BTreeSet::new();
    for path in entries.map(|entry| entry.path()).filter(|path| path.is_symlink()) {
        let Some(other) = path.file_name().and_then(|other| other.to_str()).filter(|other| is_name(other)) else {
            continue;
        };
        let other = with_instance(other, id);
        if other != id && !other.contains("@.") && resolved(&other, places).is_some_and(|(found, _)| found == id) {
            others.insert(other);
        }
    }
    std::iter::once(id.to_owned()).chain(others).collect()
}

/// Returns the drop-ins in the order of their names (systemd, `unit_file_find_dropin_paths`). Of two drop-ins with the
/// same name, that of the unit's own name counts before that of an alias, then the one in the more important directory,
/// and then the one of the more specific name. Those for all units of the type come last.
fn drop_ins(names: &[String], places: &[PathBuf]) -> Vec<PathBuf> {
    let kind = names.first().and_then(|name| name.rsplit_once('.')).map(|(_, kind)| kind.to_owned());
    let levels = names.iter().map(|name| folders(name)).chain(kind.map(|kind| vec![kind]));
    let mut by_name: BTreeMap<OsString, PathBuf> = BTreeMap::new();
    for level in levels {
        let folders = places.iter().flat_map(|place| level.iter().map(move |name| place.join(format!("{name}.d"))));
        for entry in folders.flat_map(|folder| std::fs::read_dir(folder).into_iter().flatten().flatten()) {
            let (own, file) = (entry.file_name(), entry.path());
            // systemd skips hidden files.
            if file.extension().is_some_and(|end| end == "conf") && !own.as_encoded_bytes().starts_with(b".") {
                by_name.entry(own).or_insert(file);
            }
        }
    }
    by_name.into_values().collect()
}

/// Returns the names whose drop-ins a unit has, the most specific first (systemd, `unit_file_find_dirs`): for
/// `a-b@i.service` they are that name, `a-b@.service`, `a-.service`, `a-@i.service` and `a-@.service`.
fn folders(name: &str) -> Vec<String> {
    let mut all = vec![name.to_owned()];
    let Some((stem, kind)) = name.rsplit_once('.') else { return all };
    let (prefix, instance) = stem.split_once('@').map_or((stem, None), |(prefix, own)| (prefix, Some(own)));
    let instance = instance.filter(|own| !own.is_empty());
    if instance.is_some() {
        all.extend(folders(&format!("{prefix}@.{kind}")));
    }
    // A dash at the end of the prefix is that of the name before.
    let dash = prefix.strip_suffix('-').unwrap_or(prefix).rfind('-').filter(|at| *at > 0);
    if let Some(at) = dash {
        let prefix = &prefix[..=at];
        all.extend(folders(&instance.map_or(format!("{prefix}.{kind}"), |own| format!("{prefix}@{own}.{kind}"))));
    }
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
            ["a-b@i.service", "a-b@.service", "a-.service", "a-@i.service", "a-@.service"].map(str::to_owned)
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
        write("usr/a-.service.d/20.conf", "User=hidden");
        write("usr/a-b@i.service.d/.40.conf", "User=hidden");
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
        fs::write(root.path().join("etc/empty.service"), "").unwrap();
        assert!(load_from("empty.service", &places).unwrap().unwrap().is_masked);
        // A link names another unit, wherever the file of that unit is.
        std::os::unix::fs::symlink("far@.service", root.path().join("etc/near@.service")).unwrap();
        write("usr/far@.service", "User=1");
        write("etc/near@i.service.d/10.conf", "User=2");
        let unit = load_from("near@i.service", &places).unwrap().unwrap();
        assert_eq!((unit.settings.unit.as_str(), unit.files.len()), ("far@i.service", 2), "{:?}", unit.files);
        assert!(load_from("none.service", &places).unwrap().is_none());
    }
}
