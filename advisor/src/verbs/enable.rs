//! `capwrap enable` and `capwrap disable`.

use crate::host::installed_file;
use crate::output::error::hinted;
use crate::store::file_caps;
use crate::store::file_caps::{inheritable, permitted};
use crate::store::policy_edit;
use crate::store::policy_edit::Change;
use crate::store::{atomic_write, enabled, policy_lookup, trusted_file};
use anyhow::{Context, Result};
use capwrap_core::CapabilitySet;
use capwrap_core::decision::accounts;
use capwrap_core::policy::{Children, Delivery, FileCapabilities, Policy};
use capwrap_core::text::{hex, nearest, printable};
use clap::Args;
use nix::fcntl::Flock;
use nix::unistd::{Group, User, geteuid};
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

#[derive(Args)]
pub struct Enable {
    /// The policy; without one the launcher only gets again what those in force need
    name: Option<String>,
    /// A group that may run the tool (several: repeat it)
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
    /// A user who may run the tool (several: repeat it)
    #[arg(long = "user", value_name = "USER")]
    users: Vec<String>,
    /// Where the tool lies
    #[arg(long, value_name = "PATH")]
    path: Option<String>,
    /// Write the tool's SHA-256 into the policy: no other file is run
    #[arg(long)]
    pin: bool,
    /// The launcher, where it does not lie in its own place yet
    #[arg(long, value_name = "FILE", hide = true)]
    launcher: Option<PathBuf>,
}

#[derive(Args)]
pub struct Disable {
    /// The policy
    name: String,
}

impl Enable {
    pub fn run(self) -> Result<()> {
        let _alone = alone("enable")?;
        let launcher = self.launcher.unwrap_or_else(file_caps::installed);
        let Some(name) = self.name else { return give_what_is_needed(&launcher) };
        let source = policy_lookup::find(&name)?;
        // Of a text that others could have written nothing is known, least of all who may.
        let before = trusted_file::text(&source)?;
        let already = source == enabled::path(&name);
        let mut change = Change {
            users: self.users.iter().map(|user| known_user(user)).collect::<Result<_>>()?,
            groups: self.groups.iter().map(|group| known_group(group)).collect::<Result<_>>()?,
            path: self.path,
            sha256: None,
            keeps_allowed: already,
        };
        let mut text = policy_edit::apply(&before, &change)?;
        if self.pin {
            let tool = first_tool(&policy_lookup::read(&text, &source)?)
                .with_context(|| format!("no tool of {name} to pin"))?;
            change = Change { sha256: Some(digest(&tool)?), ..Change::default() };
            text = policy_edit::apply(&text, &change)?;
        }
        let policy = policy_lookup::read(&text, &source)?;
        let mark = Mark::of(&policy)?;
        if !already || text != before {
            atomic_write::replace(&enabled::path(&name), &text)?;
        }
        show(&name, &policy, &source, already);
        mark.map_or(Ok(()), |mark| mark.set())?;
        give_what_is_needed(&launcher)
    }
}

impl Disable {
    pub fn run(self) -> Result<()> {
        let _alone = alone("disable")?;
        let path = enabled::path(policy_lookup::checked(&self.name)?);
        if !path.exists() {
            let names = enabled::names()?;
            let near = nearest::name(&self.name, names.iter().map(String::as_str));
            return Err(hinted(
                format!("no policy for {:?} is in force", self.name),
                near.map_or(format!("those in force: {}", one_line(&names)), |near| format!("capwrap disable {near}")),
            ));
        }
        // One that others could have written has marked nothing.
        let policy = enabled::read(&path).ok();
        enabled::make_directory(Path::new(policy_lookup::DISABLED))?;
        let kept = Path::new(policy_lookup::DISABLED).join(format!("{}.toml", self.name));
        std::fs::rename(&path, &kept)
            .with_context(|| format!("cannot move {} to {}", path.display(), kept.display()))?;
        say!("{}: out of force; kept as {}", self.name, kept.display());
        // Whatever becomes of the tool's mark, the launcher loses what nothing needs now.
        let mark = policy.map_or(Ok(None), |policy| Mark::of(&policy));
        give_what_is_needed(&file_caps::installed())?;
        mark?.map_or(Ok(()), |mark| mark.take_away())
    }
}

/// One `enable` or `disable` at a time, by root.
fn alone(verb: &str) -> Result<Flock<File>> {
    if !geteuid().is_root() {
        return Err(hinted(
            format!("{verb} changes what others may do, which root alone may"),
            format!("sudo capwrap {verb} …"),
        ));
    }
    enabled::lock()
}

/// A name that the local file has stays a name; one that only a directory server knows becomes a
/// number, because the launcher never asks one.
fn known_user(given: &str) -> Result<String> {
    let local = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    if given.starts_with('#') || accounts::user_id(&local, given).is_some() {
        return Ok(given.to_owned());
    }
    match User::from_name(given)? {
        Some(user) => Ok(format!("#{}", user.uid)),
        None => Err(hinted(format!("no user {given:?}"), "name one that exists, or a number as in '#1001'")),
    }
}

