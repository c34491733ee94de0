//! What is watched: a process, a command, a cgroup.

pub mod cgroup;
pub mod filter;
