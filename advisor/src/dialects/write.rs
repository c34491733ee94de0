//! Writes a policy's grant in the format of any launcher.

use crate::dialects::export_request::Launch;
use crate::dialects::remarks::Remarks;
use crate::dialects::target::Target;
use crate::dialects::{compose, engine, kubernetes, nixos, oci, setcap, systemd};
use crate::output::error::hinted;
use anyhow::Result;
use capwrap_core::text::hidden::is_hidden;

/// Writes the launch in the target's format, with the remarks that its reader must know.
///
/// # Errors
/// A text of the policy has a hidden character, and the target's format has no escape for it.
pub fn text(launch: &Launch<'_>, target: Target) -> Result<String> {
    let remarks = Remarks::of(launch, target);
    let text = match target {
        Target::Systemd => Ok(systemd::write::drop_in(launch, &remarks)),
        Target::Docker | Target::Podman => Ok(engine::write::command(launch, target, &remarks)),
        Target::Compose => compose::write::file(launch, &remarks),
        Target::Kubernetes => kubernetes::write::pod(launch, &remarks),
        Target::Oci => oci::write::configuration(launch, &remarks),
        Target::Setcap => Ok(setcap::write::script(launch, &remarks)),
        Target::Nixos => Ok(nixos::write::module(launch, &remarks)),
    }?;
    // A newline or a tab in a text of the policy stands between quotes.
    match text.chars().find(|c| is_hidden(*c) && !matches!(c, '\n' | '\t')) {
        None => Ok(text),
        Some(c) => Err(hinted(
            format!(
                "cannot export {}: the format has no escape for the character {} in the policy",
                launch.name,
                c.escape_unicode()
            ),
            "use a name without it, or export to oci, which has one",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialects::export_request::tests::{facts, policy};

    #[test]
    fn what_a_format_cannot_write_without_a_hidden_character_is_not_exported() {
        let source = policy("[exec]\nenv = { set = { A = \"a\\u001b[2J\\u202e\" } }\n");
        let facts = facts();
        let launch = Launch::of(&source, &facts, None).unwrap();
        for target in [Target::Docker, Target::Podman, Target::Kubernetes, Target::Compose] {
            let error = text(&launch, target).unwrap_err().to_string();
            assert!(error.contains("no escape for the character \\u{"), "{target:?}: {error}");
        }
        let systemd = text(&launch, Target::Systemd).unwrap();
        assert!(systemd.contains(r#"Environment="A=a\x1b[2J\xe2\x80\xae""#), "{systemd}");
        let oci = text(&launch, Target::Oci).unwrap();
        assert!(oci.contains(r#""A=a\u001b[2J\u202e""#), "{oci}");
    }
}
