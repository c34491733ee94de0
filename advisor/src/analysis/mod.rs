//! From observations to needs, and from needs to a change of the policy. Pure: no input, no output, no clocks.

pub mod call_sites;
pub mod capability_risk;
pub mod check_options;
pub mod classify;
pub mod minimize;
pub mod needs;
pub mod observation;
pub mod profile;
pub mod propose;
