//! Reads a Quadlet's `[Container]` (podman-systemd.unit(5)).

use crate::dialects::engine;
use crate::dialects::engine::rules;
use crate::dialects::engine::rules::{Asked, Engine};
use crate::dialects::grant::Side;
use crate::dialects::mount::BindMount;
use crate::dialects::shell_words::Word;
use crate::dialects::{boolean, systemd};
use anyhow::Result;
use capwrap_core::text::printable;

/// Whether the text has the section of a container.
pub fn is_one(text: &str) -> bool {
    text.lines().any(|line| line.trim() == "[Container]")
}

/// Returns what Podman gives to the container.
///
/// # Errors
/// A line is no setting, or no capability has one of the names.
pub fn side(text: &str, source: &str) -> Result<Side> {
    let settings = systemd::syntax::settings(text, source, &["Container"])?;
    let mut asked = Asked::default();
    let mut by_arguments = Vec::new();
    for (key, value) in &settings.assignments {
        let words = || systemd::syntax::words(value);
        match key.as_str() {
            // As in systemd, an empty assignment forgets those before it.
            "AddCapability" if value.is_empty() => asked.add.clear(),
            "AddCapability" => asked.add.extend(words()),
            "DropCapability" if value.is_empty() => asked.drop.clear(),
            "DropCapability" => asked.drop.extend(words()),
            "NoNewPrivileges" => asked.no_new_privs = boolean::systemd(value),
            "User" => asked.user = Some(value.clone()),
            "SeccompProfile" => asked.seccomp = Some(value.clone()),
            "Network" => asked.net = Some(value.clone()),
            "Volume" => asked.mounts.extend(BindMount::of_volume(value)),
            "Ulimit" => {
                let named = value.split_once('=');
                asked.limits.extend(named.and_then(|(name, limit)| Some((name.to_owned(), rules::limit(limit)?))));
            }
            "PodmanArgs" => by_arguments.extend(words().into_iter().map(Word::literal)),
            _ => {}
        }
    }
    engine::read::options(&mut asked, &by_arguments)?;
    let mut side = asked.side(Engine::Podman, "Quadlet")?;
    side.notes.extend(settings.notes.iter().map(printable::text));
    Ok(side)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &str) -> Side {
        side(&format!("[Unit]\nUser=x\n[Container]\nImage=i\n{lines}\n[Service]\nUser=y\n"), "x.container").unwrap()
    }

    #[test]
    fn a_container_has_what_podman_gives_to_it() {
        let side = of(
            "DropCapability=all\nAddCapability=NET_BIND_SERVICE CHOWN\nAddCapability=SETUID SETGID\nNoNewPrivileges=true",
        );
        assert_eq!(side.grant.to_string(), "cap_chown,cap_setgid,cap_setuid,cap_net_bind_service");
        assert_eq!(side.stated.no_new_privs, Some(true));
        assert_eq!(of("").grant.iter().count(), 11);
        assert_eq!(of("PodmanArgs=--privileged").grant, crate::dialects::grant::all());
        assert_eq!(of("PodmanArgs=--cap-drop all --cap-add=KILL").grant.to_string(), "cap_kill");
        assert_eq!(
            of("AddCapability=KILL\nAddCapability=\nUser=5\nAddCapability=CHOWN").grant.to_string(),
            "cap_chown"
        );
    }
}
