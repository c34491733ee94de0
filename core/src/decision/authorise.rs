//! Decides whether this caller may run this tool now.

use crate::decision::accounts;
use crate::policy::{Allow, Identity, Temporary};
use crate::text::shell;
use std::fmt;

/// The caller's identity, as the kernel reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The real user id.
    pub uid: u32,
    /// The real group id.
    pub gid: u32,
    /// The supplementary groups of the process. They are those that the session got, not those that
    /// the group file lists now.
    pub groups: Vec<u32>,
}

/// The text of the local user and group files.
#[derive(Clone, Debug, Default)]
pub struct LocalAccounts {
    /// The text of passwd(5).
    pub passwd: String,
    /// The text of group(5).
    pub group: String,
}

impl LocalAccounts {
    /// Returns the user id that an identity in a policy stands for.
    pub fn uid(&self, identity: &Identity) -> Option<u32> {
        match identity {
            Identity::Id(id) => Some(*id),
            Identity::Name(name) => accounts::user_id(&self.passwd, name),
        }
    }

    /// Returns the group id that an identity in a policy stands for.
    pub fn gid(&self, identity: &Identity) -> Option<u32> {
        match identity {
            Identity::Id(id) => Some(*id),
            Identity::Name(name) => accounts::group_id(&self.group, name),
        }
    }
}

/// The rule that authorises a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedBy {
    /// The caller is root.
    Root,
    /// `allow.users` names the caller.
    User(Identity),
    /// `allow.groups` names a group of the caller.
    Group(Identity),
    /// `allow.temporary` names the caller.
    Temporary {
        /// The entry of the policy.
        entry: Temporary,
        /// The seconds for which it still holds.
        left: u64,
    },
}

impl fmt::Display for AllowedBy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => out.write_str("root"),
            Self::User(user) => write!(out, "user {user}"),
            Self::Group(group) => write!(out, "group {group}"),
            Self::Temporary { entry, left } => out.write_str(&entry.in_words(Some(*left))),
        }
    }
}

/// Why a caller is not authorised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denial {
    /// Neither the user nor a group of the caller is listed.
    NotListed {
        /// The listed users and groups.
        listed: Vec<String>,
        /// A listed group of which the caller is a member by the group file, but not in this
        /// session.
        joined_since: Option<String>,
        /// Listed names that the local files do not know.
        unknown: Vec<String>,
    },
    /// What the caller was granted for a time has ended.
    Ended {
        /// When it ended, as the policy writes it.
        at: String,
    },
    /// The policy's `until` has passed.
    Expired,
    /// The policy demands a reason, and the caller gave none.
    NoReason,
}

impl fmt::Display for Denial {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotListed { listed, .. } => {
                write!(out, "its policy allows {}, and you are not among them", listed.join(", "))
            }
            Self::Ended { at } => write!(out, "what you were granted ended at {at}"),
            Self::Expired => out.write_str("its policy has expired"),
            Self::NoReason => out.write_str("its policy demands a reason"),
        }
    }
}

impl Denial {
    /// Returns what would make the caller authorised.
    pub fn hint(&self, tool: &str, caller: &str) -> String {
        match self {
            Self::NotListed { joined_since: Some(group), .. } => {
                let newgrp = shell::argument(group).map(|group| format!(", or `newgrp {group}`"));
                format!("you joined {group} after this session began: log in again{}", newgrp.unwrap_or_default())
            }
            Self::NotListed { unknown, .. } if !unknown.is_empty() => {
                format!(
                    "{} is not in the local files: name it by number in the policy, as in \"#1001\"",
                    unknown.join(", ")
                )
            }
            Self::NotListed { .. } => match shell::argument(caller) {
                Some(caller) => format!("an administrator can run `capwrap enable {tool} --user {caller}`"),
                None => "an administrator can name you in it".to_owned(),
            },
            Self::Ended { .. } => match shell::argument(caller) {
                Some(caller) => format!("an administrator can run `capwrap grant {tool} --user {caller} --for 2h`"),
                None => "an administrator can grant it to you again".to_owned(),
            },
            Self::Expired => "an administrator can set a later `until` in it".to_owned(),
            Self::NoReason => format!("capwrap --reason TEXT {tool} …"),
        }
    }
}

