//! Derives needs from observations, and changes of the policy from needs. It is pure: no input, no output, no clocks.

pub mod access_list;
pub mod adoption;
pub mod allowed_warnings;
pub mod call_sites;
pub mod capability_risk;
pub mod check_options;
pub mod circumstances;
pub mod classify;
pub mod code_warning;
pub mod findings;
pub mod foreign_code;
pub mod home_code;
pub mod minimize;
pub mod needs;
pub mod observation;
pub mod other_way;
pub mod own_sets;
pub mod policy_merge;
pub mod policy_places;
pub mod preparation;
pub mod profile;
pub mod propose;
pub mod recorded;
pub mod scopes;
pub mod set_up;
pub mod sudo_rules;
