//! Container engines: the rules of Docker, Podman and Kubernetes' runtimes, and their command lines.

pub mod inspect;
pub mod read;
pub mod rules;
pub mod write;