/// Decides whether the caller may run the tool, at `now` in seconds since 1970.
///
/// Root may always run the tool, but not after `until` and not without the demanded reason. With
/// these two the administrator restricts the tool, not its callers.
///
/// # Errors
/// Why the caller may not run the tool.
pub fn authorise(
    allow: &Allow,
    caller: &Caller,
    local: &LocalAccounts,
    now: i64,
    reason: Option<&str>,
) -> Result<AllowedBy, Denial> {
    let ground = ground(allow, caller, local, now)?;
    if allow.until.is_some_and(|until| now >= until) {
        return Err(Denial::Expired);
    }
    if allow.reason && reason.is_none_or(|reason| reason.trim().is_empty()) {
        return Err(Denial::NoReason);
    }
    Ok(ground)
}

fn ground(allow: &Allow, caller: &Caller, local: &LocalAccounts, now: i64) -> Result<AllowedBy, Denial> {
    if caller.uid == 0 {
        return Ok(AllowedBy::Root);
    }
    if let Some(user) = allow.users.iter().find(|user| local.uid(user) == Some(caller.uid)) {
        return Ok(AllowedBy::User(user.clone()));
    }
    let account = accounts::account(&local.passwd, caller.uid);
    // Whoever executes a file that is set-group-ID for a group can make it their real one (setresgid(2)). A member can make
    // such a file for anybody, and it outlives the membership. Nobody gets a supplementary group so: login(1), newgrp(1),
    // sudo -g and systemd set the real group as one too. Of an account that is not in the local file nobody knows the first
    // group.
    let is_first = |gid: u32| account.as_ref().is_none_or(|account| account.gid == gid);
    let is_member = |gid: u32| caller.groups.contains(&gid) || (gid == caller.gid && is_first(gid));
    if let Some(group) = allow.groups.iter().find(|group| local.gid(group).is_some_and(is_member)) {
        return Ok(AllowedBy::Group(group.clone()));
    }
    let granted = allow.temporary.iter().filter(|entry| local.uid(&entry.user) == Some(caller.uid));
    if let Some(longest) = granted.max_by_key(|entry| entry.until) {
        let ended = || Denial::Ended { at: longest.written.clone() };
        return longest.left(now).map(|left| AllowedBy::Temporary { entry: longest.clone(), left }).ok_or_else(ended);
    }
    let name = account.map(|account| account.name);
    let joined_since = allow.groups.iter().find(|group| {
        name.zip(local.gid(group)).is_some_and(|(name, gid)| accounts::lists_member(&local.group, gid, name))
    });
    let temporary = || allow.temporary.iter().map(|entry| &entry.user);
    let users = allow.users.iter().chain(temporary()).map(|user| format!("user {user}"));
    let groups = allow.groups.iter().map(|group| format!("group {group}"));
    let unknown_users = allow.users.iter().chain(temporary()).filter(|user| local.uid(user).is_none());
    let unknown_groups = allow.groups.iter().filter(|group| local.gid(group).is_none());
    Err(Denial::NotListed {
        listed: users.chain(groups).collect(),
        joined_since: joined_since.map(Identity::to_string),
        unknown: unknown_users.chain(unknown_groups).map(Identity::to_string).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local() -> LocalAccounts {
        LocalAccounts {
            passwd: "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n".into(),
            group: "capwrap:x:998:alice\nother:x:997:\n".into(),
        }
    }

    fn caller(uid: u32, groups: &[u32]) -> Caller {
        Caller { uid, gid: uid, groups: groups.to_vec() }
    }

    fn allow(users: &[&str], groups: &[&str]) -> Allow {
        let identities = |names: &[&str]| names.iter().map(|name| Identity::Name((*name).into())).collect();
        Allow {
            users: identities(users),
            groups: identities(groups),
            temporary: Vec::new(),
            until: None,
            reason: false,
            audit_required: false,
        }
    }

    fn asks(allow: &Allow, caller: &Caller) -> Result<AllowedBy, Denial> {
        authorise(allow, caller, &local(), 1000, None)
    }

    #[test]
    fn a_listed_user_or_a_member_of_a_listed_group_may_and_others_may_not() {
        assert!(asks(&allow(&["alice"], &[]), &caller(1000, &[])).is_ok());
        assert!(asks(&allow(&[], &["capwrap"]), &caller(1001, &[998])).is_ok());
        assert!(asks(&allow(&[], &["capwrap"]), &caller(1001, &[997])).is_err());
        assert!(asks(&allow(&["alice"], &[]), &caller(1001, &[])).is_err());
        assert_eq!(asks(&allow(&[], &["other"]), &caller(0, &[])), Ok(AllowedBy::Root));
    }

    #[test]
    fn a_real_group_that_a_file_could_have_given_is_no_membership() {
        let listed = allow(&[], &["capwrap"]);
        let with_real = |uid: u32, groups: &[u32]| asks(&listed, &Caller { gid: 998, ..caller(uid, groups) });
        assert!(with_real(1000, &[]).is_err());
        assert!(with_real(1000, &[998]).is_ok());
        // Nobody knows the first group of this one.
        assert!(with_real(1001, &[]).is_ok());
        let first = LocalAccounts { passwd: "alice:x:1000:998::/home/alice:/bin/sh\n".into(), ..local() };
        let alice = Caller { gid: 998, ..caller(1000, &[]) };
        assert!(authorise(&listed, &alice, &first, 1000, None).is_ok());
    }

    #[test]
    fn a_user_and_a_group_with_the_same_number_are_not_confused() {
        let mut by_number = allow(&[], &[]);
        by_number.users = vec![Identity::Id(998)];
        assert!(asks(&by_number, &caller(1001, &[998])).is_err());
        assert!(asks(&by_number, &caller(998, &[])).is_ok());
    }

    #[test]
    fn a_name_that_the_files_do_not_know_is_nobody() {
        let denial = asks(&allow(&["ghost"], &[]), &caller(1000, &[])).unwrap_err();
        assert!(denial.hint("tcpdump", "alice").contains("by number"), "{denial:?}");
    }

    #[test]
    fn who_joined_the_group_after_logging_in_is_said_so() {
        let denial = asks(&allow(&[], &["capwrap"]), &caller(1000, &[])).unwrap_err();
        assert!(denial.hint("tcpdump", "alice").contains("newgrp capwrap"), "{denial:?}");
    }

    #[test]
    fn past_until_nobody_may_not_even_root() {
        let mut expired = allow(&["alice"], &[]);
        expired.until = Some(1000);
        assert_eq!(asks(&expired, &caller(1000, &[])), Err(Denial::Expired));
        assert_eq!(asks(&expired, &caller(0, &[])), Err(Denial::Expired));
        expired.until = Some(1001);
        assert!(asks(&expired, &caller(1000, &[])).is_ok());
    }

    fn granted(user: &str, until: i64) -> Temporary {
        let user = Identity::Name(user.into());
        Temporary { line: 1, user, until, written: format!("instant {until}"), reason: None, by: None }
    }

    #[test]
    fn a_temporary_grant_ends_at_its_instant_and_the_last_to_end_counts() {
        let mut for_a_time = allow(&[], &[]);
        for_a_time.temporary = vec![granted("alice", 1001), granted("alice", 900), granted("root", 2000)];
        let ground = asks(&for_a_time, &caller(1000, &[])).unwrap();
        assert_eq!(ground.to_string(), "user alice until instant 1001 (1 s more)");
        assert!(matches!(asks(&for_a_time, &caller(1001, &[])), Err(Denial::NotListed { .. })));
        for_a_time.temporary[0].until = 1000;
        let denial = asks(&for_a_time, &caller(1000, &[])).unwrap_err();
        assert_eq!(denial.to_string(), "what you were granted ended at instant 1001");
        assert!(denial.hint("tcpdump", "alice").contains("capwrap grant tcpdump --user alice"), "{denial:?}");
    }

    #[test]
    fn who_is_named_for_good_may_after_a_temporary_grant_has_ended() {
        let mut both = allow(&[], &["capwrap"]);
        both.temporary = vec![granted("alice", 10)];
        assert_eq!(asks(&both, &caller(1000, &[998])), Ok(AllowedBy::Group(Identity::Name("capwrap".into()))));
    }

    #[test]
    fn until_ends_a_temporary_grant_as_well() {
        let mut ends_first = allow(&[], &[]);
        ends_first.temporary = vec![granted("alice", 2000)];
        ends_first.until = Some(1000);
        assert_eq!(asks(&ends_first, &caller(1000, &[])), Err(Denial::Expired));
    }

    #[test]
    fn a_blank_reason_is_none() {
        let mut demanding = allow(&["alice"], &[]);
        demanding.reason = true;
        for (reason, may) in [(None, false), (Some("  "), false), (Some("ticket 7"), true)] {
            assert_eq!(authorise(&demanding, &caller(1000, &[]), &local(), 0, reason).is_ok(), may, "{reason:?}");
        }
    }
}
