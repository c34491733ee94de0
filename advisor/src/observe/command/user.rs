//! The user to run the command as.

use crate::host::caller;
use anyhow::{Context, Result, bail};
use nix::unistd::{Gid, Uid, getgrouplist};
use std::ffi::CString;

/// A user to run the command as.
#[derive(Clone, Debug)]
pub struct User {
    /// The name; `None` for a number that no account has.
    pub name: Option<String>,
    pub uid: u32,
    pub gid: u32,
    pub groups: Vec<u32>,
    /// Whether nobody named the user. If so, a note names the user.
    pub assumed: bool,
}

impl User {
    /// Whether it is another user than the one of this process.
    pub fn is_another(&self) -> bool {
        self.uid != nix::unistd::geteuid().as_raw()
    }
}

/// Finds the user: the one that `--user` names, otherwise the one who called sudo or doas, otherwise the one who logged
/// in, otherwise `nobody`. Root is not used, because root owns the files and many checks would never happen.
pub fn meant_for(named: Option<&str>) -> Result<User> {
    if let Some(name) = named {
        return self::named(name);
    }
    let of_variable = |name: &str| std::env::var(name).ok().filter(|user| user != "root");
    if let Some(name) = of_variable("SUDO_USER").or_else(|| of_variable("DOAS_USER")) {
        if let Some(user) = find(&name)? {
            return Ok(user);
        }
    }
    let logged_in = caller::logged_in().filter(|uid| *uid != 0);
    if let Some(user) = logged_in.and_then(|uid| nix::unistd::User::from_uid(Uid::from_raw(uid)).ok().flatten()) {
        return with_groups(user);
    }
    let nobody = find("nobody")?.context("name who is to run it: --user NAME")?;
    Ok(User { assumed: true, ..nobody })
}

/// Finds the user with this name, or this number. A number that no account has is a user too, as it is to the kernel:
/// one without a name, whose only group has the same number.
///
/// # Errors
/// No user has this name, or the number is none that a user can have.
pub fn named(name: &str) -> Result<User> {
    if let Some(user) = find(name)? {
        return Ok(user);
    }
    // (uid_t)-1 means "leave it" to setresuid(2), and no user has it.
    match number(name).filter(|uid| *uid != u32::MAX) {
        Some(uid) => Ok(User { name: None, uid, gid: uid, groups: Vec::new(), assumed: false }),
        None => bail!("there is no user {name}"),
    }
}

fn number(name: &str) -> Option<u32> {
    // The standard library takes a sign before a number.
    let digits = name.strip_prefix('#').unwrap_or(name);
    digits.parse().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Finds a user by name or by number.
fn find(name: &str) -> Result<Option<User>> {
    let found = match number(name) {
        Some(uid) => nix::unistd::User::from_uid(Uid::from_raw(uid)),
        None => nix::unistd::User::from_name(name),
    };
    found.with_context(|| format!("cannot look up the user {name}"))?.map(with_groups).transpose()
}

fn with_groups(user: nix::unistd::User) -> Result<User> {
    let name = CString::new(user.name.as_str()).context("a user's name with a NUL")?;
    let groups =
        getgrouplist(&name, user.gid).with_context(|| format!("cannot look up the groups of {}", user.name))?;
    Ok(User {
        name: Some(user.name),
        uid: user.uid.as_raw(),
        gid: user.gid.as_raw(),
        groups: groups.into_iter().map(Gid::as_raw).collect(),
        assumed: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_name_and_by_number() {
        assert_eq!(meant_for(Some("root")).unwrap().uid, 0);
        assert_eq!(meant_for(Some("0")).unwrap().name.as_deref(), Some("root"));
        assert_eq!(meant_for(Some("#0")).unwrap().name.as_deref(), Some("root"));
    }

    #[test]
    fn a_number_without_an_account_is_a_user_without_a_name() {
        let user = meant_for(Some("3999999999")).unwrap();
        assert_eq!((user.name, user.uid, user.gid), (None, 3_999_999_999, 3_999_999_999));
        assert_eq!(user.groups, [0; 0]);
    }

    #[test]
    fn a_user_who_does_not_exist_is_an_error() {
        for name in ["no-such-user", "4294967295", "4294967296", "#", "+5", "#+5", "-0"] {
            let error = meant_for(Some(name)).unwrap_err();
            assert_eq!(error.to_string(), format!("there is no user {name}"));
        }
    }
}
