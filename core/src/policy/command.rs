//! What holds for a command that root runs by itself (`capwrap run`): a policy that nobody wrote.

use crate::CapabilitySet;
use crate::policy::{Allow, Bounding, Children, Delivery, Exec, Grant, GrantScope, Identity, Policy, ScopeRules, Tool};
use std::path::PathBuf;

/// Variables that keep interpreters from leaving code behind. A command that may write everywhere and runs as a user
/// would else leave that user's bytecode in the directories of the system, where root runs it later (Python's
/// `__pycache__`, PYTHONDONTWRITEBYTECODE in python(1)).
const LEAVES_NO_CODE: [(&str, &str); 1] = [("PYTHONDONTWRITEBYTECODE", "1")];

impl Policy {
    /// A policy for the one file at `path`, which grants `caps` to root's command and to nobody else, and demands
    /// nothing. The environment, the resource limits, `no_new_privs` and the demand for a record are those of `like`,
    /// or what a policy has that says nothing of them. Its delivery, its filter of children and its bounding set are
    /// left out, because they belong to the tool that `like` is about.
    pub fn of_command(path: PathBuf, caps: CapabilitySet, like: Option<Self>) -> Self {
        let audit_required = like.as_ref().is_some_and(|like| like.allow.audit_required);
        let mut exec = like.map(|like| like.exec).unwrap_or_default();
        for (name, value) in LEAVES_NO_CODE {
            if exec.env.set.iter().all(|(known, _)| known != name) {
                exec.env.set.push((name.to_owned(), value.to_owned()));
            }
        }
        let grant =
            Grant { line: 0, modes: Vec::new(), caps, when: Vec::new(), scope: GrantScope::default(), why: None };
        Self {
            summary: String::new(),
            docs: None,
            tool: Tool {
                paths: vec![path],
                sha256: None,
                owner: Identity::Id(0),
                group: None,
                mode: None,
                script: true,
            },
            allow: Allow {
                users: vec![Identity::Id(0)],
                groups: Vec::new(),
                temporary: Vec::new(),
                until: None,
                reason: false,
                audit_required,
            },
            grants: if caps.is_empty() { Vec::new() } else { vec![grant] },
            scope: ScopeRules::default(),
            demands: Vec::new(),
            optional: None,
            arguments: None,
            exec: Exec { deliver: Delivery::Ambient, children: Children::Any, bounding: Bounding::Keep, ..exec },
            file: None,
            container: None,
        }
    }

    /// Confines capabilities of the command by `[[grant]]` tables and `[scope]`, as a policy has them. The others keep no
    /// scope.
    ///
    /// # Errors
    /// The text is no part of a policy, or grants what the command does not get.
    pub fn with_scopes(mut self, text: &str) -> Result<Self, String> {
        let whole = format!("schema = 1\ntool = {{ path = \"/tool\" }}\nallow = {{ users = [\"root\"] }}\n{text}");
        let read = Self::read(&whole).map_err(|error| error.to_string())?;
        let union = |grants: &[Grant]| grants.iter().fold(CapabilitySet::EMPTY, |all, grant| all.union(grant.caps));
        let (granted, scoped) = (union(&self.grants), union(&read.grants));
        if !scoped.is_subset(granted) {
            return Err(format!("they are about {}, which is not passed", scoped.without(granted)));
        }
        for grant in &mut self.grants {
            grant.caps = grant.caps.without(scoped);
        }
        self.grants.retain(|grant| !grant.caps.is_empty());
        self.grants.extend(read.grants);
        self.scope = read.scope;
        // The parser refuses scopes beside no_new_privs = false.
        self.exec.no_new_privs = true;
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_has_the_surroundings_of_a_policy_and_none_of_its_grants() {
        let like = Policy::read(
            "schema = 1\ntool = { path = \"/t\", owner = \"#7\" }\nallow = { users = [\"alice\"], audit = \"required\" }\n\
             [[grant]]\ncaps = [\"cap_net_admin\"]\n\
             [exec]\nno_new_privs = false\nbounding = \"drop\"\n[exec.env]\nset = { HOME = \"/nonexistent\" }\n",
        );
        let command = Policy::of_command("/usr/bin/id".into(), CapabilitySet::EMPTY, Some(like.unwrap()));
        assert!(command.grants.is_empty() && command.allow.audit_required && !command.exec.no_new_privs);
        assert_eq!((command.exec.bounding, command.exec.children), (Bounding::Keep, Children::Any));
        let set: Vec<_> = command.exec.env.set.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(set, ["HOME=/nonexistent", "PYTHONDONTWRITEBYTECODE=1"]);
        assert_eq!((command.tool.owner, command.tool.script), (Identity::Id(0), true));
        assert_eq!(command.allow.users, [Identity::Id(0)]);
    }

    #[test]
    fn the_scopes_of_a_command_confine_the_capabilities_that_they_name_and_no_other() {
        let caps = CapabilitySet::parse("net_raw,kill").unwrap();
        let command = || Policy::of_command("/usr/bin/id".into(), caps, None);
        let scopes = "[[grant]]\ncaps = [\"cap_kill\"]\nthrough = [\"kill:HUP\"]\n";
        let policy = command().with_scopes(scopes).unwrap();
        let shown: Vec<_> = policy.grants.iter().map(|grant| format!("{} {}", grant.caps, grant.scope)).collect();
        assert_eq!(shown, ["cap_net_raw ", "cap_kill through kill:HUP"]);
        let error = command().with_scopes("[[grant]]\ncaps = \"chown\"\n").unwrap_err();
        assert!(error.contains("cap_chown, which is not passed"), "{error}");
        assert!(command().with_scopes("[[grant]]\ncaps = \"kill\"\nthrough = \"mount\"\n").is_err());
        let loose = Policy::read(
            "schema = 1\ntool = { path = \"/t\" }\nallow = { users = [\"root\"] }\n[exec]\nno_new_privs = false\n",
        );
        let loose = Policy::of_command("/usr/bin/id".into(), caps, Some(loose.unwrap()));
        assert!(loose.with_scopes(scopes).unwrap().exec.no_new_privs);
    }
}
