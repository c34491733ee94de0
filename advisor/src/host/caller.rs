//! The caller, and the names that the local files have for the caller.

use crate::host::clock;
use anyhow::{Context, Result};
use capwrap_core::decision::accounts::{self, Account};
use capwrap_core::decision::authorise::{AllowedBy, Caller, Denial, LocalAccounts, authorise};
use capwrap_core::policy::{Allow, Temporary};
use nix::unistd::{getgid, getgroups, getuid};

/// The caller as the launcher sees them.
pub struct Asking {
    pub caller: Caller,
    local: LocalAccounts,
    /// Seconds since 1970.
    now: i64,
}

impl Asking {
    /// Asks the kernel and the local files.
    pub fn now() -> Result<Self> {
        Ok(Self {
            caller: Caller {
                uid: getuid().as_raw(),
                gid: getgid().as_raw(),
                groups: getgroups()
                    .context("cannot read the groups of the caller")?
                    .iter()
                    .map(|g| g.as_raw())
                    .collect(),
            },
            local: local_accounts()?,
            now: clock::now(),
        })
    }

    /// Returns the caller's name, or the number if the local files have no name.
    pub fn name(&self) -> String {
        accounts::name(&self.local.passwd, self.caller.uid)
    }

    pub const fn is_root(&self) -> bool {
        self.caller.uid == 0
    }

    /// Decides whether this policy allows the caller now.
    pub fn authorised(&self, allow: &Allow, reason: Option<&str>) -> Result<AllowedBy, Denial> {
        authorise(allow, &self.caller, &self.local, self.now, reason)
    }
}

/// Reads the local files of users and groups.
///
/// # Errors
/// One of them cannot be read.
pub fn local_accounts() -> Result<LocalAccounts> {
    let local = |path: &str| {
        std::fs::read(path)
            .map(|text| String::from_utf8_lossy(&text).into_owned())
            .with_context(|| format!("cannot read {path}"))
    };
    Ok(LocalAccounts { passwd: local("/etc/passwd")?, group: local("/etc/group")? })
}

/// Returns a user of the local files as the launcher would see them after a login.
pub fn after_login(account: &Account<'_>, local: &LocalAccounts) -> Caller {
    Caller { uid: account.uid, gid: account.gid, groups: accounts::groups_of(&local.group, account.name) }
}

/// Returns who logged in, according to the audit subsystem. If no login set it, the number is -1
/// (proc_pid_loginuid(5)).
pub fn logged_in() -> Option<u32> {
    let text = std::fs::read_to_string("/proc/self/loginuid").ok()?;
    text.trim().parse().ok().filter(|uid| *uid != u32::MAX)
}

/// Whether no user has this name, neither in the local files nor on a directory server.
pub fn is_unknown(user: &str) -> bool {
    matches!(nix::unistd::User::from_name(user), Ok(None))
}

/// Describes the users and groups that a policy allows, and until when: for a record, which is read later.
pub fn allowed_until(allow: &Allow) -> String {
    in_words(allow, |entry| format!("user {} until {}", entry.user, entry.written))
}

/// Describes the users and groups that a policy allows, and for how much longer.
pub fn allowed(allow: &Allow) -> String {
    let now = clock::now();
    in_words(allow, |entry| entry.in_words(entry.left(now)))
}

fn in_words(allow: &Allow, temporary: impl Fn(&Temporary) -> String) -> String {
    let users = allow.users.iter().map(|user| format!("user {user}"));
    let groups = allow.groups.iter().map(|group| format!("group {group}"));
    let all = users.chain(groups).chain(allow.temporary.iter().map(temporary)).collect::<Vec<_>>();
    if all.is_empty() { "root alone".to_owned() } else { all.join(", ") }
}

/// Returns the last instant of a policy as a date, or as a number if the calendar cannot express it.
pub fn until(allow: &Allow) -> Option<String> {
    allow.until.map(|until| jiff::Timestamp::from_second(until).map_or_else(|_| until.to_string(), |at| at.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use capwrap_core::policy::Policy;

    #[test]
    fn a_record_says_until_when_and_not_for_how_much_longer() {
        let text = "schema = 1\ntool = { path = \"/x\" }\n[allow]\nusers = [\"alice\"]\ngroups = [\"admins\"]\n\
                    [[allow.temporary]]\nuser = \"bob\"\nuntil = 2099-01-01T00:00:00Z\n";
        let allow = Policy::read(text).unwrap().allow;
        assert_eq!(allowed_until(&allow), "user alice, group admins, user bob until 2099-01-01T00:00:00Z");
        assert!(allowed(&allow).ends_with(" more)"));
    }
}
