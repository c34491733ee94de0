//! What `capwrap run` does before it acts for another user: it leaves behind everything that is root's. The descriptors
//! and the environment are dealt with where every launch does it (`sanitise`).

use super::caller::Identified;
use crate::refusal::{OrRefuse, Refusal, print_note};
use crate::system::{capabilities, keyring, limits, prctl, scheduling, session, signals};
use capwrap_core::decision::authorise::Caller;
use capwrap_core::errno;
use capwrap_core::policy::limits::Resource;
use capwrap_core::{Capability, CapabilitySet};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Gid, Uid, getgroups, getresgid, getresuid, setgroups, setresgid, setresuid};
use std::path::Path;

/// Becomes `user` where that is not the caller, with nothing of root's but the permitted capabilities, of which `raise`
/// leaves what is passed.
///
/// # Errors
/// The process shares a session or a terminal with root, or one of the changes is refused.
pub fn become_user(caller: &Identified, user: &Identified) -> Result<(), Refusal> {
    if user.caller == caller.caller {
        return Ok(());
    }
    refuse_roots_session()?;
    take_limits_of_init()?;
    umask(Mode::S_IWGRP | Mode::S_IWOTH);
    signals::reset_all().or_refuse(|| "reset the signals")?;
    scheduling::make_ordinary().or_refuse(|| "take back root's own priority")?;
    change_ids(&user.caller)?;
    // The new session keyring belongs to the user; root's is no longer possessed.
    keyring::join_new_session().or_refuse(|| "leave root's session keyring")?;
    leave_roots_directory()
}

/// The advisor starts the launcher as the leader of a session of its own, and a terminal that reaches the command is
/// that session's. A program that holds a terminal of root's could type into it (TIOCSTI; CVE-2005-4890 was su(1)'s) or
/// read what root types.
fn refuse_roots_session() -> Result<(), Refusal> {
    let shared = |what: &str| {
        Err(Refusal::new(format!("the command would share {what} with root"))
            .with_hint("start it with capwrap run, which gives it a session of its own"))
    };
    if !session::is_led_by_this_process() {
        return shared("a session");
    }
    match session::shared_terminal() {
        Some(_) => shared("a terminal"),
        None => Ok(()),
    }
}

/// The limits of process 1, which are what a login begins with (pam_limits(8) takes them too). None is raised, because
/// root may have been given less.
fn take_limits_of_init() -> Result<(), Refusal> {
    for resource in Resource::all() {
        let name = resource.name();
        let of_init = limits::of_init(resource).or_refuse(|| format!("read the {name} limit of process 1"))?;
        limits::lower(resource, of_init).or_refuse(|| format!("set the {name} limit to that of process 1"))?;
    }
    Ok(())
}

fn change_ids(ids: &Caller) -> Result<(), Refusal> {
    let (uid, gid) = (Uid::from_raw(ids.uid), Gid::from_raw(ids.gid));
    let groups: Vec<Gid> = ids.groups.iter().copied().map(Gid::from_raw).collect();
    prctl::keep_capabilities(true).or_refuse(|| "keep the capabilities over the change of user")?;
    capabilities::with_effective(CapabilitySet::from(Capability::SETGID), || {
        setgroups(&groups)?;
        setresgid(gid, gid, gid)
    })?
    .or_refuse(|| format!("take the groups of uid {uid}"))?;
    capabilities::with_effective(CapabilitySet::from(Capability::SETUID), || setresuid(uid, uid, uid))?
        .or_refuse(|| format!("become uid {uid}"))?;
    prctl::keep_capabilities(false).or_refuse(|| "keep no capabilities over a later change of user")?;
    let (users, own) =
        (getresuid().or_refuse(|| "read the user ids")?, getresgid().or_refuse(|| "read the group ids")?);
    let mut held = getgroups().or_refuse(|| "read the groups")?;
    let mut wanted = groups;
    for list in [&mut held, &mut wanted] {
        list.sort_unstable_by_key(|group| group.as_raw());
        list.dedup();
    }
    let is_changed = [users.real, users.effective, users.saved].iter().all(|one| *one == uid)
        && [own.real, own.effective, own.saved].iter().all(|one| *one == gid)
        && held == wanted;
    match is_changed {
        true => Ok(()),
        false => Err(Refusal::new(format!("the kernel did not change the user to uid {uid}, though it said so"))),
    }
}

/// Goes to the working directory again, as the user: what lies in a directory that the user could not have entered
/// would else be open to them by a relative path.
fn leave_roots_directory() -> Result<(), Refusal> {
    let here = std::env::current_dir();
    if here.as_ref().is_ok_and(|here| std::env::set_current_dir(here).is_ok()) {
        return Ok(());
    }
    let root = Path::new("/");
    std::env::set_current_dir(root).map_err(errno::of).or_refuse(|| "go to /")?;
    let place =
        here.map_or_else(|_| "the working directory".to_owned(), |here| format!("{:?}", here.display().to_string()));
    print_note(&format!("the user may not enter {place}, so the command begins in /"), None);
    Ok(())
}
