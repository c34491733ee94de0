//! `capwrap enable`, `capwrap adopt`, `capwrap edit` and `capwrap disable`, and for a time `capwrap grant` and
//! `capwrap revoke`.

pub mod adopt;
mod allowing;
mod carried;
pub mod edit;
mod edited;
mod ended;
mod given_back;
mod going_on;
mod sudo;
pub mod temporary;
mod update;

use crate::analysis::preparation::{self, Wanted};
use crate::host::accounts::{Names, Of};
use crate::host::caller;
use crate::host::change_record::{self, PolicyChange};
use crate::host::demands;
use crate::host::foreign_code;
use crate::host::installed_file::{self, Installed};
use crate::host::kernel;
use crate::host::landlock;
use crate::host::launcher_kernels;
use crate::host::policy_facts::{self, Untried};
use crate::host::tool_faults::{self, ToolRefusal};
use crate::output::error;
use crate::output::error::{HintedError, hinted, print_error, reason};
use crate::output::usage;
use crate::store::file_caps;
use crate::store::file_caps::{inheritable, permitted};
use crate::store::policy_edit;
use crate::store::policy_edit::{Change, Temporary};
use crate::store::shipped::{self, Relation, Shipped};
use crate::store::{adopted, any_kernel, atomic_write, bounded_read, enabled, policy_lookup, prepared, trusted_file};
use anyhow::{Context, Result, anyhow};
use capwrap_core::CapabilitySet;
use capwrap_core::digest;
use capwrap_core::escapes;
use capwrap_core::paths;
use capwrap_core::policy::{Children, Delivery, FileCapabilities, Identity, MAX_BYTES, Policy};
use capwrap_core::record::send::RECORD_GROUP;
use capwrap_core::record::write::Event;
use capwrap_core::scope::domain;
use capwrap_core::text::{hex, nearest, printable};
use carried::{change, describe};
use clap::Args;
use nix::fcntl::Flock;
use nix::unistd::geteuid;
use std::fs::{File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use update::Side;

#[derive(Args, Default)]
pub struct Enable {
    /// The policies; without any, the launcher only gets again what the enabled policies need
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Allow this group: in place of those in a policy that is not enabled yet, and besides them in one that is (several: repeat it)
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
    /// Allow this user, in the same way (several: repeat it)
    #[arg(long = "user", value_name = "USER")]
    users: Vec<String>,
    /// Where the tool lies
    #[arg(long, value_name = "PATH")]
    path: Option<String>,
    /// Write the tool's SHA-256 into the policy: no other file is run
    #[arg(long)]
    pin: bool,
    /// Make the directories that the policy's demands name, now
    /// and at each boot (tmpfiles.d)
    #[arg(long, requires = "names", verbatim_doc_comment)]
    prepare: bool,
    /// Take what changed in the shipped policy since; what you
    /// changed stays
    #[arg(long, requires = "names", verbatim_doc_comment)]
    update: bool,
    /// With --update: whose to take where both changed the same
    #[arg(long, value_name = "SIDE", requires = "update")]
    take: Option<Side>,
    /// With --update: make the change, and not only show it
    #[arg(long, requires = "update")]
    yes: bool,
    /// Let the launcher's file serve any kernel, from now on
    #[arg(long, conflicts_with = "this_kernel")]
    any_kernel: bool,
    /// Let the launcher's file serve this kernel alone again
    #[arg(long)]
    this_kernel: bool,
    /// The launcher, where it does not lie in its own place yet
    #[arg(long, value_name = "FILE", hide = true)]
    launcher: Option<PathBuf>,
    /// The user whom `capwrap grant` allows.
    #[arg(skip)]
    temporary: Option<Temporary>,
    /// What `capwrap edit` writes in the place of the policy.
    #[arg(skip)]
    edited: Option<edited::Edited>,
}

#[derive(Args)]
pub struct Disable {
    /// The policies
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
}

impl Enable {
    pub fn run(self) -> Result<()> {
        root_alone("enable")?;
        self.carry_out()
    }

    fn carry_out(&self) -> Result<()> {
        let any_kernel = (self.any_kernel || self.this_kernel).then_some(self.any_kernel);
        let (_alone, outcome) = if self.names.is_empty() {
            ended::report()?;
            (enabled::lock()?, Ok(()))
        } else {
            self.enable(&self.distinct_names()?)?
        };
        // Where one of several policies could not be written, the launcher gets what those before it need.
        any_kernel.map_or(Ok(()), any_kernel::want)?;
        match &self.launcher {
            Some(file) => give_to_new_launcher(file),
            None => give_what_is_needed(&file_caps::installed()),
        }?;
        outcome
    }

    /// The names, each once.
    ///
    /// # Errors
    /// There are several, and an option is about one tool.
    fn distinct_names(&self) -> Result<Vec<&str>> {
        let names = distinct(&self.names);
        if names.len() > 1 && (self.path.is_some() || self.update) {
            let option = if self.update { "--update" } else { "--path" };
            return Err(hinted(
                format!("{option} is about one policy, and {} are named", names.len()),
                format!("run capwrap enable NAME {option} for each"),
            ));
        }
        Ok(names)
    }

    /// Enables the policies of these names, or changes them. All are checked before any is written. The lock is taken to
    /// write alone, because a policy may name the file of a user, and reading that file may take long. If somebody changes
    /// a policy meanwhile, everything is planned again.
    ///
    /// Returns the lock, and the error of the first policy that was checked and could not be written.
    fn enable(&self, names: &[&str]) -> Result<(Flock<File>, Result<()>)> {
        loop {
            let plan = |name: &&str| self.plan(name).map_err(|error| none_of("enabled or changed", name, names, error));
            let plans = names.iter().map(plan).collect::<Result<Vec<_>>>()?;
            let alone = enabled::lock()?;
            let mut are_current = true;
            for (name, plan) in names.iter().zip(&plans) {
                are_current &= plan.is_current(name)?;
            }
            if are_current {
                return Ok((alone, in_order("enable", names, |_| true, |at| plans[at].carry_out(names[at]))));
            }
        }
    }

    /// Plans the change without any write.
    fn plan(&self, name: &str) -> Result<Plan> {
        let source = match (policy_lookup::find(name), &self.edited) {
            (Err(_), Some(edited)) => edited.source.clone(),
            (found, _) => found?,
        };
        // If other users could have written the file, capwrap cannot trust its content, least of all who may run the
        // tool.
        let before = trusted_file::text(&source)?;
        self.edited.as_ref().map_or(Ok(()), |edited| edited.check(name, &source, &before))?;
        let already = source == enabled::path(name);
        let shipped = shipped::of(name);
        let template = shipped::template(name)?;
        let is_shipped = source == template;
        let update = if self.update { Some(self.update(name, &before, is_shipped, &shipped)?) } else { None };
        let change = Change {
            users: self.users.iter().map(|user| allowing::user(user)).collect::<Result<_>>()?,
            groups: self.groups.iter().map(|group| allowing::group(group)).collect::<Result<_>>()?,
            path: self.path.clone(),
            sha256: None,
            keeps_allowed: already,
            temporary: self.temporary.clone(),
        };
        let allowed_before = Policy::read(&before).ok().map(|policy| policy.allow);
        let allowing = allowing::described(&change, allowed_before.as_ref());
        let mut text = match &self.edited {
            Some(edited) => edited.text.clone(),
            None => policy_edit::apply(update.as_ref().map_or(&before, |update| &update.text), &change)
                .with_context(|| printable::text(&source))?,
        };
        if self.pin {
            let pinned = digest(&policy_lookup::read(&text, &source)?)?;
            let pinned = pinned.with_context(|| format!("no tool of {name} to pin"))?;
            text = policy_edit::apply(&text, &Change { sha256: Some(pinned), ..Change::default() })?;
        }
        let policy = policy_lookup::read(&text, &source)?;
        if let Some(gap) = domain::conflict(&policy) {
            return Err(hinted(format!("capwrap would refuse every launch of {name}: {gap}"), gap.hint()));
        }
        if self.update && !self.yes && text != before {
            update::show(name, &before, &text);
            update.iter().flat_map(|update| &update.notes).for_each(|note| labelled!("  note     {note}"));
            return Err(update::not_yet(name, self.take));
        }
        let tool_caps = ToolCaps::of(&policy)?;
        let names = Names::read();
        let refusals = tool_faults::all(&policy, &names).iter().map(ToolRefusal::note).collect::<Vec<_>>();
        let given = tool_faults::given(&policy, &names).into_iter().collect();
        let news = if is_shipped || self.update { None } else { news(name, &before, &shipped) };
        let shipped = shipped.ok().flatten();
        let made_from = match &shipped {
            _ if is_shipped => Some((template, before.clone())),
            Some(shipped) if self.update => Some((template, shipped.now.clone())),
            _ => None,
        };
        let updated = update.map_or(Vec::new(), |update| update.notes);
        let foreign = foreign_code::notes(&policy, &text, &names);
        let beyond = beyond_kernel(&policy).into_iter().collect();
        let notes = [updated, news.into_iter().collect(), refusals, beyond, given, foreign].concat();
        let (preparation, said) = match preparation(name, &policy, &names) {
            Ok((planned, said)) => (planned, said),
            Err(error) if self.prepare => return Err(error),
            Err(error) => (None, vec![format!("{error:#}")]),
        };
        if self.prepare && preparation.is_none() {
            return Err(anyhow!("no demand of {name} names a directory to prepare"));
        }
        let notes = [notes, said].concat();
        Ok(Plan {
            source,
            already,
            before,
            shipped,
            made_from,
            updates: self.update,
            temporary: self.temporary.clone(),
            text,
            policy,
            allowing,
            tool_caps,
            notes,
            preparation,
            prepares: self.prepare,
        })
    }

    /// Plans the update from the shipped policy.
    ///
    /// # Errors
    /// No policy of this name is enabled or was, or none is shipped, or both sides changed the same part.
    fn update(
        &self,
        name: &str,
        before: &str,
        is_shipped: bool,
        shipped: &Result<Option<Shipped>>,
    ) -> Result<update::Update> {
        if is_shipped {
            return Err(hinted(
                format!("nothing to update: no policy for {name:?} is enabled"),
                format!("capwrap enable {name}"),
            ));
        }
        match shipped {
            Ok(Some(shipped)) => update::plan(name, shipped, before, self.take),
            Ok(None) => {
                let templates = policy_lookup::templates();
                Err(anyhow!("nothing to update from: no policy for {name:?} is shipped in {}", templates.display()))
            }
            Err(error) => Err(anyhow!("{error:#}")),
        }
    }
}

/// The error of the policy `name`, which stops a verb before anything is `done` to any of `names`.
fn none_of(done: &str, name: &str, names: &[&str], error: anyhow::Error) -> anyhow::Error {
    if names.len() < 2 {
        return error;
    }
    let hint = error.downcast_ref::<HintedError>().map(|error| error.hint.clone());
    let what = format!("{name}: {error:#}; none of {} is {done}", names.join(", "));
    match hint {
        Some(hint) => hinted(what, hint),
        None => anyhow!(what),
    }
}

/// Does for each name, by its index, what the verb does. Where one fails, those before it stay done, and the error says so.
/// The hint names those that the verb can still be asked for.
fn in_order(
    verb: &str,
    names: &[&str],
    is_left: impl Fn(&str) -> bool,
    each: impl Fn(usize) -> Result<()>,
) -> Result<()> {
    for (at, name) in names.iter().enumerate() {
        if let Err(error) = each(at) {
            if names.len() < 2 {
                return Err(error);
            }
            let list = |names: &[&str]| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            let (done, left) = (list(&names[..at]), list(&names[at + 1..]));
            let what = format!("{name}: {error:#}; done before it: {done}; not done after it: {left}");
            let again: Vec<&str> = names[at..].iter().copied().filter(|name| is_left(name)).collect();
            return Err(if again.is_empty() {
                anyhow!(what)
            } else {
                hinted(what, format!("capwrap {verb} {}", again.join(" ")))
            });
        }
    }
    Ok(())
}

/// The names, each once.
fn distinct(given: &[String]) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for name in given {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    names
}

/// The note that this kernel does not enforce the policy's scopes, so that capwrap refuses its launches.
fn beyond_kernel(policy: &Policy) -> Option<String> {
    let facts = policy_facts::of(policy, None, Untried::SaysYes).ok()?;
    let gap = landlock::enforced(policy, &facts, *landlock::abi().is()?)?.refused_for?;
    Some(format!("capwrap refuses launches here: {gap}; hint: {}", gap.hint()))
}

/// The note that a newer policy is shipped, or that this could not be checked.
fn news(name: &str, text: &str, shipped: &Result<Option<Shipped>>) -> Option<String> {
    let relation = match shipped {
        Ok(None) => return None,
        Ok(Some(shipped)) => shipped.relation(text),
        Err(error) => Err(anyhow!("{error:#}")),
    };
    match relation {
        Ok(Relation::Current) => None,
        Ok(relation) => Some(format!("{}; hint: {}", relation.means(), relation.hint(name)?)),
        Err(error) => Some(format!("whether a newer policy is shipped could not be checked: {error:#}")),
    }
}

/// What `enable` will do with a policy.
struct Plan {
    /// The file that the policy is read from.
    source: PathBuf,
    /// Whether the policy is enabled already.
    already: bool,
    /// The text of the policy in that file.
    before: String,
    /// The shipped policy of this name, if there is one.
    shipped: Option<Shipped>,
    /// The file and the text of the shipped policy from which the policy is made or updated. A copy of it is kept.
    made_from: Option<(PathBuf, String)>,
    /// Whether the policy is updated from the shipped one.
    updates: bool,
    /// The user who may run the tool for a time.
    temporary: Option<Temporary>,
    /// The text of the policy to enable.
    text: String,
    /// That policy.
    policy: Policy,
    /// What naming users and groups changed.
    allowing: Vec<String>,
    /// The file capabilities that its tool is to get.
    tool_caps: Option<ToolCaps>,
    /// Why capwrap would refuse to launch its tool, and which code of others the tool would take.
    notes: Vec<String>,
    /// The directories that its demands name.
    preparation: Option<prepared::Plan>,
    /// Whether they are to be made.
    prepares: bool,
}

impl Plan {
    /// Returns whether the policy is what it was when the change was planned.
    fn is_current(&self, name: &str) -> Result<bool> {
        let found = policy_lookup::find(name);
        // The first policy of a name can come from any file.
        let is_first = !policy_lookup::places(name).contains(&self.source);
        let source = if found.is_err() && is_first { self.source.clone() } else { found? };
        let is_same = source == self.source && trusted_file::text(&source)? == self.before;
        Ok(is_same && shipped::of(name).ok().flatten() == self.shipped)
    }

    fn carry_out(&self, name: &str) -> Result<()> {
        if !self.already || self.text != self.before {
            if self.updates {
                update::show(name, &self.before, &self.text);
            }
            atomic_write::replace_for_all(&enabled::path(name), &self.text)?;
        }
        if !self.already || self.text != self.before || self.updates {
            change_record::policy(&PolicyChange {
                event: if self.temporary.is_some() { Event::Grant } else { Event::Enable },
                name,
                path: &enabled::path(name),
                before: self.already.then_some(self.before.as_str()),
                after: Some(&self.text),
                shipped: self.made_from.as_ref().map(|(path, text)| (path.as_path(), text.as_str())),
                reason: self.temporary.as_ref().and_then(|granted| granted.reason.as_deref()),
            });
        }
        // The copy follows the policy. If it is missing or old, an update asks about more than it must, and loses nothing.
        if let Some(error) = self.made_from.as_ref().and_then(|(_, text)| shipped::keep(name, text).err()) {
            error::print_error(&format!("{error:#}"), None);
        }
        self.show(name);
        self.tool_caps.as_ref().map_or(Ok(()), ToolCaps::set)?;
        let wanted = self.preparation.as_ref().filter(|plan| self.prepares && !plan.is_done);
        wanted.map_or(Ok(()), |plan| {
            plan.carry_out(name)?;
            let lines = lines(plan).join("; ");
            change_record::file(Event::Prepare, &plan.file, &[("name", name), ("directories", &lines)]);
            say!("  prepared {}", plan.file.display());
            Ok(())
        })
    }

    /// Prints what the policy grants, and to whom, before anybody relies on it.
    fn show(&self, name: &str) {
        let (policy, source) = (&self.policy, &self.source);
        let changed = self.text != self.before;
        match policy.summary.as_str() {
            "" => say!("{name}:"),
            summary => say!("{name}: {}", printable::text(summary)),
        }
        for line in what_it_grants(policy) {
            labelled!("  {line}");
            if line.starts_with("allowed ") {
                self.allowing.iter().for_each(|line| labelled!("           {line}"));
            }
        }
        let from = match (self.already, changed, &self.made_from) {
            (_, true, Some((path, _))) if self.updates => format!("updated from {}", path.display()),
            (true, true, _) => "changed in place".to_owned(),
            (true, false, _) => "unchanged".to_owned(),
            (false, ..) => format!("from {}", source.display()),
        };
        labelled!("  policy   {} ({from})", enabled::path(name).display());
        if let Some(fails) = escapes::what_fails(policy) {
            labelled!("  note     {fails}");
        }
        // The learner drops its own capabilities before it starts a command, as capwrap-learn(1) says.
        let is_learner = policy.tool.paths.iter().all(|path| path.ends_with("capwrap/capwrap-advisor"));
        if policy.exec.deliver == Delivery::Ambient && policy.exec.children == Children::Any && !is_learner {
            labelled!(
                "  note     what {name} starts has these capabilities too: who may run it may have them in any program"
            );
        }
        for demand in demands::of_policy(policy) {
            labelled!("  needs    {}: {}", demand.demand.need, demand.said());
            labelled!("           {}", printable::text(&demand.demand.why));
            if let Some(hint) = demand.demand.hint.as_ref().filter(|_| !demand.is_met()) {
                say!("           hint: {}", printable::text(hint));
            }
        }
        if let Some(plan) = self.preparation.as_ref().filter(|plan| !plan.is_done) {
            let how = if self.prepares { "makes" } else { "would make" };
            for line in lines(plan) {
                say!("  prepare  capwrap enable {name} --prepare {how} {line}");
            }
        }
        for note in &self.notes {
            labelled!("  note     {note}");
        }
    }
}

/// What a policy grants, and to whom, a line each.
fn what_it_grants(policy: &Policy) -> Vec<String> {
    let mut lines = vec![match first_tool(policy) {
        Some(tool) => {
            let pinned = if policy.tool.sha256.is_some() { ", pinned by digest" } else { "" };
            format!("tool     {}{pinned}", printable::text(&tool))
        }
        None => format!(
            "tool     not installed: {}",
            policy.tool.paths.iter().map(printable::text).collect::<Vec<_>>().join(", ")
        ),
    }];
    lines.push(format!("allowed  {}", printable::text(caller::allowed(&policy.allow))));
    let parts =
        [("grants ", policy.grantable()), ("to root", policy.grantable_to_root()), ("may add", policy.optional())];
    for (label, set) in parts.into_iter().filter(|(label, set)| *label == "grants " || !set.is_empty()) {
        lines.push(format!("{label}  {}", on_this_kernel(set)));
    }
    for grant in policy.grants.iter().filter(|grant| !grant.scope.is_empty()) {
        lines.push(format!("scope    {} {}", grant.caps, grant.scope));
        let added = grant.caps.intersection(policy.optional());
        lines.extend((!added.is_empty()).then(|| format!("         --add gives {added} without this scope")));
    }
    lines
}

/// Names the capabilities. Those that this kernel does not have are named apart, because no launch passes them.
fn on_this_kernel(set: CapabilitySet) -> String {
    let known = kernel::last_capability().map_or(set, |last| set.intersection(CapabilitySet::known_up_to(last)));
    match set.without(known) {
        lacking if lacking.is_empty() => set.to_string(),
        lacking => format!("{known} (this kernel has no {lacking})"),
    }
}

/// What `--prepare` would do for a policy, if it names a directory, and what to say about it.
///
/// # Errors
/// A directory cannot be made safely, or the machine has no such group.
fn preparation(name: &str, policy: &Policy, names: &Names) -> Result<(Option<prepared::Plan>, Vec<String>)> {
    let wanted = preparation::of(policy)?;
    if wanted.directories.is_empty() {
        return Ok((None, Vec::new()));
    }
    let directory = |one: Wanted| {
        let group = match &one.group {
            None => (0, "root".to_owned()),
            Some(group) => {
                let id = names.local(Of::Group, group);
                let id = id.with_context(|| {
                    format!("cannot prepare {}: this machine has no group {group}", printable::text(&one.path))
                })?;
                (id, group.to_string().trim_start_matches('#').to_owned())
            }
        };
        Ok(prepared::Directory { path: one.path, mode: one.mode, group })
    };
    let directories = wanted.directories.into_iter().map(directory).collect::<Result<Vec<_>>>()?;
    Ok((Some(prepared::plan(name, &directories)?), wanted.notes))
}

/// The lines of tmpfiles.d of a plan.
fn lines(plan: &prepared::Plan) -> Vec<String> {
    plan.directories.iter().map(prepared::Directory::line).collect()
}

/// Takes back what `--prepare` made, and reports what stays.
fn take_back(name: &str) -> Result<()> {
    let Some(undone) = prepared::undo(name)? else { return Ok(()) };
    for path in &undone.removed {
        say!("  removed  {}", printable::text(path));
    }
    for (path, why) in &undone.left {
        say!("  left     {}: {why}", printable::text(path));
    }
    let removed: Vec<String> = undone.removed.iter().map(printable::text).collect();
    let facts = [("name", name), ("removed", &removed.join("; "))];
    change_record::file(Event::Unprepare, &prepared::file(name), &facts);
    Ok(())
}

impl Disable {
    pub fn run(self) -> Result<()> {
        root_alone("disable")?;
        let names = distinct(&self.names);
        let _alone = enabled::lock()?;
        for name in &names {
            is_there(name).map_err(|error| none_of("disabled", name, &names, error))?;
        }
        in_order("disable", &names, |name| is_there(name).is_ok(), |at| disable(names[at]))
    }
}

/// # Errors
/// Nothing of this name is there to be disabled.
fn is_there(name: &str) -> Result<()> {
    let path = enabled::path(policy_lookup::checked(name)?);
    // Where an adoption was interrupted, its record alone may be there.
    if path.exists() || adopted::file(name).exists() { Ok(()) } else { Err(not_enabled(name)?) }
}

fn disable(name: &str) -> Result<()> {
    let path = enabled::path(policy_lookup::checked(name)?);
    // The tool gets back what was taken from its file before it loses what the policy gives.
    let given_back = given_back::give_back(name);
    if !path.exists() {
        // An adoption was interrupted, or somebody removed its policy by hand.
        let Some(record) = given_back else { return Err(not_enabled(name)?) };
        say!("{}: {} has its own capabilities", name, printable::text(&record.path));
        return adopted::remove(name);
    }
    // A policy that other users could have written was never applied to its tool, so there is nothing to take back.
    let policy = enabled::read(&path).ok();
    let file = Installed::look(&path).and_then(|found| found.read()).ok();
    let text = file.and_then(|file| bounded_read::text(file, MAX_BYTES).ok());
    enabled::make_directory(Path::new(paths::DISABLED))?;
    let kept = policy_lookup::disabled(name);
    std::fs::rename(&path, &kept).with_context(|| format!("cannot move {} to {}", path.display(), kept.display()))?;
    let is_as_made = text.as_ref().zip(given_back.as_ref());
    if is_as_made.is_some_and(|(text, record)| given_back::is_as_made(record, text)) {
        std::fs::remove_file(&kept).with_context(|| format!("cannot remove {}", kept.display()))?;
        say!("{}: disabled, as it was before it was adopted", name);
    } else {
        say!("{}: disabled; kept as {}", name, kept.display());
    }
    change_record::policy(&PolicyChange {
        event: Event::Disable,
        name,
        path: &path,
        before: text.as_deref(),
        after: None,
        shipped: None,
        reason: None,
    });
    take_everything_back(name, policy.as_ref())?;
    given_back.map_or(Ok(()), |_| adopted::remove(name))
}

/// The error that no policy of this name is enabled, with the nearest name that is.
///
/// # Errors
/// The enabled policies cannot be listed.
fn not_enabled(name: &str) -> Result<anyhow::Error> {
    let names = enabled::names()?;
    let hint = match nearest::name(name, names.iter().map(String::as_str)) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("the enabled policies: {}", one_line(&names)),
    };
    Ok(hinted(format!("no policy for {name:?} is enabled"), hint))
}

