//! How the command is run: what is executed, with what, and by whom its capabilities are passed.

use crate::observe::access::{Access, launcher};
use crate::verbs::learn::granted::Granted;
use crate::verbs::learn::tool::Tool;
use capwrap_core::CapabilitySet;
use std::ffi::OsString;
use std::path::PathBuf;

/// How the command is run.
pub struct RunPlan {
    /// The file to execute, where it is not the first word.
    pub file: Option<PathBuf>,
    /// The command and its arguments.
    pub command: Vec<OsString>,
    /// How many execs it takes until the tool is what runs.
    pub execs: u32,
    /// What is passed to it from here.
    pub passes: CapabilitySet,
    /// What it holds in the end.
    pub held: CapabilitySet,
}

impl RunPlan {
    /// Root passes everything to the command. For others the launcher passes what the policy grants, if one is enabled.
    pub fn of(access: Access, tool: &Tool, command: &[OsString], granted: &Granted) -> Self {
        let (file, words) = (Some(tool.found.clone()), command.to_vec());
        if let Access::Root(all) = access {
            return Self { file, command: words, execs: 1, passes: all, held: all };
        }
        if tool.policy.as_ref().is_some_and(|found| found.enabled) {
            let launcher = [launcher().into_os_string(), "--".into(), tool.name.clone().into()];
            let command = launcher.into_iter().chain(command[1..].iter().cloned()).collect();
            return Self { file: None, command, execs: 2, passes: CapabilitySet::EMPTY, held: granted.set };
        }
        Self { file, command: words, execs: 1, passes: CapabilitySet::EMPTY, held: CapabilitySet::EMPTY }
    }
}
