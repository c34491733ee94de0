//! The page for an auditor: one file that needs nothing else, no script, and no network.

use super::data::{Changes, Closest, Event, Finding, Grant, Policy, Report};
use super::gather::rank;
use crate::output::html::{Html, Page};
use crate::output::page::counted;

/// The look of the page, on screens of any width, light and dark, and on paper.
const STYLE: &str = include_str!("style.css");

/// What each closeness means, from the closest to the least.
const CLOSENESS: [(&str, &str, &str); 4] = [
    ("root", "root", "always leads to root, in a few steps"),
    ("near", "near root", "leads to root if the system has a suitable weakness, and many systems do"),
    ("wide", "wide", "permits much that concerns others: their data, their service, their traffic"),
    ("narrow", "narrow", "permits one thing, and nothing follows from that"),
];

/// Makes the page.
pub fn html(report: &Report) -> String {
    let title = format!("capwrap on {}: who may run what", report.host);
    let mut page = Page::new(&title, STYLE);
    let html = &mut page.body;
    header(html, report, &title);
    html.open("main", &[("id", "content")]);
    summary(html, report);
    if let Some(changes) = &report.changes {
        show_changes(html, changes);
    }
    overview(html, report);
    policies(html, report);
    findings_of_others(html, report);
    legend(html);
    html.close("main");
    page.finish()
}

fn header(html: &mut Html, report: &Report, title: &str) {
    html.element("a", &[("class", "skip"), ("href", "#content")], "Skip to the content");
    html.open("header", &[]);
    html.element("h1", &[], title);
    let made = format!(
        "Made at {} by {}, with capwrap {} on Linux {}.",
        time(&report.made),
        report.by,
        report.version,
        report.kernel
    );
    html.element("p", &[("class", "soft")], &made);
    html.open("nav", &[("aria-label", "Parts of the page")]);
    html.open("ul", &[]);
    let changes = report.changes.as_ref().map(|_| ("#changes", "Changes"));
    let parts = [("#summary", "Summary")].into_iter().chain(changes).chain([
        ("#overview", "Overview"),
        ("#policies", "Policies"),
        ("#installed", "What is installed"),
        ("#closeness", "How close to root"),
    ]);
    for (target, name) in parts {
        html.open("li", &[]);
        html.element("a", &[("href", target)], name);
        html.close("li");
    }
    html.close("ul");
    html.close("nav");
    html.close("header");
}

fn summary(html: &mut Html, report: &Report) {
    html.element("h2", &[("id", "summary")], "Summary");
    let near = report.policies.iter().filter(|policy| rank(&policy.closeness) >= rank("near")).count();
    let of = |judgement: &str| {
        let all = report.policies.iter().flat_map(|policy| &policy.findings);
        let all = all.chain(report.others.iter().flat_map(|other| &other.findings));
        all.filter(|finding| finding.judgement == judgement).count()
    };
    let temporary = report.policies.iter().flat_map(|policy| &policy.temporary).filter(|entry| entry.holds).count();
    let numbers = [
        ("enabled policies", report.policies.len() as u64),
        ("near root or root", near as u64),
        ("temporary grants", temporary as u64),
        ("problems", of("problem") as u64),
        ("notes", of("note") as u64),
        ("launches recorded", report.records.launched + report.records.bypassed),
        ("refusals recorded", report.records.refused),
    ];
    html.open("dl", &[("class", "numbers")]);
    for (name, number) in numbers {
        html.open("div", &[]);
        html.element("dt", &[], name);
        html.element("dd", &[], &number.to_string());
        html.close("div");
    }
    html.close("dl");
    let kept = match &report.records.from {
        Some(from) => format!("The oldest record that was read is of {}.", time(from)),
        None => "No record was read: who used a tool is not known.".to_owned(),
    };
    html.element("p", &[], &kept);
    if report.records.bypassed > 0 {
        html.element("p", &[], &format!("{} used --bypass.", counted(report.records.bypassed as usize, "launch")));
    }
    if !report.notes.is_empty() {
        html.open("div", &[("class", "notes")]);
        html.element("p", &[], "This report is not complete:");
        html.list(report.notes.iter().map(String::as_str));
        html.close("div");
    }
}