/// Takes back what a policy gave that is no longer enabled.
fn take_everything_back(name: &str, policy: Option<&Policy>) -> Result<()> {
    // Even if the tool's file cannot be changed, the launcher loses the capabilities that no policy needs now.
    let tool_caps = policy.map_or(Ok(None), ToolCaps::of);
    give_what_is_needed(&file_caps::installed())?;
    take_back(name)?;
    tool_caps?.as_ref().map_or(Ok(()), ToolCaps::take_away)
}

fn root_alone(verb: &str) -> Result<()> {
    if !geteuid().is_root() {
        return Err(hinted(
            format!("{verb} changes what others may do, and only root may do that"),
            usage::as_root(verb),
        ));
    }
    Ok(())
}

fn first_tool(policy: &Policy) -> Option<PathBuf> {
    installed_file::first(&policy.tool.paths).cloned()
}

/// The SHA-256 of the policy's tool, if the tool is installed.
///
/// # Errors
/// The tool cannot be read, or somebody else than root and the policy's owner could have put it there.
fn digest(policy: &Policy) -> Result<Option<String>> {
    let Some(tool) = first_tool(policy) else { return Ok(None) };
    let digest = digest::of_file(&open(policy, &tool)?);
    let digest = digest.map_err(|error| anyhow!("cannot pin {}: {}", printable::text(&tool), reason(&error)))?;
    Ok(Some(hex::encode(&digest)))
}

