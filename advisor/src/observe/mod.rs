//! The interface to the kernel. It loads the probe, starts commands, follows processes, and yields observations. It
//! does not judge what a check means.

pub mod access;
pub mod command;
pub mod other_verb;
pub mod probe;
pub mod session;
pub mod subject;
pub mod user_symbols;
