//! What this machine answers to a policy's conditions, and what its launcher can hold, as far as
//! somebody without rights can see.

use crate::host::kernel;
use crate::host::process;
use crate::host::target_machine::settled;
use crate::store::{file_caps, trusted_file};
use anyhow::{Context, Result};
use capwrap_core::CapabilitySet;
use capwrap_core::decision::facts::{Answer, Facts};
use capwrap_core::decision::probe::Probe;
use capwrap_core::decision::questions::Questions;
use capwrap_core::policy::{Limit, Policy, Resource};
use std::path::Path;

/// The facts that the launcher would look up. What only the launcher can try is not in them.
pub fn facts(policy: &Policy) -> Result<Facts> {
    let questions = Questions::of(policy);
    let kernel = kernel::kernel()?;
    let last_capability = kernel.cap_last_cap;
    let answer = |probe: Probe| Some((probe, settled(probe, last_capability).or_else(|| settled_here(probe))?));
    let limits = std::fs::read_to_string("/proc/self/limits").context("cannot read /proc/self/limits")?;
    let hard = |(name, _): &(Resource, Limit)| Some((*name, hard_limit(&limits, *name)?));
    // What is there and cannot be read is not known; what is not there is.
    let readable = |name: &String| {
        let error = std::fs::read(kernel::setting(name)).err();
        error.is_none_or(|error| error.kind() == std::io::ErrorKind::NotFound)
    };
    Ok(Facts {
        kernel: kernel::version(&kernel.release)?,
        last_capability,
        sysctls: questions
            .sysctls
            .into_iter()
            .filter(readable)
            .map(|name| (name.clone(), kernel::sysctl(&name)))
            .collect(),
        probes: questions.probes.into_iter().filter_map(answer).collect(),
        hard_limits: policy.exec.limits.iter().filter_map(hard).collect(),
        ..Facts::default()
    })
}

/// An answer for which nothing need be tried, in the launcher's words.
fn settled_here(probe: Probe) -> Option<Answer> {
    match probe {
        Probe::PerfUprobeNeedsSysAdmin => {
            let there = Path::new("/sys/bus/event_source/devices/uprobe/type").try_exists().unwrap_or(true);
            (!there).then(|| Answer { yes: false, because: "the kernel shows no uprobe PMU".to_owned() })
        }
    }
}

/// The hard limit in proc(5)'s table, whose lines are in the order of the resources' numbers
/// (`proc_pid_limits`, fs/proc/base.c).
fn hard_limit(limits: &str, resource: Resource) -> Option<Limit> {
    // A heading is first; the name takes 25 columns.
    let line = limits.lines().nth(1 + resource.number())?;
    match line.get(25..)?.split_whitespace().nth(1)? {
        "unlimited" => Some(Limit::UNLIMITED),
        number => number.parse().ok().map(Limit),
    }
}

/// What stands between the launcher and what it needs here.
pub struct Rights {
    pub bounding: CapabilitySet,
    pub no_new_privs: bool,
    /// What the launcher's own file permits.
    pub launcher: CapabilitySet,
}

/// Looks them up.
pub fn rights() -> Result<Rights> {
    let own = process::rights(Path::new("/proc/self")).context("cannot read /proc/self/status")?;
    let carried = trusted_file::open(&file_caps::installed()).and_then(|file| file_caps::read(&file));
    Ok(Rights {
        bounding: own.bounding,
        no_new_privs: own.no_new_privs == Some(true),
        launcher: carried.ok().flatten().map_or(CapabilitySet::EMPTY, |carried| carried.permitted),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hard_limit_is_read_by_the_number_of_the_resource() {
        let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
        let hard = |name: &str| hard_limit(&limits, Resource::parse(name).unwrap());
        let theirs = |of| nix::sys::resource::getrlimit(of).map(|(_, hard)| Limit(hard)).ok();
        assert_eq!(hard("nofile"), theirs(nix::sys::resource::Resource::RLIMIT_NOFILE));
        assert_eq!(hard("memlock"), theirs(nix::sys::resource::Resource::RLIMIT_MEMLOCK));
        assert_eq!(hard("rtprio"), theirs(nix::sys::resource::Resource::RLIMIT_RTPRIO));
    }
}
