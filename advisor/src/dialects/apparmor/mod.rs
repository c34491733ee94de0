//! Profiles of AppArmor.

pub mod read;
