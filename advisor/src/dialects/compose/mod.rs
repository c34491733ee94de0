//! Reads and writes Compose files.

mod extends;
pub mod read;
pub mod write;