/// Opens the policy's tool, which may belong to the policy's owner.
fn open(policy: &Policy, tool: &Path) -> Result<File> {
    let owner = Names::read().local(Of::User, &policy.tool.owner).unwrap_or(0);
    trusted_file::open_of(tool, owner)
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
        let file = open(policy, &tool)?;
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
        labelled!("  file     {} {change}", printable::text(&self.tool));
        Ok(())
    }
}

/// The file capabilities that the launcher was given.
struct Fitted {
    before: Option<FileCapabilities>,
    now: FileCapabilities,
    /// Why they are more than this kernel needs.
    note: Option<String>,
}

/// Makes the launcher's file set-group-ID for the group by which the recorder knows it, if this machine has that group.
/// This takes the file's capabilities, which are written afterwards (chown(2)).
fn make_known_to_recorder(file: &File) -> std::io::Result<()> {
    const MODE: u32 = 0o2755;
    let names = Names::read();
    let Some(group) = Identity::parse(RECORD_GROUP).and_then(|name| names.local(Of::Group, &name)) else {
        return Ok(());
    };
    let about = file.metadata()?;
    if about.gid() == group && about.mode() & 0o7777 == MODE {
        return Ok(());
    }
    std::os::unix::fs::fchown(file, None, Some(group))?;
    file.set_permissions(Permissions::from_mode(MODE))
}

