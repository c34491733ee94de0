//! Container engines: the rules of Docker, Podman, nerdctl and Kubernetes' runtimes, their command lines, and what they
//! print of a container.

pub mod inspect;
pub mod read;
pub mod rules;
pub mod write;
