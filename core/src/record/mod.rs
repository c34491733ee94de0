//! Records of launches, refusals and changes, as the audit log keeps them.

pub mod chain;
pub mod line;
pub mod received;
pub mod send;
pub mod terminal;
pub mod write;
