//! The edge to the kernel: it loads the probe, starts commands, follows processes, and yields observations. What a
//! check means is not judged here.

pub mod access;
pub mod command;
pub mod probe;
pub mod session;
pub mod subject;
