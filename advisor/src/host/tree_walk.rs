//! Walks directory trees in parallel, with memory that does not grow with the number of files.
//!
//! General walker libraries keep what they have read of a directory until its turn comes: for a million files in one
//! directory, `ignore` took 226 MiB. Here each thread reads a directory as it goes down, holds one block of it per
//! level, and gives a subdirectory away only while another thread has nothing to do. The thread also changes its
//! working directory to the directory that it reads. It can then name a file without its path, which saves the kernel
//! the path lookup.

use nix::sched::{CloneFlags, unshare};
use nix::unistd::fchdir;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, PROC_SUPER_MAGIC, RawDir, fstat, openat, statat, statfs};
use rustix::io::Errno;
use std::ffi::{CStr, OsStr};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// How far the walk goes.
#[derive(Clone, Copy, Debug)]
pub struct Reach {
    /// Whether the walk stays on the file systems of its roots.
    pub one_file_system: bool,
    /// How many threads walk.
    pub threads: usize,
}

/// A regular file that the walk found.
pub struct Met<'w> {
    directory: &'w Path,
    name: &'w CStr,
    stands_there: bool,
}

impl Met<'_> {
    /// Returns its path, with the root's links followed.
    pub fn path(&self) -> PathBuf {
        self.directory.join(OsStr::from_bytes(self.name.to_bytes()))
    }

    /// Calls `question` with the shortest path that leads to the file.
    pub fn ask<T>(&self, question: impl FnOnce(&Path) -> T) -> T {
        if self.stands_there {
            question(Path::new(OsStr::from_bytes(self.name.to_bytes())))
        } else {
            question(&self.path())
        }
    }
}

/// What to do with each thing that the walk finds.
pub trait Visitor: Sync {
    /// A regular file.
    fn file(&self, met: &Met);
    /// A directory that cannot be read, or an entry whose kind the file system does not report.
    fn unread(&self, path: &Path, errno: Errno);
}

/// The number of bytes of a directory that are read at once.
const BLOCK: usize = 32 * 1024;
/// The number of directories that each thread holds open on the way down.
const DEEPEST: usize = 128;
/// A path that is too long for the kernel is opened in steps of about this many bytes.
const STEP: usize = 2048;

/// Walks the trees. It does not follow links below their roots.
pub fn walk(roots: &[PathBuf], reach: Reach, visitor: &impl Visitor) {
    let threads = reach.threads.max(1);
    let queue = Queue::new(roots.iter().filter_map(|root| begins_at(root, visitor)).collect(), threads);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                // If a sandbox forbids `unshare`, changing the directory would move the whole process, so this thread
                // uses paths.
                let stands_there = unshare(CloneFlags::CLONE_FS).is_ok();
                let mut walker = Walker { queue: &queue, visitor, reach, stands_there, deep: Vec::new() };
                while let Some(job) = walker.deep.pop().or_else(|| queue.take()) {
                    walker.begin(job);
                }
            });
        }
    });
}

/// Resolves the root of a walk to its real path. The root may be a link, as /bin is, and a relative path would change
/// its meaning with each working directory of a thread.
fn begins_at(root: &Path, visitor: &impl Visitor) -> Option<Job> {
    match root.canonicalize() {
        Ok(path) => Some(Job { path, file_system: None }),
        Err(error) => {
            visitor.unread(root, Errno::from_io_error(&error).unwrap_or(Errno::IO));
            None
        }
    }
}

/// A directory to read.
struct Job {
    path: PathBuf,
    /// The device of the tree that it belongs to; `None` for a root.
    file_system: Option<u64>,
}

struct Walker<'w, V> {
    queue: &'w Queue,
    visitor: &'w V,
    reach: Reach,
    /// Whether this thread has a working directory of its own.
    stands_there: bool,
    /// Directories that are too deep to be held open on the way.
    deep: Vec<Job>,
}

