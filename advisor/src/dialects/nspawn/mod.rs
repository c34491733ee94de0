//! Settings files of systemd-nspawn.

pub mod read;
