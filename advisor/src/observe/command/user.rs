//! The user that a command is meant for.

use anyhow::{Context, Result};
use nix::unistd::{Gid, Uid, getgrouplist};
use std::ffi::CString;
use std::path::PathBuf;

/// A user, as the command is to run.
#[derive(Clone, Debug)]
pub struct User {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
    pub groups: Vec<u32>,
    pub home: PathBuf,
    pub shell: PathBuf,
    /// Whether nobody named the user: then a note says who it is.
    pub assumed: bool,
}

/// Who `--user` names; else who called sudo or doas; else who logged in; else nobody, since as root
/// many checks never happen: root owns the files.
pub fn meant_for(named: Option<&str>) -> Result<User> {
    if let Some(name) = named {
        return find(name)?.with_context(|| format!("there is no user {name}"));
    }
    let of_variable = |name: &str| std::env::var(name).ok().filter(|user| user != "root");
    if let Some(name) = of_variable("SUDO_USER").or_else(|| of_variable("DOAS_USER")) {
        if let Some(user) = find(&name)? {
            return Ok(user);
        }
    }
    if let Some(user) = logged_in().and_then(|uid| nix::unistd::User::from_uid(Uid::from_raw(uid)).ok().flatten()) {
        return with_groups(user);
    }
    let nobody = find("nobody")?.context("name who is to run it: --user NAME")?;
    Ok(User { assumed: true, ..nobody })
}

/// A name, or a number.
fn find(name: &str) -> Result<Option<User>> {
    let found = match name.trim_start_matches('#').parse::<u32>() {
        Ok(uid) => nix::unistd::User::from_uid(Uid::from_raw(uid)),
        Err(_) => nix::unistd::User::from_name(name),
    };
    found.with_context(|| format!("cannot look up the user {name}"))?.map(with_groups).transpose()
}

fn with_groups(user: nix::unistd::User) -> Result<User> {
    let name = CString::new(user.name.as_str()).context("a user's name with a NUL")?;
    let groups =
        getgrouplist(&name, user.gid).with_context(|| format!("cannot look up the groups of {}", user.name))?;
    Ok(User {
        name: user.name,
        uid: user.uid.as_raw(),
        gid: user.gid.as_raw(),
        groups: groups.into_iter().map(Gid::as_raw).collect(),
        home: user.dir,
        shell: user.shell,
        assumed: false,
    })
}

/// The audit subsystem's word for who logged in; unset is the largest number.
fn logged_in() -> Option<u32> {
    let text = std::fs::read_to_string("/proc/self/loginuid").ok()?;
    text.trim().parse().ok().filter(|uid| *uid != u32::MAX && *uid != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_name_and_by_number() {
        assert_eq!(meant_for(Some("root")).unwrap().uid, 0);
        assert_eq!(meant_for(Some("0")).unwrap().name, "root");
        assert_eq!(meant_for(Some("#0")).unwrap().name, "root");
    }

    #[test]
    fn a_user_who_does_not_exist_is_an_error() {
        let error = meant_for(Some("no-such-user")).unwrap_err();
        assert_eq!(error.to_string(), "there is no user no-such-user");
    }
}
