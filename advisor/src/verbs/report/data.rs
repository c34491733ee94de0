//! What a report says. The JSON and the page are made from this and from nothing else, and `--since` reads it again.

use serde::{Deserialize, Serialize};

/// A report.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    pub schema: u32,
    /// When it was made, in the form of RFC 3339.
    pub made: String,
    pub by: String,
    pub host: String,
    pub kernel: String,
    pub version: String,
    /// Whether everything could be read and checked.
    pub complete: bool,
    /// What could not be read or checked.
    pub notes: Vec<String>,
    pub records: Counts,
    /// The enabled policies, those that come closest to root first.
    pub policies: Vec<Policy>,
    /// What `capwrap verify` found besides the policies, such as the launcher.
    pub others: Vec<Other>,
    /// What is not as in an earlier report; null without one.
    pub changes: Option<Changes>,
}

/// How many records of which kind the logs keep.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Counts {
    /// The time of the oldest record.
    pub from: Option<String>,
    pub launched: u64,
    pub refused: u64,
    pub bypassed: u64,
    pub changes: u64,
}

/// An enabled policy.
#[derive(Debug, Serialize, Deserialize)]
pub struct Policy {
    pub name: String,
    pub summary: String,
    /// Its file.
    pub path: String,
    /// The digest of its text.
    pub sha256: String,
    /// The tool that it runs; null where none is installed.
    pub tool: Option<String>,
    pub users: Vec<String>,
    pub groups: Vec<String>,
    pub temporary: Vec<Temporary>,
    /// The instant from which nobody may run it.
    pub until: Option<String>,
    pub reason_demanded: bool,
    pub record_demanded: bool,
    pub grants: Vec<Grant>,
    /// What a caller may add.
    pub optional: Vec<String>,
    /// How close the closest of its capabilities comes to root: narrow, wide, near or root.
    pub closeness: String,
    /// The capabilities that come so close.
    pub closest: Vec<Closest>,
    /// The record of the change that made the policy what it is.
    pub enabled_by: Option<Event>,
    pub launches: u64,
    pub last_use: Option<Event>,
    pub refusals: u64,
    pub last_refusal: Option<Event>,
    /// What `capwrap verify` says of it that is not right.
    pub findings: Vec<Finding>,
}

/// A user who may run a tool for a time.
#[derive(Debug, Serialize, Deserialize)]
pub struct Temporary {
    pub user: String,
    pub until: String,
    /// Whether it still holds.
    pub holds: bool,
    pub reason: Option<String>,
    pub by: Option<String>,
}

/// What a policy grants under some conditions.
#[derive(Debug, Serialize, Deserialize)]
pub struct Grant {
    pub capabilities: Vec<String>,
    /// What the capabilities are for.
    pub scope: Option<String>,
    pub conditions: Vec<String>,
    pub why: Option<String>,
}

/// A capability that comes closest to root.
#[derive(Debug, Serialize, Deserialize)]
pub struct Closest {
    pub capability: String,
    /// The steps from it to root, or to its effect on others.
    pub escalation: Option<String>,
}

/// Something that a record reports.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Event {
    /// A word such as launched, refused, enabled or granted.
    pub event: String,
    pub time: String,
    pub user: String,
    pub reason: Option<String>,
}

/// A line of `capwrap verify`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Finding {
    /// note or problem
    pub judgement: String,
    pub name: String,
    pub value: Option<String>,
    pub means: Option<String>,
    pub hint: Option<String>,
}

impl Finding {
    /// What was found, in words.
    pub fn said(&self) -> String {
        [&self.value, &self.means].into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(": ")
    }
}

/// A subject of `capwrap verify` that is no policy.
#[derive(Debug, Serialize, Deserialize)]
pub struct Other {
    pub kind: String,
    pub name: String,
    pub findings: Vec<Finding>,
}

/// The difference from an earlier report.
#[derive(Debug, Serialize, Deserialize)]
pub struct Changes {
    /// When the earlier one was made.
    pub since: String,
    pub enabled: Vec<String>,
    pub disabled: Vec<String>,
    pub changed: Vec<Changed>,
}

/// A policy that is not as it was.
#[derive(Debug, Serialize, Deserialize)]
pub struct Changed {
    pub name: String,
    pub lines: Vec<Line>,
}

/// What one of its properties was and is.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    pub what: String,
    pub before: String,
    pub after: String,
}

impl Policy {
    /// Who may run its tool, in words.
    pub fn allowed(&self, time: impl Fn(&str) -> String) -> Vec<String> {
        let users = self.users.iter().map(|user| format!("user {user}"));
        let groups = self.groups.iter().map(|group| format!("group {group}"));
        let temporary = self.temporary.iter().filter(|entry| entry.holds);
        let temporary = temporary.map(|entry| format!("user {} until {}", entry.user, time(&entry.until)));
        each_once(users.chain(groups).chain(temporary), "root alone")
    }