fn show_changes(html: &mut Html, changes: &Changes) {
    html.element("h2", &[("id", "changes")], &format!("Changes since {}", time(&changes.since)));
    if changes.enabled.is_empty() && changes.disabled.is_empty() && changes.changed.is_empty() {
        html.element("p", &[], "No policy changed.");
    }
    for (what, names) in [("Enabled since", &changes.enabled), ("No longer enabled", &changes.disabled)] {
        if !names.is_empty() {
            html.element("p", &[], &format!("{what}: {}", names.join(", ")));
        }
    }
    if changes.changed.is_empty() {
        return;
    }
    html.table("changes", "What changed in policies", &["Policy", "What", "Before", "Now"], |table| {
        for changed in &changes.changed {
            for line in &changed.lines {
                table.row(|row| {
                    row.name(&changed.name);
                    row.cell(&line.what);
                    row.cell(&line.before);
                    row.cell(&line.after);
                });
            }
        }
    });
}

fn overview(html: &mut Html, report: &Report) {
    html.element("h2", &[("id", "overview")], "Overview");
    if report.policies.is_empty() {
        html.element("p", &[], "No policy is enabled: only root can do what takes a capability.");
        return;
    }
    let headings = ["Policy", "Who may run it", "Capabilities", "How close to root", "Last use"];
    html.table("overview", "The enabled policies, those that come closest to root first", &headings, |table| {
        for policy in &report.policies {
            table.row(|row| {
                row.name_of(&policy.name, &anchor(&policy.name));
                row.with(|html| parts(html, policy.allowed(time).into_iter()));
                row.with(|html| parts(html, policy.passes().into_iter()));
                row.with(|html| badge(html, &policy.closeness));
                let used = policy.last_use.as_ref();
                row.cell(
                    &used.map_or("not recorded".to_owned(), |used| format!("{} by {}", time(&used.time), used.user)),
                );
            });
        }
    });
}

/// Things of which each stands on a line of its own.
fn parts(html: &mut Html, all: impl Iterator<Item = String>) {
    html.open("div", &[]);
    for one in all {
        html.element("div", &[], &one);
    }
    html.close("div");
}

/// A policy's name has letters, digits and `._+-` alone, which an id can have.
fn anchor(name: &str) -> String {
    format!("policy-{name}")
}

fn badge(html: &mut Html, closeness: &str) {
    let shown = CLOSENESS.iter().find(|(word, ..)| *word == closeness).map_or(closeness, |(_, shown, _)| shown);
    html.element("span", &[("class", &format!("badge {closeness}"))], shown);
}

fn policies(html: &mut Html, report: &Report) {
    html.element("h2", &[("id", "policies")], "Policies");
    for policy in &report.policies {
        html.open("section", &[("class", "policy"), ("aria-labelledby", &anchor(&policy.name))]);
        html.open("h3", &[("id", &anchor(&policy.name))]);
        html.text(&policy.name);
        html.text(" ");
        badge(html, &policy.closeness);
        html.close("h3");
        html.element("p", &[], &policy.summary);
        facts(html, policy);
        grants(html, policy);
        findings(html, &policy.findings);
        html.close("section");
    }
}

fn facts(html: &mut Html, policy: &Policy) {
    let demanded = [(policy.reason_demanded, "a reason"), (policy.record_demanded, "a record")];
    let demanded: Vec<&str> = demanded.iter().filter(|(is, _)| *is).map(|(_, what)| *what).collect();
    let uses = |number: u64, what: &str, last: Option<&Event>| {
        let last = last.map_or(String::new(), |last| format!("; the last {}", said(last)));
        format!("{}{last}", counted(usize::try_from(number).unwrap_or(usize::MAX), what))
    };
    let facts = [
        ("Tool", Some(policy.tool.clone().unwrap_or_else(|| "not installed".to_owned()))),
        ("Allowed", Some(policy.allowed(time).join("; "))),
        ("Ends", policy.until.as_deref().map(time)),
        ("Each launch needs", (!demanded.is_empty()).then(|| demanded.join(" and "))),
        ("Enabled by", Some(policy.enabled_by.as_ref().map_or("not recorded".to_owned(), said))),
        ("Uses", Some(uses(policy.launches, "launch", policy.last_use.as_ref()))),
        ("Refused", (policy.refusals > 0).then(|| uses(policy.refusals, "launch", policy.last_refusal.as_ref()))),
        ("Policy", Some(format!("{}, SHA-256 {}", policy.path, policy.sha256))),
    ];
    html.open("dl", &[("class", "facts")]);
    for (name, value) in facts {
        if let Some(value) = value {
            html.element("dt", &[], name);
            html.element("dd", &[], &value);
        }
    }
    html.close("dl");
    if !policy.temporary.is_empty() {
        html.element("h4", &[], "For a time");
        let entries = policy.temporary.iter().map(|entry| {
            let ended = if entry.holds { "" } else { " (ended)" };
            let by = entry.by.as_ref().map_or(String::new(), |by| format!(", by {by}"));
            let reason = entry.reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
            format!("user {} until {}{ended}{by}{reason}", entry.user, time(&entry.until))
        });
        let entries: Vec<String> = entries.collect();
        html.list(entries.iter().map(String::as_str));
    }
}

