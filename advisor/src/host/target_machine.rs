//! For which machine a policy is decided: this one, or another.

use crate::host::facts_file;
use crate::host::kernel;
use crate::output::error::hinted;
use anyhow::Result;
use capwrap_core::decision::facts::{Answer, Facts, KernelVersion};
use capwrap_core::decision::probe::Probe;
use capwrap_core::decision::questions::Questions;
use capwrap_core::policy::Policy;
use capwrap_core::text::printable;
use capwrap_core::{Capability, CapabilitySet, TABLE};
use clap::Args;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The machine that a decision is for.
#[derive(Args, Clone, Debug, Default)]
pub struct TargetMachine {
    /// Decide for this kernel release
    #[arg(long, value_name = "RELEASE")]
    kernel: Option<String>,
    /// Decide for the machine whose facts are in this file
    #[arg(long, value_name = "FILE")]
    facts: Option<PathBuf>,
}

impl TargetMachine {
    /// A kernel release, a file of facts, both (the file's machine with another kernel) or neither.
    pub const fn new(kernel: Option<String>, facts: Option<PathBuf>) -> Self {
        Self { kernel, facts }
    }

    /// What the policy's conditions ask, as that machine answers. A probe that nobody tried there is
    /// taken to say yes, as it is for this machine; a setting that is not known is left out, so that
    /// no condition on it holds.
    pub fn facts(&self, policy: &Policy) -> Result<Facts> {
        match self.other()? {
            None => kernel::facts(policy),
            Some(other) => {
                let mut facts = other.known(policy);
                for probe in Questions::of(policy).probes {
                    let untried = Answer { yes: true, because: "not tried".to_owned() };
                    facts.probes.entry(probe).or_insert(untried);
                }
                Ok(facts)
            }
        }
    }

    /// The other machine; `None` where it is this one.
    ///
    /// # Errors
    /// A release that is none, a file that cannot be read or says what cannot be.
    pub fn other(&self) -> Result<Option<Machine>> {
        let described = self.facts.as_deref().map(facts_file::read).transpose()?;
        match (described, &self.kernel) {
            (None, None) => Ok(None),
            (Some(described), None) => Ok(Some(described)),
            (described, Some(release)) => {
                let kernel = KernelVersion::parse(release).ok_or_else(|| {
                    hinted(
                        format!("--kernel {:?} is no release of a kernel", printable::text(release)),
                        "two or three numbers, as in --kernel 5.4, or what `uname -r` prints there",
                    )
                })?;
                Ok(Some(described.unwrap_or_default().with_kernel(kernel)))
            }
        }
    }
}

/// A machine that is not this one, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// The file that tells of it.
    pub file: Option<PathBuf>,
    /// Its kernel.
    pub kernel: KernelVersion,
    /// The number of the last capability that the kernel knows.
    pub last_capability: u8,
    /// Whether that was taken from the release alone.
    pub by_release: bool,
    /// Settings by their dotted names; `None` for one that its kernel does not have.
    pub sysctls: BTreeMap<String, Option<String>>,
    /// What trying showed.
    pub probes: BTreeMap<Probe, bool>,
    /// What nothing that is started there can have.
    pub bounding_lacks: CapabilitySet,
    /// What the launcher's own file permits there.
    pub launcher: Option<CapabilitySet>,
}

impl Machine {
    /// What is known of what the policy's conditions ask. What is not known is not in it.
    pub fn known(&self, policy: &Policy) -> Facts {
        let questions = Questions::of(policy);
        let told = |name: String| Some((name.clone(), self.sysctls.get(&name)?.clone()));
        let tried = |probe: &Probe| {
            let yes = *self.probes.get(probe)?;
            let file = self.file.as_deref().unwrap_or(Path::new("the file")).display();
            Some(Answer { yes, because: format!("{file} says {}", if yes { "yes" } else { "no" }) })
        };
        let answered = |probe: Probe| Some((probe, settled(probe, self.last_capability).or_else(|| tried(&probe))?));
        Facts {
            kernel: self.kernel,
            last_capability: self.last_capability,
            sysctls: questions.sysctls.into_iter().filter_map(told).collect(),
            probes: questions.probes.into_iter().filter_map(answered).collect(),
            ..Facts::default()
        }
    }

