//! Between the demands and step 11: the Landlock domain that a scope takes. A launch without scopes makes no call here.

use super::inherited;
use super::tool::CheckedTool;
use crate::refusal::{OrRefuse, Refusal};
use crate::system::directory::{Directory, Entry};
use crate::system::landlock::{self, Ruleset};
use crate::system::witness::Witness;
use crate::system::{capabilities, mounts, sockets};
use capwrap_core::capability::Capability;
use capwrap_core::decision::Decision;
use capwrap_core::mount_table;
use capwrap_core::policy::Policy;
use capwrap_core::scope::domain::{Asked, Domain, Gap, Place, Rights, Rule, is_open_to_all};
use capwrap_core::trusted_path::{self, Fault, Trail};
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, openat};
use nix::sys::stat::{FileStat, Mode};
use std::ffi::CStr;
use std::fs::Metadata;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Joins the domain that the scopes of the decision ask for, and proves that the process is in it.
///
/// # Errors
/// The kernel cannot enforce all of it and the policy requires that, a path of the policy's could be replaced by
/// another user than root, or a call failed.
pub fn join(name: &str, policy: &Policy, decision: &Decision<'_>, tool: &CheckedTool) -> Result<(), Refusal> {
    let Some(asked) = Asked::of(policy, decision) else { return Ok(()) };
    let plan = asked.plan(landlock::abi().or_refuse(|| "ask for the version of Landlock")?);
    if let Some(gap) = plan.refused_for() {
        return Err(refused(name, gap));
    }
    let Some(domain) = plan.domain else { return Ok(()) };
    if domain.is_about_paths() {
        inherited::refuse_other_mounts(name)?;
    }
    inherited::refuse_other_sockets(name, &decision.confined)?;
    let ruleset =
        Ruleset::that_handles(domain.handled, domain.ports.is_some()).or_refuse(|| "make a Landlock ruleset")?;
    // A folder of root's on the way to a path of the policy's may be closed to the caller, and not to the tool.
    let closed = match domain.writes_no {
        Some(kind) => places_of(kind)?,
        None => Vec::new(),
    };
    let for_paths = [Capability::DAC_OVERRIDE, Capability::DAC_READ_SEARCH].into_iter().collect();
    let needed = decision.passed.intersection(for_paths);
    capabilities::with_effective(needed, || allow(&ruleset, &domain, tool, &closed))??;
    enter(ruleset, &domain)
}

/// Returns what this kernel does not enforce of the scopes, for `--explain`, and whether the launch would be refused for
/// it.
///
/// # Errors
/// The kernel does not say what it can do.
pub fn explained(policy: &Policy, decision: &Decision<'_>) -> Result<(Vec<String>, bool), Refusal> {
    let Some(asked) = Asked::of(policy, decision) else { return Ok((Vec::new(), false)) };
    Ok(asked.plan(landlock::abi().or_refuse(|| "ask for the version of Landlock")?).said())
}

/// Returns the refusal of a launch whose scopes cannot be enforced.
pub fn refused(name: &str, gap: Gap) -> Refusal {
    Refusal::new(format!("{name} has a scope that cannot be enforced: {gap}")).with_hint(gap.hint())
}

/// Returns where file systems of this type are mounted.
fn places_of(kind: &str) -> Result<Vec<PathBuf>, Refusal> {
    let table = mounts::table().or_refuse(|| format!("read {}", mount_table::FILE))?;
    Ok(mount_table::points_of(&table, kind))
}

/// Adds the rules of a domain. Nothing may be written in the places that are closed.
fn allow(ruleset: &Ruleset, domain: &Domain<'_>, tool: &CheckedTool, closed: &[PathBuf]) -> Result<(), Refusal> {
    let mut trail = Trail::default();
    for rule in &domain.rules {
        match rule.place {
            Place::AllBut(path) => {
                let (root, closed) = (Path::new("/"), [closed, &[path.to_owned()]].concat());
                let directory = Directory::open(root).or_refuse(|| "open the root directory")?;
                allow_all_but(ruleset, root, &directory, rule.rights, &closed)?;
            }
            Place::Tool => add(ruleset, &tool.opened.file, rule.rights.on_a_file(), &tool.path)?,
            Place::Root => allow_path(ruleset, Path::new("/"), rule.rights)?,
            Place::Preset(path) => allow_path(ruleset, path, rule.rights)?,
            Place::Path(path) => allow_trusted(ruleset, &mut trail, path, rule, closed)?,
            Place::OpenToAll(path) => {
                allow_open_parts(ruleset, path, rule.rights)?;
            }
        }
    }
    for port in domain.ports.iter().flatten() {
        ruleset.allow_port(*port).or_refuse(|| format!("allow port {port} in the Landlock domain"))?;
    }
    Ok(())
}

