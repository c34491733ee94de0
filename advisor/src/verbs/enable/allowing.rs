//! Whom `enable` allows: the users and groups that are named, and what becomes of those whom the policy allowed before.

use crate::host::caller;
use crate::output::error::hinted;
use crate::store::policy_edit::{Change, Name};
use anyhow::Result;
use capwrap_core::decision::accounts;
use capwrap_core::policy::{Allow, Identity};
use capwrap_core::text::{printable, shell};
use nix::unistd::{Group, User};
use std::collections::BTreeSet;

/// Keeps a name that the local file has. Turns a name that only a directory server knows into a number, because the
/// launcher never asks such a server.
///
/// # Errors
/// Nobody knows the name.
pub fn user(given: &str) -> Result<Name> {
    let local = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    if given.starts_with('#') || accounts::user_id(&local, given).is_some() {
        return Ok(Name::from(given));
    }
    match User::from_name(given)? {
        Some(user) => Ok(Name::of_directory_server(user.uid.as_raw(), given)),
        None => Err(hinted(format!("no user {given:?}"), "name one that exists, or a number as in '#1001'")),
    }
}

/// Does the same for a group.
///
/// # Errors
/// Nobody knows the name.
pub fn group(given: &str) -> Result<Name> {
    let local = std::fs::read_to_string("/etc/group").unwrap_or_default();
    if given.starts_with('#') || accounts::group_id(&local, given).is_some() {
        return Ok(Name::from(given));
    }
    match Group::from_name(given)? {
        Some(group) => Ok(Name::of_directory_server(group.gid.as_raw(), given)),
        None => {
            let hint = shell::argument(given).map(|group| format!("groupadd {group}"));
            Err(hinted(format!("no group {given:?}"), hint.unwrap_or_else(|| "name one that exists".to_owned())))
        }
    }
}

/// Describes what naming these users and groups changed, in lines; none if nobody was named.
pub fn described(change: &Change, before: Option<&Allow>) -> Vec<String> {
    let users = change.users.iter().map(|name| ("user", name, before.map(|allow| &allow.users)));
    let groups = change.groups.iter().map(|name| ("group", name, before.map(|allow| &allow.groups)));
    let for_a_time = change.temporary.iter().map(|granted| ("user", &granted.user, before.map(|allow| &allow.users)));
    let named: Vec<(&str, &Name, Option<&Vec<Identity>>)> = users.chain(groups).chain(for_a_time).collect();
    if named.is_empty() {
        return Vec::new();
    }
    let mut lines = Vec::new();
    if change.keeps_allowed {
        let is_new = |known: &Option<&Vec<Identity>>, name: &Name| {
            known.is_none_or(|known| known.iter().all(|one| one.to_string() != name.text))
        };
        let (new, old): (Vec<_>, Vec<_>) = named.iter().partition(|(_, name, known)| is_new(known, name));
        let list = |all: Vec<&(&str, &Name, Option<&Vec<Identity>>)>| {
            all.iter()
                .map(|(word, name, _)| format!("{word} {}", printable::text(&name.text)))
                .collect::<Vec<_>>()
                .join(", ")
        };
        if !new.is_empty() {
            lines.push(format!("added: {}", list(new)));
        }
        if !old.is_empty() {
            lines.push(format!("allowed already: {}", list(old)));
        }
    } else if let Some(before) = before.filter(|before| !is_all(change, before)) {
        lines.push(format!("in place of {}", printable::text(caller::allowed(before))));
    }
    for (word, name, _) in named {
        if let Some(given) = &name.given {
            let given = printable::text(given);
            lines.push(format!(
                "{} is the {word} {given}, whom the local files do not have",
                printable::text(&name.text)
            ));
        }
    }
    lines
}

/// Whether the policy allowed those who are named, and nobody else.
fn is_all(change: &Change, before: &Allow) -> bool {
    let same = |named: &[Name], known: &[Identity]| {
        named.iter().map(|name| name.text.clone()).collect::<BTreeSet<_>>()
            == known.iter().map(ToString::to_string).collect::<BTreeSet<_>>()
    };
    same(&change.users, &before.users) && same(&change.groups, &before.groups)
}

#[cfg(test)]
mod tests {
    use super::*;
    use capwrap_core::policy::Policy;

    #[test]
    fn who_is_named_takes_the_place_of_others_in_a_policy_that_is_not_enabled_and_is_added_to_one_that_is() {
        let policy =
            Policy::read("schema = 1\ntool = { path = \"/t\" }\nallow = { groups = [\"capwrap\"] }\n").unwrap();
        let names = |names: &[&str]| names.iter().map(|name| Name::from(*name)).collect::<Vec<_>>();
        let change = |groups, keeps_allowed| Change {
            users: vec![Name::of_directory_server(7001, "carol")],
            groups,
            keeps_allowed,
            ..Change::default()
        };
        let carol = "#7001 is the user carol, whom the local files do not have";
        assert_eq!(described(&change(names(&[]), false), Some(&policy.allow)), ["in place of group capwrap", carol]);
        assert_eq!(
            described(&change(names(&["net", "capwrap"]), true), Some(&policy.allow)),
            ["added: user #7001, group net", "allowed already: group capwrap", carol]
        );
        let same = Change { groups: names(&["capwrap"]), ..Change::default() };
        for change in [same, Change::default()] {
            assert_eq!(described(&change, Some(&policy.allow)), Vec::<String>::new());
        }
    }
}
