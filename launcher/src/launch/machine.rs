//! Step 5 reads the facts that this policy asks about, and no others.

use super::caller::Identified;
use crate::refusal::{OrRefuse, Refusal};
use crate::system::{capabilities, files, limits, perf, prctl};
use capwrap_core::decision::authorise::AllowedBy;
use capwrap_core::decision::facts::{Answer, Facts, KernelVersion};
use capwrap_core::decision::probe::Probe;
use capwrap_core::decision::questions::Questions;
use capwrap_core::policy::Policy;
use capwrap_core::{Capability, CapabilitySet, sysctl};
use nix::errno::Errno;
use std::collections::BTreeMap;
use std::path::Path;

/// Reads what the policy's conditions and presets depend on. A probe makes a capability effective, so capwrap asks it
/// only for a caller who is authorised; `ground` is what makes the caller so.
pub fn facts(policy: &Policy, who: &Identified, ground: Option<&AllowedBy>) -> Result<Facts, Refusal> {
    let questions = Questions::of(policy);
    let kernel = kernel()?;
    let last_capability = last_capability(kernel)?;
    let mut sysctls = BTreeMap::new();
    for name in questions.sysctls {
        sysctls.insert(name.clone(), setting(&name)?);
    }
    let mut probes = BTreeMap::new();
    for probe in questions.probes.into_iter().filter(|_| ground.is_some()) {
        probes.insert(probe, ask(probe, last_capability)?);
    }
    let mut hard_limits = Vec::new();
    for (resource, _) in &policy.exec.limits {
        let limit = limits::hard(*resource).or_refuse(|| format!("read the {} limit", resource.name()))?;
        hard_limits.push((*resource, limit));
    }
    let mut facts = Facts { kernel, last_capability, sysctls, probes, hard_limits, ..Facts::default() };
    if who.is_root() {
        facts.uid0 = true;
        facts.bounding = capabilities::bounding(last_capability)?;
        let bits = prctl::securebits().or_refuse(|| "read the securebits")?;
        facts.root_is_confined = bits & prctl::NOROOT != 0 && bits & prctl::NOROOT_LOCKED != 0;
    }
    Ok(facts)
}

/// The release that introduced the last capability in capwrap's table. Distributions have
/// backported capabilities to older kernels (RHEL 8), but none removes them from newer ones.
const ALL_CAPABILITIES: KernelVersion = KernelVersion { major: 5, minor: 9, patch: 0 };

/// # Errors
/// The kernel does not know a capability that its release must know. A policy could then choose
/// what it grants to older kernels, which is more.
fn last_capability(kernel: KernelVersion) -> Result<u8, Refusal> {
    let last = capabilities::last()?;
    if kernel >= ALL_CAPABILITIES && usize::from(last) < capwrap_core::TABLE.len() - 1 {
        return Err(Refusal::new(format!(
            "Linux {kernel} says that it knows no capability after number {last}, which cannot be"
        )));
    }
    Ok(last)
}

fn kernel() -> Result<KernelVersion, Refusal> {
    let system = nix::sys::utsname::uname().or_refuse(|| "ask which kernel this is")?;
    let release = system.release().to_string_lossy();
    KernelVersion::parse(&release)
        .ok_or_else(|| Refusal::new(format!("a kernel release that is no number: {release:?}")))
}

/// Returns the value of a setting by its dotted name, or `None` if this kernel does not have it.
fn setting(name: &str) -> Result<Option<String>, Refusal> {
    let value = files::read_if_there(&sysctl::path(name)).or_refuse(|| format!("read the setting {name}"))?;
    if value.is_none() && !Path::new(sysctl::FOLDER).exists() {
        return Err(Refusal::new(format!("cannot read the setting {name}: /proc is not mounted")));
    }
    Ok(value)
}

fn ask(probe: Probe, last_capability: u8) -> Result<Answer, Refusal> {
    match probe {
        Probe::PerfUprobeNeedsSysAdmin => perf_uprobe_needs_sys_admin(last_capability),
    }
}

fn perf_uprobe_needs_sys_admin(last_capability: u8) -> Result<Answer, Refusal> {
    let answer = |yes, because: &str| Ok(Answer::found(yes, because));
    if Capability::PERFMON.number() > last_capability {
        return answer(true, "the kernel is older than cap_perfmon, so perf uprobes need cap_sys_admin");
    }
    let file = Path::new("/sys/bus/event_source/devices/uprobe/type");
    let Some(pmu) = files::read_if_there(file).or_refuse(|| "read the type of the uprobe PMU")? else {
        return answer(false, "the kernel shows no uprobe PMU");
    };
    let pmu = pmu.trim().parse().map_err(|_| Refusal::new(format!("the type of the uprobe PMU is {pmu:?}")))?;
    let needed = CapabilitySet::from(Capability::PERFMON);
    if !needed.is_subset(capabilities::held()?.permitted) {
        // The decision borrows cap_perfmon for this probe, so step 7 reports it as missing.
        return answer(false, "not tried: cap_perfmon is not held here");
    }
    match capabilities::with_effective(needed, || perf::try_uprobe(pmu))? {
        Err(Errno::EACCES | Errno::EPERM) => answer(true, "perf uprobes are refused without cap_sys_admin here"),
        Ok(()) | Err(Errno::EINVAL) => answer(false, "perf uprobes open for cap_perfmon here"),
        Err(errno) => Err(errno).or_refuse(|| "try a perf uprobe"),
    }
}
