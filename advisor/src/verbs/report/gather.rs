//! Gathers what a report says from the policies, the records and `capwrap verify`.

use super::data::{Closest, Counts, Event, Finding, Grant, Other, Policy, Report, Temporary};
use crate::analysis::capability_risk::{self, Closeness};
use crate::host::records::Records;
use crate::host::records::kept::{Filter, Kept};
use crate::host::{caller, clock, installed_file};
use crate::observe::other_verb;
use crate::store::{enabled, trusted_file};
use anyhow::Result;
use capwrap_core::CapabilitySet;
use capwrap_core::digest;
use capwrap_core::policy::{self, Identity};
use capwrap_core::record::write::Event as Kind;
use capwrap_core::text::{hex, printable};
use serde_json::Value;
use std::collections::HashMap;

/// Makes the report of now.
///
/// # Errors
/// The policies cannot be listed, or the caller's name cannot be found out.
pub fn report() -> Result<Report> {
    let mut notes = Vec::new();
    let mut used = Used::default();
    used.read(&mut notes);
    let mut found = Verified::default();
    found.read(&mut notes);
    let mut policies = Vec::new();
    for name in enabled::names()? {
        let path = enabled::path(&name);
        let text = trusted_file::text(&path);
        match text.and_then(|text| Ok((policy::Policy::read(&text)?, text))) {
            Ok((policy, text)) => policies.push(of_policy(&name, &policy, &text, &mut used, &mut found)),
            Err(error) => notes.push(format!("policy {name} cannot be used: {error:#}")),
        }
    }
    policies.sort_by_key(|policy| (std::cmp::Reverse(rank(&policy.closeness)), policy.name.clone()));
    let made = jiff::Timestamp::from_second(clock::now())?.to_string();
    let name = |path: &str| std::fs::read_to_string(path).map(|text| printable::line(text.trim())).unwrap_or_default();
    Ok(Report {
        schema: crate::output::json::SCHEMA,
        made,
        by: caller::Asking::now()?.name(),
        host: name("/proc/sys/kernel/hostname"),
        kernel: name("/proc/sys/kernel/osrelease"),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        complete: notes.is_empty(),
        notes: notes.iter().map(|note| printable::line(note)).collect(),
        records: used.counts,
        policies,
        others: found.others,
        changes: None,
    })
}

/// The place of a closeness among all, from the least.
pub fn rank(closeness: &str) -> usize {
    ["narrow", "wide", "near", "root"].iter().position(|one| *one == closeness).unwrap_or(0)
}

/// What the records say about each policy.
#[derive(Default)]
struct Used {
    counts: Counts,
    by_name: HashMap<String, OfName>,
    /// The last change that made a policy what it is: by its name and the digest of its text.
    made: HashMap<(String, String), Event>,
}

/// What the records say about one policy.
#[derive(Default)]
struct OfName {
    launches: u64,
    last_use: Option<Event>,
    refusals: u64,
    last_refusal: Option<Event>,
}

impl Used {
    fn read(&mut self, notes: &mut Vec<String>) {
        let records = match Records::open(&Filter::default()) {
            Ok(records) => records,
            Err(error) => return notes.push(format!("the records cannot be read: {error:#}")),
        };
        notes.extend(records.notes.iter().cloned());
        for record in records {
            match record {
                Ok(record) => self.take(&record),
                Err(error) => return notes.push(format!("not all records can be read: {error:#}")),
            }
        }
    }

    fn take(&mut self, record: &Kept) {
        if self.counts.from.is_none() {
            self.counts.from = Some(record.when());
        }
        let of_name = |all: &mut HashMap<String, OfName>| {
            if !all.contains_key(record.get("name")) {
                all.insert(record.get("name").to_owned(), OfName::default());
            }
        };
        let is = |kinds: &[Kind]| kinds.iter().any(|kind| kind.word() == record.event);
        if is(&[Kind::Launch, Kind::Bypass]) {
            self.counts.launched += u64::from(is(&[Kind::Launch]));
            self.counts.bypassed += u64::from(is(&[Kind::Bypass]));
            of_name(&mut self.by_name);
            if let Some(used) = self.by_name.get_mut(record.get("name")) {
                used.launches += 1;
                used.last_use = Some(event(record));
            }
        } else if is(&[Kind::Run]) {
            self.counts.launched += 1;
        } else if is(&[Kind::Refusal]) {
            self.counts.refused += 1;
            of_name(&mut self.by_name);
            if let Some(used) = self.by_name.get_mut(record.get("name")) {
                used.refusals += 1;
                used.last_refusal = Some(event(record));
            }
        } else {
            self.counts.changes += 1;
            let sha256 = record.get("policy_sha256");
            if !sha256.is_empty() {
                self.made.insert((record.get("name").to_owned(), sha256.to_owned()), event(record));
            }
        }
    }
}

