//! The subject of a watch: a process, a command, a cgroup, a unit, or a container.

pub mod cgroup;
pub mod container;
pub mod cri;
pub mod filter;
mod gathered;
pub mod manager;
pub mod processes;
pub mod trial_container;
pub mod trial_unit;
pub mod unit;
pub mod watch;
