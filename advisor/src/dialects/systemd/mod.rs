//! systemd units.

pub mod find;
pub mod read;
pub mod show;
pub mod write;