fn known_group(given: &str) -> Result<String> {
    let local = std::fs::read_to_string("/etc/group").unwrap_or_default();
    if given.starts_with('#') || accounts::group_id(&local, given).is_some() {
        return Ok(given.to_owned());
    }
    match Group::from_name(given)? {
        Some(group) => Ok(format!("#{}", group.gid)),
        None => Err(hinted(format!("no group {given:?}"), format!("groupadd {given}"))),
    }
}

fn first_tool(policy: &Policy) -> Option<PathBuf> {
    installed_file::first(&policy.tool.paths).cloned()
}

fn digest(path: &Path) -> Result<String> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(hex::encode(&capwrap_core::digest::of_file(file).with_context(|| format!("cannot read {}", path.display()))?))
}

/// What is handed to whom, before anybody relies on it.
fn show(name: &str, policy: &Policy, source: &Path, already: bool) {
    say!("{name}: {}", printable::text(&policy.summary));
    match first_tool(policy) {
        Some(tool) => {
            let pinned = if policy.tool.sha256.is_some() { ", pinned by digest" } else { "" };
            say!("  tool     {}{pinned}", printable::text(&tool));
        }
        None => say!(
            "  tool     not installed: {}",
            policy.tool.paths.iter().map(printable::text).collect::<Vec<_>>().join(", ")
        ),
    }
    let users = policy.allow.users.iter().map(|user| printable::text(format!("user {user}")));
    let groups = policy.allow.groups.iter().map(|group| printable::text(format!("group {group}")));
    say!("  allowed  {}", one_line(&users.chain(groups).collect::<Vec<_>>()));
    let parts =
        [("hands  ", policy.grantable()), ("to root", policy.grantable_to_root()), ("may add", policy.optional())];
    for (label, set) in parts.into_iter().filter(|(label, set)| *label == "hands  " || !set.is_empty()) {
        say!("  {label}  {set}");
    }
    let from = if already { "changed in place".to_owned() } else { format!("from {}", source.display()) };
    say!("  policy   {} ({from})", enabled::path(name).display());
    if policy.exec.deliver == Delivery::Ambient && policy.exec.children == Children::Any {
        say!("  note     what {name} starts has these capabilities too: who may run it may have them in any program");
    }
    if let Some(obstacle) = first_tool(policy).and_then(|tool| obstacle(policy, &tool)) {
        say!("  note     {obstacle}");
    }
}

/// What the launcher will refuse the tool for.
fn obstacle(policy: &Policy, tool: &Path) -> Option<String> {
    let real = tool.canonicalize().ok()?;
    let mode = real.metadata().ok()?.mode();
    if mode & 0o6000 != 0 {
        return Some(format!(
            "{} is setuid or setgid and will be refused: chmod ug-s {}",
            printable::text(tool),
            printable::text(&real)
        ));
    }
    let carries = file_caps::read(&File::open(&real).ok()?).ok()?.is_some();
    (carries && policy.exec.deliver == Delivery::Ambient).then(|| {
        let (tool, real) = (printable::text(tool), printable::text(&real));
        format!("{tool} carries file capabilities and will be refused: setcap -r {real}")
    })
}

/// The mark that inheritable delivery takes on the tool's own file.
struct Mark {
    tool: PathBuf,
    file: File,
    capabilities: FileCapabilities,
}

impl Mark {
    /// That of this policy's tool, if it takes one and the tool is there.
    ///
    /// # Errors
    /// Others than root could put another file in the tool's place.
    fn of(policy: &Policy) -> Result<Option<Self>> {
        let Some(tool) = first_tool(policy).filter(|_| policy.exec.deliver == Delivery::Inheritable) else {
            return Ok(None);
        };
        let file = trusted_file::open(&tool)?;
        Ok(Some(Self { tool, file, capabilities: file_caps::mark(policy) }))
    }

    fn set(&self) -> Result<()> {
        self.write(self.capabilities)
    }

    fn take_away(&self) -> Result<()> {
        self.write(inheritable(CapabilitySet::EMPTY))
    }

    fn write(&self, capabilities: FileCapabilities) -> Result<()> {
        let change = change(file_caps::read(&self.file)?.as_ref(), &capabilities);
        file_caps::write(&self.file, capabilities)?;
        say!("  marked   {} {change}", printable::text(&self.tool));
        Ok(())
    }
}

fn give_what_is_needed(path: &Path) -> Result<()> {
    let file = trusted_file::open(path)?;
    let before = file_caps::read(&file)?;
    let needed = permitted(enabled::needed()?);
    let change = change(before.as_ref(), &needed);
    file_caps::write(&file, needed)?;
    say!("launcher {} carries {change}", path.display());
    Ok(())
}

/// What a file has now, and what it had.
fn change(before: Option<&FileCapabilities>, now: &FileCapabilities) -> String {
    let (was, is) = (describe(before), describe(Some(now)));
    if was == is { format!("{is}, as before") } else { format!("{is} (was {was})") }
}

/// setcap's notation, `nothing` for nothing.
fn describe(capabilities: Option<&FileCapabilities>) -> String {
    match capabilities {
        Some(file) if !file.permitted.union(file.inheritable).is_empty() => file.to_string(),
        _ => "nothing".to_owned(),
    }
}

fn one_line(items: &[String]) -> String {
    if items.is_empty() { "none".to_owned() } else { items.join(", ") }
}
