//! Records of launches, refusals and changes, as the audit log keeps them.

pub mod send;
pub mod terminal;
pub mod write;
