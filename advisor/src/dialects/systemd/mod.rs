//! systemd units.

pub mod find;
pub mod read;
pub mod refusal;
pub mod scope;
pub mod show;
pub mod syntax;
pub mod unit_name;
pub mod values;
pub mod write;