fn add(ruleset: &Ruleset, place: &impl AsFd, rights: Rights, path: &Path) -> Result<(), Refusal> {
    if rights.is_empty() {
        return Ok(());
    }
    ruleset
        .allow_beneath(place.as_fd(), rights)
        .or_refuse(|| format!("allow {} in the Landlock domain", path.display()))
}

/// Allows a path of root's by what it leads to; nothing happens if there is no such file.
fn allow_path(ruleset: &Ruleset, path: &Path, rights: Rights) -> Result<(), Refusal> {
    allow_if(ruleset, path, rights, |_| true)
}

/// Does the same if the file that was opened is as wanted.
fn allow_if(
    ruleset: &Ruleset,
    path: &Path,
    rights: Rights,
    is_wanted: impl Fn(&Metadata) -> bool,
) -> Result<(), Refusal> {
    // Not open(2), after which musl makes a second call that sets close-on-exec anew.
    let opened = match openat(AT_FDCWD, path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()) {
        Ok(opened) => std::fs::File::from(opened),
        Err(Errno::ENOENT) => return Ok(()),
        Err(errno) => return Err(errno).or_refuse(|| format!("open {}", path.display())),
    };
    let status = opened.metadata().or_refuse(|| format!("ask about {}", path.display()))?;
    if !is_wanted(&status) {
        return Ok(());
    }
    add(ruleset, &opened, if status.is_dir() { rights } else { rights.on_a_file() }, path)
}

/// Allows everything beneath a directory but the closed places. On the way to one of these, each entry has a rule of its
/// own. A link leads to another place, which has its own rule. What cannot be asked about stays closed.
fn allow_all_but(
    ruleset: &Ruleset,
    path: &Path,
    directory: &Directory,
    rights: Rights,
    closed: &[PathBuf],
) -> Result<(), Refusal> {
    for Entry { name, .. } in directory.entries().unwrap_or_default().iter().filter(|entry| !entry.is_link) {
        let path = path.join(std::ffi::OsStr::from_bytes(name.as_bytes()));
        if closed.contains(&path) {
            continue;
        }
        if closed.iter().any(|place| place.starts_with(&path)) {
            if let Ok(directory) = directory.open_at(name) {
                allow_all_but(ruleset, &path, &directory, rights, closed)?;
            }
            continue;
        }
        let (Ok(status), Ok(place)) = (directory.status(name), directory.place(name)) else { continue };
        let is_directory = status.st_mode & libc::S_IFMT == libc::S_IFDIR;
        add(ruleset, &place, if is_directory { rights } else { rights.on_a_file() }, &path)?;
    }
    Ok(())
}

/// Refuses a launch that could write in a closed place because it may write in a directory above or below it.
fn refuse_closed(path: &Path, closed: &[PathBuf]) -> Result<(), Refusal> {
    match closed.iter().find(|place| place.starts_with(path) || path.starts_with(place)) {
        None => Ok(()),
        Some(place) => Err(Refusal::new(format!(
            "cannot confine a capability: it can be used through {}, and the tool may write in {}",
            place.display(),
            path.display()
        ))
        .with_hint("name a narrower path in `writable` or `beneath`, or unmount it")),
    }
}

/// Allows a path of the policy's. Only root may be able to make it lead elsewhere.
fn allow_trusted(
    ruleset: &Ruleset,
    trail: &mut Trail,
    path: &Path,
    rule: &Rule<'_>,
    closed: &[PathBuf],
) -> Result<(), Refusal> {
    let refuse = |fault: &Fault| {
        Refusal::new(format!("cannot confine a capability to {}: {}", path.display(), fault.describe(path)))
            .with_hint_if_any(fault.hint())
    };
    let Some(found) = trusted_path::place_of_a_scope(trail, path).map_err(|fault| refuse(&fault))? else {
        return Ok(());
    };
    if !rule.rights.intersection(Rights::WRITE_FILE).is_empty() {
        refuse_closed(&found.path, closed)?;
    }
    let is_directory = found.status.st_mode & libc::S_IFMT == libc::S_IFDIR;
    add(ruleset, &found.file, if is_directory { rule.rights } else { rule.rights.on_a_file() }, path)
}

/// How deep a directory of the preset is looked into. What lies deeper is taken for closed.
const DEPTH: usize = 12;

