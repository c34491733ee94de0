//! Runs a command under observation: as the intended user, with the capabilities that the command may have, until the
//! last process that it left behind has ended.

pub mod check;
pub mod editor;
pub mod ending;
pub mod exec_helper;
pub mod locate;
mod private_home;
mod supervise;
mod terminal;
mod user;

pub use supervise::{Ending, Finished, Launch, Limits, Output, Plan, Waiting, exit_code, start};
pub use user::{User, meant_for, named};
