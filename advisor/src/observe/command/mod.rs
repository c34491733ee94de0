//! Runs a command under observation: as the intended user, with the capabilities that the command may have, until the
//! last process that it left behind has ended.

pub mod exec_helper;
mod supervise;
mod user;

pub use supervise::{Ending, Limits, Output, Plan, Waiting, start};
pub use user::{User, meant_for};
