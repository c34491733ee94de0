//! Describes capabilities in full.

use crate::analysis::capability_risk;
use crate::output::json::SCHEMA;
use crate::output::page::{Entry, Page};
use crate::output::terminal;
use crate::output::terminal::Style;
use crate::store::enabled;
use crate::verbs::caps::form::{Form, named};
use crate::verbs::caps::table::{doors, last_capability, object, style};
use anyhow::Result;
use capwrap_core::scope::strength;
use capwrap_core::{Capability, TABLE};
use serde_json::json;

/// Prints the description of each capability.
pub fn print(names: &[String], form: Form) -> Result<()> {
    let all = names.iter().map(|name| named(name)).collect::<Result<Vec<_>>>()?;
    let last = last_capability();
    if form.json {
        let objects: Vec<_> = all.iter().map(|one| object(*one, last)).collect();
        say!(
            "{}",
            crate::output::json::pretty(
                &json!({ "schema": SCHEMA, "last_capability": last, "capabilities": objects })
            )?
        );
        return Ok(());
    }
    let mut page = Page::new(usize::from(terminal::width()), form.color.styled());
    for one in all {
        describe(&mut page, one, last);
    }
    say!("{}", page.text.trim_end());
    Ok(())
}

fn describe(page: &mut Page, one: Capability, last: Option<u8>) {
    let meaning = capability_risk::of(one);
    page.heading(&format!("{one} ({})", one.number()));
    let since = TABLE[usize::from(one.number())].since;
    let here = if last.is_some_and(|last| one.number() > last) { ", and this kernel has it not" } else { "" };
    let mut said = vec![
        ("opens", meaning.opens.to_owned(), Style::Plain),
        ("closeness", meaning.closeness.name().to_owned(), style(meaning.closeness)),
    ];
    if !meaning.escalation.is_empty() {
        said.push(("follows", meaning.escalation.to_owned(), Style::Plain));
    }
    said.push(("since", format!("Linux {since}{here}"), Style::Plain));
    said.push(("scope", scope(one), Style::Plain));
    let doors: Vec<String> = doors(one).into_iter().map(|door| door.name).collect();
    if !doors.is_empty() {
        said.push(("doors", doors.join(", "), Style::Plain));
    }
    said.push(("granted", policies(one), Style::Plain));
    let entries =
        said.iter().map(|(name, said, style)| Entry { mark: (' ', *style), name, said: said.clone(), hint: None });
    page.entries(&entries.collect::<Vec<_>>());
}

/// What `through` is worth for it.
fn scope(one: Capability) -> String {
    let scope = strength::of(one);
    let mut said = format!("{} by system calls", scope.through.word());
    if scope.leaves != strength::NOTHING {
        said += &format!("; it leaves {}", scope.leaves);
    }
    said
}

/// The enabled policies that can grant it.
fn policies(one: Capability) -> String {
    let grants = |name: &String| {
        let policy = enabled::read(&enabled::path(name)).ok()?;
        let all = policy.grantable().union(policy.grantable_to_root()).union(policy.optional());
        all.contains(one).then(|| name.clone())
    };
    let names: Vec<String> = enabled::names().unwrap_or_default().iter().filter_map(grants).collect();
    if names.is_empty() { "by no enabled policy".to_owned() } else { format!("by {}", names.join(", ")) }
}
