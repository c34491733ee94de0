//! The facts about this machine that a run's evidence rests on, and a policy's conditions.

use crate::analysis::profile::Kernel;
use anyhow::{Context, Result};
use capwrap_core::decision::facts::{Answer, Facts, KernelVersion};
use capwrap_core::decision::questions::Questions;
use capwrap_core::policy::Policy;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The settings that decide which capabilities the kernel asks for.
pub const SYSCTLS: [&str; 9] = [
    "fs.protected_hardlinks",
    "kernel.dmesg_restrict",
    "kernel.kptr_restrict",
    "kernel.perf_event_paranoid",
    "kernel.unprivileged_bpf_disabled",
    "kernel.unprivileged_userns_clone",
    "kernel.yama.ptrace_scope",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
];

/// The kernel and its settings, for the evidence.
pub fn kernel() -> Result<Kernel> {
    Ok(Kernel {
        release: release()?,
        cap_last_cap: last_capability()?,
        sysctls: SYSCTLS.iter().map(|name| ((*name).to_owned(), sysctl(name))).collect(),
    })
}

/// What this policy's conditions ask. Its probes are not tried here: they are taken to say yes, so
/// that nothing is proposed that the policy grants where they do.
pub fn facts(policy: &Policy) -> Result<Facts> {
    let questions = Questions::of(policy);
    let untried = |probe| (probe, Answer { yes: true, because: "not tried".to_owned() });
    Ok(Facts {
        kernel: version(&release()?)?,
        last_capability: last_capability()?,
        sysctls: questions.sysctls.into_iter().map(|name| (name.clone(), sysctl(&name))).collect(),
        probes: questions.probes.into_iter().map(untried).collect::<BTreeMap<_, _>>(),
        ..Facts::default()
    })
}

/// The release as numbers.
pub fn version(release: &str) -> Result<KernelVersion> {
    KernelVersion::parse(release).with_context(|| format!("a kernel release that is no number: {release:?}"))
}

/// The release, as `uname -r` prints it.
pub fn release() -> Result<String> {
    read("/proc/sys/kernel/osrelease")
}

fn last_capability() -> Result<u8> {
    let path = "/proc/sys/kernel/cap_last_cap";
    read(path)?.parse().with_context(|| format!("{path} holds no number"))
}

/// A setting by its dotted name, `None` where it is not there or not to be read.
pub fn sysctl(name: &str) -> Option<String> {
    read(&setting(name).to_string_lossy()).ok()
}

/// The file of a setting. As sysctl(8) and the launcher read its name: where `.` separates, a `/`
/// stands for a dot in a part, as in the name of an interface.
pub fn setting(name: &str) -> PathBuf {
    let swapped = name.chars().map(|c| match c {
        '.' => '/',
        '/' => '.',
        other => other,
    });
    let dots_separate = name.find(['.', '/']).is_none_or(|at| name.as_bytes()[at] == b'.');
    Path::new("/proc/sys").join(if dots_separate { swapped.collect() } else { name.to_owned() })
}

fn read(path: &str) -> Result<String> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
    Ok(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_of_an_interface_with_a_dot_has_a_file() {
        for (name, file) in [
            ("kernel.perf_event_paranoid", "/proc/sys/kernel/perf_event_paranoid"),
            ("net.ipv4.conf.eth0/7.forwarding", "/proc/sys/net/ipv4/conf/eth0.7/forwarding"),
            ("net/ipv4/conf/eth0.7/forwarding", "/proc/sys/net/ipv4/conf/eth0.7/forwarding"),
        ] {
            assert_eq!(setting(name), Path::new(file));
        }
    }
}
