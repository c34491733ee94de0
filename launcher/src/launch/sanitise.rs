//! Step 10 sanitises what the tool inherits besides capabilities.

use super::caller::Identified;
use super::command_line::Launch;
use super::execute;
use super::prepared::Prepared;
use super::tool::CheckedTool;
use crate::refusal::{OrRefuse, Refusal};
use crate::system::{capabilities, descriptors, exec, limits, prctl, signals, timers};
use capwrap_core::decision::accounts;
use capwrap_core::decision::environment;
use capwrap_core::decision::facts::Facts;
use capwrap_core::decision::{Decision, RootConfinement};
use capwrap_core::policy::limits::{Limit, Resource};
use capwrap_core::policy::{Bounding, Policy};
use capwrap_core::{Capability, CapabilitySet};
use nix::sys::stat::{Mode, umask};
use std::ffi::OsString;

/// Prepares the environment, umask, timers, signals and descriptors. This applies to every launch.
pub fn surroundings(
    launch: &Launch,
    policy: &Policy,
    user: &Identified,
    facts: &Facts,
    tool: &CheckedTool,
) -> Result<Prepared, Refusal> {
    let mut caller: Vec<(OsString, OsString)> = std::env::vars_os().collect();
    if launch.home.is_some() {
        // Root's HOME may be the user's, as sudo can leave it. Where a policy keeps HOME, it is not this one: the code
        // that lies there would run with what root passes.
        caller.retain(|(name, _)| environment::ACCOUNT.iter().all(|own| name != own));
    }
    let mut account = accounts::account(&user.local.passwd, user.caller.uid);
    if let (Some(account), Some(home)) = (&mut account, launch.home.as_deref()) {
        account.home = home;
    }
    let environment = environment::build(&caller, account.as_ref(), &policy.exec.env);
    // The tool keeps the caller's mask, with the bits added that stop other users from writing to
    // what the tool creates.
    let callers = umask(Mode::S_IWGRP | Mode::S_IWOTH);
    umask(callers | Mode::S_IWGRP | Mode::S_IWOTH);
    timers::stop().or_refuse(|| "stop the caller's timers")?;
    prctl::declare_no_tracer().or_refuse(|| "take back the caller's exception for tracers")?;
    prctl::forbid_merging_of_pages().or_refuse(|| "forbid merging the pages of memory")?;
    signals::reset().or_refuse(|| "reset the signals")?;
    descriptors::close_others_on_exec().or_refuse(|| "close the caller's descriptors")?;
    let path_of_script = execute::path_of_script(tool)?;
    if tool.is_script && path_of_script.is_none() {
        let needed = execute::descriptor_of_script(tool, facts.kernel);
        descriptors::keep_on_exec(needed).or_refuse(|| "keep the script open for its interpreter")?;
    }
    Ok(Prepared { environment, path_of_script, exec_tag: exec::random_tag().or_refuse(|| "get a random number")? })
}

/// Sets the limits, bounding set, securebits and no_new_privs. A bypass leaves all of these unchanged.
pub fn rights(policy: &Policy, decision: &Decision<'_>, facts: &Facts) -> Result<(), Refusal> {
    preset_limits(policy, facts)?;
    if policy.exec.bounding == Bounding::Drop {
        reduce_bounding_set(decision.passed, facts.last_capability)?;
    }
    if decision.root == RootConfinement::LockNoRoot {
        confine_root()?;
    }
    if policy.exec.no_new_privs {
        prctl::set_no_new_privs().or_refuse(|| "set no_new_privs")?;
        if !prctl::no_new_privs().or_refuse(|| "read no_new_privs")? {
            return Err(Refusal::new("the kernel did not set no_new_privs, though it said so"));
        }
    }
    Ok(())
}

fn preset_limits(policy: &Policy, facts: &Facts) -> Result<(), Refusal> {
    let core_is_named = policy.exec.limits.iter().any(|(resource, _)| *resource == Resource::CORE);
    let no_core = (!core_is_named).then_some((Resource::CORE, Limit(0)));
    for (resource, limit) in policy.exec.limits.iter().copied().chain(no_core) {
        let raises = facts.hard_limit(resource).is_some_and(|hard| hard < limit);
        let borrowed = if raises { Capability::SYS_RESOURCE.into() } else { CapabilitySet::EMPTY };
        capabilities::with_effective(borrowed, || limits::set(resource, limit))?
            .or_refuse(|| format!("set the {} limit to {limit}", resource.name()))?;
    }
    Ok(())
}

fn reduce_bounding_set(keep: CapabilitySet, last: u8) -> Result<(), Refusal> {
    let surplus = capabilities::bounding(last)?.without(keep);
    capabilities::with_effective(Capability::SETPCAP.into(), || {
        (0..=last).filter(|number| surplus.mask() & 1 << number != 0).try_for_each(prctl::drop_from_bounding_set)
    })?
    .or_refuse(|| "reduce the bounding set")?;
    match capabilities::bounding(last)?.is_subset(keep) {
        true => Ok(()),
        false => Err(Refusal::new("the kernel did not reduce the bounding set, though it said so")),
    }
}

/// With `noroot`, uid 0 gains nothing at exec except what is ambient (capabilities(7)). The bit
/// that would keep capabilities across a later setuid stays off, so a tool that drops to another
/// user loses them as it expects.
fn confine_root() -> Result<(), Refusal> {
    let bits = prctl::securebits().or_refuse(|| "read the securebits")? | prctl::NOROOT | prctl::NOROOT_LOCKED;
    capabilities::with_effective(Capability::SETPCAP.into(), || prctl::set_securebits(bits))?
        .or_refuse(|| "lock the securebit noroot")?;
    match prctl::securebits().or_refuse(|| "read the securebits")? == bits {
        true => Ok(()),
        false => Err(Refusal::new("the kernel did not set the securebits, though it said so")),
    }
}
