//! `capwrap adopt`: enables a policy in place of a tool's file capabilities, and `disable` gives those back.
//!
//! The order is such that the tool works after each step, and that a record says what the file had before it loses it:
//! the record, the policy, the launcher, and the file last. `disable` goes back the same way: the file first, and the
//! record last.

use super::given_back::set;
use super::{allowing, give_what_is_needed, on_this_kernel, root_alone, sudo};
use crate::analysis::access_list::{self, Executors};
use crate::analysis::adoption::{self, Allowed, Candidate};
use crate::analysis::propose;
use crate::host::accounts::Names;
use crate::host::caller;
use crate::host::change_record::{self, PolicyChange};
use crate::host::installed_file::{Installed, Unread};
use crate::host::tool_faults;
use crate::observe::command::locate::locate;
use crate::output::error::{hinted, reason};
use crate::store::adopted::{self, Adopted};
use crate::store::file_caps::{self, inheritable};
use crate::store::{atomic_write, enabled, policy_lookup, trusted_file};
use anyhow::{Context, Result, anyhow, bail};
use capwrap_core::CapabilitySet;
use capwrap_core::digest;
use capwrap_core::policy::{FileCapabilities, Policy};
use capwrap_core::record::write::Event;
use capwrap_core::text::{hex, printable, shell};
use clap::Args;
use nix::unistd::{User, getgrouplist};
use std::ffi::CString;
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use xattr::FileExt;

#[derive(Args)]
pub struct Adopt {
    /// The tool's file, which has capabilities
    #[arg(value_name = "PATH", required_unless_present = "sudoers")]
    path: Option<PathBuf>,
    /// The name of the policy, where it is not that of the file
    #[arg(long, value_name = "POLICY")]
    name: Option<String>,
    /// Allow this group, and not those who may execute the file
    /// now (several: repeat it)
    #[arg(long = "group", value_name = "GROUP", verbatim_doc_comment)]
    groups: Vec<String>,
    /// Allow this user, in the same way (several: repeat it)
    #[arg(long = "user", value_name = "USER")]
    users: Vec<String>,
    /// Show what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Say what stands for each rule of sudo, as cvtsudoers -f json
    /// prints them: a shipped policy, one to learn, or sudo;
    /// - for standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["path", "name", "groups", "users", "dry_run"], verbatim_doc_comment)]
    sudoers: Option<PathBuf>,
    /// With --sudoers: write the shipped policies for those whom
    /// the rules name into this folder
    #[arg(long, value_name = "DIR", requires = "sudoers", verbatim_doc_comment)]
    write: Option<PathBuf>,
}

/// What is said of a file that is not there. Whoever gave a command's name gets its path.
fn not_there(given: &Path, shown: &str) -> anyhow::Error {
    let why = format!("cannot check {shown}: no such file");
    let is_name = given.components().count() == 1;
    let found = is_name.then(|| locate(given.as_os_str(), std::env::var_os("PATH")).ok()).flatten();
    match found.as_deref().and_then(shell::path) {
        Some(path) => hinted(why, format!("capwrap adopt {path}")),
        None => anyhow!(why),
    }
}

/// What is to be done, without any write so far.
struct Plan {
    name: String,
    adopted: Adopted,
    has: FileCapabilities,
    text: String,
    policy: Policy,
    /// The tool's file, opened for reading along a path that only root can change.
    file: File,
    notes: Vec<String>,
    /// The record of an earlier adoption of the same file, whose policy is still enabled. It was interrupted, or an update
    /// of the tool's package set the capabilities again.
    earlier: Option<Adopted>,
}

impl Adopt {
    pub fn run(&self) -> Result<()> {
        if let Some(rules) = &self.sudoers {
            return sudo::adopt(rules, self.write.as_deref());
        }
        root_alone("adopt")?;
        let plan = self.plan(self.path.as_deref().context("no PATH")?)?;
        plan.show(self.dry_run);
        if self.dry_run {
            return Ok(());
        }
        let _alone = enabled::lock()?;
        plan.carry_out()
    }

