//! sudoers(5), as `cvtsudoers -f json` prints it: the rules, with their aliases expanded.
//!
//! The keys are those of sudo's `plugins/sudoers/fmtsudoers_cvt.c` and `cvtsudoers_json.c` (1.9): an element of a list names one
//! of `username`, `userid`, `usergroup`, `usergid`, `netgroup`, `nonunixgroup`, `hostname`, `networkaddr`, `command`, or an
//! alias, and is excluded where it has `negated`.

use crate::analysis::sudo_rules::{Command, Member, Rule, Who};
use crate::dialects::json::{array, text};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::cell::Cell;

/// How deep aliases may lie in each other. Sudo refuses an alias that contains itself.
const DEPTH: usize = 64;
/// How often aliases are expanded. A few that name each other several times would otherwise take for ever.
const MOST: u32 = 1_000_000;

/// All that was read, and how many aliases were expanded so far.
struct Whole<'v> {
    value: &'v Value,
    expanded: Cell<u32>,
}

/// Reads the rules.
///
/// # Errors
/// The text is no JSON, or not what cvtsudoers prints; an alias is not defined, or contains itself.
pub fn read(text: &str) -> Result<Vec<Rule>> {
    let whole: Value = serde_json::from_str(text).context("no JSON: cvtsudoers -f json prints it")?;
    if !whole.is_object() || whole.get("User_Specs").is_none() && whole.get("Defaults").is_none() {
        bail!("not what cvtsudoers -f json prints: there are no User_Specs");
    }
    let whole = Whole { value: &whole, expanded: Cell::new(0) };
    let mut rules = Vec::new();
    for specification in array(&whole.value["User_Specs"]) {
        let users = members(&whole, &specification["User_List"])?;
        let hosts = members(&whole, &specification["Host_List"])?;
        for one in array(&specification["Cmnd_Specs"]) {
            rules.push(rule(&whole, users.clone(), hosts.clone(), one)?);
        }
    }
    Ok(rules)
}

fn rule(whole: &Whole, users: Vec<Member>, hosts: Vec<Member>, one: &Value) -> Result<Rule> {
    let mut rule = Rule {
        users,
        hosts,
        run_as: members(whole, &one["runasusers"])?,
        names_groups: !array(&one["runasgroups"]).is_empty(),
        ..Rule::default()
    };
    for option in array(&one["Options"]).iter().filter_map(Value::as_object).flatten() {
        match (option.0.as_str(), option.1) {
            ("authenticate", Value::Bool(asks)) => rule.no_password = !asks,
            ("noexec", Value::Bool(is_set)) => rule.no_exec = *is_set,
            (_, Value::Bool(false)) => {}
            (name, Value::Bool(true)) => rule.options.push(name.to_owned()),
            (name, value) => rule.options.push(format!("{name}={}", text(value).unwrap_or_default())),
        }
    }
    for element in array(&one["Commands"]) {
        commands(whole, element, false, DEPTH, &mut rule.commands)?;
    }
    Ok(rule)
}

fn is_negated(element: &Value) -> bool {
    element["negated"].as_bool().unwrap_or(false)
}

/// The elements of the alias that this element names by one of these keys.
fn alias<'w>(whole: &Whole<'w>, element: &Value, keys: &[(&str, &str)], depth: usize) -> Result<Option<&'w [Value]>> {
    for (key, aliases) in keys {
        let Some(name) = element.get(*key).and_then(Value::as_str) else { continue };
        if depth == 0 {
            bail!("the alias {name} contains itself");
        }
        whole.expanded.set(whole.expanded.get() + 1);
        if whole.expanded.get() > MOST {
            bail!("the aliases are named more than {MOST} times");
        }
        return whole.value[aliases]
            .get(name)
            .map(array)
            .map(Some)
            .with_context(|| format!("the alias {name} is not defined"));
    }
    Ok(None)
}

fn commands(whole: &Whole, element: &Value, negated: bool, depth: usize, found: &mut Vec<Command>) -> Result<()> {
    let negated = negated != is_negated(element);
    if let Some(inner) = alias(whole, element, &[("cmndalias", "Command_Aliases")], depth)? {
        return inner.iter().try_for_each(|one| commands(whole, one, negated, depth - 1, found));
    }
    let command = element.get("command").and_then(Value::as_str).context("a command is missing")?;
    let algorithms = ["sha224", "sha256", "sha384", "sha512"];
    let digests = algorithms.iter().flat_map(|algorithm| {
        let values = match &element[algorithm] {
            Value::Array(several) => several.clone(),
            one => vec![one.clone()],
        };
        values
            .into_iter()
            .filter_map(|one| Some(((*algorithm).to_owned(), one.as_str()?.to_owned())))
            .collect::<Vec<_>>()
    });
    found.push(Command { text: command.to_owned(), negated, digests: digests.collect() });
    Ok(())
}

