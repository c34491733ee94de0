//! Opens a file along a path on which only root and the file's owner can replace a component.
//!
//! Each component is opened by itself, without following links, and checked through its descriptor.
//! This module resolves links itself, so that the directories behind them are checked too.
//! (openat2(2) would do the same for one component, but some kernels in use do not have it.)

use crate::text::shell;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, openat, readlinkat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat};
use std::collections::VecDeque;
use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

/// A regular file, opened for reading, that only root and its permitted owner can change.
#[derive(Debug)]
pub struct Opened {
    /// The open file.
    pub file: File,
    /// The file's status, from fstat(2).
    pub status: FileStat,
    /// The directory that contains the file.
    pub directory: Rc<OwnedFd>,
    /// The file's name in that directory.
    pub name: CString,
    /// The user who can safely run a command on the file's path: see [`safe_for`].
    pub safe_for: Option<u32>,
}

/// What a path leads to, whatever its type and owner.
#[derive(Debug)]
pub struct Surveyed {
    /// The path without links.
    pub path: PathBuf,
    /// The file, opened with O_PATH.
    pub file: File,
    /// The file's status, from fstat(2).
    pub status: FileStat,
    /// Every directory on the path, including those behind links.
    pub directories: Vec<(PathBuf, FileStat)>,
    /// Whether the path leads through a symbolic link.
    pub through_link: bool,
}

impl Surveyed {
    /// Returns whether any user may read the file by this path.
    pub fn everybody_may_read(&self) -> bool {
        let lets_all = |status: &FileStat, bit| Mode::from_bits_truncate(status.st_mode).contains(bit);
        self.directories.iter().all(|(_, status)| lets_all(status, Mode::S_IXOTH))
            && lets_all(&self.status, Mode::S_IROTH)
    }

    /// Returns whether a user who is neither `reader` nor the file's owner could have led the path to the file by a
    /// link or a hard link, and not everybody may read it. Its owner did not mean to show it then, and what is reported
    /// of it may reach whoever led there.
    pub fn is_a_secret_that_others_led_to(&self, reader: u32) -> bool {
        let owner = self.status.st_uid;
        let is_foreign = |status: &FileStat| !is_trusted(status, reader) && !is_trusted(status, owner);
        let is_led = self.through_link || self.status.st_nlink > 1;
        is_led && !self.everybody_may_read() && self.directories.iter().any(|(_, status)| is_foreign(status))
    }
}

/// Why a file was not opened, and which part of its path is the cause.
#[derive(Debug)]
pub enum Fault {
    /// This path does not exist.
    Missing(PathBuf),
    /// This path cannot be opened or checked.
    Failed(PathBuf, Errno),
    /// This file or directory belongs neither to root nor to the owner that the policy permits.
    Owner {
        /// The file or directory.
        path: PathBuf,
        /// Its owner's user id.
        owner: u32,
        /// The user id that it may belong to.
        wanted: u32,
        /// Its `st_mode`.
        mode: u32,
        /// The user who can safely run a command on its path.
        safe_for: Option<u32>,
    },
    /// Users other than its owner can write to this file or directory.
    Writable {
        /// The file or directory.
        path: PathBuf,
        /// Its `st_mode`.
        mode: u32,
        /// The user who can safely run a command on its path.
        safe_for: Option<u32>,
    },
    /// This path is not a regular file.
    NotRegular(PathBuf),
}

impl Fault {
    /// Describes what is wrong. The text follows the name of the wanted file.
    pub fn describe(&self, wanted_path: &Path) -> String {
        match self {
            Self::Missing(path) if path == wanted_path => "no such file".to_owned(),
            Self::Missing(path) => format!("{} does not exist", path.display()),
            Self::Failed(path, errno) if path == wanted_path => errno.desc().to_owned(),
            Self::Failed(path, errno) => format!("{}: {}", path.display(), errno.desc()),
            Self::Owner { path, owner: OVERFLOW, .. } => format!(
                "{} belongs to uid {OVERFLOW}, not to root: to nobody, or it is the machine's own, seen from a user namespace",
                path.display()
            ),
            Self::Owner { path, owner, wanted, .. } if *wanted == 0 => {
                format!("{} belongs to uid {owner}, not to root", path.display())
            }
            Self::Owner { path, owner, wanted, .. } => {
                format!("{} belongs to uid {owner}, not to uid {wanted} or root", path.display())
            }
            Self::Writable { path, mode, .. } => {
                format!("{} can be written by others than its owner (mode {:04o})", path.display(), mode & 0o7777)
            }
            Self::NotRegular(path) => format!("{} is no regular file", path.display()),
        }
    }

