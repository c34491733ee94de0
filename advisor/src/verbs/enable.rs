//! `capwrap enable` and `capwrap disable`.

use crate::host::accounts::{Names, Of};
use crate::host::foreign_code;
use crate::host::installed_file;
use crate::host::launcher_kernels;
use crate::host::tool_faults;
use crate::output::error::hinted;
use crate::store::file_caps;
use crate::store::file_caps::{inheritable, permitted};
use crate::store::policy_edit;
use crate::store::policy_edit::Change;
use crate::store::{any_kernel, atomic_write, bounded_read, change_record, enabled, policy_lookup, trusted_file};
use anyhow::{Context, Result};
use capwrap_core::CapabilitySet;
use capwrap_core::decision::accounts;
use capwrap_core::policy::{Children, Delivery, FileCapabilities, MAX_BYTES, Policy};
use capwrap_core::record::write::Event;
use capwrap_core::text::{hex, nearest, printable};
use clap::Args;
use nix::fcntl::Flock;
use nix::unistd::{Group, User, geteuid};
use std::fs::File;
use std::path::{Path, PathBuf};

#[derive(Args)]
pub struct Enable {
    /// The policy; without one, the launcher only gets again what the enabled policies need
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
    /// Let the launcher's file serve any kernel, from now on
    #[arg(long, conflicts_with = "this_kernel")]
    any_kernel: bool,
    /// Let the launcher's file serve this kernel alone again
    #[arg(long)]
    this_kernel: bool,
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
        let launcher = self.launcher.clone().unwrap_or_else(file_caps::installed);
        let any_kernel = (self.any_kernel || self.this_kernel).then_some(self.any_kernel);
        if let Some(name) = self.name.clone() {
            self.enable(&name)?;
        }
        any_kernel.map_or(Ok(()), any_kernel::want)?;
        give_what_is_needed(&launcher)
    }

    /// Enables the policy of this name, or changes it.
    fn enable(self, name: &str) -> Result<()> {
        let source = policy_lookup::find(name)?;
        // If other users could have written the file, capwrap cannot trust its content, least of all who may run the
        // tool.
        let before = trusted_file::text(&source)?;
        let already = source == enabled::path(name);
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
        let tool_caps = ToolCaps::of(&policy)?;
        if !already || text != before {
            atomic_write::replace(&enabled::path(name), &text)?;
            let was = already.then_some(before.as_str());
            change_record::policy(Event::Enable, name, &enabled::path(name), was, Some(&text));
        }
        show(name, &policy, &source, already, text != before);
        for note in foreign_code::notes(&policy, &text, &Names::read()) {
            say!("  note     {note}");
        }
        tool_caps.map_or(Ok(()), |caps| caps.set())
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
                format!("no policy for {:?} is enabled", self.name),
                near.map_or(format!("the enabled policies: {}", one_line(&names)), |near| {
                    format!("capwrap disable {near}")
                }),
            ));
        }
        // A policy that other users could have written was never applied to its tool, so there is nothing to take back.
        let policy = enabled::read(&path).ok();
        let text = bounded_read::text_of(&path, MAX_BYTES).ok();
        enabled::make_directory(Path::new(policy_lookup::DISABLED))?;
        let kept = Path::new(policy_lookup::DISABLED).join(format!("{}.toml", self.name));
        std::fs::rename(&path, &kept)
            .with_context(|| format!("cannot move {} to {}", path.display(), kept.display()))?;
        say!("{}: disabled; kept as {}", self.name, kept.display());
        change_record::policy(Event::Disable, &self.name, &path, text.as_deref(), None);
        // Even if the tool's file cannot be changed, the launcher loses the capabilities that no policy needs now.
        let tool_caps = policy.map_or(Ok(None), |policy| ToolCaps::of(&policy));
        give_what_is_needed(&file_caps::installed())?;
        tool_caps?.map_or(Ok(()), |caps| caps.take_away())
    }
}

/// Takes the lock so that root runs one `enable` or `disable` at a time.
fn alone(verb: &str) -> Result<Flock<File>> {
    if !geteuid().is_root() {
        return Err(hinted(
            format!("{verb} changes what others may do, and only root may do that"),
            format!("sudo capwrap {verb} …"),
        ));
    }
    enabled::lock()
}