impl<V: Visitor> Walker<'_, V> {
    fn begin(&mut self, job: Job) {
        let opened = open(&job.path);
        let mut path = job.path;
        match opened {
            Ok(directory) => self.descend(&directory, &mut path, job.file_system, 0),
            // The root of a walk may be a file.
            Err(Errno::NOTDIR) if job.file_system.is_none() => self.root_file(&path),
            Err(errno) => self.failed(&path, errno, job.file_system.is_none()),
        }
    }

    fn root_file(&self, path: &Path) {
        let name = path.file_name().and_then(|name| std::ffi::CString::new(name.as_bytes()).ok());
        match (statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW), name) {
            (Ok(about), Some(name)) if FileType::from_raw_mode(about.st_mode) == FileType::RegularFile => {
                let directory = path.parent().unwrap_or(Path::new(""));
                self.visitor.file(&Met { directory, name: &name, stands_there: false });
            }
            _ => self.visitor.unread(path, Errno::NOTDIR),
        }
    }

    fn descend(&mut self, directory: &OwnedFd, path: &mut PathBuf, file_system: Option<u64>, depth: usize) {
        let file_system = match (file_system, self.reach.one_file_system) {
            (known, false) => Some(known.unwrap_or_default()),
            (known, true) => match fstat(directory) {
                Ok(about) if known.is_none_or(|known| known == about.st_dev) => Some(about.st_dev),
                Ok(_) => return,
                Err(errno) => return self.visitor.unread(path, errno),
            },
        };
        let mut block: Vec<u8> = Vec::with_capacity(BLOCK);
        let mut stands_here = self.stand(directory);
        let mut entries = RawDir::new(directory, block.spare_capacity_mut());
        while let Some(entry) = entries.next() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(errno) => return self.failed(path, errno, false),
            };
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let kind = match entry.file_type() {
                // Some file systems do not report the kind.
                FileType::Unknown => match statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(about) => FileType::from_raw_mode(about.st_mode),
                    Err(errno) => {
                        self.failed(&path.join(OsStr::from_bytes(name.to_bytes())), errno, false);
                        continue;
                    }
                },
                kind => kind,
            };
            match kind {
                FileType::RegularFile => {
                    self.visitor.file(&Met { directory: path, name, stands_there: stands_here });
                }
                FileType::Directory => {
                    path.push(OsStr::from_bytes(name.to_bytes()));
                    let goes_down = self.subdirectory(directory, name, path, file_system, depth);
                    path.pop();
                    if goes_down {
                        stands_here = self.stand(directory);
                    }
                }
                _ => {}
            }
        }
    }

    /// Returns whether the walk went down, which changed the working directory.
    fn subdirectory(
        &mut self,
        parent: &OwnedFd,
        name: &CStr,
        path: &mut PathBuf,
        file_system: Option<u64>,
        depth: usize,
    ) -> bool {
        let job = || Job { path: path.clone(), file_system };
        if self.queue.is_hungry() {
            self.queue.give(job());
            return false;
        }
        if depth >= DEEPEST {
            self.deep.push(job());
            return false;
        }
        match openat(parent, name, how(), Mode::empty()) {
            Ok(directory) => {
                self.descend(&directory, path, file_system, depth + 1);
                true
            }
            Err(errno) => {
                self.failed(path, errno, false);
                false
            }
        }
    }

    /// Reports an error. A file that disappeared meanwhile, or has become a link, is not reported.
    fn failed(&self, path: &Path, errno: Errno, is_root: bool) {
        if is_root || !(matches!(errno, Errno::NOTDIR | Errno::LOOP) || is_gone(errno) || is_of_proc(path)) {
            self.visitor.unread(path, errno);
        }
    }

    fn stand(&self, directory: &OwnedFd) -> bool {
        self.stands_there && fchdir(directory.as_fd()).is_ok()
    }
}

/// Whether this error means that something existed and has disappeared.
pub fn is_gone(errno: Errno) -> bool {
    // The kernel returns ESRCH for files of a process that has ended (proc(5)).
    matches!(errno, Errno::NOENT | Errno::SRCH)
}

/// Whether the path lies in proc(5), where no file has extended attributes, and where even root may not read
/// everything.
fn is_of_proc(path: &Path) -> bool {
    statfs(path).is_ok_and(|about| about.f_type == PROC_SUPER_MAGIC)
}

/// Opens a directory whose path may have any length, although the kernel takes no more than 4,096 bytes (PATH_MAX) at
/// once.
fn open(path: &Path) -> Result<OwnedFd, Errno> {
    match openat(CWD, path, how(), Mode::empty()) {
        Err(Errno::NAMETOOLONG) => open_by_steps(path),
        opened => opened,
    }
}

fn open_by_steps(path: &Path) -> Result<OwnedFd, Errno> {
    let mut directory = openat(CWD, "/", how(), Mode::empty())?;
    let mut step = PathBuf::new();
    for component in path.components().filter(|component| matches!(component, Component::Normal(_))) {
        // One more name adds at most 255 bytes (NAME_MAX).
        if step.as_os_str().len() > STEP {
            directory = openat(&directory, &step, how(), Mode::empty())?;
            step.clear();
        }
        step.push(component);
    }
    openat(&directory, &step, how(), Mode::empty())
}