    fn plan(&self, given: &Path) -> Result<Plan> {
        let path = std::path::absolute(given)?;
        let shown = printable::text(&path);
        let found = Installed::look(&path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => not_there(given, &shown),
            _ => anyhow!("cannot check {shown}: {}", reason(&error)),
        })?;
        if !found.is_regular {
            bail!("{shown} is no regular file");
        }
        let attribute = match &found.carries {
            Ok(attribute) => attribute.as_ref(),
            Err(Unread::Malformed(why) | Unread::Failed(why)) => {
                bail!("cannot read the file capabilities of {shown}: {why}")
            }
        };
        // For a file that others could have put there, the reason is what matters.
        let file = if found.weaknesses(0).is_empty() { None } else { Some(trusted_file::open(&path)?) };
        let is_script = found.is_script().map_err(|error| anyhow!("cannot read {shown}: {}", reason(&error)))?;
        let candidate = Candidate { path: &path, uid: found.uid, mode: found.mode, attribute, is_script };
        let granted = adoption::granted(&candidate)?;
        let attribute = attribute.context("what grants something has an attribute")?;
        let name = self.policy_name(&path)?;
        let in_policy = propose::path_of_policy(&path)?;
        let file = file.map_or_else(|| trusted_file::open(&path), Ok)?;
        let about = file.metadata()?;
        if (about.dev(), about.ino()) != found.identity {
            bail!("{shown} was replaced meanwhile");
        }
        let names = Names::read();
        let executors = executors(&file, &found)?;
        let allowed = self.allowed(&path, &executors, found.gid, &names)?;
        let text = adoption::text(&name, in_policy, attribute, granted, &allowed);
        let policy = Policy::read(&text).context("the policy as it would be is none")?;
        if let Some(refusal) = tool_faults::all(&policy, &names).first() {
            return Err(anyhow!("cannot adopt {shown}: {}", refusal.note()));
        }
        let sha256 = digest::of_file(&file).map_err(|error| anyhow!("cannot read {shown}: {}", reason(&error)))?;
        let adopted = Adopted {
            path: path.clone(),
            capabilities: attribute.capabilities,
            sha256: hex::encode(&sha256),
            policy_sha256: hex::encode(&digest::of_bytes(&text)),
        };
        let earlier = earlier(&name, &adopted)?;
        let notes = notes(&name, &found, &executors, granted, &policy);
        Ok(Plan { name, adopted, has: attribute.capabilities, text, policy, file, notes, earlier })
    }

    fn policy_name(&self, path: &Path) -> Result<String> {
        match &self.name {
            Some(name) => Ok(policy_lookup::checked(name)?.to_owned()),
            None => {
                let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
                if policy_lookup::checked(&name).is_err() {
                    let what = format!("{:?} is no name of a policy", printable::text(&name));
                    return Err(hinted(what, "choose one: --name NAME"));
                }
                Ok(name)
            }
        }
    }

    /// Those whom the policy is to allow: who is named, or else who may execute the file.
    fn allowed(&self, path: &Path, executors: &Executors, gid: u32, names: &Names) -> Result<Allowed> {
        let named = Allowed {
            users: self.users.iter().map(|user| Ok(allowing::user(user)?.text)).collect::<Result<_>>()?,
            groups: self.groups.iter().map(|group| Ok(allowing::group(group)?.text)).collect::<Result<_>>()?,
        };
        if !named.is_empty() {
            return Ok(named);
        }
        let user = |uid: &u32| {
            let known = User::from_uid((*uid).into()).ok().flatten();
            names.in_policy(known.as_ref().map(|user| user.name.as_str()), *uid)
        };
        let groups: Vec<u32> = executors.group.then_some(gid).iter().chain(&executors.groups).copied().collect();
        let allowed = Allowed {
            users: executors.users.iter().map(user).collect(),
            groups: groups.iter().map(|gid| names.group_in_policy(*gid)).collect(),
        };
        if executors.others || allowed.is_empty() {
            return Err(adoption::nobody_named(path, executors));
        }
        if let Some(uid) = executors.denied.iter().find(|uid| is_in_any(**uid, &groups)) {
            return Err(adoption::denied(path, &user(uid)));
        }
        Ok(allowed)
    }
}

/// Whether the user is in one of the groups. One that is not known may be.
fn is_in_any(uid: u32, groups: &[u32]) -> bool {
    let Ok(Some(user)) = User::from_uid(uid.into()) else { return !groups.is_empty() };
    let own = CString::new(user.name).ok().and_then(|name| getgrouplist(&name, user.gid).ok());
    own.is_none_or(|own| own.iter().any(|gid| groups.contains(&gid.as_raw())))
}

/// Who may execute the file, by its access control list or else by its mode.
///
/// # Errors
/// The list cannot be read, or is of a kind that is not known.
fn executors(file: &File, found: &Installed) -> Result<Executors> {
    let shown = printable::text(&found.path);
    let list = match file.get_xattr(access_list::ATTRIBUTE) {
        Ok(list) => list,
        // The file system has no such lists.
        Err(error) if error.raw_os_error() == Some(nix::libc::EOPNOTSUPP) => None,
        Err(error) => bail!("cannot read the access control list of {shown}: {}", reason(&error)),
    };
    match list {
        Some(list) => Executors::of_list(&list)
            .with_context(|| format!("{shown} has an access control list of a kind that capwrap does not know")),
        None => {
            let executors = Executors::of_mode(found.mode);
            // The launcher reads what it executes, as the caller.
            let unread = executors.others && found.mode & 0o004 == 0 || executors.group && found.mode & 0o040 == 0;
            if unread {
                let hint = found.in_command().map_or_else(String::new, |path| format!("chmod g+r {path}, or o+r"));
                let what =
                    format!("{shown} may be executed and not read (mode {:04o}), and capwrap reads it", found.mode);
                return Err(hinted(what, hint));
            }
            Ok(executors)
        }
    }
}

