//! Whether a user may run a policy's tool now: a grant can have ended since the launch, or the policy.

use crate::host::launched::Launched;
use crate::host::{caller, clock};
use crate::store::{enabled, policy_lookup};
use anyhow::Result;
use capwrap_core::decision::accounts;
use capwrap_core::decision::authorise::{AllowedBy, LocalAccounts, authorise};
use capwrap_core::policy::Policy;
use std::collections::{BTreeMap, BTreeSet};

/// The policies of launched processes and the users, as they are now.
pub struct Now {
    /// By their names, and whether each is enabled.
    policies: BTreeMap<String, (bool, Policy)>,
    pub local: LocalAccounts,
    /// Seconds since 1970.
    pub seconds: i64,
}

impl Now {
    /// Reads the policies by which these processes were launched, and the users. A policy that cannot be used permits nobody.
    ///
    /// # Errors
    /// The files of users and groups cannot be read.
    pub fn read(launched: &[Launched]) -> Result<Self> {
        let names: BTreeSet<&str> = launched.iter().flat_map(Launched::policies).collect();
        let policy = |name: &str| {
            let enabled = enabled::path(name);
            if let Ok(policy) = enabled::read(&enabled) {
                return Some((true, policy));
            }
            let source = policy_lookup::load(name).ok()?;
            Some((source.path == enabled, source.policy))
        };
        let policies = names.into_iter().filter_map(|name| Some((name.to_owned(), policy(name)?))).collect();
        Ok(Self { policies, local: caller::local_accounts()?, seconds: clock::now() })
    }

    /// The policy of this name, if one is enabled or can be.
    pub fn policy(&self, name: &str) -> Option<&Policy> {
        self.policies.get(name).map(|(_, policy)| policy)
    }

    /// Whether a policy of this name is enabled.
    pub fn is_enabled(&self, name: &str) -> bool {
        self.policies.get(name).is_some_and(|(is_enabled, _)| *is_enabled)
    }

    /// Why the user may run the tool of the policy now; `None` if they may not. That a reason may be demanded of a launch
    /// does not count.
    pub fn allowed_by(&self, name: &str, uid: u32) -> Option<AllowedBy> {
        let policy = self.policy(name).filter(|_| self.is_enabled(name))?;
        let account = accounts::account(&self.local.passwd, uid)?;
        let user = caller::after_login(&account, &self.local);
        authorise(&policy.allow, &user, &self.local, self.seconds, Some("any")).ok()
    }
}