/// Keeps a name that the local file has. Turns a name that only a directory server knows into a number, because the
/// launcher never asks such a server.
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

/// Prints what the policy grants, and to whom, before anybody relies on it.
fn show(name: &str, policy: &Policy, source: &Path, already: bool, changed: bool) {
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
        [("grants ", policy.grantable()), ("to root", policy.grantable_to_root()), ("may add", policy.optional())];
    for (label, set) in parts.into_iter().filter(|(label, set)| *label == "grants " || !set.is_empty()) {
        say!("  {label}  {set}");
    }
    let from = match (already, changed) {
        (true, true) => "changed in place".to_owned(),
        (true, false) => "unchanged".to_owned(),
        (false, _) => format!("from {}", source.display()),
    };
    say!("  policy   {} ({from})", enabled::path(name).display());
    if policy.exec.deliver == Delivery::Ambient && policy.exec.children == Children::Any {
        say!("  note     what {name} starts has these capabilities too: who may run it may have them in any program");
    }
    for refusal in tool_faults::all(policy, &Names::read()) {
        say!("  note     {}", refusal.note());
    }
}

/// The file capabilities that inheritable delivery needs on the tool's own file.
struct ToolCaps {
    tool: PathBuf,
    file: File,
    capabilities: FileCapabilities,
}

impl ToolCaps {
    /// The file capabilities for this policy's tool, if it needs any and the tool exists.
    ///
    /// # Errors
    /// Users other than root and the policy's owner could put another file in the tool's place.
    fn of(policy: &Policy) -> Result<Option<Self>> {
        let Some(tool) = first_tool(policy).filter(|_| policy.exec.deliver == Delivery::Inheritable) else {
            return Ok(None);
        };
        let owner = Names::read().local(Of::User, &policy.tool.owner).unwrap_or(0);
        let file = trusted_file::open_of(&tool, owner)?;
        Ok(Some(Self { tool, file, capabilities: file_caps::of_inheritable_delivery(policy) }))
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
        say!("  file     {} {change}", printable::text(&self.tool));
        Ok(())
    }
}

fn give_what_is_needed(path: &Path) -> Result<()> {
    let file = trusted_file::open(path)?;
    let before = file_caps::read(&file)?;
    let (policies, fit) = (enabled::all()?, launcher_kernels::look());
    let needed = enabled::needed(&policies, fit.kernels);
    let change = change(before.as_ref(), &permitted(needed));
    file_caps::write(&file, permitted(needed))?;
    say!("launcher {} {change}", path.display());
    let (was, is) = (describe(before.as_ref()), describe(Some(&permitted(needed))));
    if was != is {
        let notation = |capabilities: Option<String>| capabilities.unwrap_or_else(|| "none".to_owned());
        let facts = [("capabilities", &*notation(is)), ("capabilities_before", &notation(was))];
        change_record::file(Event::Launcher, path, &facts);
    }
    // Where this kernel alone would need as much, there is nothing to say.
    let is_same = fit.this_kernel.is_some_and(|this| enabled::needed(&policies, this) == needed);
    if let Some(because) = fit.any_because.filter(|_| !is_same) {
        say!("  note     for any kernel: {because}; {}", because.hint());
    }
    Ok(())
}

/// Describes the change from the file capabilities before to those now.
fn change(before: Option<&FileCapabilities>, now: &FileCapabilities) -> String {
    let (was, is) = (describe(before), describe(Some(now)));
    let has = is.as_deref().unwrap_or("no capabilities");
    if was == is {
        format!("still has {has}")
    } else {
        format!("now has {has} (before: {})", was.as_deref().unwrap_or("none"))
    }
}

/// The file capabilities in setcap's notation; `None` if there are none.
fn describe(capabilities: Option<&FileCapabilities>) -> Option<String> {
    capabilities.filter(|file| !file.permitted.union(file.inheritable).is_empty()).map(FileCapabilities::to_string)
}

fn one_line(items: &[String]) -> String {
    if items.is_empty() { "none".to_owned() } else { items.join(", ") }
}
