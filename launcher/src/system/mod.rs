//! The boundary to the kernel. Every `unsafe` of the launcher is below here.

pub mod abort_handlers;
pub mod attribute;
pub mod capabilities;
pub mod descriptors;
mod entry;
pub mod exec;
pub mod files;
pub mod limits;
pub mod perf;
pub mod personality;
pub mod prctl;
pub mod seccomp;
pub mod signals;
