//! Step 11 raises exactly the decision, and reads the sets back.

use crate::refusal::{OrRefuse, Refusal};
use crate::system::{capabilities, prctl};
use capwrap_core::CapabilitySet;
use capwrap_core::capability::exec_rule::Process;
use capwrap_core::decision::facts::Facts;
use capwrap_core::decision::{Decision, RootConfinement};
use capwrap_core::policy::{Exec, Policy};

/// The launcher as steps 10 and 11 will make it. Step 8 asks what exec gives this process.
#[derive(Debug)]
pub struct Planned<'a> {
    exec: &'a Exec,
    passed: CapabilitySet,
    facts: &'a Facts,
    no_new_privs: bool,
    is_privileged_root: bool,
}

impl<'a> Planned<'a> {
    /// Returns what the decision asks for, with what the caller left that cannot be undone.
    pub fn of(policy: &'a Policy, decision: &Decision<'_>, facts: &'a Facts) -> Result<Self, Refusal> {
        let no_new_privs = policy.exec.no_new_privs || prctl::no_new_privs().or_refuse(|| "read no_new_privs")?;
        let is_confined = facts.root_is_confined || decision.root == RootConfinement::LockNoRoot;
        let is_privileged_root = facts.uid0 && !is_confined;
        Ok(Self { exec: &policy.exec, passed: decision.passed, facts, no_new_privs, is_privileged_root })
    }

    /// Returns the process that executes a file. The kernel is asked for the bounding set only where that counts,
    /// because this takes a call for each capability: exec uses it for root and for a file with capabilities.
    pub fn process(&self, file_has_capabilities: bool) -> Result<Process, Refusal> {
        let last = self.facts.last_capability;
        let bounding = match self.facts.uid0 {
            true => self.facts.bounding,
            false if file_has_capabilities => capabilities::bounding(last)?,
            false => CapabilitySet::EMPTY,
        };
        let (no_new_privs, is_privileged_root) = (self.no_new_privs, self.is_privileged_root);
        let process = Process::of_launch(self.exec, self.passed, bounding, CapabilitySet::known_up_to(last));
        Ok(Process { no_new_privs, is_privileged_root, ..process })
    }
}

/// Sets permitted and inheritable to the decision, and also ambient if the delivery is ambient. A tool
/// whose file has capabilities of its own gets those in place of the ambient set, and with
/// no_new_privs no more than the permitted set. Afterwards no borrowed capability is left.
pub fn exactly(planned: &Planned<'_>) -> Result<(), Refusal> {
    let process = planned.process(false)?;
    capabilities::raise_exactly(process.permitted, !process.ambient.is_empty())
}