fn members(whole: &Whole, list: &Value) -> Result<Vec<Member>> {
    let mut found = Vec::new();
    for element in array(list) {
        member(whole, element, false, DEPTH, &mut found)?;
    }
    Ok(found)
}

fn member(whole: &Whole, element: &Value, negated: bool, depth: usize, found: &mut Vec<Member>) -> Result<()> {
    let negated = negated != is_negated(element);
    let aliases = [("useralias", "User_Aliases"), ("runasalias", "Runas_Aliases"), ("hostalias", "Host_Aliases")];
    if let Some(inner) = alias(whole, element, &aliases, depth)? {
        return inner.iter().try_for_each(|one| member(whole, one, negated, depth - 1, found));
    }
    let value = |key: &str| element.get(key).and_then(text);
    let who = if let Some(name) = value("username").or_else(|| value("hostname")) {
        if name == "ALL" { Who::All } else { Who::User(name) }
    } else if let Some(id) = value("userid") {
        Who::User(format!("#{id}"))
    } else if let Some(name) = value("usergroup") {
        Who::Group(name)
    } else if let Some(id) = value("usergid") {
        Who::Group(format!("#{id}"))
    } else if let Some(address) = value("networkaddr") {
        Who::User(address)
    } else {
        let keys: Vec<String> = element
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(key, _)| *key != "negated")
            .map(|(key, value)| format!("{key} {}", text(value).unwrap_or_default()))
            .collect();
        Who::Other(keys.join(", "))
    };
    found.push(Member { who, negated });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_are_expanded_and_a_negation_goes_into_them() {
        let text = r#"{
            "User_Aliases": { "A": [ { "useralias": "B" }, { "username": "bob", "negated": true } ],
                              "B": [ { "usergroup": "netops" }, { "usergid": 33 } ] },
            "Command_Aliases": { "NET": [ { "command": "/usr/bin/tcpdump" }, { "command": "/x", "negated": true } ] },
            "User_Specs": [ {
                "User_List": [ { "useralias": "A" }, { "userid": 1001 }, { "netgroup": "n" } ],
                "Host_List": [ { "hostname": "ALL" } ],
                "Cmnd_Specs": [ {
                    "runasusers": [ { "username": "root" } ], "runasgroups": [ { "usergroup": "adm" } ],
                    "Options": [ { "authenticate": false }, { "noexec": true }, { "setenv": true }, { "notafter": "2030" } ],
                    "Commands": [ { "cmndalias": "NET", "negated": true }, { "command": "/y", "sha256": "d" } ]
                } ]
            } ] }"#;
        let rules = read(text).unwrap();
        assert_eq!(rules.len(), 1);
        let rule = &rules[0];
        let shown: Vec<String> = rule.users.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["group netops", "group #33", "not bob", "#1001", "netgroup n"]);
        assert!(rule.no_password && rule.no_exec && rule.names_groups);
        assert_eq!(rule.options, ["setenv", "notafter=2030"]);
        let commands: Vec<(&str, bool)> = rule.commands.iter().map(|one| (one.text.as_str(), one.negated)).collect();
        assert_eq!(commands, [("/usr/bin/tcpdump", true), ("/x", false), ("/y", false)]);
        assert_eq!(rule.commands[2].digests, [("sha256".to_owned(), "d".to_owned())]);
    }

    #[test]
    fn what_cvtsudoers_does_not_print_is_refused() {
        let own = r#"{ "User_Aliases": { "A": [ { "useralias": "A" } ] }, "User_Specs": [ { "User_List": [ { "useralias": "A" } ] } ] }"#;
        let doubled: Vec<String> =
            (0..30).map(|at| format!(r#""A{at}": [{{"useralias":"A{0}"}},{{"useralias":"A{0}"}}]"#, at + 1)).collect();
        let doubled = format!(
            r#"{{ "User_Aliases": {{ {}, "A30": [] }}, "User_Specs": [ {{ "User_List": [ {{ "useralias": "A0" }} ] }} ] }}"#,
            doubled.join(", ")
        );
        for (text, because) in [
            (doubled.as_str(), "more than 1000000 times"),
            ("root ALL=(ALL) ALL", "no JSON"),
            ("[]", "no User_Specs"),
            (r#"{ "User_Specs": [ { "User_List": [ { "useralias": "NO" } ] } ] }"#, "NO is not defined"),
            (own, "contains itself"),
            (r#"{ "User_Specs": [ { "Cmnd_Specs": [ { "Commands": [ {} ] } ] } ] }"#, "a command is missing"),
        ] {
            let error = format!("{:#}", read(text).unwrap_err());
            assert!(error.contains(because), "{error}");
        }
        assert_eq!(read(r#"{ "Defaults": [] }"#).unwrap(), []);
    }
}