    /// Returns the command with which root corrects the fault. There is no command if it could
    /// change a file that somebody else has put there, or if it would take a directory away from
    /// its owner.
    pub fn command(&self) -> Option<String> {
        match self {
            Self::Owner { owner: OVERFLOW, .. } => None,
            Self::Owner { path, wanted, mode, safe_for: Some(0), .. } if !is_directory(*mode) => {
                Some(format!("chown {wanted} {}", shell::path(path)?))
            }
            Self::Writable { path, mode, safe_for: Some(0) } if !is_shared(*mode) => Some(go_w(path)?),
            _ => None,
        }
    }

    /// Returns the hint: a command for root, a command for another user, or advice.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Owner { owner: OVERFLOW, .. } => None,
            Self::Writable { path, mode, safe_for: Some(uid @ 1..) } if !is_shared(*mode) => {
                Some(format!("as uid {uid}, run: {}", go_w(path)?))
            }
            Self::Owner { .. } | Self::Writable { .. } => {
                self.command().or_else(|| Some("keep it where root owns every directory on the way to it".to_owned()))
            }
            _ => None,
        }
    }

    /// Returns whether the fault is that of a directory.
    pub fn is_of_a_directory(&self) -> bool {
        matches!(self, Self::Owner { mode, .. } | Self::Writable { mode, .. } if is_directory(*mode))
    }
}

fn go_w(path: &Path) -> Option<String> {
    Some(format!("chmod go-w {}", shell::path(path)?))
}

fn is_directory(mode: u32) -> bool {
    SFlag::from_bits_truncate(mode & SFlag::S_IFMT.bits()) == SFlag::S_IFDIR
}

/// Returns whether it is a directory such as `/tmp`, in which everybody may create files.
fn is_shared(mode: u32) -> bool {
    is_directory(mode) && mode & 0o1000 != 0
}

/// Returns the user who can run a command on a path and be sure that it changes the file that was
/// found there, which belongs to `owner`. Root (0) can if every directory on the path is root's.
/// Otherwise only the owner can: the kernel lets only root change files of other users, so a link
/// that somebody puts there gives the owner access to nothing new.
pub const fn safe_for(owner: u32, roots_way: bool) -> Option<u32> {
    match (roots_way, owner) {
        (true, _) => Some(0),
        (false, 0) => None,
        (false, owner) => Some(owner),
    }
}

/// The user id that stands for every user id that a user namespace does not map
/// (user_namespaces(7)).
const OVERFLOW: u32 = 65534;

/// The number of links that the kernel follows (path_resolution(7)).
const MAX_LINKS: usize = 40;

/// Opens the file at an absolute path. Every directory on the path, including those behind links,
/// and the file itself must belong to root or to `owner`, and nobody else may be able to write to
/// them.
///
/// # Errors
/// One of them does not meet this rule, or a part of the path cannot be opened.
pub fn open(path: &Path, owner: u32) -> Result<Opened, Fault> {
    open_from(&mut Trail::default(), path, owner)
}

/// Does the same from what was opened for another path.
///
/// # Errors
/// Those of [`open`].
pub fn open_from(trail: &mut Trail, path: &Path, owner: u32) -> Result<Opened, Fault> {
    let mut roots_way = true;
    let (walk, name, found) = follow(trail, path, &mut |status, path| {
        check(status, owner, roots_way, path)?;
        roots_way &= status.st_uid == 0;
        Ok(())
    })?;
    walk.finish(&name, &found, Some(owner), roots_way)
}

