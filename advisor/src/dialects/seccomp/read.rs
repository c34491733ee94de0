//! Reads what a seccomp profile refuses.

use crate::dialects::compose::files::Files;
use crate::dialects::grant::Side;
use crate::dialects::json::{array, strings, text};
use crate::dialects::seccomp::calls::{Calls, known};
use capwrap_core::text::printable;
use serde_json::Value;
use std::collections::BTreeSet;

/// Reads what a side says of its profile: `unconfined`, the profile itself as engines report it, or the name of a file that
/// lies beside the one that was read.
pub fn add(side: &mut Side, files: &Files) {
    let Some(said) = side.seccomp.take() else { return };
    let unread = |why: String| format!("its seccomp profile {why}, and is not compared");
    let read = match said.as_str() {
        "unconfined" => Ok(Calls::default()),
        // The engine's own, which depends on its version.
        "" | "builtin" | "RuntimeDefault" => return,
        own if own.starts_with('{') => {
            serde_json::from_str(own).map_err(|_| unread("is no JSON".to_owned())).and_then(|it| calls(&it))
        }
        path => match files.read(path) {
            Ok((profile, _)) => calls(&profile),
            Err(why) => Err(unread(format!("{} {why}", printable::text(path)))),
        },
    };
    match read {
        Ok(calls) => side.stated.calls = Some(calls),
        Err(note) => side.notes.push(note),
    }
}

/// Returns what a profile refuses.
///
/// # Errors
/// The profile cannot be compared. The error is a note for the reader.
pub fn calls(profile: &Value) -> Result<Calls, String> {
    let rules = array(&profile["syscalls"]);
    let is_permissive =
        |action: &Value| ["SCMP_ACT_ALLOW", "SCMP_ACT_LOG"].iter().any(|permissive| action == permissive);
    if !profile["defaultAction"].is_string() {
        return Err("its seccomp profile has no defaultAction, and is not compared".to_owned());
    }
    let is_set = |value: &Value| value.as_object().is_some_and(|object| !object.is_empty());
    if rules.iter().any(|rule| is_set(&rule["includes"]) || is_set(&rule["excludes"])) {
        return Err(
            "its seccomp profile depends on capabilities or the kernel (includes, excludes), and is not compared"
                .to_owned(),
        );
    }
    let (mut whole, mut part) = (BTreeSet::new(), BTreeSet::new());
    let permits = is_permissive(&profile["defaultAction"]);
    for rule in rules.iter().filter(|rule| is_permissive(&rule["action"]) != permits) {
        let set = if array(&rule["args"]).is_empty() { &mut whole } else { &mut part };
        set.extend(strings(&rule["names"]));
        set.extend(text(&rule["name"]));
    }
    let mut calls = Calls::default();
    for call in known() {
        match (whole.contains(call), part.contains(call)) {
            (true, _) if permits => calls.refuse(call),
            (false, false) if !permits => calls.refuse(call),
            (false, true) => calls.refuse_in_part(call),
            _ => {}
        }
    }
    Ok(calls)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_profile_says_what_it_allows_or_what_it_refuses() {
        let allows = json!({ "defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
            { "names": ["read", "socket"], "action": "SCMP_ACT_ALLOW" },
            { "names": ["clone"], "action": "SCMP_ACT_ALLOW", "args": [{ "index": 0 }] },
            { "names": ["mount"], "action": "SCMP_ACT_ERRNO" },
        ]});
        let read = calls(&allows).unwrap();
        assert!(read.refused.contains("mount") && !read.refused.contains("read") && !read.refused.contains("clone"));
        assert_eq!(read.in_part.iter().collect::<Vec<_>>(), ["clone"]);
        let refuses = json!({ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
            { "names": ["mount", "no_such_call"], "action": "SCMP_ACT_KILL_PROCESS" },
            { "name": "clone", "action": "SCMP_ACT_ERRNO", "args": [{ "index": 0 }] },
        ]});
        let read = calls(&refuses).unwrap();
        assert_eq!(read.refused.iter().collect::<Vec<_>>(), ["mount"]);
        assert_eq!(read.in_part.iter().collect::<Vec<_>>(), ["clone"]);
    }

    #[test]
    fn what_cannot_be_compared_is_a_note() {
        let of = |said: &str| {
            let mut side = Side { seccomp: Some(said.to_owned()), ..Side::default() };
            add(&mut side, &Files::none());
            (side.stated.calls, side.notes)
        };
        assert_eq!(of("unconfined"), (Some(Calls::default()), Vec::new()));
        for said in [
            "{",
            "{}",
            "p.json",
            "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": [{\"includes\": {\"caps\": []}}]}",
        ] {
            let (calls, notes) = of(said);
            assert!(calls.is_none() && notes[0].ends_with("and is not compared"), "{said}: {notes:?}");
        }
    }
}
