//! The facts that a policy's conditions ask about, for this machine or another. Every decision that the advisor makes
//! depends on these facts. The advisor reads them as the launcher does, and whatever makes the launcher refuse a launch
//! is an error here.

use crate::host::machine::{Machine, settled};
use crate::host::reading::Reading;
use crate::host::{kernel, sysctl};
use anyhow::{Context, Result, bail};
use capwrap_core::decision::facts::{Answer, Facts};
use capwrap_core::decision::probe::Probe;
use capwrap_core::decision::questions::Questions;
use capwrap_core::policy::Policy;
use capwrap_core::policy::limits::{Limit, RESOURCES, Resource};
use nix::sys::resource;
use nix::sys::resource::getrlimit;
use std::path::Path;

/// How to treat a probe that nobody tried, because only the launcher can try one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Untried {
    /// The facts leave the probe out, so what depends on it is not decided.
    LeftOut,
    /// The probe is assumed to say yes, so that the result includes everything that the policy may grant.
    SaysYes,
}

/// Collects the facts that the policy asks about: of `machine`, or of this one for `None`. The result contains neither
/// the caller nor the capabilities that this process may hold.
///
/// # Errors
/// This machine has a setting that cannot be read; the launcher refuses such a launch. An unknown fact of another
/// machine is left out instead.
pub fn of(policy: &Policy, machine: Option<&Machine>, untried: Untried) -> Result<Facts> {
    let mut facts = match machine {
        Some(machine) => there(policy, machine),
        None => here(policy, untried)?,
    };
    if untried == Untried::SaysYes {
        for probe in Questions::of(policy).probes {
            facts.probes.entry(probe).or_insert(Answer::NOT_TRIED);
        }
    }
    Ok(facts)
}

fn here(policy: &Policy, untried: Untried) -> Result<Facts> {
    let questions = Questions::of(policy);
    let last_capability = kernel::last_capability().unwrap_or_else(|_| last_by_asking());
    let answer = |probe| Some((probe, settled(probe, last_capability).or_else(|| settled_here(probe, untried))?));
    let mut hard_limits = Vec::new();
    for (limited, _) in &policy.exec.limits {
        hard_limits.push((*limited, hard_limit(*limited)?));
    }
    Ok(Facts {
        kernel: kernel::version(&kernel::release()?)?,
        last_capability,
        sysctls: questions.sysctls.into_iter().map(setting).collect::<Result<_>>()?,
        probes: questions.probes.into_iter().filter_map(answer).collect(),
        hard_limits,
        ..Facts::default()
    })
}

/// Collects the known facts of another machine. Unknown facts are left out.
fn there(policy: &Policy, machine: &Machine) -> Facts {
    let questions = Questions::of(policy);
    let known = |name: String| Some((name.clone(), machine.sysctls.get(&name)?.clone()));
    let tried = |probe: &Probe| {
        let yes = *machine.probes.get(probe)?;
        let file = machine.file.as_deref().unwrap_or(Path::new("the file")).display();
        Some(Answer::found(yes, format!("{file} says {}", if yes { "yes" } else { "no" })))
    };
    let answer = |probe| Some((probe, settled(probe, machine.last_capability).or_else(|| tried(&probe))?));
    Facts {
        kernel: machine.kernel,
        last_capability: machine.last_capability,
        sysctls: questions.sysctls.into_iter().filter_map(known).collect(),
        probes: questions.probes.into_iter().filter_map(answer).collect(),
        ..Facts::default()
    }
}

/// Reads a setting. The value is `None` if this kernel has no setting of that name.
fn setting(name: String) -> Result<(String, Option<String>)> {
    match sysctl::read(&name) {
        Reading::Is(value) => Ok((name, Some(value))),
        Reading::Absent => Ok((name, None)),
        Reading::Unreadable(why) => bail!("cannot read the setting {name}: {why}"),
    }
}

/// Returns an answer that is known here without trying, in the launcher's words. It does not apply to
/// `Untried::SaysYes`, because that caller asks for the most that the policy may grant.
fn settled_here(probe: Probe, untried: Untried) -> Option<Answer> {
    match probe {
        Probe::PerfUprobeNeedsSysAdmin if untried == Untried::LeftOut => {
            let there = Path::new("/sys/bus/event_source/devices/uprobe/type").try_exists().unwrap_or(true);
            (!there).then(|| Answer::found(false, "the kernel shows no uprobe PMU"))
        }
        Probe::PerfUprobeNeedsSysAdmin => None,
    }
}

/// Finds the number of the last capability by asking for one capability after the other, as the launcher does.
fn last_by_asking() -> u8 {
    caps::runtime::thread_all_supported().iter().map(caps::Capability::index).max().unwrap_or_default()
}