/// Gives the launcher's file what the enabled policies need, and records it.
fn fit(path: &Path) -> Result<Fitted> {
    let file = trusted_file::open(path)?;
    let before = file_caps::read(&file)?;
    if let Err(error) = make_known_to_recorder(&file) {
        let what = format!("cannot make {} set-group-ID {RECORD_GROUP}, as the recorder wants it", path.display());
        print_error(&format!("{what}: {}", reason(&error)), None);
    }
    let (policies, fit) = (enabled::all()?, launcher_kernels::look());
    let needed = enabled::needed(&policies, fit.kernels);
    let now = permitted(needed);
    file_caps::write(&file, now)?;
    let (was, is) = (describe(before.as_ref()), describe(Some(&now)));
    if was != is {
        let notation = |capabilities: Option<String>| capabilities.unwrap_or_else(|| "none".to_owned());
        let facts = [("capabilities", &*notation(is)), ("capabilities_before", &notation(was))];
        change_record::file(Event::Launcher, path, &facts);
    }
    // Where this kernel alone would need as much, there is nothing to say.
    let is_same = fit.this_kernel.is_some_and(|this| enabled::needed(&policies, this) == needed);
    let because = fit.any_because.filter(|_| !is_same);
    Ok(Fitted { before, now, note: because.map(|because| format!("for any kernel: {because}; {}", because.hint())) })
}

fn give_what_is_needed(path: &Path) -> Result<()> {
    let fitted = fit(path)?;
    labelled!("launcher {} {}", path.display(), change(fitted.before.as_ref(), &fitted.now));
    fitted.note.iter().for_each(|note| labelled!("  note     {note}"));
    Ok(())
}

/// Does the same for a file that is about to take the launcher's place. Its name is gone then, so it is not shown, and
/// that it had nothing before is no news.
fn give_to_new_launcher(path: &Path) -> Result<()> {
    let fitted = fit(path)?;
    if let Some(has) = describe(Some(&fitted.now)) {
        labelled!("the new launcher has {has}, which the enabled policies need");
    }
    fitted.note.iter().for_each(|note| labelled!("  note     {note}"));
    Ok(())
}

fn one_line(items: &[String]) -> String {
    if items.is_empty() { "none".to_owned() } else { items.join(", ") }
}