/// Opens the regular file at an absolute path, whoever could put another one there: for what root runs by its name all
/// the same.
///
/// # Errors
/// Something on the way cannot be opened, or the file is no regular file.
pub fn open_whosever(path: &Path) -> Result<Opened, Fault> {
    let mut roots_way = true;
    let mut trail = Trail::default();
    let (walk, name, found) = follow(&mut trail, path, &mut |status, _| {
        roots_way &= is_trusted(status, 0);
        Ok(())
    })?;
    walk.finish(&name, &found, None, roots_way)
}

/// Opens what an absolute path leads to, and every directory on the path, including those behind
/// links.
///
/// # Errors
/// A part of the path is missing or cannot be opened, or the path has no last name.
pub fn survey(path: &Path) -> Result<Surveyed, Fault> {
    survey_from(&mut Trail::default(), path)
}

fn survey_from(trail: &mut Trail, path: &Path) -> Result<Surveyed, Fault> {
    let mut directories = Vec::new();
    let (walk, name, found) = follow(trail, path, &mut |status, path| {
        directories.push((path(), *status));
        Ok(())
    })?;
    let path = walk.path_of(&name);
    let through_link = walk.links > 0;
    Ok(Surveyed { path, file: File::from(found.descriptor), status: found.status, directories, through_link })
}

/// Returns the faults of the directories on the way to what was surveyed: with none, only root and `owner` can make the
/// path lead elsewhere.
pub fn faults_on_the_way(surveyed: &Surveyed, owner: u32) -> Vec<Fault> {
    let mut roots_way = true;
    let mut faults = Vec::new();
    for (path, status) in &surveyed.directories {
        faults.extend(check(status, owner, roots_way, &|| path.clone()).err());
        roots_way &= is_trusted(status, 0);
    }
    faults
}

/// Returns what a path of a scope leads to, or `None` if there is no such file: it then needs no rule, because the tool is
/// refused it.
///
/// # Errors
/// Another user than root could make the path lead elsewhere, or it cannot be opened.
pub fn place_of_a_scope(trail: &mut Trail, path: &Path) -> Result<Option<Surveyed>, Fault> {
    // Another call must say the same of a file that does not exist.
    let is_missing = || std::fs::metadata(path).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound);
    let found = match survey_from(trail, path) {
        Ok(found) => found,
        Err(Fault::Missing(_)) if is_missing() => return Ok(None),
        Err(fault) => return Err(fault),
    };
    faults_on_the_way(&found, 0).into_iter().next().map_or(Ok(Some(found)), Err)
}

/// Returns all faults of what was surveyed. For each of them [`open`] would refuse the file if it
/// may belong to `owner`.
pub fn faults(surveyed: &Surveyed, owner: u32) -> Vec<Fault> {
    let mut faults = faults_on_the_way(surveyed, owner);
    let roots_way = surveyed.directories.iter().all(|(_, status)| is_trusted(status, 0));
    let (path, status) = (&surveyed.path, &surveyed.status);
    if kind(status) != SFlag::S_IFREG {
        faults.push(Fault::NotRegular(path.clone()));
    }
    faults.extend(check(status, owner, roots_way, &|| path.clone()).err());
    faults
}

/// Judges a directory. Its path is computed only if the judge needs it.
type Judge<'j> = &'j mut dyn FnMut(&FileStat, &dyn Fn() -> PathBuf) -> Result<(), Fault>;

/// How a file is opened to be read. Nothing is waited for, and nothing becomes the terminal of the process.
const TO_READ: OFlag = OFlag::O_RDONLY.union(OFlag::O_NONBLOCK).union(OFlag::O_NOCTTY);