/// The limits, each at the index that is its number.
const BY_NUMBER: [resource::Resource; RESOURCES.len()] = [
    resource::Resource::RLIMIT_CPU,
    resource::Resource::RLIMIT_FSIZE,
    resource::Resource::RLIMIT_DATA,
    resource::Resource::RLIMIT_STACK,
    resource::Resource::RLIMIT_CORE,
    resource::Resource::RLIMIT_RSS,
    resource::Resource::RLIMIT_NPROC,
    resource::Resource::RLIMIT_NOFILE,
    resource::Resource::RLIMIT_MEMLOCK,
    resource::Resource::RLIMIT_AS,
    resource::Resource::RLIMIT_LOCKS,
    resource::Resource::RLIMIT_SIGPENDING,
    resource::Resource::RLIMIT_MSGQUEUE,
    resource::Resource::RLIMIT_NICE,
    resource::Resource::RLIMIT_RTPRIO,
    resource::Resource::RLIMIT_RTTIME,
];

/// Reads the hard limit of this process.
fn hard_limit(limited: Resource) -> Result<Limit> {
    let (_, hard) =
        getrlimit(BY_NUMBER[limited.number()]).with_context(|| format!("cannot read the {} limit", limited.name()))?;
    Ok(Limit(hard))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::target_machine::TargetMachine;

    const HEAD: &str = "schema = 1\ntool = { path = \"/t\" }\nallow = { users = [\"root\"] }\n";

    fn with_setting(name: &str) -> Policy {
        let grant = format!("[[grant]]\ncaps = \"kill\"\nwhen = {{ sysctl = {{ \"{name}\" = \"1\" }} }}\n");
        Policy::read(&format!("{HEAD}{grant}")).unwrap()
    }

    #[test]
    fn a_setting_is_the_fact_that_its_file_holds_however_its_name_is_written() {
        let mut names = ["kernel.ostype", "kernel/ostype", "net.ipv4.conf.lo.rp_filter", "kernel.nothing"]
            .map(str::to_owned)
            .to_vec();
        // Some machines have interfaces with a dot in their names.
        for interface in std::fs::read_dir("/proc/sys/net/ipv4/conf").unwrap().flatten() {
            let interface = interface.file_name().into_string().unwrap();
            names.push(format!("net.ipv4.conf.{}.rp_filter", interface.replace('.', "/")));
            names.push(format!("net/ipv4/conf/{interface}/rp_filter"));
        }
        for name in names {
            let value = std::fs::read_to_string(capwrap_core::sysctl::path(&name)).ok();
            for untried in [Untried::LeftOut, Untried::SaysYes] {
                let facts = of(&with_setting(&name), None, untried).unwrap();
                assert_eq!(facts.sysctls[&name].as_deref(), value.as_deref().map(str::trim), "{name}");
            }
        }
    }

    #[test]
    fn a_setting_that_cannot_be_read_is_an_error_as_it_is_at_a_launch() {
        // Nobody can read a path below a file.
        let policy = with_setting("kernel.ostype.x");
        for untried in [Untried::LeftOut, Untried::SaysYes] {
            let error = of(&policy, None, untried).unwrap_err().to_string();
            assert_eq!(error, "cannot read the setting kernel.ostype.x: not a directory");
        }
        let other = TargetMachine::new(Some("6.1".to_owned()), None).other().unwrap();
        assert!(of(&policy, other.as_ref(), Untried::LeftOut).unwrap().sysctls.is_empty());
    }

    #[test]
    fn every_limit_is_known() {
        for (number, (name, theirs)) in RESOURCES.iter().zip(BY_NUMBER).enumerate() {
            assert_eq!(theirs as usize, number, "{name}");
            let policy = Policy::read(&format!("{HEAD}[exec]\nlimits = {{ {name} = 1 }}\n")).unwrap();
            let limited = Resource::parse(name).unwrap();
            let hard = getrlimit(theirs).map(|(_, hard)| Limit(hard)).ok();
            for untried in [Untried::LeftOut, Untried::SaysYes] {
                assert_eq!(of(&policy, None, untried).unwrap().hard_limit(limited), hard, "{name}");
            }
        }
    }

    #[test]
    fn a_setting_and_a_probe_of_another_machine_of_which_nothing_is_reported_are_not_known() {
        let grants = "[[grant]]\ncaps = \"sys_admin\"\nwhen = { probe = \"perf_uprobe_needs_sys_admin\" }\n\
            [[grant]]\ncaps = \"kill\"\nwhen = { sysctl = { \"kernel.x\" = \"1\" } }\n";
        let policy = Policy::read(&format!("{HEAD}{grants}")).unwrap();
        let known = |release: &str| {
            let other = TargetMachine::new(Some(release.to_owned()), None).other().unwrap();
            of(&policy, other.as_ref(), Untried::LeftOut).unwrap()
        };
        assert!(known("6.1").sysctls.is_empty() && known("6.1").probes.is_empty());
        assert!(known("5.4").probes[&Probe::PerfUprobeNeedsSysAdmin].yes, "older than cap_perfmon");
    }
}
