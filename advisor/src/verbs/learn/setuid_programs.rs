//! Programs with privileges of their own: setuid or setgid programs, and programs with file capabilities. Their
//! privileges do not come from the tool, and executing them clears the ambient set (execve(2)).
//!
//! Under `no_new_privs` the kernel ignores the setuid and setgid bits, and a file's capabilities give no more than the
//! process has already. There such a program works with what the policy grants, so its checks count as every other's.

use crate::analysis::classify::{Class, Classified};
use crate::host::installed_file::Installed;
use crate::observe::command::User;
use crate::output::error;
use crate::output::error::hinted;
use crate::verbs::learn::tool::Tool;
use anyhow::Result;
use capwrap_core::capability::xattr::ATTRIBUTE;
use capwrap_core::tool_rules;
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Whether the command ran under `no_new_privs`. What root starts for a user is prepared as a launch, and what a user
/// learns is not.
fn are_withheld(tool: &Tool, user: Option<&User>) -> bool {
    user.is_some() && tool.sets_no_new_privs()
}

/// Classifies the checks of such programs as foreign, unless their privileges were withheld.
pub fn set_apart(classed: &mut [Classified], tool: &Tool, user: Option<&User>) {
    if !are_withheld(tool, user) {
        let privileged = among(classed);
        apart(classed, &privileged, &tool.path.to_string_lossy());
    }
}

fn apart(classed: &mut [Classified], privileged: &BTreeSet<String>, tool: &str) {
    for one in classed {
        let executable = &one.observation.executable;
        if executable != tool && one.class.counts() && privileged.contains(executable) {
            one.class = Class::Foreign;
            one.why = "a program with privileges of its own".to_owned();
            one.instead = None;
        }
    }
}

/// Prints a note about such programs, if there were any.
pub fn note(classed: &[Classified], tool: &Tool, user: Option<&User>) {
    for program in among(classed) {
        error::note(&if Path::new(&program) == tool.path {
            format!(
                "{program} has privileges of its own (setuid, setgid, file capabilities) instead of what it is passed"
            )
        } else if are_withheld(tool, user) {
            format!("{program} has privileges of its own, which no_new_privs withholds: it has what the policy grants")
        } else {
            format!("{program} has privileges of its own, and what it does with them is not learned")
        });
    }
}

/// # Errors
/// The tool is setuid or setgid. capwrap cannot launch such a tool by any policy.
pub fn refuse_setuid(tool: &Path) -> Result<()> {
    let found = Installed::look(tool).ok();
    if !found.as_ref().is_some_and(|found| tool_rules::has_privileges(found.mode, false)) {
        return Ok(());
    }
    Err(hinted(
        format!("{} is setuid or setgid, and capwrap runs no such tool: no policy is written for it", tool.display()),
        match found.and_then(|found| found.in_command()) {
            Some(path) => format!("chmod ug-s {path}, or learn from a copy without the bit"),
            None => "learn from a copy without the bit".to_owned(),
        },
    ))
}

fn among(classed: &[Classified]) -> BTreeSet<String> {
    let executables: BTreeSet<&String> = classed.iter().map(|one| &one.observation.executable).collect();
    executables.into_iter().filter(|program| brings_privileges(Path::new(program))).cloned().collect()
}

fn brings_privileges(program: &Path) -> bool {
    let bits = std::fs::metadata(program).map_or(0, |found| found.permissions().mode());
    tool_rules::has_privileges(bits, matches!(xattr::get(program, ATTRIBUTE), Ok(Some(_))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::classify::{class, tests};

    #[test]
    fn what_a_setuid_program_is_granted_is_not_the_tools() {
        let mut seen =
            vec![tests::granted("chown", "fchown", &["chown_ok"]), tests::granted("chown", "fchown", &["chown_ok"])];
        seen[1].executable = "/usr/bin/su".to_owned();
        let mut classed = class(&seen, &tests::with_everything());
        apart(&mut classed, &BTreeSet::from(["/usr/bin/su".to_owned()]), "/usr/bin/tool");
        assert_eq!(classed[0].class, Class::Needed);
        assert_eq!(classed[1].class, Class::Foreign);
    }
}
