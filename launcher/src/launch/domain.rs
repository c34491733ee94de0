//! Between the demands and step 11: the Landlock domain that a scope takes. A launch without scopes makes no call here.

use super::inherited;
use super::tool::CheckedTool;
use crate::refusal::{OrRefuse, Refusal};
use crate::system::landlock::{self, Ruleset};
use crate::system::witness::Witness;
use crate::system::{capabilities, sockets};
use capwrap_core::capability::Capability;
use capwrap_core::decision::Decision;
use capwrap_core::mount_table;
use capwrap_core::policy::Policy;
use capwrap_core::scope::domain::{Asked, Domain, Gap, Place, Rights, Rule, is_open_to_all};
use capwrap_core::trusted_path::{self, Fault};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use std::fs::Metadata;
use std::os::fd::AsFd;
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
    let table = std::fs::read(mount_table::FILE).or_refuse(|| format!("read {}", mount_table::FILE))?;
    Ok(mount_table::points_of(&table, kind))
}

/// Adds the rules of a domain. Nothing may be written in the places that are closed.
fn allow(ruleset: &Ruleset, domain: &Domain<'_>, tool: &CheckedTool, closed: &[PathBuf]) -> Result<(), Refusal> {
    for rule in &domain.rules {
        match rule.place {
            Place::AllBut(path) => allow_all_but(ruleset, path, rule.rights, closed)?,
            Place::Tool => add(ruleset, &tool.opened.file, rule.rights.on_a_file(), &tool.path)?,
            Place::Root => allow_path(ruleset, Path::new("/"), rule.rights)?,
            Place::Preset(path) => allow_path(ruleset, path, rule.rights)?,
            Place::Path(path) => allow_trusted(ruleset, path, rule, closed)?,
            Place::OpenToAll(path) => {
                open_parts(ruleset, path, rule.rights, 0)?;
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
    let opened = match open(path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()) {
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

/// Allows each entry of the root directory but one. A link leads to another entry, and needs no rule.
fn allow_all_but(ruleset: &Ruleset, but: &Path, rights: Rights, closed: &[PathBuf]) -> Result<(), Refusal> {
    let unread = || "list the root directory".to_owned();
    for entry in std::fs::read_dir("/").or_refuse(unread)? {
        let entry = entry.or_refuse(unread)?;
        let path = entry.path();
        if path == but || entry.file_type().or_refuse(|| format!("ask about {}", path.display()))?.is_symlink() {
            continue;
        }
        refuse_closed(&path, closed)?;
        allow_path(ruleset, &path, rights)?;
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
        .with_hint("unmount it, or start the tool where procfs is mounted on /proc alone")),
    }
}

/// Allows a path of the policy's. Only root may be able to make it lead elsewhere.
fn allow_trusted(ruleset: &Ruleset, path: &Path, rule: &Rule<'_>, closed: &[PathBuf]) -> Result<(), Refusal> {
    let refuse = |fault: &Fault| {
        Refusal::new(format!("cannot confine a capability to {}: {}", path.display(), fault.describe(path)))
            .with_hint_if_any(fault.hint())
    };
    let Some(found) = trusted_path::place_of_a_scope(path).map_err(|fault| refuse(&fault))? else { return Ok(()) };
    if !rule.rights.intersection(Rights::WRITE_FILE).is_empty() {
        refuse_closed(&found.path, closed)?;
    }
    let is_directory = found.file.metadata().or_refuse(|| format!("ask about {}", path.display()))?.is_dir();
    add(ruleset, &found.file, if is_directory { rule.rights } else { rule.rights.on_a_file() }, path)
}

/// How deep a directory of the preset is looked into. What lies deeper is taken for closed.
const DEPTH: usize = 12;

/// Allows what everybody may read beneath a directory: the directory itself if that is all of it, and otherwise its open
/// parts. Returns whether all of it is open.
fn open_parts(ruleset: &Ruleset, directory: &Path, rights: Rights, depth: usize) -> Result<bool, Refusal> {
    let mut open = Vec::new();
    let mut is_all = true;
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        // It vanished, or a security module closes it.
        Err(_) => return Ok(false),
    };
    for entry in entries {
        let Ok(entry) = entry else { return Ok(false) };
        let path = entry.path();
        // The directory itself says which entry is a link.
        if entry.file_type().is_ok_and(|kind| kind.is_symlink()) {
            // A link holds nothing. At the top it is followed, because programs open it there: /etc/resolv.conf.
            if depth == 0 {
                follow_link(ruleset, &path, rights)?;
            }
            continue;
        }
        // What cannot be asked about, and a link that the directory did not show as one, is taken for closed.
        let Some(status) = entry.metadata().ok().filter(|status| !status.is_symlink()) else {
            is_all = false;
            continue;
        };
        // Others could put a link in the place of what is not root's, or of what lies in it.
        let is_open = is_open_to_all(status.mode())
            && is_roots_alone(&status)
            && (!status.is_dir() || depth < DEPTH && open_parts(ruleset, &path, rights, depth + 1)?);
        if is_open {
            open.push(path);
        } else {
            is_all = false;
        }
    }
    // The parent's rule covers a directory of which all is open.
    if is_all && depth > 0 {
        return Ok(true);
    }
    for path in open {
        allow_path(ruleset, &path, rights)?;
    }
    Ok(false)
}

fn is_roots_alone(status: &Metadata) -> bool {
    status.uid() == 0 && status.mode() & 0o022 == 0
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
    let witness = Witness::fork().or_refuse(|| "start a process outside the Landlock domain")?;
    witness.look().or_refuse(|| "look into a process of its own before it joins the Landlock domain")?;
    ruleset.restrict_self().or_refuse(|| "join the Landlock domain")?;
    let not_in_force = |what| {
        Refusal::new(format!("the kernel did not put the process into the Landlock domain, though it said so: {what}"))
    };
    if witness.look() != Err(Errno::EPERM) {
        return Err(not_in_force("a process outside can be looked into"));
    }
    if let Some(port) = domain.refused_port()
        && sockets::bind_tcp(port) != Err(Errno::EACCES)
    {
        return Err(not_in_force("a port outside the scope can be bound"));
    }
    Ok(())
}
