//! Scopes: through which system calls a capability counts.
//!
//! A grant says which capability a tool gets. A scope says what for. [`table`] lists the doors: the system calls, and
//! parts of system calls, through which the kernel asks for each capability. A policy names the doors that stay open
//! (`through`). [`strength`] says how much such a scope is worth for each capability.

pub mod calls;
pub mod confined;
pub mod domain;
pub mod door;
pub mod filter;
pub mod places;
pub mod profile;
pub mod strength;
pub mod table;
pub mod uses;
pub mod watch;
