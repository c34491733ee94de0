//! NixOS modules.

pub mod read;
pub mod write;
