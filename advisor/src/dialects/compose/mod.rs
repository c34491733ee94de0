//! Compose files.

pub mod write;
