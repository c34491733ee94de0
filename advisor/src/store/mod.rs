//! The files that capwrap keeps on disk: enabled policies, profiles, file capabilities. This module opens only files
//! that can be trusted, and replaces each file in one step.

pub mod adopted;
pub mod any_kernel;
pub mod atomic_write;
pub mod bounded_read;
pub mod enabled;
pub mod file_caps;
pub mod policy_edit;
pub mod policy_lookup;
pub mod prepared;
pub mod profiles;
pub mod shipped;
pub mod trusted_file;