/// Returns the record of an earlier adoption of the same capabilities of the same file, if its policy is enabled.
///
/// # Errors
/// There is a policy of this name that comes from something else.
fn earlier(name: &str, adopted: &Adopted) -> Result<Option<Adopted>> {
    let before = adopted::read(name)?;
    if enabled::path(name).exists() {
        let is_of_it = |before: &Adopted| before.path == adopted.path && before.capabilities == adopted.capabilities;
        if let Some(before) = before.filter(is_of_it) {
            return Ok(Some(before));
        }
        return Err(hinted(
            format!("a policy {name} is enabled already"),
            "choose another name with --name NAME, or disable it first",
        ));
    }
    if policy_lookup::disabled(name).exists() {
        return Err(hinted(
            format!("a policy {name} is kept in {}", policy_lookup::disabled(name).display()),
            format!("enable that one, or choose another name with --name NAME: capwrap enable {name}"),
        ));
    }
    Ok(None)
}

fn notes(name: &str, found: &Installed, executors: &Executors, granted: CapabilitySet, policy: &Policy) -> Vec<String> {
    let mut notes = Vec::new();
    if found.carries.as_ref().is_ok_and(|has| has.as_ref().is_some_and(|has| !has.capabilities.inheritable.is_empty()))
    {
        notes.push(
            "the inheritable ones of the file go too; whoever held them in their own inheritable set had them"
                .to_owned(),
        );
    }
    if executors.others {
        let allowed = caller::allowed(&policy.allow);
        notes.push(format!("everybody may execute the file now, and everybody but {allowed} loses its capabilities"));
    }
    if found.links > 1 {
        notes.push(format!("the file has {} names, and loses its capabilities under all of them", found.links));
    }
    notes.push("the tool can start no other program; the policy says how to change that".to_owned());
    notes.push(format!(
        "plain {} works without them from now on: call it as capwrap {name}",
        printable::text(&found.path)
    ));
    notes.push("an update of its package may set them again, which `capwrap verify` reports".to_owned());
    let shipped = policy_lookup::templates().join(format!("{name}.toml"));
    if let Ok(shipped) = policy_lookup::text(&shipped).and_then(|text| policy_lookup::read(&text, &shipped)) {
        let grants = shipped.grantable();
        if !granted.without(grants).is_empty() || grants != granted {
            notes.push(format!(
                "a policy of this name is shipped, with {grants} by its arguments: capwrap enable {name}"
            ));
        } else {
            notes.push(format!("a policy of this name is shipped: capwrap enable {name}"));
        }
    }
    notes
}

impl Plan {
    fn show(&self, is_dry: bool) {
        let shown = printable::text(&self.adopted.path);
        say!("{}: in place of the file capabilities of {shown}", self.name);
        labelled!("  allowed  {}", printable::text(caller::allowed(&self.policy.allow)));
        labelled!("  grants   {}", on_this_kernel(self.policy.grantable()));
        say!(
            "  policy   {}{}",
            enabled::path(&self.name).display(),
            if self.earlier.is_some() { " (enabled already)" } else { "" }
        );
        say!("  file     {shown} loses {}", self.has);
        for note in &self.notes {
            labelled!("  note     {note}");
        }
        if is_dry {
            say!("  text     the policy would be:");
            self.text.lines().for_each(|line| say!("           {line}"));
        } else {
            say!("  undo     capwrap disable {}", self.name);
        }
    }

    fn carry_out(&self) -> Result<()> {
        // What was planned holds for what is there now.
        if earlier(&self.name, &self.adopted)? != self.earlier {
            bail!("the policy {} was enabled or disabled meanwhile", self.name);
        }
        if file_caps::read(&self.file)? != Some(self.has) {
            bail!("the file capabilities of {} were changed meanwhile", printable::text(&self.adopted.path));
        }
        // A file that cannot be changed, as an immutable one, keeps its capabilities: then nothing is to change.
        file_caps::write(&self.file, self.has)
            .map_err(|error| anyhow!("cannot adopt {}: {error:#}", printable::text(&self.adopted.path)))?;
        if let Some(earlier) = &self.earlier {
            // What is taken is what this file has, which another version of the tool may be.
            let policy_sha256 = earlier.policy_sha256.clone();
            adopted::write(&self.name, &Adopted { policy_sha256, ..self.adopted.clone() })?;
        } else {
            adopted::write(&self.name, &self.adopted)?;
            let path = enabled::path(&self.name);
            atomic_write::replace_for_all(&path, &self.text)?;
            change_record::policy(&PolicyChange {
                event: Event::Enable,
                name: &self.name,
                path: &path,
                before: None,
                after: Some(&self.text),
                shipped: None,
                reason: None,
            });
        }
        give_what_is_needed(&file_caps::installed())?;
        set(&self.file, &self.adopted.path, inheritable(CapabilitySet::EMPTY))
    }
}