    /// Every capability that it can pass, with the scopes.
    pub fn passes(&self) -> Vec<String> {
        let grants = self.grants.iter().map(|grant| match &grant.scope {
            Some(scope) => format!("{} {scope}", grant.capabilities.join(", ")),
            None => grant.capabilities.join(", "),
        });
        let optional = (!self.optional.is_empty()).then(|| format!("may add {}", self.optional.join(", ")));
        each_once(grants.filter(|grant| !grant.is_empty()).chain(optional), "no capability")
    }
}

fn each_once(parts: impl Iterator<Item = String>, none: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for part in parts {
        if !all.contains(&part) {
            all.push(part);
        }
    }
    if all.is_empty() { vec![none.to_owned()] } else { all }
}

/// Compares with an earlier report.
pub fn changes(before: &Report, now: &[Policy]) -> Changes {
    let of = |all: &[Policy], not_in: &[Policy]| -> Vec<String> {
        let is_there = |name: &str| not_in.iter().any(|other| other.name == name);
        let mut names: Vec<String> =
            all.iter().filter(|policy| !is_there(&policy.name)).map(|policy| policy.name.clone()).collect();
        names.sort();
        names
    };
    let pairs = now.iter().filter_map(|now| Some((before.policies.iter().find(|one| one.name == now.name)?, now)));
    let changed = pairs.filter_map(|(was, is)| {
        let lines = lines(was, is);
        (!lines.is_empty()).then(|| Changed { name: is.name.clone(), lines })
    });
    let mut changed: Vec<Changed> = changed.collect();
    changed.sort_by(|one, other| one.name.cmp(&other.name));
    Changes {
        since: before.made.clone(),
        enabled: of(now, &before.policies),
        disabled: of(&before.policies, now),
        changed,
    }
}

fn lines(was: &Policy, is: &Policy) -> Vec<Line> {
    let tool = |policy: &Policy| policy.tool.clone().unwrap_or_else(|| "not installed".to_owned());
    let until = |policy: &Policy| policy.until.clone().unwrap_or_else(|| "no end".to_owned());
    let all = [
        ("allowed", was.allowed(str::to_owned).join("; "), is.allowed(str::to_owned).join("; ")),
        ("passes", was.passes().join("; "), is.passes().join("; ")),
        ("tool", tool(was), tool(is)),
        ("until", until(was), until(is)),
        ("closeness", was.closeness.clone(), is.closeness.clone()),
        ("text", was.sha256.clone(), is.sha256.clone()),
    ];
    let different = all.into_iter().filter(|(_, before, after)| before != after);
    different.map(|(what, before, after)| Line { what: what.to_owned(), before, after }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    pub fn policy(name: &str, users: &[&str]) -> Policy {
        Policy {
            name: name.to_owned(),
            summary: String::new(),
            path: String::new(),
            sha256: users.join(" "),
            tool: None,
            users: users.iter().map(|user| (*user).to_owned()).collect(),
            groups: Vec::new(),
            temporary: Vec::new(),
            until: None,
            reason_demanded: false,
            record_demanded: false,
            grants: Vec::new(),
            optional: Vec::new(),
            closeness: "narrow".to_owned(),
            closest: Vec::new(),
            enabled_by: None,
            launches: 0,
            last_use: None,
            refusals: 0,
            last_refusal: None,
            findings: Vec::new(),
        }
    }

    #[test]
    fn what_came_what_went_and_what_is_different_is_listed() {
        let before = Report {
            schema: crate::output::json::SCHEMA,
            made: "2026-11-27T08:00:00Z".to_owned(),
            by: String::new(),
            host: String::new(),
            kernel: String::new(),
            version: String::new(),
            complete: true,
            notes: Vec::new(),
            records: Counts::default(),
            policies: vec![policy("gone", &[]), policy("other", &["alice"]), policy("same", &["bob"])],
            others: Vec::new(),
            changes: None,
        };
        let now = [policy("new", &[]), policy("other", &["alice", "carol"]), policy("same", &["bob"])];
        let changes = changes(&before, &now);
        assert_eq!((changes.enabled, changes.disabled), (vec!["new".to_owned()], vec!["gone".to_owned()]));
        let [changed] = &changes.changed[..] else { unreachable!("{:?}", changes.changed) };
        let line = |what: &str, before: &str, after: &str| Line {
            what: what.to_owned(),
            before: before.to_owned(),
            after: after.to_owned(),
        };
        assert_eq!(
            changed.lines,
            [line("allowed", "user alice", "user alice; user carol"), line("text", "alice", "alice carol")]
        );
    }
}
