//! Reads the capability rules of AppArmor profiles (apparmor.d(5), "Capability rules").

use crate::dialects::engine::rules::capability;
use crate::dialects::grant::{Side, all};
use anyhow::{Context, Result};
use capwrap_core::CapabilitySet;
use capwrap_core::text::printable;

/// Words that may stand before `capability` in a rule.
const QUALIFIERS: [&str; 7] = ["audit", "allow", "deny", "owner", "quiet", "prompt", "access"];

/// A profile that is being read.
#[derive(Default)]
struct Profile {
    name: String,
    is_enforced: bool,
    allowed: CapabilitySet,
    denied: CapabilitySet,
    included: Vec<String>,
}

/// Returns the profiles of a text by their names, or `None` for a text that has no profile.
///
/// # Errors
/// A rule names no capability of Linux. The error has its line.
pub fn read(text: &str) -> Result<Option<Vec<(String, Side)>>> {
    if !is_one(text) {
        return Ok(None);
    }
    let (mut found, mut open): (Vec<Profile>, Vec<Option<Profile>>) = (Vec::new(), Vec::new());
    let mut statement: Vec<&str> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let mut words = line.split_whitespace().peekable();
        let is_include = |word: &str| word == "#include" || word == "include";
        if words.peek().is_some_and(|word| is_include(word)) {
            let path = words.filter(|word| !["if", "exists"].contains(word)).nth(1).unwrap_or_default();
            // The tunables are variables alone.
            let path = path.trim_matches(['<', '>', '"', ',']);
            let profile = open.iter_mut().rev().flatten().next();
            if let Some(profile) = profile.filter(|_| !path.starts_with("tunables/")) {
                profile.included.push(path.to_owned());
            }
            continue;
        }
        // A brace that opens a block can stand at the end of a word.
        let words = words.flat_map(|word| match word.strip_suffix('{').filter(|rest| !rest.is_empty()) {
            Some(word) => vec![word, "{"],
            None => vec![word],
        });
        for word in words {
            match word {
                word if word.starts_with('#') => break,
                "{" => {
                    let header = std::mem::take(&mut statement);
                    open.push(profile(&header));
                }
                word if word.starts_with('}') => {
                    statement.clear();
                    found.extend(open.pop().flatten());
                }
                word => {
                    statement.push(word);
                    if word.ends_with(',') {
                        let rule = std::mem::take(&mut statement);
                        // A condition is no profile of its own.
                        if let Some(profile) = open.iter_mut().rev().flatten().next() {
                            apply(profile, &rule).with_context(|| format!("line {}", at + 1))?;
                        }
                    }
                }
            }
        }
    }
    found.extend(open.into_iter().rev().flatten());
    Ok(Some(found.into_iter().map(|profile| (profile.name.clone(), side(&profile))).collect()))
}

/// Whether a text has a profile: a header that ends with a brace, or a rule about capabilities.
fn is_one(text: &str) -> bool {
    let lines = || text.lines().map(|line| line.split_once('#').map_or(line, |(line, _)| line).trim());
    let is_rule = |line: &str| rule(&line.split_whitespace().collect::<Vec<_>>()).is_some() && line.ends_with(',');
    let is_header =
        |line: &str| line.ends_with('{') && (line.starts_with("profile ") || line.starts_with(['/', '"', '@']));
    lines().any(|line| line.ends_with('{'))
        && (lines().any(is_rule) || lines().any(|line| is_header(line) && line.len() > 3))
        && lines().any(|line| line.contains('}'))
}

/// Returns the profile that a header begins, or `None` for the header of a condition.
fn profile(header: &[&str]) -> Option<Profile> {
    let names = header.strip_prefix(&["profile"]).or_else(|| header.strip_prefix(&["hat"])).unwrap_or(header);
    if header.first().is_some_and(|word| ["if", "else", "}"].contains(word)) {
        return None;
    }
    let flags = header.join(" ");
    let is_enforced = !["complain", "unconfined", "prompt"]
        .iter()
        .any(|mode| flags.split(['(', ')', ',', ' ']).any(|word| word == *mode));
    let name = names.first().unwrap_or(&"profile").trim_matches('"').to_owned();
    Some(Profile { name, is_enforced, ..Profile::default() })
}

/// Splits a rule about capabilities into whether it denies and the names. It returns `None` for another rule.
fn rule<'w>(words: &'w [&'w str]) -> Option<(bool, impl Iterator<Item = &'w str>)> {
    let is_before = |word: &&str| QUALIFIERS.contains(word) || word.starts_with("priority=");
    let at = words.iter().take_while(|word| is_before(word)).count();
    let is_denied = words[..at].contains(&"deny");
    (words.get(at)?.trim_end_matches(',') == "capability").then(|| {
        let names = words[at + 1..].iter().flat_map(|word| word.split(',')).filter(|name| !name.is_empty());
        (is_denied, names)
    })
}

fn apply(profile: &mut Profile, words: &[&str]) -> Result<()> {
    let Some((is_denied, names)) = rule(words) else { return Ok(()) };
    let named = names.map(capability).collect::<Result<CapabilitySet>>()?;
    // Without a name, a rule is about every capability.
    let set = if named.is_empty() { all() } else { named };
    let list = if is_denied { &mut profile.denied } else { &mut profile.allowed };
    *list = list.union(set);
    Ok(())
}

fn side(profile: &Profile) -> Side {
    let (allowed, decided) = if profile.is_enforced {
        (profile.allowed, "what the profile allows of the capabilities that a process has; it grants none")
    } else {
        (all(), "what the profile does not deny: it is not enforced, and logs the rest")
    };
    let mut side = Side::new("AppArmor profile", allowed.without(profile.denied), decided);
    if !profile.included.is_empty() {
        let names = printable::text(profile.included.join(", "));
        side.notes.push(format!("what profile {} includes was not read: {names}", printable::text(&profile.name)));
    }
    side
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialects::grant::shown;

    #[test]
    fn a_profile_limits_to_what_it_allows_and_does_not_deny() {
        let text = "abi <abi/4.0>,\ninclude <tunables/global>\nprofile a /usr/bin/{a,b} flags=(attach_disconnected) {\n  \
            #include <abstractions/base>\n  capability net_raw, # capability sys_admin,\n\taudit  capability\tsetuid setgid,\r\n  \
            deny capability setgid,\n  /usr/{bin,sbin}/x rix,\n  ^hat {\n    capability kill,\n  }\n  \
            if $x {\n    capability chown,\n  }\n}\n/usr/bin/c {\n  capability,\n  deny capability sys_admin,\n}\n\
            profile d flags=(complain){\n}\nprofile e {\n capability kill, }\n";
        let found = read(text).unwrap().unwrap();
        let sets: Vec<_> = found.iter().map(|(name, side)| (name.as_str(), shown(side.grant))).collect();
        let expected = [
            ("^hat", "cap_kill"),
            ("a", "cap_chown,cap_setuid,cap_net_raw"),
            ("/usr/bin/c", "all but cap_sys_admin"),
            ("d", "all"),
            ("e", "cap_kill"),
        ];
        assert_eq!(sets, expected.map(|(name, set)| (name, set.to_owned())));
        assert_eq!(found[1].1.notes, ["what profile a includes was not read: abstractions/base"]);
        let error = format!("{:#}", read("profile x {\n  capability what,\n}\n").unwrap_err());
        assert!(error.starts_with("line 2: unknown capability"), "{error}");
        for other in ["location /x {\n}\n", "x {\n}\n", "capability net_raw,\n"] {
            assert!(read(other).unwrap().is_none(), "{other}");
        }
    }
}
