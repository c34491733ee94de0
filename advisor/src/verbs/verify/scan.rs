//! Finds every file with capabilities below a directory and compares it with what the policies want.

use crate::host::installed_file;
use crate::host::installed_file::{Installed, Unread};
use crate::host::launcher_kernels;
use crate::host::tool_faults;
use crate::host::tree_walk;
use crate::host::tree_walk::{Met, Visitor, is_gone};
use crate::output::error;
use crate::output::finding::Judgement;
use crate::store::{enabled, file_caps};
use crate::verbs::verify::file;
use crate::verbs::verify::judged::{Judged, Kind, Subject};
use capwrap_core::capability::xattr::ATTRIBUTE;
use capwrap_core::policy::{FileCapabilities, Policy};
use capwrap_core::tool_rules::{self, ToolFault};
use indicatif::{ProgressBar, ProgressStyle};
use rustix::io::Errno;
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

pub use crate::host::tree_walk::Reach;

/// The result of scanning some directories.
pub struct Scan {
    /// Files whose capabilities no policy accounts for, and what could not be checked, sorted by path.
    pub subjects: Vec<Subject>,
    /// How many regular files were read.
    pub files: u64,
}

/// Files whose capabilities an enabled policy accounts for, by device and inode, with the capabilities that they should
/// have.
pub struct Accounted(HashMap<(u64, u64), FileCapabilities>);

impl Accounted {
    /// Reads the enabled policies. A policy that cannot be read accounts for nothing.
    pub fn read() -> Self {
        let mut accounted = HashMap::new();
        let mut add = |path: &Path, wanted: &dyn Fn(&Installed) -> Option<FileCapabilities>| {
            if let Ok(found) = Installed::look(path)
                && let Some(wanted) = wanted(&found)
            {
                accounted.insert(found.identity, wanted);
            }
        };
        for name in enabled::names().unwrap_or_default() {
            let Ok(policy) = enabled::read(&enabled::path(&name)) else { continue };
            let stated = file_caps::wanted_of_tool(&policy);
            let wanted = |found: &Installed| stated.or_else(|| exactly_given(found, &policy));
            policy.tool.paths.iter().for_each(|path| add(path, &wanted));
        }
        let needed = enabled::needed(&enabled::all().unwrap_or_default(), launcher_kernels::look().kernels);
        add(&file_caps::installed(), &|_| Some(file_caps::permitted(needed)));
        Self(accounted)
    }
}

/// Returns the capabilities of the tool's file, if exec gives the tool exactly what the policy grants by them.
fn exactly_given(found: &Installed, policy: &Policy) -> Option<FileCapabilities> {
    let attribute = found.carries.as_ref().ok()?.as_ref().filter(|attribute| attribute.root_id.is_none())?;
    let faults = tool_rules::faults(&found.as_tool(false), policy, None, &tool_faults::process(policy));
    (!faults.iter().any(ToolFault::is_of_file_capabilities)).then_some(attribute.capabilities)
}

/// Walks the trees. The walk follows no symbolic link and leaves nothing out.
pub fn scan(roots: &[PathBuf], reach: Reach, accounted: &Accounted) -> Scan {
    let looker = Looker { accounted, subjects: Mutex::default(), files: AtomicU64::new(0), progress: progress() };
    tree_walk::walk(roots, reach, &looker);
    looker.progress.finish_and_clear();
    let mut subjects = looker.subjects.into_inner().unwrap_or_default();
    subjects.sort_by(|one, other| one.path.cmp(&other.path));
    // One tree may contain another.
    subjects.dedup_by(|one, other| one.path == other.path);
    Scan { subjects, files: looker.files.into_inner() }
}

/// The visitor that checks every file on the walk.
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
        // Nearly all files have no capabilities, and one system call shows this.
        match met.ask(|path| rustix::fs::lgetxattr(path, ATTRIBUTE, &mut [0; 64])) {
            // The file system has no extended attributes, or the file is gone by now.
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

/// The subject for a file that was met, if it has capabilities that no policy accounts for.
fn look(met: &Met, accounted: &Accounted) -> Option<Subject> {
    let path = &met.path();
    judge(path, accounted).unwrap_or_else(|TooLong| beyond_paths(met))
}

/// The error for a path that is longer than the kernel takes.
struct TooLong;

/// The subject for the file at a path, if there is something to report.
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
        (None, Ok(Some(_)) | Err(Unread::Malformed(_) | Unread::Failed(_))) => {
            file::unaccounted(path, &found.carries, found.ignored_at_exec())
        }
    };
    Ok((judged.line.judgement != Judgement::Ok).then(|| subject(path, judged)))
}

/// The same subjects, checked again after some of their files were corrected. What could not be read stays.
pub fn again(subjects: Vec<Subject>, accounted: &Accounted) -> Vec<Subject> {
    let once_more = |one: Subject| match &one.path {
        Some(path) if !one.lines.iter().any(|line| line.unread) => judge(path, accounted).unwrap_or(Some(one)),
        _ => Some(one),
    };
    subjects.into_iter().filter_map(once_more).collect()
}

/// The subject for a file whose path is longer than the kernel takes. No policy can name it.
fn beyond_paths(met: &Met) -> Option<Subject> {
    let path = &met.path();
    let carries = met.ask(installed_file::carried_at);
    (carries != Ok(None)).then(|| subject(path, file::unaccounted(path, &carries, None)))
}

fn subject(path: &Path, judged: Judged) -> Subject {
    Subject { kind: Kind::File, name: file::shown(path), path: Some(path.to_owned()), lines: vec![judged] }
}

/// A progress count on a terminal; nothing is shown otherwise.
fn progress() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {human_pos} files") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
