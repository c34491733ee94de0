//! Reads Quadlets, from which Podman makes units of systemd.

pub mod read;
