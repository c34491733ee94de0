//! What users ask for, a module for each verb: its options, the order of its work, and how its result looks. No rule about
//! capabilities, no system call, and no other verb.

pub mod caps;
pub mod completions;
pub mod diff;
pub mod doctor;
pub mod enable;
pub mod explain;
pub mod export;
pub mod learn;
pub mod lint;
pub mod list;
pub mod merge;
pub mod trace;
pub mod verify;
