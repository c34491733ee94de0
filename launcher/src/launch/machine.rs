//! Step 5: the facts that this policy asks about, and no others.

use super::caller::Identified;
use crate::refusal::{OrRefuse, Refusal};
use crate::system::{capabilities, limits, perf, prctl};
use capwrap::condition::Probe;
use capwrap::facts::{Answer, Facts, KernelVersion, Questions};
use capwrap::policy::Policy;
use capwrap::{Capability, CapabilitySet};
use nix::errno::Errno;
use std::collections::BTreeMap;
use std::io::ErrorKind;

/// Looks up what the policy's conditions and presets depend on.
pub fn facts(policy: &Policy, who: &Identified) -> Result<Facts, Refusal> {
    let questions = Questions::of(policy);
    let last_capability = capabilities::last()?;
    let mut sysctls = BTreeMap::new();
    for name in questions.sysctls {
        sysctls.insert(name.clone(), sysctl(&name)?);
    }
    let mut probes = BTreeMap::new();
    for probe in questions.probes {
        probes.insert(probe, ask(probe, last_capability)?);
    }
    let mut hard_limits = Vec::new();
    for (resource, _) in &policy.exec.limits {
        let limit = limits::hard(*resource).or_refuse(|| format!("read the {} limit", resource.name()))?;
        hard_limits.push((*resource, limit));
    }
    let mut facts = Facts { kernel: kernel()?, last_capability, sysctls, probes, hard_limits, ..Facts::default() };
    if who.is_root() {
        facts.uid0 = true;
        facts.bounding = capabilities::bounding(last_capability)?;
        let bits = prctl::securebits().or_refuse(|| "read the securebits")?;
        facts.root_is_confined = bits & prctl::NOROOT != 0 && bits & prctl::NOROOT_LOCKED != 0;
    }
    Ok(facts)
}

fn kernel() -> Result<KernelVersion, Refusal> {
    let system = nix::sys::utsname::uname().or_refuse(|| "ask which kernel this is")?;
    let release = system.release().to_string_lossy();
    KernelVersion::parse(&release).ok_or_else(|| Refusal::new(format!("a kernel release that is no number: {release:?}")))
}

/// A setting by its dotted name, `None` where this kernel has none of that name.
fn sysctl(name: &str) -> Result<Option<String>, Refusal> {
    // As sysctl(8) reads a name: where `.` separates, a `/` stands for a dot in a part.
    let swapped = name.chars().map(|c| match c {
        '.' => '/',
        '/' => '.',
        other => other,
    });
    let dots_separate = name.find(['.', '/']).is_none_or(|at| name.as_bytes()[at] == b'.');
    let path = if dots_separate { swapped.collect() } else { name.to_owned() };
    match std::fs::read_to_string(format!("/proc/sys/{path}")) {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).or_refuse(|| format!("read the setting {name}")),
    }
}

fn ask(probe: Probe, last_capability: u8) -> Result<Answer, Refusal> {
    match probe {
        Probe::PerfUprobeNeedsSysAdmin => perf_uprobe_needs_sys_admin(last_capability),
    }
}

fn perf_uprobe_needs_sys_admin(last_capability: u8) -> Result<Answer, Refusal> {
    let answer = |yes, because: &str| Ok(Answer { yes, because: because.to_owned() });
    if Capability::PERFMON.number() > last_capability {
        return answer(true, "the kernel is older than cap_perfmon, so perf uprobes need cap_sys_admin");
    }
    let pmu = match std::fs::read_to_string("/sys/bus/event_source/devices/uprobe/type") {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return answer(false, "the kernel shows no uprobe PMU"),
        Err(error) => return Err(error).or_refuse(|| "read the type of the uprobe PMU"),
    };
    let pmu = pmu.trim().parse().map_err(|_| Refusal::new(format!("the type of the uprobe PMU is {pmu:?}")))?;
    let needed = CapabilitySet::from(Capability::PERFMON);
    if !needed.is_subset(capabilities::held()?.permitted) {
        // The decision borrows cap_perfmon for this probe, so that it is then reported missing.
        return answer(false, "not tried: cap_perfmon is not held here");
    }
    match capabilities::with_effective(needed, || perf::try_uprobe(pmu))? {
        Err(Errno::EACCES | Errno::EPERM) => answer(true, "perf uprobes are refused without cap_sys_admin here"),
        Ok(()) | Err(Errno::EINVAL) => answer(false, "perf uprobes open for cap_perfmon here"),
        Err(errno) => Err(errno).or_refuse(|| "try a perf uprobe"),
    }
}
