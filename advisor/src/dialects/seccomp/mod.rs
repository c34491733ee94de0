//! Seccomp profiles of containers (OCI Runtime Specification, "Seccomp"; Docker and Podman take the same).

pub mod calls;
pub mod read;
pub mod write;
