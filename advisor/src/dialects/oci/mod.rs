//! Configurations of OCI runtimes.

pub mod write;
