//! sudoers(5), as `cvtsudoers -f json` prints it: the rules, with their aliases expanded.
//!
//! The keys are those of sudo's `plugins/sudoers/fmtsudoers_cvt.c` and `cvtsudoers_json.c` (1.9): an element of a list names one
//! of `username`, `userid`, `usergroup`, `usergid`, `netgroup`, `nonunixgroup`, `hostname`, `networkaddr`, `command`, or an
//! alias, and is excluded where it has `negated`.

use crate::analysis::sudo_rules::{Command, Member, Rule, Who};
use crate::dialects::json::text;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::cell::Cell;

/// How deep aliases may lie in each other. Sudo refuses an alias that contains itself.
const DEPTH: usize = 64;
/// How many elements lists have together, with the aliases expanded. A few that name each other several times would otherwise
/// take for ever, or fill the memory.
const MOST: u32 = 1_000_000;

/// All that was read, and how many elements were seen so far.
struct Whole<'v> {
    value: &'v Value,
    seen: Cell<u32>,
}

/// What is said of a text that is no JSON, as /etc/sudoers itself is none.
pub const NO_JSON: &str = "it is no JSON, as cvtsudoers -f json prints the rules of sudo";

/// Reads the rules.
///
/// # Errors
/// The text is no JSON, or not what cvtsudoers prints; an alias is not defined, or contains itself.
pub fn read(text: &str) -> Result<Vec<Rule>> {
    let whole: Value = serde_json::from_str(text).context(NO_JSON)?;
    if !whole.is_object() || whole.get("User_Specs").is_none() && whole.get("Defaults").is_none() {
        bail!("not what cvtsudoers -f json prints: there are no User_Specs");
    }
    let whole = Whole { value: &whole, seen: Cell::new(0) };
    let run_as = runas_default(&whole)?;
    let mut rules = Vec::new();
    for specification in list(whole.value, "User_Specs")? {
        let users = members(&whole, specification, "User_List")?;
        let hosts = members(&whole, specification, "Host_List")?;
        for one in list(specification, "Cmnd_Specs")? {
            whole.count()?;
            let mut rule = rule(&whole, one)?;
            if rule.run_as.is_empty() && !rule.names_groups {
                rule.run_as.clone_from(&run_as);
            }
            rules.push(Rule { users: users.clone(), hosts: hosts.clone(), ..rule });
        }
    }
    Ok(rules)
}

impl Whole<'_> {
    fn count(&self) -> Result<()> {
        self.seen.set(self.seen.get() + 1);
        if self.seen.get() > MOST {
            bail!("the lists have more than {MOST} elements, with their aliases");
        }
        Ok(())
    }
}

/// Returns a list. Where it is something else, the rule could mean more than what was read of it.
fn list<'v>(of: &'v Value, key: &str) -> Result<&'v [Value]> {
    match of.get(key) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(list)) => Ok(list),
        Some(_) => bail!("{key} is no list"),
    }
}

/// Whom commands run as where no rule says it, if that is not root. Defaults can hold for some users alone; here they hold
/// for all, so that no command is taken for one of root's that is none.
fn runas_default(whole: &Whole) -> Result<Vec<Member>> {
    let mut found = Vec::new();
    for defaults in list(whole.value, "Defaults")? {
        for option in list(defaults, "Options")? {
            if let Some(name) = option.get("runas_default") {
                let name = name.as_str().context("runas_default is no name")?;
                found = vec![Member { who: Who::User(name.to_owned()), negated: false }];
            }
        }
    }
    Ok(found)
}

fn rule(whole: &Whole, one: &Value) -> Result<Rule> {
    let mut rule = Rule {
        run_as: members(whole, one, "runasusers")?,
        names_groups: !list(one, "runasgroups")?.is_empty(),
        ..Rule::default()
    };
    for option in list(one, "Options")?.iter().filter_map(Value::as_object).flatten() {
        match (option.0.as_str(), option.1) {
            ("authenticate", Value::Bool(asks)) => rule.no_password = !asks,
            ("noexec", Value::Bool(is_set)) => rule.no_exec = *is_set,
            (_, Value::Bool(false)) => {}
            (name, Value::Bool(true)) => rule.options.push(name.to_owned()),
            (name, value) => rule.options.push(format!("{name}={}", text(value).unwrap_or_default())),
        }
    }
    for element in list(one, "Commands")? {
        commands(whole, element, false, DEPTH, &mut rule.commands)?;
    }
    Ok(rule)
}