/// Follows an absolute path, through links, and judges each directory as it enters it. It ends before the last component
/// and returns the directory, the name in it, and what the name refers to. Directories that the trail shares with the path
/// are not opened again, and judged all the same.
fn follow<'t>(trail: &'t mut Trail, path: &Path, judge: Judge<'_>) -> Result<(Walk<'t>, OsString, Found), Fault> {
    let mut ahead: VecDeque<OsString> = components(path).collect();
    let mut walk = Walk::begin(trail, &mut ahead, judge)?;
    while let Some(name) = ahead.pop_front() {
        if name == ".." {
            walk.leave();
            if ahead.is_empty() {
                return walk.at_a_directory();
            }
            continue;
        }
        let found = walk.open(&name, OFlag::O_PATH)?;
        match kind(&found.status) {
            SFlag::S_IFLNK => {
                walk.links += 1;
                if walk.links > MAX_LINKS {
                    return Err(Fault::Failed(path.to_owned(), Errno::ELOOP));
                }
                let target = readlinkat(&found.descriptor, "").map_err(|errno| walk.failed(&name, errno))?;
                if Path::new(&target).is_absolute() {
                    walk.trail.steps.truncate(1);
                }
                for part in components(Path::new(&target)).collect::<Vec<_>>().into_iter().rev() {
                    ahead.push_front(part);
                }
            }
            _ if ahead.is_empty() => return Ok((walk, name, found)),
            SFlag::S_IFDIR => walk.enter(name, found, judge)?,
            _ => return Err(walk.failed(&name, Errno::ENOTDIR)),
        }
    }
    Err(Fault::NotRegular(path.to_owned()))
}

/// Returns whether the name still refers to the file that was opened. It is for kernels on which
/// executing a descriptor would show its number as the name of the process.
pub fn is_still(opened: &Opened) -> Result<bool, nix::Error> {
    let now = fstatat(&opened.directory, opened.name.as_c_str(), AtFlags::AT_SYMLINK_NOFOLLOW)?;
    Ok((now.st_dev, now.st_ino) == (opened.status.st_dev, opened.status.st_ino))
}

/// The directories on the way to what was opened last, from the root on. A path that begins with the same names goes on
/// from there: they were no links.
#[derive(Debug, Default)]
pub struct Trail {
    steps: Vec<Step>,
}

#[derive(Debug)]
struct Step {
    /// The name in the directory before; the root has none.
    name: OsString,
    descriptor: Rc<OwnedFd>,
    status: FileStat,
}

struct Walk<'t> {
    trail: &'t mut Trail,
    /// How many links were followed.
    links: usize,
}

struct Found {
    descriptor: OwnedFd,
    status: FileStat,
}

impl<'t> Walk<'t> {
    /// Begins behind the directories that the trail has of the way ahead.
    fn begin(trail: &'t mut Trail, ahead: &mut VecDeque<OsString>, judge: Judge<'_>) -> Result<Self, Fault> {
        if trail.steps.is_empty() {
            trail.steps.push(open_root()?);
        }
        let known = trail.steps.iter().skip(1).zip(&*ahead).take_while(|(step, name)| step.name == **name).count();
        // The last name is never taken for a directory.
        let known = known.min(ahead.len().saturating_sub(1));
        trail.steps.truncate(1 + known);
        ahead.drain(..known);
        for at in 0..trail.steps.len() {
            judge(&trail.steps[at].status, &|| path_of(&trail.steps[..=at]))?;
        }
        Ok(Self { trail, links: 0 })
    }

    fn path_of(&self, name: &OsStr) -> PathBuf {
        path_of(&self.trail.steps).join(name)
    }

    fn failed(&self, name: &OsStr, errno: Errno) -> Fault {
        match errno {
            Errno::ENOENT => Fault::Missing(self.path_of(name)),
            errno => Fault::Failed(self.path_of(name), errno),
        }
    }

    fn current(&self) -> Result<&Rc<OwnedFd>, Fault> {
        let last = self.trail.steps.last().map(|step| &step.descriptor);
        last.ok_or_else(|| Fault::Failed(PathBuf::from("/"), Errno::EBADF))
    }

    fn open(&self, name: &OsStr, how: OFlag) -> Result<Found, Fault> {
        let always = OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let descriptor =
            openat(self.current()?, name, how | always, Mode::empty()).map_err(|errno| self.failed(name, errno))?;
        let status = fstat(&descriptor).map_err(|errno| self.failed(name, errno))?;
        Ok(Found { descriptor, status })
    }

    fn enter(&mut self, name: OsString, found: Found, judge: Judge<'_>) -> Result<(), Fault> {
        judge(&found.status, &|| self.path_of(&name))?;
        self.trail.steps.push(Step { name, descriptor: Rc::new(found.descriptor), status: found.status });
        Ok(())
    }

