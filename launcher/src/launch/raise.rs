//! Step 11: the sets become the decision, and are read back.

use crate::refusal::Refusal;
use crate::system::capabilities;
use capwrap_core::decision::Decision;
use capwrap_core::decision::facts::Facts;
use capwrap_core::policy::{Delivery, Policy};

/// Permitted and inheritable equal to the decision, ambient too where that is the delivery;
/// everything borrowed is gone.
pub fn exactly(policy: &Policy, decision: &Decision<'_>, facts: &Facts) -> Result<(), Refusal> {
    capabilities::raise_exactly(decision.passed, policy.exec.deliver == Delivery::Ambient, facts.last_capability)
}