fn how() -> OFlags {
    OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC
}

/// Directories that wait for a thread, and threads that wait for a directory.
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    /// How many more directories the waiting threads could take. It is read without the lock.
    hunger: AtomicUsize,
    threads: usize,
}

struct State {
    jobs: Vec<Job>,
    waiting: usize,
}

impl Queue {
    fn new(jobs: Vec<Job>, threads: usize) -> Self {
        Self {
            state: Mutex::new(State { jobs, waiting: 0 }),
            changed: Condvar::new(),
            hunger: AtomicUsize::new(0),
            threads,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A thread that panicked still left a consistent list.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_hungry(&self) -> bool {
        self.hunger.load(Ordering::Relaxed) > 0
    }

    fn give(&self, job: Job) {
        let mut state = self.state();
        state.jobs.push(job);
        self.tell_hunger(&state);
        self.changed.notify_one();
    }

    /// Returns the next directory, or `None` once every thread waits.
    fn take(&self) -> Option<Job> {
        let mut state = self.state();
        loop {
            if let Some(job) = state.jobs.pop() {
                self.tell_hunger(&state);
                return Some(job);
            }
            state.waiting += 1;
            if state.waiting == self.threads {
                self.changed.notify_all();
                return None;
            }
            self.tell_hunger(&state);
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            if state.waiting == self.threads {
                return None;
            }
            state.waiting -= 1;
        }
    }

    /// Updates the hunger. A waiting thread should find a few directories, so that it does not wait again at once.
    fn tell_hunger(&self, state: &State) {
        let wanted = state.waiting * 4;
        self.hunger.store(wanted.saturating_sub(state.jobs.len()), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::os::unix::fs::symlink;

    #[derive(Default)]
    struct Collected {
        files: Mutex<Vec<PathBuf>>,
        unread: Mutex<Vec<(PathBuf, Errno)>>,
    }

    impl Visitor for Collected {
        fn file(&self, met: &Met) {
            assert!(met.ask(|path| path.symlink_metadata().unwrap().is_file()));
            self.files.lock().unwrap().push(met.path());
        }

        fn unread(&self, path: &Path, errno: Errno) {
            self.unread.lock().unwrap().push((path.to_owned(), errno));
        }
    }

    fn walked(root: &Path, threads: usize) -> (BTreeSet<PathBuf>, Vec<(PathBuf, Errno)>) {
        let collected = Collected::default();
        walk(&[root.to_owned()], Reach { one_file_system: false, threads }, &collected);
        let files = collected.files.into_inner().unwrap();
        let once: BTreeSet<PathBuf> = files.iter().cloned().collect();
        assert_eq!(once.len(), files.len(), "a file was met twice");
        (once, collected.unread.into_inner().unwrap())
    }

    #[test]
    fn every_file_is_met_once_however_many_threads_walk_and_however_deep_it_lies() {
        let root = tempfile::tempdir().unwrap();
        let mut expected = BTreeSet::new();
        let mut deep = root.path().to_owned();
        for level in 0..DEEPEST + 40 {
            deep.push("d");
            std::fs::create_dir(&deep).unwrap();
            for name in [".hidden", "a\nb", "plain"] {
                let file = deep.join(format!("{name}{level}"));
                std::fs::write(&file, "").unwrap();
                expected.insert(file);
            }
        }
        let odd = root.path().join(OsStr::from_bytes(b"\xff\xfe"));
        std::fs::write(&odd, "").unwrap();
        expected.insert(odd);
        symlink(root.path(), deep.join("loop")).unwrap();
        symlink("/etc/passwd", deep.join("link")).unwrap();
        for threads in [1, 2, 7] {
            assert_eq!(walked(root.path(), threads), (expected.clone(), vec![]), "{threads}");
        }
    }

    #[test]
    fn a_root_that_is_not_there_is_reported_and_one_that_is_a_file_is_met() {
        let (files, unread) = walked(Path::new("/nowhere/at/all"), 2);
        assert_eq!((files.len(), unread), (0, vec![(PathBuf::from("/nowhere/at/all"), Errno::NOENT)]));
        let (files, unread) = walked(Path::new("/etc/passwd"), 2);
        assert_eq!((files.len(), unread.len()), (1, 0));
    }
}
