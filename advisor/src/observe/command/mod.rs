//! Running a command under observation: as the user it is meant for, with the capabilities that it
//! may have, and until the last process that it left behind has ended.

pub mod exec_helper;
mod supervise;
mod user;

pub use supervise::{Ending, Limits, Output, Plan, Waiting, start};
pub use user::{User, meant_for};
