//! Writes a script that sets file capabilities on the tool itself (setcap(8)).

use crate::dialects::export_request::Launch;
use crate::dialects::remarks::Remarks;
use crate::dialects::{comment, quote};
use capwrap_core::CapabilitySet;
use capwrap_core::policy::{Delivery, FileCapabilities, Identity};

/// Returns the script's text.
pub fn script(launch: &Launch<'_>, remarks: &Remarks) -> String {
    let tool = &launch.policy.tool;
    let path = quote::shell(&launch.tool);
    let mut lines = Vec::new();
    if let Some(group) = &tool.group {
        lines.push(format!("chown {} {path}", quote::shell(&format!("{}:{}", number(&tool.owner), number(group)))));
    }
    if let Some(mode) = tool.mode {
        lines.push(format!("chmod {mode:04o} {path}"));
    }
    // This comes last, because a change of the owner removes the file's capabilities.
    // The notation of several clauses contains blanks.
    lines.push(format!("setcap {} {path}", quote::shell(&carried(launch).to_string())));
    format!("#!/bin/sh\n{}\nset -e\n{}\n", comment::lines(remarks), lines.join("\n"))
}

/// Returns the file capabilities to set. Inheritable ones have an effect only for a caller that has them in its
/// inheritable set. The effective bit makes capabilities effective for tools that do not raise them themselves.
fn carried(launch: &Launch<'_>) -> FileCapabilities {
    match launch.policy.exec.deliver {
        Delivery::Ambient => {
            FileCapabilities { effective: true, permitted: launch.caps, inheritable: CapabilitySet::EMPTY }
        }
        Delivery::Inheritable => {
            FileCapabilities { effective: true, permitted: CapabilitySet::EMPTY, inheritable: launch.caps }
        }
    }
}

/// Writes a user or group as chown takes it.
fn number(identity: &Identity) -> String {
    match identity {
        Identity::Name(name) => name.clone(),
        Identity::Id(id) => id.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialects::export_request::tests::{facts, source};
    use crate::dialects::target::Target;

    fn exported(tool: &str, more: &str) -> Vec<String> {
        let text = format!(
            "schema = 1\nsummary = \"s\"\n[tool]\n{tool}\n[allow]\ngroups = [\"g\"]\n[[grant]]\ncaps = [\"cap_bpf\"]\n{more}"
        );
        let (source, facts) = (source("t", &text), facts());
        let launch = Launch::of(&source, &facts, None).unwrap();
        let text = script(&launch, &Remarks::of(&launch, Target::Setcap));
        text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
    }

    #[test]
    fn capabilities_come_after_the_change_of_owner_that_would_take_them() {
        let lines = exported("path = \"/opt/it's/t\"\ngroup = \"#7\"\nmode = \"0750\"", "");
        assert_eq!(
            lines,
            [
                "set -e",
                r"chown 0:7 '/opt/it'\''s/t'",
                r"chmod 0750 '/opt/it'\''s/t'",
                r"setcap cap_bpf=ep '/opt/it'\''s/t'",
            ]
        );
    }

    #[test]
    fn an_inheritable_delivery_needs_inheritable_file_capabilities() {
        let lines = exported("path = \"/usr/bin/t\"", "[exec]\ndeliver = \"inheritable\"\n");
        assert_eq!(lines, ["set -e", "setcap cap_bpf=ei /usr/bin/t"]);
    }
}
