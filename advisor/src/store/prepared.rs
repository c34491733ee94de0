//! Directories that capwrap makes for a tool, by a file of tmpfiles.d(5) that makes them again at each boot.
//!
//! The file itself records which of the directories capwrap made, so that no other one is ever removed.

use crate::output::error::{self, hinted};
use crate::store::{atomic_write, enabled, trusted_file};
use anyhow::{Context, Result, anyhow, bail};
use capwrap_core::text::{printable, shell};
use capwrap_core::trusted_path::{self, Fault, Surveyed};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags};
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where files of tmpfiles.d that an administrator wrote belong.
const FOLDER: &str = "/etc/tmpfiles.d";
/// The program that applies such a file, and gives the labels of the security module.
const SYSTEMD_TMPFILES: [&str; 2] = ["/usr/bin/systemd-tmpfiles", "/bin/systemd-tmpfiles"];
/// What stands before the path of a directory that capwrap made.
const MADE: &str = "# made: ";
/// The permission bits of a mode.
const PERMISSIONS: u32 = 0o7777;

/// A directory as it is to be. It belongs to root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    pub path: PathBuf,
    pub mode: u32,
    /// The number of the group, and its name as the file writes it.
    pub group: (u32, String),
}

impl Directory {
    /// Its line of tmpfiles.d.
    pub fn line(&self) -> String {
        format!("d {} {:04o} root {} -", self.path.display(), self.mode, self.group.1)
    }
}

/// What capwrap would do for a policy.
#[derive(Debug)]
pub struct Plan {
    /// The file of tmpfiles.d.
    pub file: PathBuf,
    /// All directories, with those above them that are missing.
    pub directories: Vec<Directory>,
    /// Its text.
    text: String,
    /// Whether the machine is as the plan wants it.
    pub is_done: bool,
}

/// Returns the file of tmpfiles.d for the policy of this name.
pub fn file(name: &str) -> PathBuf {
    Path::new(FOLDER).join(format!("capwrap-{name}.conf"))
}

/// Plans to make directories for the policy of this name, without any write.
///
/// # Errors
/// Somebody else than root could have put something in the way to a directory, or could later. The directory exists and
/// is different, and capwrap did not make it.
pub fn plan(name: &str, wanted: &[Directory]) -> Result<Plan> {
    let file = file(name);
    let before = read(&file)?;
    let mut made = before.as_deref().map_or(Vec::new(), made);
    let mut directories: Vec<Directory> = Vec::new();
    let mut is_as_wanted = true;
    for one in wanted {
        let missing = missing(&one.path).with_context(|| format!("cannot prepare {}", one.path.display()))?;
        is_as_wanted &= missing.is_empty() && existing(one, made.contains(&one.path))?;
        for path in missing {
            if path != one.path && directories.iter().chain(wanted).all(|known| known.path != path) {
                directories.push(Directory { mode: 0o755, group: (0, "root".to_owned()), path: path.clone() });
            }
            if !made.contains(&path) {
                made.push(path);
            }
        }
        directories.push(one.clone());
    }
    // A directory comes before what lies in it.
    directories.sort_by_key(|one| one.path.components().count());
    let marks: String = made.iter().map(|path| format!("{MADE}{}\n", path.display())).collect();
    let lines: String = directories.iter().map(|one| one.line() + "\n").collect();
    // A directory above one of these keeps its line for as long as capwrap made it.
    let kept: String =
        before.iter().flat_map(|text| text.lines()).filter_map(|line| kept(line, &made, &directories)).collect();
    let text = format!(
        "# `capwrap enable {name} --prepare` wrote this file, and `capwrap disable {name}` removes it.\n{marks}{kept}{lines}"
    );
    let is_done = is_as_wanted && before.as_deref() == Some(text.as_str());
    Ok(Plan { file, directories, text, is_done })
}

/// A line of the file as it was that is still needed: one for a directory that capwrap made and that nothing names now.
fn kept(line: &str, made: &[PathBuf], directories: &[Directory]) -> Option<String> {
    let path = Path::new(line.strip_prefix("d ")?.split(' ').next()?);
    let is_needed = made.iter().any(|one| one == path) && directories.iter().all(|one| one.path != path);
    is_needed.then(|| format!("{line}\n"))
}

fn read(file: &Path) -> Result<Option<String>> {
    match file.symlink_metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        _ => trusted_file::text(file).map(Some),
    }
}

fn made(text: &str) -> Vec<PathBuf> {
    text.lines().filter_map(|line| line.strip_prefix(MADE)).map(PathBuf::from).collect()
}

/// The missing ones of a directory and those above it, from the uppermost on. What exists above them must be root's
/// alone, and no link.
fn missing(path: &Path) -> Result<Vec<PathBuf>> {
    let mut missing = Vec::new();
    let mut here = path;
    while let Err(error) = here.symlink_metadata() {
        if error.kind() != std::io::ErrorKind::NotFound {
            return Err(error).with_context(|| format!("cannot check {}", here.display()));
        }
        missing.insert(0, here.to_owned());
        here = here.parent().context("it has no directory")?;
    }
    // An existing directory may have a group that writes in it. The way to it may not.
    let way = if missing.is_empty() { path.parent().unwrap_or(path) } else { here };
    roots_alone(way)?;
    Ok(missing)
}

