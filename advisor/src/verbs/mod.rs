//! The verbs, a module for each. A module has the options of its verb, the order of its work, and how its result is
//! shown. It has no rule about capabilities, makes no system call, and uses no other verb.

pub mod caps;
pub mod completions;
pub mod diff;
pub mod doctor;
pub mod enable;
pub mod explain;
pub mod export;
pub mod history;
pub mod learn;
pub mod lint;
pub mod list;
pub mod merge;
pub mod ps;
pub mod report;
pub mod run;
pub mod trace;
pub mod verify;
pub mod without_policy;
