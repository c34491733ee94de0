//! Every file below a directory that carries capabilities, held against what the policies want.

use crate::host::installed_file;
use crate::host::installed_file::{Installed, Unread};
use crate::host::tree_walk;
use crate::host::tree_walk::{Met, Visitor, is_gone};
use crate::output::error;
use crate::output::finding::Judgement;
use crate::store::{enabled, file_caps};
use crate::verbs::verify::file;
use crate::verbs::verify::judged::{Judged, Kind, Subject};
use capwrap_core::capability::xattr::ATTRIBUTE;
use capwrap_core::policy::FileCapabilities;
use indicatif::{ProgressBar, ProgressStyle};
use rustix::io::Errno;
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

pub use crate::host::tree_walk::Reach;

/// What was found below some directories.
pub struct Scan {
    /// Files that carry what no policy accounts for, and what could not be checked, by path.
    pub subjects: Vec<Subject>,
    /// How many regular files were read.
    pub files: u64,
}

/// Files whose capabilities an enabled policy accounts for, by device and inode, with what they are
/// to carry.
pub struct Accounted(HashMap<(u64, u64), FileCapabilities>);

impl Accounted {
    /// By the enabled policies. One that cannot be read accounts for nothing.
    pub fn read() -> Self {
        let mut accounted = HashMap::new();
        let mut add = |path: &Path, wanted: FileCapabilities| {
            if let Ok(found) = Installed::look(path) {
                accounted.insert(found.identity, wanted);
            }
        };
        for name in enabled::names().unwrap_or_default() {
            let Ok(policy) = enabled::read(&enabled::path(&name)) else { continue };
            if let Some(wanted) = file_caps::wanted_of_tool(&policy) {
                policy.tool.paths.iter().for_each(|path| add(path, wanted));
            }
        }
        add(&file_caps::installed(), file_caps::permitted(enabled::needed().unwrap_or_default()));
        Self(accounted)
    }
}

/// Walks the trees. Links are not followed, and nothing is left out.
pub fn scan(roots: &[PathBuf], reach: Reach, accounted: &Accounted) -> Scan {
    let looker = Looker { accounted, subjects: Mutex::default(), files: AtomicU64::new(0), progress: progress() };
    tree_walk::walk(roots, reach, &looker);
    looker.progress.finish_and_clear();
    let mut subjects = looker.subjects.into_inner().unwrap_or_default();
    subjects.sort_by(|one, other| one.path.cmp(&other.path));
    // One tree may lie in another.
    subjects.dedup_by(|one, other| one.path == other.path);
    Scan { subjects, files: looker.files.into_inner() }
}

/// What is done with what the walk meets.
struct Looker<'a> {
    accounted: &'a Accounted,
    subjects: Mutex<Vec<Subject>>,
    files: AtomicU64,
    progress: ProgressBar,
}

impl Looker<'_> {
    fn report(&self, subject: Subject) {
        if let Ok(mut subjects) = self.subjects.lock() {
            subjects.push(subject);
        }
    }
}

impl Visitor for Looker<'_> {
    fn file(&self, met: &Met) {
        let files = self.files.fetch_add(1, Ordering::Relaxed);
        if files.is_multiple_of(4096) {
            self.progress.set_position(files);
        }
        // Nearly all have none, which one system call shows.
        match met.ask(|path| rustix::fs::lgetxattr(path, ATTRIBUTE, &mut [0; 64])) {
            // Without extended attributes, or gone meanwhile.
            Err(Errno::NODATA | Errno::OPNOTSUPP | Errno::NOTDIR) => {}
            Err(errno) if is_gone(errno) => {}
            Ok(_) | Err(_) => {
                if let Some(subject) = look(met, self.accounted) {
                    self.report(subject);
                }
            }
        }
    }

    fn unread(&self, path: &Path, errno: Errno) {
        let reason = error::reason(&io::Error::from(errno));
        self.report(subject(path, Judged::unread("directory", file::shown(path), &reason)));
    }
}

/// One that carries something.
fn look(met: &Met, accounted: &Accounted) -> Option<Subject> {
    let path = &met.path();
    judge(path, accounted).unwrap_or_else(|TooLong| beyond_paths(met))
}

/// A path that is longer than the kernel takes.
struct TooLong;

/// What is to be reported of what lies at a path, if anything is.
fn judge(path: &Path, accounted: &Accounted) -> Result<Option<Subject>, TooLong> {
    let found = match Installed::look(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::InvalidFilename => return Err(TooLong),
        Err(error) => {
            return Ok(Some(subject(path, Judged::unread("file", file::shown(path), &error::reason(&error)))));
        }
    };
    let judged = match (accounted.0.get(&found.identity), &found.carries) {
        (Some(wanted), _) => file::carries(&found, Some(wanted), "its policy says"),
        (None, Ok(None)) => return Ok(None),
        (None, Ok(Some(_)) | Err(Unread::Malformed(_) | Unread::Failed(_))) => file::unaccounted(path, &found.carries),
    };
    Ok((judged.line.judgement != Judgement::Ok).then(|| subject(path, judged)))
}

/// The same subjects once more, after some of their files were corrected. What could not be read stays.
pub fn again(subjects: Vec<Subject>, accounted: &Accounted) -> Vec<Subject> {
    let once_more = |one: Subject| match &one.path {
        Some(path) if !one.lines.iter().any(|line| line.unread) => judge(path, accounted).unwrap_or(Some(one)),
        _ => Some(one),
    };
    subjects.into_iter().filter_map(once_more).collect()
}

/// One whose path is longer than the kernel takes. No policy can name it.
fn beyond_paths(met: &Met) -> Option<Subject> {
    let path = &met.path();
    let carries = met.ask(installed_file::carried_at);
    (carries != Ok(None)).then(|| subject(path, file::unaccounted(path, &carries)))
}

fn subject(path: &Path, judged: Judged) -> Subject {
    Subject { kind: Kind::File, name: file::shown(path), path: Some(path.to_owned()), lines: vec![judged] }
}

/// A count on a terminal, nothing elsewhere.
fn progress() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {human_pos} files") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