fn event(record: &Kept) -> Event {
    let field = |name: &str| Some(record.get(name)).filter(|value| !value.is_empty()).map(str::to_owned);
    // Who became root is more than that it was root.
    let user = field("login").or_else(|| field("sudo_user")).filter(|_| record.uid == 0).or_else(|| field("user"));
    Event {
        event: record.event.clone(),
        time: record.when(),
        user: user.unwrap_or_else(|| format!("#{}", record.uid)),
        reason: field("reason"),
    }
}

/// What `capwrap verify` found.
#[derive(Default)]
struct Verified {
    policies: HashMap<String, Vec<Finding>>,
    others: Vec<Other>,
}

impl Verified {
    fn read(&mut self, notes: &mut Vec<String>) {
        let object = match other_verb::json(&["verify", "--json"]) {
            Ok(object) => object,
            Err(error) => return notes.push(format!("what is installed was not verified: {error:#}")),
        };
        if object["complete"] != true {
            notes.push("capwrap verify could not check everything".to_owned());
        }
        for subject in object["subjects"].as_array().into_iter().flatten() {
            let lines = subject["lines"].as_array().into_iter().flatten();
            let findings = lines.filter(|line| line["judgement"] != "ok").map(finding).collect();
            let (kind, name) = (text(&subject["kind"]), text(&subject["name"]));
            if kind == "policy" {
                self.policies.insert(name, findings);
            } else {
                self.others.push(Other { kind, name, findings });
            }
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn finding(line: &Value) -> Finding {
    let some = |key: &str| line[key].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    Finding {
        judgement: text(&line["judgement"]),
        name: text(&line["name"]),
        value: some("value"),
        means: some("means"),
        hint: some("hint"),
    }
}

fn of_policy(name: &str, policy: &policy::Policy, text: &str, used: &mut Used, found: &mut Verified) -> Policy {
    let now = clock::now();
    let sha256 = hex::encode(&digest::of_bytes(text.as_bytes()));
    let names = |all: &[Identity]| all.iter().map(|one| printable::text(one.to_string())).collect();
    let all = policy.grantable().union(policy.grantable_to_root()).union(policy.optional());
    let closeness = all.iter().map(|one| capability_risk::of(one).closeness).max().unwrap_or(Closeness::Narrow);
    let closest = all.iter().filter(|one| capability_risk::of(*one).closeness == closeness);
    let of_name = used.by_name.remove(name).unwrap_or_default();
    Policy {
        name: name.to_owned(),
        summary: printable::text(&policy.summary),
        path: enabled::path(name).display().to_string(),
        enabled_by: used.made.remove(&(name.to_owned(), sha256.clone())),
        sha256,
        tool: installed_file::first(&policy.tool.paths).map(printable::text),
        users: names(&policy.allow.users),
        groups: names(&policy.allow.groups),
        temporary: policy.allow.temporary.iter().map(|entry| temporary(entry, now)).collect(),
        until: caller::until(&policy.allow),
        reason_demanded: policy.allow.reason,
        record_demanded: policy.allow.audit_required,
        grants: policy.grants.iter().map(grant).collect(),
        optional: listed(policy.optional()),
        closeness: word(closeness).to_owned(),
        closest: closest
            .map(|one| Closest {
                capability: one.name().to_owned(),
                escalation: Some(capability_risk::of(one).escalation)
                    .filter(|text| !text.is_empty())
                    .map(str::to_owned),
            })
            .collect(),
        launches: of_name.launches,
        last_use: of_name.last_use,
        refusals: of_name.refusals,
        last_refusal: of_name.last_refusal,
        findings: found.policies.remove(name).unwrap_or_default(),
    }
}

/// The word of the JSON, as `capwrap caps --json` has it.
const fn word(closeness: Closeness) -> &'static str {
    match closeness {
        Closeness::Narrow => "narrow",
        Closeness::Wide => "wide",
        Closeness::Near => "near",
        Closeness::Root => "root",
    }
}

fn temporary(entry: &policy::Temporary, now: i64) -> Temporary {
    Temporary {
        user: printable::text(entry.user.to_string()),
        until: entry.written.clone(),
        holds: entry.left(now).is_some(),
        reason: entry.reason.as_ref().map(printable::text),
        by: entry.by.as_ref().map(printable::text),
    }
}

fn grant(grant: &policy::Grant) -> Grant {
    let modes = (!grant.modes.is_empty()).then(|| format!("mode {}", grant.modes.join(" or ")));
    let conditions = modes.into_iter().chain(grant.when.iter().map(ToString::to_string));
    Grant {
        capabilities: listed(grant.caps),
        scope: (!grant.scope.is_empty()).then(|| printable::text(grant.scope.to_string())),
        conditions: conditions.map(printable::text).collect(),
        why: grant.why.as_ref().map(printable::text),
    }
}

fn listed(set: CapabilitySet) -> Vec<String> {
    set.iter().map(|one| one.name().to_owned()).collect()
}