fn is_negated(element: &Value) -> Result<bool> {
    match element.get("negated") {
        None => Ok(false),
        Some(value) => value.as_bool().context("negated is neither true nor false"),
    }
}

/// The elements of the alias that this element names by one of these keys.
fn alias<'w>(whole: &Whole<'w>, element: &Value, keys: &[(&str, &str)], depth: usize) -> Result<Option<&'w [Value]>> {
    let value: &'w Value = whole.value;
    for (key, aliases) in keys {
        let Some(name) = element.get(*key).and_then(Value::as_str) else { continue };
        if depth == 0 {
            bail!("the alias {name} contains itself");
        }
        if value[aliases].get(name).is_none() {
            bail!("the alias {name} is not defined");
        }
        return list(&value[aliases], name).map(Some);
    }
    Ok(None)
}

fn commands(whole: &Whole, element: &Value, negated: bool, depth: usize, found: &mut Vec<Command>) -> Result<()> {
    let negated = negated != is_negated(element)?;
    whole.count()?;
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

fn members(whole: &Whole, of: &Value, key: &str) -> Result<Vec<Member>> {
    let mut found = Vec::new();
    for element in list(of, key)? {
        member(whole, element, false, DEPTH, &mut found)?;
    }
    Ok(found)
}

fn member(whole: &Whole, element: &Value, negated: bool, depth: usize, found: &mut Vec<Member>) -> Result<()> {
    let negated = negated != is_negated(element)?;
    whole.count()?;
    let aliases = [("useralias", "User_Aliases"), ("runasalias", "Runas_Aliases"), ("hostalias", "Host_Aliases")];
    if let Some(inner) = alias(whole, element, &aliases, depth)? {
        return inner.iter().try_for_each(|one| member(whole, one, negated, depth - 1, found));
    }
    let name = |key: &str| element.get(key).and_then(Value::as_str).map(str::to_owned);
    let id = |key: &str| element.get(key).and_then(Value::as_u64);
    let who = if let Some(name) = name("username").or_else(|| name("hostname")) {
        if name == "ALL" { Who::All } else { Who::User(name) }
    } else if let Some(id) = id("userid") {
        Who::User(format!("#{id}"))
    } else if let Some(name) = name("usergroup") {
        Who::Group(name)
    } else if let Some(id) = id("usergid") {
        Who::Group(format!("#{id}"))
    } else if let Some(address) = name("networkaddr") {
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
    fn where_no_rule_says_whom_a_command_runs_as_the_defaults_do() {
        let text = r#"{ "Defaults": [ { "Binding": [ { "username": "a" } ], "Options": [ { "runas_default": "operator" } ] } ],
            "User_Specs": [ { "User_List": [ { "username": "a" } ], "Cmnd_Specs": [
                { "Commands": [ { "command": "/x" } ] },
                { "runasusers": [ { "username": "root" } ], "Commands": [ { "command": "/x" } ] } ] } ] }"#;
        let run_as = |rule: &Rule| rule.run_as.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(read(text).unwrap().iter().map(run_as).collect::<Vec<_>>(), [["operator"], ["root"]]);
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
        // An alias of many users, which is named many times.
        let users = vec![r#"{"username":"a"}"#; 1001].join(",");
        let names = vec![r#"{"useralias":"A"}"#; 1001].join(",");
        let wide =
            format!(r#"{{ "User_Aliases": {{ "A": [{users}] }}, "User_Specs": [ {{ "User_List": [{names}] }} ] }}"#);
        for (text, because) in [
            (doubled.as_str(), "more than 1000000 elements"),
            (wide.as_str(), "more than 1000000 elements"),
            (
                r#"{ "User_Specs": [ { "User_List": [ { "username": "a", "negated": "true" } ] } ] }"#,
                "negated is neither",
            ),
            (
                r#"{ "User_Specs": [ { "Cmnd_Specs": [ { "runasusers": { "username": "a" } } ] } ] }"#,
                "runasusers is no list",
            ),
            (r#"{ "User_Specs": {} }"#, "User_Specs is no list"),
            ("root ALL=(ALL) ALL", NO_JSON),
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
