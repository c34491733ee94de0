//! The request of an export: one set of capabilities for all calls, and how to run the tool.

use crate::dialects::capabilities;
use crate::dialects::mount::Mount;
use crate::output::error::hinted;
use crate::store::policy_lookup::Source;
use anyhow::Result;
use capwrap_core::CapabilitySet;
use capwrap_core::decision::facts::Facts;
use capwrap_core::decision::{RequestError, for_any_arguments, grants_for_any_arguments};
use capwrap_core::policy::limits::{Limit, Resource};
use capwrap_core::policy::{Container, Policy};
use capwrap_core::scope::confined::{self, Confined};
use capwrap_core::scope::filter::Wanted;
use capwrap_core::scope::profile::Profile;
use capwrap_core::text::printable;
use std::path::Path;

/// A policy's grant on one machine, for launchers that pass the same set to every call.
pub struct Launch<'p> {
    /// The policy's name.
    pub name: &'p str,
    /// The policy's file.
    pub file: &'p Path,
    /// The parsed policy.
    pub policy: &'p Policy,
    /// The mode to export; `None` means all modes together.
    pub mode: Option<&'p str>,
    /// The machine for which the grant was decided.
    pub facts: &'p Facts,
    /// The capabilities that the launcher passes to the tool. The set is never empty.
    pub caps: CapabilitySet,
    /// The tool's path. It is the first path of the policy, unless the machine has another.
    pub tool: String,
    /// The path that the policy names, if it is a link and `tool` is the file behind it.
    pub link: Option<String>,
    /// The mounts of the host's files in the container.
    pub mounts: Vec<Mount>,
    /// What the capabilities are for, where the policy says it.
    pub scopes: Vec<Confined>,
    /// The seccomp profile of the scopes, by the name with which the export refers to it.
    pub seccomp: Option<String>,
}

impl<'p> Launch<'p> {
    /// Prepares the export of a policy.
    ///
    /// # Errors
    /// The policy does not have the mode, there is nothing to pass, or no launcher can take a text of the policy.
    pub fn of(source: &'p Source, facts: &'p Facts, mode: Option<&'p str>) -> Result<Self> {
        let policy = &source.policy;
        check_mode(policy, mode)?;
        let caps = for_any_arguments(policy, facts, mode);
        if caps.is_empty() {
            return Err(hinted(
                format!("nothing to export: the policy {} grants no capability on Linux {}", source.name, facts.kernel),
                format!("capwrap explain {}", source.name),
            ));
        }
        check_words(policy)?;
        Ok(Self {
            name: &source.name,
            file: &source.path,
            policy,
            mode,
            facts,
            caps,
            tool: policy.tool.paths.first().map_or_else(String::new, |path| in_text(path)),
            link: None,
            mounts: container(policy).map_or(Ok(Vec::new()), |container| Mount::read_all(&container.mounts))?,
            scopes: scopes(policy, facts, mode, caps),
            seccomp: None,
        })
    }

    /// Returns the same request, with a seccomp profile that the export refers to by this name.
    pub fn with_seccomp(mut self, name: String) -> Self {
        self.seccomp = Some(name);
        self
    }

    /// Returns what the scopes ask of a filter, if there are any.
    fn wanted(&self) -> Option<Wanted<'_>> {
        let wanted = Wanted { passed: self.caps, confined: &self.scopes, only_exec: None };
        (!wanted.is_nothing()).then_some(wanted)
    }

    /// Returns the profile of the scopes, if there are any.
    pub fn profile(&self) -> Option<Profile> {
        Some(self.wanted()?.profile())
    }

    /// Returns the same for a container, for which the engine's own profile is no longer there.
    pub fn profile_of_a_container(&self) -> Option<Profile> {
        Some(self.wanted()?.profile_of_a_container())
    }

    /// Returns the same request for a tool that is installed at this path.
    pub fn with_tool(mut self, path: &Path) -> Self {
        self.tool = in_text(path);
        self
    }

    /// Returns the same request for the file behind a link at this path.
    pub fn with_file_behind(mut self, link: &Path, file: &Path) -> Self {
        self.link = Some(in_text(link));
        self.tool = in_text(file);
        self
    }

    /// Returns the `[container]` table.
    pub const fn container(&self) -> Option<&Container> {
        self.policy.container.as_ref()
    }

    /// Returns the image that the policy names.
    pub fn image(&self) -> Option<&str> {
        self.container()?.image.as_deref()
    }

    /// Returns the process namespace that the policy names.
    pub fn pid(&self) -> Option<&str> {
        self.container()?.pid.as_deref()
    }

    /// Returns the network namespace that the policy names.
    pub fn net(&self) -> Option<&str> {
        self.container()?.net.as_deref()
    }

    /// Returns the limits of a launch: the policy's limits, and no core dumps unless the policy has a limit for them.
    pub fn limits(&self) -> Vec<(Resource, Limit)> {
        let own = &self.policy.exec.limits;
        let core = (!own.iter().any(|(resource, _)| *resource == Resource::CORE)).then_some((Resource::CORE, Limit(0)));
        own.iter().copied().chain(core).collect()
    }

    /// Returns the capabilities as the kernel's headers spell them: `CAP_BPF`.
    pub fn upper(&self) -> Vec<String> {
        capabilities::upper(self.caps)
    }

    /// Returns the capabilities without their prefix, as container engines spell them: `BPF`.
    pub fn bare(&self) -> Vec<String> {
        capabilities::bare(self.caps)
    }

    /// Returns the policy's name in lower case, for places that allow only letters, digits and `-` (RFC 1123, at most
    /// 63).
    pub fn label(&self) -> String {
        let safe = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
        let label: String = self.name.chars().map(safe).take(63).collect();
        match label.trim_matches('-') {
            "" => "tool".to_owned(),
            label => label.to_owned(),
        }
    }
}

