//! Which paths a scope names, so that the files that some runs used stay open, and few others.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// From so many files on that were used in one directory, the directory stands for them: the next run will use others.
const SEVERAL: usize = 3;
/// From so many paths on, the directories stand for them in which at least two of them lie.
const MANY: usize = 12;
/// How deep a directory lies at least that stands for what was used in it: /var/log does, and /etc does not.
const DEPTH: usize = 2;

/// Returns few paths beneath which all of these lie.
pub fn few<'p>(paths: impl Iterator<Item = &'p Path>) -> Vec<PathBuf> {
    let mut kept = uppermost(paths.map(Path::to_owned).collect());
    for (directory, count) in directories(&kept, 1) {
        if count >= SEVERAL {
            kept.insert(directory);
        }
    }
    kept = uppermost(kept);
    while kept.len() > MANY {
        let deepest = directories(&kept, usize::MAX).into_iter().filter(|(_, count)| *count > 1);
        let Some((directory, _)) = deepest.max_by_key(|(directory, count)| (depth(directory), *count)) else { break };
        kept.insert(directory);
        kept = uppermost(kept);
    }
    kept.into_iter().collect()
}

/// Returns whether a path lies in one of these directories, or is one of these.
pub fn lies_beneath(path: &Path, directories: &[PathBuf]) -> bool {
    directories.iter().any(|directory| path.starts_with(directory))
}

/// Leaves out what lies beneath another path.
fn uppermost(paths: BTreeSet<PathBuf>) -> BTreeSet<PathBuf> {
    let is_beneath = |path: &Path| path.ancestors().skip(1).any(|above| paths.contains(above));
    paths.iter().filter(|path| !is_beneath(path)).cloned().collect()
}

/// Returns the directories at most so many levels above the paths that may stand for them, with the number of paths in each.
fn directories(paths: &BTreeSet<PathBuf>, levels: usize) -> BTreeMap<PathBuf, usize> {
    let mut all = BTreeMap::new();
    let above = paths.iter().flat_map(|path| path.ancestors().skip(1).take(levels));
    for directory in above.filter(|one| depth(one) >= DEPTH) {
        *all.entry(directory.to_owned()).or_default() += 1;
    }
    all
}

fn depth(path: &Path) -> usize {
    path.components().count().saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn of(paths: &[&str], expected: &[&str]) {
        let few = few(paths.iter().map(Path::new));
        assert_eq!(few, expected.iter().map(PathBuf::from).collect::<Vec<_>>());
    }

    #[test]
    fn a_directory_stands_for_several_of_its_files() {
        of(&["/var/log/a", "/var/log/b"], &["/var/log/a", "/var/log/b"]);
        of(&["/var/log/a", "/var/log/b", "/var/log/c", "/srv/x"], &["/srv/x", "/var/log"]);
        of(&["/var/log", "/var/log/a/b", "/var/logs"], &["/var/log", "/var/logs"]);
        // What lies in three of its directories is no reason to open all of them.
        of(&["/var/lib/a/x", "/var/lib/b/x", "/var/lib/c/x"], &["/var/lib/a/x", "/var/lib/b/x", "/var/lib/c/x"]);
    }

    #[test]
    fn no_directory_of_the_root_stands_for_its_files() {
        of(&["/etc/shadow", "/etc/gshadow", "/etc/shadow-"], &["/etc/gshadow", "/etc/shadow", "/etc/shadow-"]);
        of(&["/a", "/b", "/c"], &["/a", "/b", "/c"]);
        of(&["/"], &["/"]);
    }

    #[test]
    fn many_paths_become_few() {
        let paths: Vec<String> = (0..20).map(|at| format!("/var/lib/{at}/data")).collect();
        of(&paths.iter().map(String::as_str).collect::<Vec<_>>(), &["/var/lib"]);
    }

    #[test]
    fn all_that_was_used_lies_beneath_what_is_named() {
        let paths: Vec<PathBuf> = (0..40).map(|at| PathBuf::from(format!("/srv/{}/{}/{at}", at % 3, at % 7))).collect();
        let few = few(paths.iter().map(PathBuf::as_path));
        assert!(few.len() <= MANY && paths.iter().all(|path| lies_beneath(path, &few)), "{few:?}");
    }
}
