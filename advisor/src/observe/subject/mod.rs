//! The subject of a watch: a process, a command, or a cgroup.

pub mod cgroup;
pub mod filter;
