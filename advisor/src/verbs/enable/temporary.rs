//! `capwrap grant` and `capwrap revoke`: who may run a tool for a time.
//!
//! The launcher compares the clock at each launch, so that a grant ends at its instant whatever else happens. What is
//! done afterwards takes the entry out of the policy, and the capabilities from the launcher's file that no policy
//! needs then: by a timer under systemd, and else when somebody runs `capwrap revoke --ended`.

use super::ended::with_temporary;
use super::going_on;
use super::{Enable, allowing, not_enabled, root_alone, take_everything_back};
use crate::analysis::policy_merge;
use crate::host::accounts::{Names, Of};
use crate::host::change_record::{self, PolicyChange};
use crate::host::process::runs_systemd;
use crate::host::{caller, clock};
use crate::observe::subject::manager;
use crate::observe::subject::unit::SYSTEMCTL;
use crate::output::error::hinted;
use crate::store::policy_edit::{self, Temporary};
use crate::store::{atomic_write, enabled, policy_lookup, trusted_file};
use anyhow::{Context, Result, anyhow, ensure};
use capwrap_core::decision::accounts;
use capwrap_core::decision::authorise::{AllowedBy, authorise};
use capwrap_core::paths;
use capwrap_core::policy::{Allow, Identity, Policy};
use capwrap_core::record::write::Event;
use capwrap_core::text::{duration, printable};
use clap::Args;
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::path::Path;

/// The unit that takes out what has ended.
const TIMER: &str = "capwrap-revoke.timer";

#[derive(Args)]
pub struct Grant {
    /// The policy
    name: String,
    /// Who may run its tool for a time
    #[arg(long, value_name = "USER")]
    user: String,
    /// For how long, as in 30m, 2h, 1d or 1h30m
    #[arg(long = "for", value_name = "TIME", value_parser = duration::parse, allow_hyphen_values = true, required_unless_present = "until")]
    length: Option<u64>,
    /// Until when, as in 18:00 (today), 2026-11-27T18:00 or
    /// 2026-11-27T18:00Z
    #[arg(long, value_name = "DATE", value_parser = instant, verbatim_doc_comment, conflicts_with = "length")]
    until: Option<Timestamp>,
    /// The reason, for the policy and for the record; every user
    /// can read it
    #[arg(long, value_name = "TEXT", verbatim_doc_comment)]
    reason: Option<String>,
}

#[derive(Args)]
pub struct Revoke {
    /// The policy
    #[arg(required_unless_present = "ended", requires = "user")]
    name: Option<String>,
    /// The user whose temporary grant ends now
    #[arg(long, value_name = "USER", requires = "name")]
    user: Option<String>,
    /// Take what has ended out of all enabled policies, and its
    /// capabilities from the launcher
    #[arg(long, conflicts_with_all = ["name", "user"], verbatim_doc_comment)]
    ended: bool,
    /// End the processes too that run by it
    #[arg(long, requires = "name")]
    kill: bool,
}

impl Grant {
    pub fn run(self) -> Result<()> {
        root_alone("grant")?;
        let temporary =
            Temporary { user: allowing::user(&self.user)?, until: self.until()?, reason: self.reason, by: Some(by()) };
        Enable { names: vec![self.name], temporary: Some(temporary), ..Enable::default() }.carry_out()?;
        if let Err(error) = start_timer() {
            labelled!(
                "  note     {error:#}: from its end on nobody may use it, and the launcher keeps its capabilities until \
                 you run capwrap revoke --ended"
            );
        }
        Ok(())
    }

    /// The end, in the notation of RFC 3339.
    fn until(&self) -> Result<String> {
        let (now, length) = (clock::now(), self.length.unwrap_or(0));
        if let Some(until) = self.until {
            ensure!(until.as_second() > now, "{until} has passed");
            return Ok(until.to_string());
        }
        let until = i64::try_from(length).ok().and_then(|length| now.checked_add(length));
        let until = until.and_then(|until| Timestamp::from_second(until).ok());
        Ok(until.with_context(|| format!("{} end beyond the calendar", duration::words(length)))?.to_string())
    }
}

/// Reads the end of a grant, to the second.
fn instant(text: &str) -> Result<Timestamp> {
    let instant = clock::instant(text).and_then(|instant| Timestamp::from_second(instant.as_second()).ok());
    instant
        .with_context(|| format!("{text:?} is no date: write 18:00, 2026-11-27, 2026-11-27T18:00 or 2026-11-27T18:00Z"))
}

