//! Reads and writes Compose files.

mod extends;
pub mod files;
mod interpolation;
pub mod read;
pub mod write;