    /// The parent of the root is the root.
    fn leave(&mut self) {
        if self.trail.steps.len() > 1 {
            self.trail.steps.pop();
        }
    }

    /// Ends a walk whose last step leads upwards: what it found is the directory that it is in. The root has no name.
    fn at_a_directory(self) -> Result<(Self, OsString, Found), Fault> {
        let failed = |errno| Fault::Failed(PathBuf::from("/"), errno);
        let descriptor = self.current()?.try_clone().map_err(|error| failed(crate::errno::of(error)))?;
        let name = match self.trail.steps.len() {
            0 | 1 => OsString::new(),
            _ => self.trail.steps.pop().map(|step| step.name).unwrap_or_default(),
        };
        let status = fstat(&descriptor).map_err(|errno| self.failed(&name, errno))?;
        Ok((self, name, Found { descriptor, status }))
    }

    /// Ends a walk to a regular file, which is opened once more, to be read. Only what was seen to be a file is: a device can
    /// do something when it is opened. The checks use this descriptor. `owner` may own it besides root; `None` stands for
    /// anybody.
    fn finish(self, name: &OsStr, seen: &Found, owner: Option<u32>, roots_way: bool) -> Result<Opened, Fault> {
        let path = || self.path_of(name);
        let regular = |found: &Found| match kind(&found.status) {
            SFlag::S_IFREG => Ok(()),
            _ => Err(Fault::NotRegular(path())),
        };
        regular(seen)?;
        let found = self.open(name, TO_READ)?;
        regular(&found)?;
        if let Some(owner) = owner {
            check(&found.status, owner, roots_way, &path)?;
        }
        let directory = Rc::clone(self.current()?);
        let name = CString::new(name.as_bytes()).map_err(|_| Fault::Failed(path(), Errno::EINVAL))?;
        let safe_for = safe_for(found.status.st_uid, roots_way);
        Ok(Opened { file: File::from(found.descriptor), status: found.status, directory, name, safe_for })
    }
}

fn path_of(steps: &[Step]) -> PathBuf {
    Path::new("/").join(steps.iter().map(|step| &step.name).collect::<PathBuf>())
}

fn open_root() -> Result<Step, Fault> {
    let failed = |errno| Fault::Failed(PathBuf::from("/"), errno);
    let how = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    // Not open(2), after which musl makes a second call that sets close-on-exec anew.
    let descriptor = openat(AT_FDCWD, "/", how, Mode::empty()).map_err(failed)?;
    let status = fstat(descriptor.as_fd()).map_err(failed)?;
    Ok(Step { name: OsString::new(), descriptor: Rc::new(descriptor), status })
}

/// Returns whether a file with this status belongs to root or to `owner`, and nobody else can write
/// to it. The group bits show the widest grant of an access control list, so they cover the list
/// too (acl(5)).
pub fn is_trusted(status: &FileStat, owner: u32) -> bool {
    is_owned(status, owner) && !is_writable(status)
}

const fn is_owned(status: &FileStat, owner: u32) -> bool {
    status.st_uid == 0 || status.st_uid == owner
}

fn is_writable(status: &FileStat) -> bool {
    Mode::from_bits_truncate(status.st_mode).intersects(Mode::S_IWGRP | Mode::S_IWOTH)
}

/// Returns the fault of a file that is not trusted. It calls `path` only then.
fn check(status: &FileStat, owner: u32, roots_way: bool, path: &dyn Fn() -> PathBuf) -> Result<(), Fault> {
    let (mode, safe_for) = (status.st_mode, safe_for(status.st_uid, roots_way));
    if !is_owned(status, owner) {
        return Err(Fault::Owner { path: path(), owner: status.st_uid, wanted: owner, mode, safe_for });
    }
    if is_writable(status) {
        return Err(Fault::Writable { path: path(), mode, safe_for });
    }
    Ok(())
}

fn kind(status: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(status.st_mode & SFlag::S_IFMT.bits())
}

