//! Step 11 raises exactly the decision, and reads the sets back.

use crate::refusal::Refusal;
use crate::system::capabilities;
use capwrap_core::decision::Decision;
use capwrap_core::decision::facts::Facts;
use capwrap_core::policy::{Delivery, Policy};

/// Sets permitted and inheritable to the decision, and also ambient if the delivery is ambient.
/// Afterwards no borrowed capability is left.
pub fn exactly(policy: &Policy, decision: &Decision<'_>, facts: &Facts) -> Result<(), Refusal> {
    capabilities::raise_exactly(decision.passed, policy.exec.deliver == Delivery::Ambient, facts.last_capability)
}
