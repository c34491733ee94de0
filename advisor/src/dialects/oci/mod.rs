//! Configurations of OCI runtimes.

pub mod read;
pub mod write;
