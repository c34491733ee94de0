//! Shows every process that holds a capability, below its ancestors.

use crate::analysis::capability_risk;
use crate::output::error;
use crate::output::json::SCHEMA;
use crate::output::outcome::Outcome;
use crate::output::page::counted;
use crate::output::table::Table;
use crate::output::terminal;
use crate::output::terminal::Style;
use crate::verbs::caps::cells;
use crate::verbs::caps::form::Form;
use crate::verbs::caps::holders;
use crate::verbs::caps::holders::{Holder, brief};
use anyhow::{Context, Result};
use capwrap_core::CapabilitySet;
use capwrap_core::text::printable;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Prints the tree.
pub fn print(form: Form) -> Result<Outcome> {
    let found = look()?;
    if form.json {
        let processes = found.holders.values().filter(|one| one.process.holds_any() || one.differ > 0);
        let processes: Vec<Value> = processes.map(object).collect();
        say!("{}", crate::output::json::pretty(&json!({ "schema": SCHEMA, "processes": processes }))?);
    } else {
        say!("{}", text(&found.holders, terminal::width(), form.color.styled()).trim_end());
    }
    if found.ended > 0 {
        error::note(&format!("{} ended while capwrap read it", counted(found.ended, "process")));
        return Ok(Outcome::NotAll);
    }
    Ok(Outcome::Clean)
}

/// A process, and how many of its threads differ from it.
struct Node {
    process: Holder,
    differ: usize,
}

struct Found {
    holders: BTreeMap<i32, Node>,
    ended: usize,
}

fn look() -> Result<Found> {
    let mut found = Found { holders: BTreeMap::new(), ended: 0 };
    for pid in holders::numbers(Path::new("/proc")).context("cannot read /proc")? {
        match Holder::read(pid, &holders::folder(pid)) {
            Ok(process) => {
                let threads =
                    if process.rights.threads > 1 { holders::threads(pid).unwrap_or_default() } else { Vec::new() };
                let differ = threads.iter().filter(|thread| !thread.is_like(&process)).count();
                found.holders.insert(pid, Node { process, differ });
            }
            Err(_) => found.ended += 1,
        }
    }
    Ok(found)
}

fn object(node: &Node) -> Value {
    let mut object = cells::of_process(&node.process);
    object["threads_that_differ"] = json!(node.differ);
    object
}

fn text(holders: &BTreeMap<i32, Node>, width: u16, styled: bool) -> String {
    let known = holders::known();
    let shown = with_ancestors(holders);
    let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for pid in &shown {
        let parent = holders.get(pid).map_or(0, |node| node.process.rights.parent);
        children.entry(if shown.contains(&parent) { parent } else { 0 }).or_default().push(*pid);
    }
    // Looking up a name reads a file or asks a directory server, so each is looked up only once.
    let mut users: BTreeMap<u32, String> = BTreeMap::new();
    let mut table = Table::new(&["pid", "user", "process", "effective", ""], width, styled);
    // Each entry is a process and the lines that lead to it.
    let mut ahead: Vec<(i32, String)> = Vec::new();
    push_children(&mut ahead, &children, 0, "");
    while let Some((pid, lines)) = ahead.pop() {
        let Some(node) = holders.get(&pid) else { continue };
        let uid = node.process.rights.uids.get(1).copied().unwrap_or(u32::MAX);
        let user = users.entry(uid).or_insert_with(|| cells::user_name(uid));
        row(&mut table, node, user, &lines, known);
        push_children(&mut ahead, &children, pid, &lines);
    }
    let rendered = table.render(&[0, 1, 2], &[0]);
    let number = shown.iter().filter(|pid| holders.get(pid).is_some_and(|node| node.process.holds_any())).count();
    format!("{rendered}\n{} of {} hold a capability\n", number, counted(holders.len(), "process"))
}

/// The processes that hold something, and their ancestors.
fn with_ancestors(holders: &BTreeMap<i32, Node>) -> BTreeSet<i32> {
    let mut shown = BTreeSet::new();
    for (pid, _) in holders.iter().filter(|(_, node)| node.process.holds_any() || node.differ > 0) {
        let mut next = *pid;
        while let Some(node) = holders.get(&next).filter(|_| shown.insert(next)) {
            next = node.process.rights.parent;
        }
    }
    shown
}

fn push_children(ahead: &mut Vec<(i32, String)>, children: &BTreeMap<i32, Vec<i32>>, of: i32, lines: &str) {
    let Some(children) = children.get(&of) else { return };
    let inside = lines.replace("├─", "│ ").replace("└─", "  ");
    for (at, child) in children.iter().enumerate().rev() {
        let branch = if of == 0 {
            ""
        } else if at + 1 == children.len() {
            "└─"
        } else {
            "├─"
        };
        ahead.push((*child, format!("{inside}{branch}")));
    }
}

fn row(table: &mut Table, node: &Node, user: &str, lines: &str, known: CapabilitySet) {
    let Node { process, differ } = node;
    let rights = &process.rights;
    let held = rights.effective.union(rights.permitted);
    let style = if !capability_risk::root_alone(held).is_empty() {
        Style::Red
    } else if process.holds_any() {
        Style::Yellow
    } else {
        Style::Plain
    };
    let mut notes = Vec::new();
    if rights.permitted != rights.effective {
        notes.push(format!("permitted {}", brief(rights.permitted, known)));
    }
    if !rights.ambient.is_empty() {
        notes.push("ambient".to_owned());
    } else if !rights.inheritable.is_empty() {
        notes.push("inheritable".to_owned());
    }
    if process.namespace.is_some_and(|namespace| !namespace.is_initial()) {
        notes.push("own user namespace".to_owned());
    }
    if *differ > 0 {
        notes.push(format!("{} differ{}", counted(*differ, "thread"), if *differ == 1 { "s" } else { "" }));
    }
    table.row([
        (process.id.to_string(), Style::Plain),
        (user.to_owned(), Style::Plain),
        (format!("{lines}{}", printable::text(&rights.name)), Style::Plain),
        (brief(rights.effective, known).replace(',', " "), style),
        (notes.join("; ").replace(',', " "), Style::Plain),
    ]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::process::of_status;

    fn node(pid: i32, parent: i32, mask: u64) -> (i32, Node) {
        let status =
            format!("Name:\tp{pid}\nPPid:\t{parent}\nUid:\t0\t0\t0\t0\nCapPrm:\t{mask:016x}\nCapEff:\t{mask:016x}\n");
        (
            pid,
            Node {
                process: Holder { id: pid, rights: of_status(&status), namespace: None, securebits: None },
                differ: 0,
            },
        )
    }

    #[test]
    fn who_holds_nothing_is_shown_only_above_who_does() {
        let all =
            BTreeMap::from([node(1, 0, 0), node(5, 1, 0), node(6, 5, 1 << 13), node(7, 1, 0), node(8, 1, 1 << 21)]);
        let shown = text(&all, 80, false);
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(
            lines,
            [
                "pid  user  process  effective",
                "  1  root  p1       none",
                "  5  root  ├─p5     none",
                "  6  root  │ └─p6   cap_net_raw",
                "  8  root  └─p8     cap_sys_admin",
                "",
                "2 of 5 processes hold a capability",
            ]
        );
    }

    #[test]
    fn parents_that_go_in_a_circle_end_nowhere_and_loop_nowhere() {
        let all = BTreeMap::from([node(2, 3, 1), node(3, 2, 1)]);
        assert!(text(&all, 80, false).contains("2 of 2"));
    }
}
