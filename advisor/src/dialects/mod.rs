//! Reads and writes grants in the formats of other launchers. Each format has its own folder. This module contains no
//! facts of the machine and no decisions.

pub mod apparmor;
pub mod boolean;
pub mod capabilities;
pub mod comment;
pub mod compose;
pub mod detect;
pub mod document;
pub mod engine;
pub mod export_request;
pub mod grant;
pub mod json;
pub mod kubernetes;
pub mod listing;
pub mod lxc;
pub mod mount;
pub mod nixos;
pub mod nspawn;
pub mod oci;
pub mod policy;
pub mod quadlet;
pub mod quote;
pub mod read;
pub mod remarks;
mod round_trip;
pub mod seccomp;
pub mod setcap;
mod shell_words;
pub mod sudoers;
pub mod systemd;
pub mod target;
pub mod traced;
pub mod write;
pub mod yaml;