/// Who makes the grant: the user who logged in, or else the one who runs this.
fn by() -> String {
    let uid = caller::logged_in().unwrap_or_else(|| nix::unistd::getuid().as_raw());
    accounts::name(&caller::local_accounts().unwrap_or_default().passwd, uid)
}

/// Starts the timer, now and after each boot.
///
/// # Errors
/// No systemd runs here, or it does not know the timer.
fn start_timer() -> Result<()> {
    if !runs_systemd() {
        return Err(anyhow!("no systemd runs here"));
    }
    systemctl(&["enable", "--now", TIMER])
}

fn systemctl(words: &[&str]) -> Result<()> {
    manager::ask(SYSTEMCTL, words)?.context("there is no systemctl")?;
    Ok(())
}

impl Revoke {
    pub fn run(self) -> Result<()> {
        root_alone("revoke")?;
        match (&self.name, &self.user) {
            (Some(name), Some(user)) => revoke(name, user, self.kill),
            _ => take_out_all_that_ended(),
        }
    }
}

/// Ends the temporary grants of one user, and the processes that run by them if that is asked.
fn revoke(name: &str, user: &str, kill: bool) -> Result<()> {
    let alone = enabled::lock()?;
    let path = enabled::path(policy_lookup::checked(name)?);
    let granted = path.exists().then(|| -> Result<_> {
        let text = trusted_file::text(&path)?;
        let policy = policy_lookup::read(&text, &path)?;
        Ok((text, policy))
    });
    let granted = granted.transpose()?;
    if granted.is_none() && !kill {
        return Err(not_enabled(name)?);
    }
    let names = Names::read();
    let entries = granted.as_ref().map_or(&[][..], |(_, policy)| &policy.allow.temporary);
    let typed = Identity::parse(user).filter(|identity| entries.iter().any(|entry| entry.user == *identity));
    // An entry can be for a user who is gone. Who is still there has a number, which entries can name in several ways.
    let identity = match typed {
        Some(identity) => identity,
        None => {
            Identity::parse(&allowing::user(user)?.text).with_context(|| format!("{user:?} is no name of a user"))?
        }
    };
    let number = names.local(Of::User, &identity);
    let is_user = |other: &Identity| *other == identity || number.is_some() && names.local(Of::User, other) == number;
    let shown = printable::text(identity.to_string());
    let has_entry = entries.iter().any(|entry| is_user(&entry.user));
    if let Some((text, policy)) = granted.as_ref().filter(|_| has_entry) {
        take_out(name, text, policy, is_user)?;
        if let Some(ground) = number.and_then(|number| for_good(&policy.allow, number)) {
            labelled!("  note     {shown} may still run {name}, as {ground}");
        }
    } else if let Some((_, policy)) = &granted {
        let is_for_good = policy.allow.users.iter().any(is_user) || {
            number.is_some_and(|number| for_good(&policy.allow, number).is_some())
        };
        // What was granted can have ended already, while what was started by it goes on.
        if is_for_good || !kill {
            return Err(nothing_granted(name, &shown, &path, policy, is_user));
        }
    }
    stop_idle_timer()?;
    // What is ended takes its time, and nobody may be kept from changing a policy meanwhile.
    drop(alone);
    match number {
        Some(number) if kill => going_on::end(name, number, &shown),
        Some(number) => going_on::report(&[(name.to_owned(), number, shown)]),
        None => Ok(()),
    }
}

/// The error that no temporary grant of a user is in a policy.
fn nothing_granted(
    name: &str,
    shown: &str,
    path: &Path,
    policy: &Policy,
    is_user: impl Fn(&Identity) -> bool,
) -> anyhow::Error {
    if policy.allow.users.iter().any(is_user) {
        return hinted(
            format!("{name} allows {shown} for good, and not for a time"),
            format!("take {shown} out of `users` in {}", path.display()),
        );
    }
    hinted(
        format!("nothing was granted to {shown} in the policy of {name}"),
        format!("it allows {}", printable::text(caller::allowed(&policy.allow))),
    )
}

/// Why a user of the local files may run the tool without a temporary grant.
fn for_good(allow: &Allow, uid: u32) -> Option<AllowedBy> {
    let local = caller::local_accounts().ok()?;
    let user = caller::after_login(&accounts::account(&local.passwd, uid)?, &local);
    let ground = authorise(allow, &user, &local, clock::now(), Some("any")).ok()?;
    (!matches!(ground, AllowedBy::Temporary { .. })).then_some(ground)
}

