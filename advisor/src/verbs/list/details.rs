//! The details of a policy that `list --long` shows.

use capwrap_core::policy::{Children, Delivery, Grant, Policy};
use capwrap_core::text::printable;
use std::path::Path;

/// The lines about a policy: its file, its documentation, its grants, and the programs that its tool starts.
pub fn of(path: &Path, policy: &Policy) -> Vec<String> {
    let mut lines = vec![format!("policy: {}", printable::text(path))];
    lines.extend(policy.docs.as_ref().map(|docs| format!("docs: {}", printable::text(docs))));
    lines.extend(policy.grants.iter().map(grant));
    if !policy.optional().is_empty() {
        lines.push(format!("--add can add: {}", policy.optional()));
    }
    lines.push(started(policy).to_owned());
    lines
}

fn grant(grant: &Grant) -> String {
    let modes = (!grant.modes.is_empty()).then(|| format!("mode {}", grant.modes.join(" or ")));
    let conditions: Vec<String> = modes.into_iter().chain(grant.when.iter().map(ToString::to_string)).collect();
    let when = if conditions.is_empty() { String::new() } else { format!(" where {}", conditions.join(" and ")) };
    let why = grant.why.as_ref().map_or(String::new(), |why| format!(": {why}"));
    let scope = if grant.scope.is_empty() { String::new() } else { format!(" {}", grant.scope) };
    printable::text(format!("grants {}{scope}{when}{why}", grant.caps))
}

/// What becomes of the programs that the tool starts.
const fn started(policy: &Policy) -> &'static str {
    match (policy.exec.children, policy.exec.deliver) {
        (Children::None, _) => "it can start no other program",
        (Children::WhenUnprivileged, _) => "it can start other programs only in a launch that passes no capability",
        (Children::Any, Delivery::Ambient) => "the programs that it starts have its capabilities too",
        (Children::Any, Delivery::Inheritable) => "the programs that it starts do not have its capabilities",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_grant_is_shown_with_its_conditions_and_its_reason() {
        let text = "schema = 1\ndocs = \"https://x\"\ntool = { path = \"/t\" }\nallow = { users = [\"root\"] }\n\
            [[grant]]\ncaps = [\"cap_kill\"]\nthrough = \"kill:HUP\"\n\
            [[grant]]\ncaps = [\"cap_bpf\"]\nmode = [\"a\", \"b\"]\nwhen = { uid0 = true, kernel_has = \"cap_bpf\" }\n\
            why = \"load\\u001b programs\"\n[optional]\ncaps = [\"cap_chown\"]\n[exec]\nchildren = \"none\"\n";
        assert_eq!(
            of(Path::new("/p.toml"), &Policy::read(text).unwrap()),
            [
                "policy: /p.toml",
                "docs: https://x",
                "grants cap_kill through kill:HUP",
                "grants cap_bpf where mode a or b and uid0 true and kernel_has cap_bpf: load\\u{1b} programs",
                "--add can add: cap_chown",
                "it can start no other program",
            ]
        );
    }
}