/// Opens a directory that root alone can have put there, without links on the way to it.
fn roots_alone(path: &Path) -> Result<OwnedFd> {
    let how = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    if path == Path::new("/") {
        return Ok(rustix::fs::openat(CWD, path, how, Mode::empty())?);
    }
    let found = survey(path)?;
    let weak = found.directories.iter().find(|(_, status)| !trusted_path::is_trusted(status, 0));
    let own = (!trusted_path::is_trusted(&found.status, 0)).then_some(&found.path);
    if let Some(path) = weak.map(|(path, _)| path).or(own) {
        bail!("others than root can put something into {}", printable::text(path));
    }
    Ok(rustix::fs::openat(&found.file, ".", OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
}

fn survey(path: &Path) -> Result<Surveyed> {
    let found = trusted_path::survey(path).map_err(|fault| match fault {
        Fault::Missing(_) => anyhow!("no such file or directory"),
        fault => anyhow!("{}", fault.describe(path)),
    })?;
    if found.path != path {
        bail!("it leads through a link to {}; name that in the policy", printable::text(&found.path));
    }
    Ok(found)
}

/// Whether a directory that exists is as it is wanted.
///
/// # Errors
/// It is not, and capwrap did not make it. What else uses it would be changed with it.
fn existing(wanted: &Directory, is_own: bool) -> Result<bool> {
    let found = survey(&wanted.path).with_context(|| format!("cannot prepare {}", wanted.path.display()))?;
    let (uid, gid, mode) = (found.status.st_uid, found.status.st_gid, found.status.st_mode);
    if FileType::from_raw_mode(mode) != FileType::Directory {
        bail!("cannot prepare {}: it is no directory", wanted.path.display());
    }
    if (uid, gid, mode & PERMISSIONS) == (0, wanted.group.0, wanted.mode) {
        return Ok(true);
    }
    if is_own && uid == 0 {
        return Ok(false);
    }
    let shown = wanted.path.display();
    let what = format!(
        "cannot prepare {shown}: it exists, belongs to {uid}:{gid} and has mode {:04o}, and capwrap did not make it",
        mode & PERMISSIONS
    );
    let command = shell::path(&wanted.path).zip(shell::argument(&format!("root:{}", wanted.group.1)));
    Err(match command {
        Some((path, owner)) => {
            hinted(what, format!("if nothing else uses it: chown {owner} {path} && chmod {:04o} {path}", wanted.mode))
        }
        None => anyhow!(what),
    })
}

impl Plan {
    /// Writes the file and makes the directories.
    ///
    /// # Errors
    /// A directory is not as it is wanted afterwards. What was made is taken back then.
    pub fn carry_out(&self, name: &str) -> Result<()> {
        enabled::make_directory(Path::new(FOLDER))?;
        atomic_write::replace_for_all(&self.file, &self.text)?;
        self.make().inspect_err(|_| {
            // The first error is the one to report.
            let _ = undo(name);
        })
    }

    fn make(&self) -> Result<()> {
        match SYSTEMD_TMPFILES.into_iter().find(|path| Path::new(path).exists()) {
            Some(program) => apply(program, &self.file)?,
            None => self.directories.iter().try_for_each(make)?,
        }
        for one in &self.directories {
            let found = survey(&one.path).with_context(|| format!("cannot prepare {}", one.path.display()))?;
            let (uid, gid, mode) = (found.status.st_uid, found.status.st_gid, found.status.st_mode & PERMISSIONS);
            if (uid, gid, mode) != (0, one.group.0, one.mode) {
                bail!(
                    "{} belongs to {uid}:{gid} and has mode {mode:04o} afterwards, which is not what {} says",
                    one.path.display(),
                    self.file.display()
                );
            }
        }
        Ok(())
    }
}

/// Applies a file by systemd-tmpfiles(8).
fn apply(program: &str, file: &Path) -> Result<()> {
    let output = Command::new(program)
        .arg("--create")
        .arg(file)
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {program}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    bail!("{program} --create {} failed: {}", file.display(), printable::text(said.trim()))
}

/// Makes a directory, or corrects one that is there, by descriptors alone.
fn make(wanted: &Directory) -> Result<()> {
    let failed = |tried: &str| format!("cannot {tried} {}", wanted.path.display());
    let (above, name) = wanted.path.parent().zip(wanted.path.file_name()).context("a directory without a name")?;
    let above = roots_alone(above).with_context(|| failed("make"))?;
    match rustix::fs::mkdirat(&above, name, Mode::RWXU) {
        Ok(()) | Err(rustix::io::Errno::EXIST) => {}
        Err(errno) => return Err(std::io::Error::from(errno)).with_context(|| failed("make")),
    }
    let how = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let made = File::from(rustix::fs::openat(&above, name, how, Mode::empty()).with_context(|| failed("open"))?);
    std::os::unix::fs::fchown(made.as_fd(), Some(0), Some(wanted.group.0)).with_context(|| failed("give away"))?;
    rustix::fs::fchmod(&made, Mode::from_raw_mode(wanted.mode)).with_context(|| failed("set the mode of"))?;
    Ok(())
}

/// What `disable` took back.
#[derive(Debug, Default)]
pub struct Undone {
    /// The file of tmpfiles.d, and the directories that were removed.
    pub removed: Vec<PathBuf>,
    /// The directories that capwrap made and left, each with the reason.
    pub left: Vec<(PathBuf, String)>,
}

/// Removes the file of tmpfiles.d of a policy, and those directories that capwrap made and that are empty. The result
/// is `None` if nothing was prepared.
pub fn undo(name: &str) -> Result<Option<Undone>> {
    let file = file(name);
    let Some(text) = read(&file)? else { return Ok(None) };
    std::fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))?;
    let mut undone = Undone { removed: vec![file], left: Vec::new() };
    let mut made = made(&text);
    // What lies in another one of them comes first.
    made.sort_by_key(|path| std::cmp::Reverse(path.components().count()));
    for path in made {
        match used_by(&path).map_or_else(|| remove(&path), Err) {
            Ok(true) => undone.removed.push(path),
            Ok(false) => {}
            Err(why) => undone.left.push((path, why)),
        }
    }
    Ok(Some(undone))
}