/// Takes everything that has ended out of the enabled policies. A policy that cannot be changed does not keep the others
/// from it.
fn take_out_all_that_ended() -> Result<()> {
    let alone = enabled::lock()?;
    let (now, names) = (clock::now(), Names::read());
    let (mut failed, mut ended_for) = (Vec::new(), Vec::new());
    for (name, text, policy) in with_temporary()? {
        let ended: Vec<&Identity> =
            policy.allow.temporary.iter().filter(|entry| entry.left(now).is_none()).map(|entry| &entry.user).collect();
        // One user has one entry, unless a person wrote more: then the last to end counts, as it does at a launch.
        let holds =
            |user: &Identity| policy.allow.temporary.iter().any(|one| one.user == *user && one.left(now).is_some());
        if ended.iter().any(|user| !holds(user)) {
            let taken_out = take_out(&name, &text, &policy, |user| ended.contains(&user) && !holds(user));
            failed.extend(taken_out.err().map(|error| format!("{name}: {error:#}")));
            let numbers = ended.iter().filter(|user| !holds(user)).filter_map(|user| {
                Some((name.clone(), names.local(Of::User, user)?, printable::text(user.to_string())))
            });
            ended_for.extend(numbers);
        }
    }
    stop_idle_timer()?;
    drop(alone);
    going_on::report(&ended_for)?;
    if failed.is_empty() { Ok(()) } else { Err(anyhow!("{}", failed.join("; "))) }
}

/// Takes the entries of these users out of an enabled policy. If nobody else may run the tool then, the policy is no
/// longer enabled.
fn take_out(name: &str, text: &str, policy: &Policy, ends: impl Fn(&Identity) -> bool) -> Result<()> {
    let (ending, staying): (Vec<_>, Vec<_>) = policy.allow.temporary.iter().partition(|entry| ends(&entry.user));
    let path = enabled::path(name);
    let is_closed = staying.is_empty() && !policy.allow.names_somebody_for_good();
    let left = policy_edit::without_temporary(text, |user| {
        Identity::parse(user).is_some_and(|user| ending.iter().any(|entry| entry.user == user))
    })?;
    for user in ending.iter().map(|entry| entry.user.to_string()).collect::<BTreeSet<_>>() {
        say!("{name}: what was granted to user {} has ended", printable::text(user));
    }
    if is_closed {
        close(name, text, &left)?;
    } else {
        atomic_write::replace_for_all(&path, &left)?;
    }
    change_record::policy(&PolicyChange {
        event: Event::Revoke,
        name,
        path: &path,
        before: Some(text),
        after: (!is_closed).then_some(&*left),
        shipped: None,
        reason: None,
    });
    if is_closed { take_everything_back(name, Some(policy)) } else { Ok(()) }
}

/// Ends that a policy is enabled. It was enabled for grants alone, so where the policy that it was made from still says
/// the same, nothing is left of it. Otherwise it is kept as one that is disabled, for root alone.
fn close(name: &str, text: &str, left: &str) -> Result<()> {
    let path = enabled::path(name);
    let [_, disabled, shipped] = policy_lookup::places(name);
    let source = [disabled.clone(), shipped].into_iter().find(|place| place.exists());
    let source = source.and_then(|place| trusted_file::text(&place).ok());
    let same = |source: &str| -> Result<bool> {
        let (here, there) = (policy_edit::without_allow(text)?, policy_edit::without_allow(source)?);
        Ok(policy_merge::says_the_same(&here, &there))
    };
    if source.is_some_and(|source| same(&source).unwrap_or(false)) {
        std::fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        say!("{name}: disabled, as it was before the grant");
        return Ok(());
    }
    let root = policy_edit::Change { users: vec!["root".into()], ..policy_edit::Change::default() };
    enabled::make_directory(Path::new(paths::DISABLED))?;
    atomic_write::replace_for_all(&disabled, &policy_edit::apply(left, &root)?)?;
    std::fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
    say!("{name}: disabled; kept, for root alone, as {}", disabled.display());
    Ok(())
}

/// Stops the timer when no policy has a temporary grant any more.
fn stop_idle_timer() -> Result<()> {
    if !runs_systemd() || !with_temporary()?.is_empty() {
        return Ok(());
    }
    systemctl(&["disable", "--now", TIMER])
}
