//! The boundary to the kernel. This module holds every `unsafe` of the launcher.

pub mod abort_handlers;
pub mod access;
mod allocator;
pub mod arguments;
pub mod attribute;
pub mod capabilities;
pub mod clock;
pub mod descriptors;
pub mod directory;
mod entry;
pub mod exec;
pub mod files;
pub mod groups;
pub mod keyring;
pub mod landlock;
pub mod limits;
pub mod mounts;
pub mod namespaces;
pub mod perf;
pub mod personality;
mod pointed_to;
pub mod prctl;
#[cfg(target_env = "musl")]
mod relocated_data;
pub mod scheduling;
pub mod seccomp;
pub mod session;
pub mod signals;
pub mod sockets;
pub mod timers;
pub mod watched_places;
pub mod watcher;
pub mod witness;