fn components(path: &Path) -> impl Iterator<Item = OsString> {
    path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsString::from("..")),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIRECTORY: u32 = 0o040_000;
    const FILE: u32 = 0o100_000;

    fn owner(mode: u32, wanted: u32, safe_for: Option<u32>) -> Fault {
        Fault::Owner { path: PathBuf::from("/home/alice"), owner: 1000, wanted, mode, safe_for }
    }

    fn writable(mode: u32, safe_for: Option<u32>) -> Fault {
        Fault::Writable { path: PathBuf::from("/opt/a b"), mode, safe_for }
    }

    #[test]
    fn no_command_takes_a_home_away_or_touches_what_others_can_put_there() {
        const ELSEWHERE: &str = "keep it where root owns every directory on the way to it";
        for (fault, command, hint) in [
            (owner(FILE | 0o755, 0, Some(0)), Some("chown 0 /home/alice"), "chown 0 /home/alice"),
            (owner(DIRECTORY | 0o755, 0, Some(0)), None, ELSEWHERE),
            (owner(FILE | 0o755, 7, Some(1000)), None, ELSEWHERE),
            (writable(FILE | 0o775, Some(0)), Some("chmod go-w '/opt/a b'"), "chmod go-w '/opt/a b'"),
            (writable(DIRECTORY | 0o775, Some(0)), Some("chmod go-w '/opt/a b'"), "chmod go-w '/opt/a b'"),
            (writable(FILE | 0o775, Some(1000)), None, "as uid 1000, run: chmod go-w '/opt/a b'"),
            (writable(FILE | 0o775, None), None, ELSEWHERE),
            (writable(DIRECTORY | 0o1777, Some(0)), None, ELSEWHERE),
        ] {
            assert_eq!(fault.command().as_deref(), command, "{fault:?}");
            assert_eq!(fault.hint().as_deref(), Some(hint), "{fault:?}");
        }
        let nobody = Fault::Owner { path: "/a".into(), owner: OVERFLOW, wanted: 0, mode: FILE, safe_for: Some(0) };
        assert_eq!(nobody.hint(), None);
    }

    #[test]
    fn a_path_that_ends_upwards_leads_to_a_directory() {
        for (path, leads_to) in [("/usr/bin/..", "/usr"), ("/usr/..", "/"), ("/..", "/"), ("/usr/bin/../..", "/")] {
            let found = survey(Path::new(path)).unwrap();
            assert_eq!((found.path.as_path(), kind(&found.status)), (Path::new(leads_to), SFlag::S_IFDIR), "{path}");
            let there = nix::sys::stat::stat(leads_to).unwrap();
            assert_eq!((found.status.st_dev, found.status.st_ino), (there.st_dev, there.st_ino), "{path}");
            assert!(matches!(open(Path::new(path), 0), Err(Fault::NotRegular(_))), "{path}");
        }
    }

    #[test]
    fn a_path_goes_on_from_the_trail_of_another_and_leads_to_the_same() {
        let mut trail = Trail::default();
        for path in ["/usr/bin/env", "/usr/bin/sort", "/usr/none", "/usr/share/none/x", "/usr", "/", "/etc/passwd"] {
            let (alone, on) = (open(Path::new(path), 0), open_from(&mut trail, Path::new(path), 0));
            match (alone, on) {
                (Ok(alone), Ok(on)) => {
                    let inode = |opened: &Opened| (opened.status.st_dev, opened.status.st_ino);
                    assert_eq!((inode(&alone), &alone.name), (inode(&on), &on.name), "{path}");
                }
                (alone, on) => assert_eq!(format!("{:?}", alone.err()), format!("{:?}", on.err()), "{path}"),
            }
        }
        // The directories are judged for each path anew, whoever judged them before.
        let mut judged = Vec::new();
        let walk = follow(&mut trail, Path::new("/etc/passwd"), &mut |_, path| {
            judged.push(path());
            Ok(())
        });
        assert!(walk.is_ok());
        assert_eq!(judged, [Path::new("/"), Path::new("/etc")]);
    }

    #[test]
    fn a_command_is_safe_for_root_on_roots_way_alone_and_else_for_the_owner() {
        assert_eq!([safe_for(0, true), safe_for(7, true)], [Some(0), Some(0)]);
        assert_eq!([safe_for(0, false), safe_for(7, false)], [None, Some(7)]);
    }
}
