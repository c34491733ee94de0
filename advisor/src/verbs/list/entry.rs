//! A tool of the list, and which tools there are in it.

use crate::output::demanded::Demanded;
use capwrap_core::policy::{Grant, Policy};
use capwrap_core::{Capability, CapabilitySet};
use serde::Serialize;
use std::path::PathBuf;

/// Which tools the list shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The tools that the caller may run.
    Own,
    /// The tools of all enabled policies.
    Enabled,
    /// The tools of the shipped policies that are not enabled.
    Available,
    /// The tools of the shipped policies.
    Shipped,
}

/// A user who may run the tool for a time.
#[derive(Clone, Debug, Serialize)]
pub struct Granted {
    /// The user, as the policy names them.
    pub user: String,
    /// The instant at which it ends.
    pub until: String,
    /// The seconds for which it still holds; 0 if it has ended.
    pub left: u64,
    /// Why it was granted.
    pub reason: Option<String>,
    /// Who granted it.
    pub by: Option<String>,
}

/// When a tool was last launched.
#[derive(Clone, Debug, Serialize)]
pub struct LastUse {
    /// The instant.
    pub time: String,
    /// Who launched it.
    pub user: String,
}

/// What the capabilities of a grant are for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Scope {
    /// The capabilities.
    pub capabilities: Vec<&'static str>,
    /// The scope in words, as `explain` shows it: `through perf_event_open`.
    pub scope: String,
}

impl Scope {
    /// The scopes of a policy, in the order of its grants.
    pub fn all(policy: &Policy) -> Vec<Self> {
        let scoped = policy.grants.iter().filter(|grant| !grant.scope.is_empty());
        let of = |grant: &Grant| Self {
            capabilities: grant.caps.iter().map(Capability::name).collect(),
            scope: grant.scope.to_string(),
        };
        scoped.map(of).collect()
    }
}

/// The facts that the list shows about a tool.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The name that the caller types.
    pub name: String,
    /// The file of its policy.
    pub policy: PathBuf,
    /// Whether a policy of this name is enabled.
    pub enabled: bool,
    /// The summary of the policy in one printable line.
    pub summary: String,
    /// The first of its paths that exists.
    pub installed: Option<PathBuf>,
    /// All its paths.
    pub paths: Vec<PathBuf>,
    /// Why the caller may run it, or why not.
    pub allowed_by: Result<String, String>,
    /// The users and groups that the policy allows, in words.
    pub allows: String,
    /// The users who may run the tool for a time.
    pub temporary: Vec<Granted>,
    /// The instant from which nobody may run the tool, in words.
    pub until: Option<String>,
    /// Whether the policy demands `--reason`.
    pub reason_demanded: bool,
    /// The capabilities that the tool gets here without arguments.
    pub always: CapabilitySet,
    /// The capabilities that the tool can get here at most, whatever its arguments are.
    pub grants: CapabilitySet,
    /// The same as `grants`, if every fact that only a launch can try says yes.
    pub possible: CapabilitySet,
    /// The capabilities that the policy mentions, also those that it does not grant here.
    pub mentioned: CapabilitySet,
    /// The capabilities that the caller may add.
    pub optional: CapabilitySet,
    /// What the grants are for that have a scope.
    pub scopes: Vec<Scope>,
    /// What the tool needs besides capabilities in some launch, and whether it holds for the caller.
    pub demands: Vec<(String, Demanded)>,
    /// The time and the user of the last use that the caller's records show; asked with `--long` and `--json` alone.
    pub last_use: Option<LastUse>,
    /// What `--long` shows besides: where the policy is, what each grant is for, and what becomes of other programs.
    pub details: Vec<String>,
}

impl Entry {
    /// Whether the policy is about this word, whose letters are small.
    pub fn has(&self, word: &str) -> bool {
        let paths = self.paths.iter().map(|path| path.to_string_lossy().into_owned());
        let capabilities = self.mentioned.iter().map(|capability| capability.name().to_owned());
        let texts = [self.name.clone(), self.summary.clone()].into_iter().chain(paths).chain(capabilities);
        texts.map(|text| text.to_lowercase()).any(|text| text.contains(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_grant_with_a_scope_says_what_its_capabilities_are_for() {
        let text = "schema = 1\ntool = { path = \"/t\" }\nallow = { users = [\"root\"] }\n\
            [[grant]]\ncaps = [\"cap_bpf\", \"cap_perfmon\"]\nthrough = [\"bpf:look\"]\n\
            [[grant]]\ncaps = \"cap_kill\"\n\
            [[grant]]\ncaps = \"cap_dac_read_search\"\nbeneath = \"/srv/a\\u001b\"\n";
        let scopes = Scope::all(&Policy::read(text).unwrap());
        let shown: Vec<_> = scopes.iter().map(|one| (one.capabilities.join(","), one.scope.as_str())).collect();
        let expected = [("cap_perfmon,cap_bpf", "through bpf:look"), ("cap_dac_read_search", "beneath /srv/a\\u{1b}")];
        assert_eq!(shown, expected.map(|(capabilities, scope)| (capabilities.to_owned(), scope)));
    }
}
