//! Reads configurations of LXC and Incus.

pub mod read;