/// Returns the scopes of what a policy grants to calls with any arguments.
pub fn scopes(policy: &Policy, facts: &Facts, mode: Option<&str>, caps: CapabilitySet) -> Vec<Confined> {
    let grants: Vec<_> = grants_for_any_arguments(policy, facts, mode).collect();
    confined::join(grants.iter().copied(), caps, CapabilitySet::EMPTY)
}

fn container(policy: &Policy) -> Option<&Container> {
    policy.container.as_ref()
}

fn check_mode(policy: &Policy, mode: Option<&str>) -> Result<()> {
    let known: Vec<String> = policy.modes().into_iter().map(str::to_owned).collect();
    match mode.filter(|mode| !known.iter().any(|own| own == mode)) {
        None => Ok(()),
        Some(given) => {
            let error = RequestError::UnknownMode { given: given.to_owned(), known };
            Err(hinted(error.to_string(), error.hint()))
        }
    }
}

/// Returns a path of a policy as text. The path comes from TOML and so is UTF-8.
fn in_text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Refuses texts that a launcher would understand in another way than the policy means them.
fn check_words(policy: &Policy) -> Result<()> {
    let container = container(policy);
    let words = container.into_iter().flat_map(|container| {
        [("image", &container.image), ("pid", &container.pid), ("net", &container.net)]
            .into_iter()
            .filter_map(|(key, word)| word.as_deref().map(|word| (key, word)))
    });
    for (key, word) in words {
        if word.is_empty() || word.starts_with('-') {
            return Err(hinted(
                format!("cannot export the policy's [container]: {key} = \"{}\" is none", printable::text(word)),
                format!("correct {key} in the policy"),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use capwrap_core::decision::facts::KernelVersion;

    /// Returns a policy with this text and name, as if it came from a file.
    pub fn source(name: &str, text: &str) -> Source {
        let policy = Policy::read(text).unwrap();
        Source { name: name.to_owned(), path: format!("/p/{name}.toml").into(), policy }
    }

    /// The facts of a kernel that knows every capability.
    pub fn facts() -> Facts {
        Facts { kernel: KernelVersion { major: 6, minor: 1, patch: 0 }, last_capability: 40, ..Facts::default() }
    }

    /// Returns the text of a policy with a tool, one grant and these tables.
    pub fn policy_text(more: &str) -> String {
        format!(
            "schema = 1\nsummary = \"s\"\n[tool]\npath = \"/usr/bin/t\"\n[allow]\ngroups = [\"g\"]\n\
             [[grant]]\ncaps = [\"cap_net_raw\", \"cap_bpf\"]\n{more}"
        )
    }

    /// Returns the same policy, parsed.
    pub fn policy(more: &str) -> Source {
        source("t", &policy_text(more))
    }

    #[test]
    fn a_mode_that_is_none_is_refused_with_the_nearest_one() {
        let source = policy("mode = \"text\"\n");
        let facts = facts();
        let error = Launch::of(&source, &facts, Some("txt")).err().unwrap();
        assert_eq!(error.downcast_ref::<crate::output::error::HintedError>().unwrap().hint, "--mode text");
    }

    #[test]
    fn a_grant_of_nothing_is_refused() {
        let source = policy("when = { kernel = \"<5.0\" }\n");
        let error = Launch::of(&source, &facts(), None).err().unwrap();
        assert!(error.to_string().contains("grants no capability on Linux 6.1.0"), "{error}");
    }

    #[test]
    fn a_word_that_would_be_an_option_is_refused() {
        for word in ["image = \"--privileged\"", "pid = \"\"", "net = \"-\""] {
            let source = policy(&format!("[container]\n{word}\n"));
            assert!(Launch::of(&source, &facts(), None).is_err(), "{word}");
        }
    }

    #[test]
    fn cores_are_off_unless_the_policy_speaks_of_them() {
        let shown = |more: &str| {
            let (source, facts) = (policy(more), facts());
            let limits = Launch::of(&source, &facts, None).unwrap().limits();
            limits.iter().map(|(resource, limit)| format!("{}={limit}", resource.name())).collect::<Vec<_>>()
        };
        assert_eq!(shown(""), ["core=0"]);
        assert_eq!(shown("[exec]\nlimits = { core = 9, memlock = \"unlimited\" }\n"), ["core=9", "memlock=unlimited"]);
    }
}