/// A time of the report as people read it, without parts of a second. The end of a grant can have any offset.
fn time(time: &str) -> String {
    let instant = time.parse::<jiff::Timestamp>();
    instant.map_or_else(|_| time.to_owned(), |instant| instant.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
}

fn said(event: &Event) -> String {
    let reason = event.reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
    format!("{} at {} by {}{reason}", event.event, time(&event.time), event.user)
}

fn grants(html: &mut Html, policy: &Policy) {
    if !policy.grants.is_empty() {
        html.table(
            "grants",
            &format!("What {} grants", policy.name),
            &["Capabilities", "For", "When", "Why"],
            |table| {
                for Grant { capabilities, scope, conditions, why } in &policy.grants {
                    table.row(|row| {
                        row.cell(&capabilities.join(", "));
                        row.cell(scope.as_deref().unwrap_or("any use"));
                        let always = if conditions.is_empty() { "always" } else { "" };
                        row.cell(&format!("{always}{}", conditions.join(" and ")));
                        row.cell(why.as_deref().unwrap_or("no reason given"));
                    });
                }
            },
        );
    }
    if !policy.optional.is_empty() {
        html.element("p", &[], &format!("A caller may add, with --add: {}", policy.optional.join(", ")));
    }
    let step = |one: &Closest| Some(format!("{}: {}", one.capability, one.escalation.as_ref()?));
    let steps: Vec<String> = policy.closest.iter().filter_map(step).collect();
    if !steps.is_empty() {
        html.element("h4", &[], "What follows from the capabilities that come closest to root");
        html.list(steps.iter().map(String::as_str));
    }
}

fn findings(html: &mut Html, findings: &[Finding]) {
    if findings.is_empty() {
        html.element("p", &[], "capwrap verify found nothing wrong.");
        return;
    }
    html.element("h4", &[], "What capwrap verify found");
    let lines: Vec<String> = findings
        .iter()
        .map(|finding| {
            let hint = finding.hint.as_ref().map_or(String::new(), |hint| format!(" (hint: {hint})"));
            format!("{}: {}: {}{hint}", finding.judgement, finding.name, finding.said())
        })
        .collect();
    html.list(lines.iter().map(String::as_str));
}

fn findings_of_others(html: &mut Html, report: &Report) {
    html.element("h2", &[("id", "installed")], "What is installed besides");
    for other in &report.others {
        html.element("h3", &[], &format!("{}: {}", other.kind, other.name));
        findings(html, &other.findings);
    }
}

fn legend(html: &mut Html) {
    html.element("h2", &[("id", "closeness")], "How close to root");
    let about = "A policy comes as close to root as the closest of its capabilities, whatever its scope leaves of it. \
                 What each capability opens: capwrap caps.";
    html.element("p", &[], about);
    html.table("words", "The words", &["Word", "What a holder of such a capability can do"], |table| {
        for (word, _, means) in CLOSENESS {
            table.row(|row| {
                row.with(|html| badge(html, word));
                row.cell(means);
            });
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_in_utc_whatever_its_offset_is() {
        assert_eq!(time("2026-11-27T08:00:00.123456Z"), "2026-11-27 08:00:00 UTC");
        assert_eq!(time("2026-11-27T00:30:00+01:00"), "2026-11-26 23:30:00 UTC");
        assert_eq!(time("99999999999999"), "99999999999999");
    }
}