/// The reason to leave a directory that another policy needs.
fn used_by(path: &Path) -> Option<String> {
    let start = format!("d {} ", path.display());
    let needs = |file: &PathBuf| {
        let is_own = file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("capwrap-"));
        is_own && std::fs::read_to_string(file).is_ok_and(|text| text.lines().any(|line| line.starts_with(&start)))
    };
    let mut files = std::fs::read_dir(FOLDER).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    files.find(needs).map(|file| format!("{} needs it", printable::text(&file)))
}

/// Removes an empty directory. The result is whether it was there, or why it stays.
fn remove(path: &Path) -> Result<bool, String> {
    let (Some(above), Some(name)) = (path.parent(), path.file_name()) else { return Ok(false) };
    let above = roots_alone(above).map_err(|error| format!("{error:#}"))?;
    match rustix::fs::unlinkat(&above, name, AtFlags::REMOVEDIR) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::NOENT) => Ok(false),
        Err(rustix::io::Errno::NOTEMPTY) => Err("it is not empty".to_owned()),
        Err(errno) => Err(error::reason(&std::io::Error::from(errno))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(path: &str, mode: u32) -> Directory {
        Directory { path: path.into(), mode, group: (7, "g".to_owned()) }
    }

    #[test]
    fn a_directory_is_one_line_of_tmpfiles_d() {
        assert_eq!(directory("/run/x", 0o770).line(), "d /run/x 0770 root g -");
        assert_eq!(directory("/run/x", 0o50).line(), "d /run/x 0050 root g -");
    }

    #[test]
    fn missing_directories_above_one_are_made_first_and_recorded() {
        let plan = plan("no-such-policy", &[directory("/usr/no-such/a/b", 0o770), directory("/usr/no-such/a", 0o750)]);
        let plan = plan.unwrap();
        let lines: Vec<&str> = plan.text.lines().skip(1).collect();
        assert_eq!(
            lines,
            [
                "# made: /usr/no-such",
                "# made: /usr/no-such/a",
                "# made: /usr/no-such/a/b",
                "d /usr/no-such 0755 root root -",
                "d /usr/no-such/a 0750 root g -",
                "d /usr/no-such/a/b 0770 root g -",
            ]
        );
        assert!(!plan.is_done);
        assert_eq!(made(&plan.text).len(), 3);
    }

    #[test]
    fn nothing_is_planned_where_others_than_root_can_write_or_what_is_there_is_different() {
        let refused = |path: &str| format!("{:#}", plan("no-such-policy", &[directory(path, 0o770)]).unwrap_err());
        assert!(refused("/tmp/no-such").contains("others than root can put something into /tmp"));
        assert!(refused("/usr").contains("it exists, belongs to 0:0 and has mode 0755, and capwrap did not make it"));
        assert!(refused("/etc/passwd").contains("it is no directory"), "{}", refused("/etc/passwd"));
        let link = refused("/proc/self/fd/no-such");
        assert!(link.starts_with("cannot prepare /proc/self/fd/no-such: "), "{link}");
    }

    #[test]
    fn what_capwrap_made_keeps_its_line_until_it_is_taken_back() {
        let made = [PathBuf::from("/a"), PathBuf::from("/b")];
        assert_eq!(kept("d /a 0755 root root -", &made, &[]).as_deref(), Some("d /a 0755 root root -\n"));
        assert_eq!(kept("d /a 0755 root root -", &made, &[directory("/a", 0o700)]), None);
        assert_eq!(kept("d /c 0755 root root -", &made, &[]), None);
        assert_eq!(kept("# made: /a", &made, &[]), None);
    }
}