/// Allows the parts of a directory that everybody may read.
fn allow_open_parts(ruleset: &Ruleset, path: &Path, rights: Rights) -> Result<(), Refusal> {
    // Nothing of it is open if it is not there, or if a security module closes it.
    let Ok(directory) = Directory::open(path) else { return Ok(()) };
    let Ok(entries) = directory.entries() else { return Ok(()) };
    for Entry { name, is_link } in entries {
        let path = path.join(std::ffi::OsStr::from_bytes(name.as_bytes()));
        if is_link {
            // A link holds nothing, but programs open what it leads to: /etc/resolv.conf.
            follow_link(ruleset, &path, rights)?;
            continue;
        }
        match open_entry(ruleset, &directory, &name, &path, rights, 0)? {
            Open::Directory(place) => add(ruleset, &place, rights, &path)?,
            Open::File => add_entry(ruleset, &directory, &name, rights.on_a_file(), &path)?,
            Open::No => {}
        }
    }
    Ok(())
}

/// What everybody may read.
enum Open {
    /// A directory, with all that lies in it.
    Directory(Directory),
    /// A file of another kind.
    File,
    /// Not all of it, or nothing.
    No,
}

/// Returns whether everybody may read an entry of a directory, with all that lies beneath it. If that is not so, it allows
/// the open parts of it.
fn open_entry(
    ruleset: &Ruleset,
    parent: &Directory,
    name: &CStr,
    path: &Path,
    rights: Rights,
    depth: usize,
) -> Result<Open, Refusal> {
    // What cannot be asked about, and a link that the directory did not show as one, is taken for closed. Others could put a
    // link in the place of what is not root's, or of what lies in it.
    let Ok(status) = parent.status(name) else { return Ok(Open::No) };
    let kind = status.st_mode & libc::S_IFMT;
    if !is_open_to_all(status.st_mode) || !is_roots_alone(&status) || kind == libc::S_IFLNK {
        return Ok(Open::No);
    }
    if kind != libc::S_IFDIR {
        return Ok(Open::File);
    }
    let opened = if depth < DEPTH { parent.open_at(name).ok() } else { None };
    let Some((directory, entries)) = opened.and_then(|one| one.entries().ok().map(|entries| (one, entries))) else {
        return Ok(Open::No);
    };
    let mut open = Vec::new();
    let mut is_all = true;
    // A link holds nothing, and what it leads to has its own place.
    for Entry { name, .. } in entries.into_iter().filter(|entry| !entry.is_link) {
        let path = path.join(std::ffi::OsStr::from_bytes(name.as_bytes()));
        match open_entry(ruleset, &directory, &name, &path, rights, depth + 1)? {
            Open::Directory(_) => open.push((name, path, rights)),
            Open::File => open.push((name, path, rights.on_a_file())),
            Open::No => is_all = false,
        }
    }
    // The rule of a directory covers all that lies in it.
    if is_all {
        return Ok(Open::Directory(directory));
    }
    for (name, path, rights) in open {
        add_entry(ruleset, &directory, &name, rights, &path)?;
    }
    Ok(Open::No)
}

/// Allows an entry of a directory, unless it vanished.
fn add_entry(
    ruleset: &Ruleset,
    directory: &Directory,
    name: &CStr,
    rights: Rights,
    path: &Path,
) -> Result<(), Refusal> {
    match directory.place(name) {
        Ok(place) => add(ruleset, &place, rights, path),
        Err(Errno::ENOENT) => Ok(()),
        Err(errno) => Err(errno).or_refuse(|| format!("open {}", path.display())),
    }
}

const fn is_roots_alone(status: &FileStat) -> bool {
    status.st_uid == 0 && status.st_mode & 0o022 == 0
}

/// Allows the regular file that a link of root's leads to, if everybody may read it.
fn follow_link(ruleset: &Ruleset, link: &Path, rights: Rights) -> Result<(), Refusal> {
    // What cannot be opened, as in a loop of links, is closed.
    if !std::fs::metadata(link).is_ok_and(|status| status.is_file()) {
        return Ok(());
    }
    allow_if(ruleset, link, rights, |status| status.is_file() && is_open_to_all(status.mode()))
}

/// Joins the domain between two looks into a process outside it. The first must succeed and the second must not; the
/// kernel's word is not taken for it.
fn enter(ruleset: Ruleset, domain: &Domain<'_>) -> Result<(), Refusal> {
    let witness = Witness::start().or_refuse(|| "start a process outside the Landlock domain")?;
    witness.look().or_refuse(|| "look into a process of its own before it joins the Landlock domain")?;
    ruleset.restrict_self().or_refuse(|| "join the Landlock domain")?;
    let seen = witness.look();
    witness.end().or_refuse(|| "end the process outside the Landlock domain")?;
    let not_in_force = |what| {
        Refusal::new(format!("the kernel did not put the process into the Landlock domain, though it said so: {what}"))
    };
    if seen != Err(Errno::EPERM) {
        return Err(not_in_force("a process outside can be looked into"));
    }
    if let Some(port) = domain.refused_port()
        && sockets::bind_tcp(port) != Err(Errno::EACCES)
    {
        return Err(not_in_force("a port outside the scope can be bound"));
    }
    Ok(())
}
