//! The steps of the trusted path. `main.rs` shows their order.

pub mod attainable;
pub mod caller;
pub mod command_line;
pub mod demands;
pub mod domain;
pub mod execute;
pub mod filter;
pub mod hardening;
pub mod inherited;
pub mod machine;
pub mod other_user;
pub mod policy_file;
pub mod prepared;
pub mod raise;
pub mod record;
pub mod record_group;
pub mod run_request;
pub mod sanitise;
pub mod tool;
pub mod verb;
pub mod watch;
pub mod write_in_progress;
