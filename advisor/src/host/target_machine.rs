//! The machine for which a policy is decided: this one, or another.

use crate::host::facts_file;
use crate::host::machine::Machine;
use crate::host::policy_facts::{self, Untried};
use crate::output::error::hinted;
use anyhow::Result;
use capwrap_core::decision::facts::{Facts, KernelVersion};
use capwrap_core::policy::Policy;
use capwrap_core::text::printable;
use clap::Args;
use std::path::PathBuf;

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
    /// Takes a kernel release, a file of facts, both (the file's machine with another kernel) or neither.
    pub const fn new(kernel: Option<String>, facts: Option<PathBuf>) -> Self {
        Self { kernel, facts }
    }

    /// Collects the facts of that machine that the policy asks about. A probe that nobody tried there is assumed to say
    /// yes, as for this machine.
    ///
    /// # Errors
    /// The errors are those of [`Self::other`] and of [`policy_facts::of`].
    pub fn facts(&self, policy: &Policy) -> Result<Facts> {
        policy_facts::of(policy, self.other()?.as_ref(), Untried::SaysYes)
    }

    /// Returns the other machine, or `None` if the decision is for this one.
    ///
    /// # Errors
    /// The release is invalid, or the file cannot be read or states an impossible fact.
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

#[cfg(test)]
mod tests {
    use super::*;
    use capwrap_core::Capability;
    use capwrap_core::decision::probe::Probe;

    const POLICY: &str = "schema = 1\ntool = { path = \"/t\" }\nallow = { users = [\"root\"] }\n\
        [[grant]]\ncaps = \"sys_admin\"\nwhen = { probe = \"perf_uprobe_needs_sys_admin\" }\n\
        [[grant]]\ncaps = \"kill\"\nwhen = { sysctl = { \"kernel.x\" = \"1\" } }\n";

    fn for_kernel(release: &str) -> TargetMachine {
        TargetMachine::new(Some(release.to_owned()), None)
    }

    #[test]
    fn a_release_shows_which_capabilities_the_kernel_knows() {
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
    fn what_is_no_release_is_refused_with_what_is_one() {
        for bad in ["six", "", "5", "-1.2"] {
            let error = for_kernel(bad).other().unwrap_err();
            assert!(error.to_string().contains("no release of a kernel"), "{error}");
        }
    }

    #[test]
    fn for_other_launchers_an_untried_probe_says_yes_there_as_it_does_here() {
        let policy = Policy::read(POLICY).unwrap();
        for target in [TargetMachine::default(), for_kernel("6.1")] {
            assert!(target.facts(&policy).unwrap().probes[&Probe::PerfUprobeNeedsSysAdmin].yes, "{target:?}");
        }
    }
}
