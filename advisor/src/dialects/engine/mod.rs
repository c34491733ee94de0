//! Container engines: the rules of Docker, Podman, nerdctl and the runtimes of Kubernetes, their command lines, and
//! their output about a container.

pub mod copy;
pub mod inspect;
pub mod read;
pub mod rules;
pub mod write;
