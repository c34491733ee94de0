//! The files that a run used, as a scope can name them: without what its preset leaves open anyway, along paths that only
//! root can make lead elsewhere, and with the answer whether the user may use them without a capability.

use crate::analysis::profile::{PlaceAccess, UsedPlace};
use capwrap_core::scope::domain::{OPEN_IN_PARTS, is_open_to_all, is_readable_by_preset};
use capwrap_core::scope::places::{Access, Place};
use capwrap_core::trusted_path::{self, Surveyed, Trail};
use nix::sys::stat::FileStat;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// How deep a directory of the preset is looked into, as the launcher does it. What lies deeper is taken for closed.
const DEPTH: usize = 12;

/// Whose files they may be.
#[derive(Clone, Copy, Debug)]
pub struct Of<'u> {
    /// The user id.
    pub uid: u32,
    /// The group ids, with the first one.
    pub groups: &'u [u32],
    /// The file that the command executes. Every scope leaves it readable.
    pub tool: &'u Path,
}

/// Returns what a scope has to say of these places. Where the user may use a path in one run and not in another, it needs a
/// capability.
pub fn judge(places: &[Place], of: Of<'_>) -> Vec<UsedPlace> {
    let linked = targets_of_links(Path::new(OPEN_IN_PARTS));
    let mut judged: BTreeMap<(PlaceAccess, PathBuf), bool> = BTreeMap::new();
    for place in places {
        let is_open = place.access == Access::Read
            && (place.path == of.tool || is_open_by_preset(&place.path) || linked.contains(&place.path));
        if is_open {
            continue;
        }
        // What was removed meanwhile is judged by the directory in which it was.
        let found = place.path.ancestors().find_map(|path| trusted_path::survey(path).ok());
        let access = match place.access {
            Access::Read => PlaceAccess::Read,
            Access::Write => PlaceAccess::Write,
            Access::Device => PlaceAccess::Device,
        };
        let needs = match &found {
            Some(found) => !may(found, place.access, of),
            // It is the root directory. Everybody may list it, and nobody but root may write in it.
            None => place.access != Access::Read && of.uid != 0,
        };
        *judged.entry((access, trusted(&place.path))).or_default() |= needs;
    }
    let place = |((access, path), needs_capability): ((PlaceAccess, PathBuf), bool)| {
        Some(UsedPlace { access, path: path.to_str()?.to_owned(), needs_capability })
    };
    judged.into_iter().filter_map(place).collect()
}

/// Returns the path, or the deepest directory on the way to it, that only root can make lead elsewhere.
fn trusted(path: &Path) -> PathBuf {
    let is_trusted = |path: &&Path| matches!(trusted_path::place_of_a_scope(&mut Trail::default(), path), Ok(Some(_)));
    path.ancestors().find(is_trusted).unwrap_or(Path::new("/")).to_owned()
}

/// Returns whether the modes let the user use the file. An access list may say more or less than its mode.
fn may(found: &Surveyed, access: Access, of: Of<'_>) -> bool {
    let lets = |status: &FileStat, wanted: u32| {
        let class = if status.st_uid == of.uid {
            6
        } else if of.groups.contains(&status.st_gid) {
            3
        } else {
            0
        };
        status.st_mode >> class & wanted == wanted
    };
    let is_directory = found.status.st_mode & 0o170_000 == 0o040_000;
    let wanted = match (access, is_directory) {
        (Access::Read, _) => 0o4,
        (Access::Write | Access::Device, true) => 0o3,
        (Access::Write | Access::Device, false) => 0o2,
    };
    found.directories.iter().all(|(_, status)| lets(status, 0o1)) && lets(&found.status, wanted)
}

fn is_open_by_preset(path: &Path) -> bool {
    is_readable_by_preset(path)
        || (path.starts_with(OPEN_IN_PARTS) && path != Path::new(OPEN_IN_PARTS) && is_roots_and_open(path, 0))
}

/// Returns whether everybody may read it, with all that lies in it, and only root may change it.
fn is_roots_and_open(path: &Path, depth: usize) -> bool {
    let Ok(status) = std::fs::symlink_metadata(path) else { return false };
    if !is_open_to_all(status.mode()) || !is_roots_alone(&status) || status.is_symlink() || depth > DEPTH {
        return false;
    }
    if !status.is_dir() {
        return true;
    }
    let Ok(entries) = std::fs::read_dir(path) else { return false };
    entries.into_iter().all(|entry| {
        let Ok(entry) = entry else { return false };
        entry.file_type().is_ok_and(|kind| kind.is_symlink()) || is_roots_and_open(&entry.path(), depth + 1)
    })
}

fn is_roots_alone(status: &Metadata) -> bool {
    status.uid() == 0 && status.mode() & 0o022 == 0
}

/// Returns the files to which the links in a directory lead, if everybody may read them.
fn targets_of_links(directory: &Path) -> BTreeSet<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let links = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_symlink()));
    let targets = links.filter_map(|link| std::fs::canonicalize(link.path()).ok());
    let is_open =
        |path: &PathBuf| std::fs::metadata(path).is_ok_and(|status| status.is_file() && is_open_to_all(status.mode()));
    targets.filter(is_open).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn used(access: Access, path: &Path) -> Vec<(String, bool)> {
        let place = Place { access, path: path.to_owned() };
        let judged = judge(&[place], Of { uid: 65534, groups: &[65534], tool: Path::new("/opt/tool") });
        judged.into_iter().map(|one| (one.path, one.needs_capability)).collect()
    }

    #[test]
    fn the_modes_on_the_way_decide_whether_it_takes_a_capability() {
        let Ok(root) = tempfile::tempdir_in("/var/lib") else { return };
        let set = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        let (folder, file) = (root.path().join("folder"), root.path().join("folder/file"));
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(&file, "").unwrap();
        let shown = |path: &Path| path.to_str().unwrap().to_owned();
        let expect = |access, needs| {
            let found = used(access, &file);
            assert_eq!(found.iter().map(|(_, needs)| *needs).collect::<Vec<_>>(), [needs], "{found:?}");
            if nix::unistd::geteuid().is_root() {
                assert_eq!(found[0].0, shown(&file));
            }
        };
        for (way, mode, reads, writes) in [
            (0o755, 0o644, false, true),
            (0o755, 0o600, true, true),
            (0o700, 0o666, true, true),
            (0o711, 0o606, false, false),
        ] {
            set(root.path(), 0o755);
            set(&folder, way);
            set(&file, mode);
            expect(Access::Read, reads);
            expect(Access::Write, writes);
        }
        // What is gone is judged by its directory.
        std::fs::remove_file(&file).unwrap();
        set(&folder, 0o777);
        assert_eq!(used(Access::Write, &file), [(shown(&folder), false)]);
    }

    #[test]
    fn what_others_can_move_is_named_by_its_directory() {
        let directory = tempfile::tempdir_in("/tmp").unwrap();
        let file = directory.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert_eq!(used(Access::Read, &file).first().map(|one| one.0.as_str()), Some("/tmp"));
    }

    #[test]
    fn what_the_preset_leaves_readable_is_no_place() {
        for open in ["/usr/lib/os-release", "/etc/passwd", "/proc/self/status", "/dev/null", "/opt/tool"] {
            assert_eq!(used(Access::Read, Path::new(open)), [], "{open}");
        }
        assert_eq!(used(Access::Read, Path::new("/etc/shadow")), [("/etc/shadow".to_owned(), true)]);
        assert_eq!(used(Access::Write, Path::new("/etc/passwd")), [("/etc/passwd".to_owned(), true)]);
    }
}