    /// The same machine with another kernel, of which nobody tried anything yet. It knows the
    /// capabilities that its release brought; distributions bring some of them to older ones.
    fn with_kernel(self, kernel: KernelVersion) -> Self {
        let last_capability = last_capability_of(kernel);
        Self { kernel, last_capability, by_release: true, probes: BTreeMap::new(), ..self }
    }
}

/// The answer of a probe that need not be tried, in the launcher's words.
pub fn settled(probe: Probe, last_capability: u8) -> Option<Answer> {
    match probe {
        Probe::PerfUprobeNeedsSysAdmin if last_capability < Capability::PERFMON.number() => Some(Answer {
            yes: true,
            because: "the kernel is older than cap_perfmon, so perf uprobes need cap_sys_admin".to_owned(),
        }),
        Probe::PerfUprobeNeedsSysAdmin => None,
    }
}

/// The number of the last capability that a release knows.
pub fn last_capability_of(kernel: KernelVersion) -> u8 {
    let known = |row: &&capwrap_core::Row| KernelVersion::parse(row.since).is_some_and(|since| since <= kernel);
    let number = TABLE.iter().take_while(known).count().saturating_sub(1);
    u8::try_from(number).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = "schema = 1\ntool = { path = \"/t\" }\nallow = { users = [\"root\"] }\n\
        [[grant]]\ncaps = \"sys_admin\"\nwhen = { probe = \"perf_uprobe_needs_sys_admin\" }\n\
        [[grant]]\ncaps = \"kill\"\nwhen = { sysctl = { \"kernel.x\" = \"1\" } }\n";

    fn for_kernel(release: &str) -> TargetMachine {
        TargetMachine::new(Some(release.to_owned()), None)
    }

    #[test]
    fn a_release_tells_which_capabilities_the_kernel_knows() {
        for (release, last) in [
            ("2.4", "cap_lease"),
            ("3.10.0-1160.el7", "cap_block_suspend"),
            ("5.4", "cap_audit_read"),
            ("5.8", "cap_bpf"),
            ("5.10.0-30-amd64", "cap_checkpoint_restore"),
            ("7.2", "cap_checkpoint_restore"),
        ] {
            let machine = for_kernel(release).other().unwrap().unwrap();
            assert_eq!(Capability::from_number(machine.last_capability).unwrap().name(), last, "{release}");
        }
    }

    #[test]
    fn what_is_no_release_is_told_with_what_is_one() {
        for bad in ["six", "", "5", "-1.2"] {
            let error = for_kernel(bad).other().unwrap_err();
            assert!(error.to_string().contains("no release of a kernel"), "{error}");
        }
    }

    #[test]
    fn a_setting_and_a_probe_of_which_nothing_is_told_are_not_known() {
        let policy = Policy::read(POLICY).unwrap();
        let known = |release: &str| for_kernel(release).other().unwrap().unwrap().known(&policy);
        assert!(known("6.1").sysctls.is_empty() && known("6.1").probes.is_empty());
        assert!(known("5.4").probes[&Probe::PerfUprobeNeedsSysAdmin].yes, "older than cap_perfmon");
    }

    #[test]
    fn for_other_launchers_an_untried_probe_says_yes_there_as_it_does_here() {
        let policy = Policy::read(POLICY).unwrap();
        for target in [TargetMachine::default(), for_kernel("6.1")] {
            assert!(target.facts(&policy).unwrap().probes[&Probe::PerfUprobeNeedsSysAdmin].yes, "{target:?}");
        }
    }
}
