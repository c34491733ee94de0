//! The plan for a run: what is executed, with which capabilities, and which program passes them.

use crate::analysis::own_sets;
use crate::observe::access::Access;
use crate::observe::command::User;
use crate::output::error;
use crate::store::file_caps;
use crate::verbs::learn::granted::Granted;
use crate::verbs::learn::tool::{Found, Tool};
use capwrap_core::CapabilitySet;
use capwrap_core::policy::Argv0;
use std::ffi::OsString;
use std::path::PathBuf;

/// The plan for running the command.
pub struct RunPlan {
    /// The file to execute, if it is not the first word of the command.
    pub file: Option<PathBuf>,
    /// The command and its arguments.
    pub command: Vec<OsString>,
    /// The number of calls of execve(2) until the tool itself runs.
    pub execs: u32,
    /// The capabilities that this process passes to the command.
    pub passes: CapabilitySet,
    /// The capabilities that the command finally holds.
    pub held: CapabilitySet,
}

impl RunPlan {
    /// Plans the run. Root passes everything to the command, except that with which the tool refuses to run for `user`.
    /// For other users the launcher passes what the policy grants, if a policy is enabled.
    pub fn of(access: Access, tool: &Tool, command: &[OsString], granted: &Granted, user: Option<&User>) -> Self {
        let (file, words) = (Some(tool.found.clone()), words(tool, command));
        if let Access::Root(all) = access {
            let refused = own_sets::refused_by(&tool.path.to_string_lossy());
            let refused = refused.filter(|_| user.is_some_and(|user| user.uid != 0));
            let passes = refused.map_or(all, |refused| all.without(refused.capabilities));
            if let Some(refused) = refused {
                let without =
                    if passes.is_empty() { "any capability".to_owned() } else { all.without(passes).to_string() };
                error::note(&format!(
                    "{} runs without {without}: else it refuses to run, because {}",
                    tool.name, refused.why
                ));
            }
            return Self { file, command: words, execs: 1, passes, held: passes };
        }
        if tool.policy.as_ref().is_some_and(Found::is_enabled) {
            let launcher = [file_caps::installed().into_os_string(), "--".into(), tool.name.clone().into()];
            let command = launcher.into_iter().chain(command[1..].iter().cloned()).collect();
            return Self { file: None, command, execs: 2, passes: CapabilitySet::EMPTY, held: granted.set };
        }
        Self { file, command: words, execs: 1, passes: CapabilitySet::EMPTY, held: CapabilitySet::EMPTY }
    }
}

/// The command with the name in front that a launch would give it.
fn words(tool: &Tool, command: &[OsString]) -> Vec<OsString> {
    let own_name = match tool.policy.as_ref().map(|found| found.policy.exec.argv0) {
        Some(Argv0::Name) => tool.name.clone().into(),
        Some(Argv0::Path) | None => tool.found.clone().into_os_string(),
    };
    std::iter::once(own_name).chain(command[1..].iter().cloned()).collect()
}
