//! Records of launches and refusals, as the audit log keeps them.

pub mod write;
