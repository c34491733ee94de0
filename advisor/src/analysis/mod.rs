//! Derives needs from observations, and changes of the policy from needs. It is pure: no input, no output, no clocks.

pub mod call_sites;
pub mod capability_risk;
pub mod check_options;
pub mod classify;
pub mod minimize;
pub mod needs;
pub mod observation;
pub mod profile;
pub mod propose;
