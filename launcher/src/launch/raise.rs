//! Step 11 raises exactly the decision, and reads the sets back.

use crate::refusal::{OrRefuse, Refusal};
use crate::system::{capabilities, prctl};
use capwrap_core::CapabilitySet;
use capwrap_core::capability::exec_rule::Process;
use capwrap_core::decision::facts::Facts;
use capwrap_core::decision::{Decision, RootConfinement};
use capwrap_core::policy::Policy;

/// Returns the launcher as steps 10 and 11 will make it. Step 8 asks what exec gives this process.
pub fn planned(policy: &Policy, decision: &Decision<'_>, facts: &Facts) -> Result<Process, Refusal> {
    let last = facts.last_capability;
    let bounding = capabilities::bounding(last)?;
    let process = Process::of_launch(&policy.exec, decision.passed, bounding, CapabilitySet::known_up_to(last));
    let no_new_privs = process.no_new_privs || prctl::no_new_privs().or_refuse(|| "read no_new_privs")?;
    let is_confined = facts.root_is_confined || decision.root == RootConfinement::LockNoRoot;
    Ok(Process { no_new_privs, is_privileged_root: facts.uid0 && !is_confined, ..process })
}

/// Sets permitted and inheritable to the decision, and also ambient if the delivery is ambient. A tool
/// whose file has capabilities of its own gets those in place of the ambient set, and with
/// no_new_privs no more than the permitted set. Afterwards no borrowed capability is left.
pub fn exactly(process: &Process, facts: &Facts) -> Result<(), Refusal> {
    capabilities::raise_exactly(process.permitted, !process.ambient.is_empty(), facts.last_capability)
}
