//! Facts of this machine or of another: kernel, settings, processes, files, accounts. This module judges nothing and
//! writes nothing.

pub mod accounts;
pub mod caller;
pub mod change_record;
pub mod clock;
pub mod demands;
pub mod elf;
pub mod facts_file;
pub mod foreign_code;
pub mod installed_file;
pub mod journald;
pub mod kernel;
pub mod landlock;
pub mod launcher_kernels;
pub mod machine;
pub mod mounts;
pub mod policy_facts;
pub mod process;
pub mod reading;
pub mod records;
pub mod sysctl;
pub mod systemd_numbers;
pub mod target_machine;
pub mod tool_faults;
pub mod tree_walk;
pub mod writable_path;
