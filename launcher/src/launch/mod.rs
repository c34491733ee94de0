//! The steps of the trusted path; `main.rs` says in which order they are taken.

pub mod attainable;
pub mod caller;
pub mod command_line;
pub mod execute;
pub mod hand_over;
pub mod machine;
pub mod own_process;
pub mod policy_file;
pub mod prepared;
pub mod record;
pub mod sanitise;
pub mod saving;
pub mod tool;
pub mod verb;
