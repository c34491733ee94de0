//! Shows the list as text for people and as JSON for programs.

use crate::analysis::other_way::OtherWay;
use crate::host::caller::Asking;
use crate::output::demanded::Demanded;
use crate::output::page;
use crate::output::page::Page;
use crate::output::table::Table;
use crate::output::terminal::Style;
use crate::verbs::list::entry::{Entry, Granted, LastUse, Scope, Which};
use anyhow::Result;
use capwrap_core::text::printable;
use capwrap_core::{Capability, CapabilitySet};
use serde::Serialize;

/// How the list is shown.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Which tools it shows.
    pub which: Which,
    /// Whether it shows the details of each.
    pub long: bool,
    /// The number of columns.
    pub width: usize,
    /// Whether colours and bold type may be used.
    pub styled: bool,
}

/// The text: each tool with its summary, its path, its capabilities, and why the caller may run it.
pub fn text(entries: &[Entry], look: Look, caller: &str) -> String {
    let which = look.which;
    let mut page = Page::new(look.width, look.styled);
    if entries.is_empty() {
        page.closing(&nothing(which, caller), Style::Plain);
        return page.text.trim().to_owned();
    }
    // Each line below a tool's first line is an entry without a name.
    let said: Vec<(&Entry, usize, String)> = entries
        .iter()
        .flat_map(|entry| about(entry, look).into_iter().enumerate().map(move |(at, line)| (entry, at, line)))
        .collect();
    let shown: Vec<page::Entry> = said
        .into_iter()
        .map(|(entry, at, said)| page::Entry {
            mark: if at == 0 { mark(entry, which) } else { (' ', Style::Plain) },
            name: if at == 0 { &entry.name } else { "" },
            said,
            hint: None,
        })
        .collect();
    page.entries(&shown);
    page.text.trim_end().to_owned()
}

/// The text for `--shipped`: a table of the policies or, with the details, a page; and the tools that are better run
/// another way. `word` is what was asked for.
pub fn shipped(entries: &[Entry], others: &[OtherWay], look: Look, word: &str) -> String {
    if entries.is_empty() && others.is_empty() {
        let mut page = Page::new(look.width, look.styled);
        page.closing(&nothing_shipped(word), Style::Plain);
        return page.text.trim().to_owned();
    }
    let mut shown = match entries {
        [] => String::new(),
        entries if look.long => text(entries, look, "") + "\n",
        entries => table(entries, look),
    };
    if !others.is_empty() {
        let mut page = Page::new(look.width, look.styled);
        page.heading("better run another way");
        let lines = others.iter().flat_map(|other| {
            [(other.name.as_str(), printable::text(&other.why)), ("", printable::text(&other.instead))]
        });
        let lines: Vec<page::Entry> =
            lines.map(|(name, said)| page::Entry { mark: (' ', Style::Plain), name, said, hint: None }).collect();
        page.entries(&lines);
        shown += if shown.is_empty() { "" } else { "\n" };
        shown += &page.text;
    }
    shown.trim_end().to_owned()
}

fn table(entries: &[Entry], look: Look) -> String {
    let width = u16::try_from(look.width).unwrap_or(u16::MAX);
    let mut table = Table::new(&["policy", "enabled", "grants here", "what for"], width, look.styled);
    for entry in entries {
        table.row([
            (entry.name.clone(), Style::Plain),
            (if entry.enabled { "yes" } else { "no" }.to_owned(), Style::Plain),
            (grants(entry), Style::Plain),
            (entry.summary.clone(), Style::Plain),
        ]);
    }
    table.render(&[0, 1], &[])
}

fn nothing_shipped(word: &str) -> String {
    let word = printable::text(word);
    format!(
        "No shipped policy has the word {word:?} in its name, its summary, its tool's path or its capabilities. \
         To find out what a tool needs: capwrap --learn COMMAND"
    )
}

fn nothing(which: Which, caller: &str) -> String {
    match which {
        Which::Own => format!(
            "No enabled policy lets {caller} run anything. `capwrap list --all` shows who may run what, \
             `capwrap list --available` the policies that you can enable."
        ),
        Which::Enabled => {
            "No policy is enabled. `capwrap list --available` shows the policies that you can enable.".to_owned()
        }
        Which::Shipped => nothing_shipped(""),
        Which::Available => "Every shipped policy is enabled.".to_owned(),
    }
}

fn mark(entry: &Entry, which: Which) -> (char, Style) {
    match (&entry.allowed_by, &entry.installed) {
        (_, None) if matches!(which, Which::Own | Which::Enabled) => ('!', Style::Yellow),
        _ => (' ', Style::Plain),
    }
}

fn about(entry: &Entry, Look { which, long, .. }: Look) -> Vec<String> {
    let place = match &entry.installed {
        Some(path) => printable::text(path),
        None => {
            format!("not installed (no {})", entry.paths.iter().map(printable::text).collect::<Vec<_>>().join(", nor "))
        }
    };
    let mut lines = vec![entry.summary.clone(), place, grants(entry)];
    for (said, demanded) in &entry.demands {
        lines.push(format!("needs: {said}"));
        lines.extend(long.then(|| demanded.details()));
    }
    lines.extend(entry.details.iter().filter(|_| long).cloned());
    lines.extend(
        entry
            .last_use
            .iter()
            .filter(|_| long)
            .map(|LastUse { time, user }| printable::line(&format!("last used {time} by {user}"))),
    );
    lines.retain(|line| !line.is_empty());
    lines.push(match which {
        Which::Own => format!("as {}{}", entry.allowed_by.as_deref().unwrap_or_default(), terms(entry)),
        Which::Enabled => {
            let expired = matches!(&entry.allowed_by, Err(why) if why.contains("expired"));
            format!("allows {}{}{}", entry.allows, terms(entry), if expired { ": expired" } else { "" })
        }
        Which::Shipped if entry.enabled => "enabled".to_owned(),
        Which::Available | Which::Shipped => format!("sudo capwrap enable {}", entry.name),
    });
    lines
}

fn terms(entry: &Entry) -> String {
    let until = entry.until.as_ref().map_or(String::new(), |until| format!(", until {until}"));
    until + if entry.reason_demanded { ", with --reason" } else { "" }
}

fn grants(entry: &Entry) -> String {
    let list = |set: CapabilitySet| set.to_string().replace(',', ", ");
    let parts = [
        (entry.always, ""),
        (entry.grants.without(entry.always), "by its arguments "),
        (entry.possible.without(entry.grants), "if a probe at the launch says yes, "),
        (entry.optional.without(entry.grants), "with --add "),
    ];
    let parts = parts.into_iter().filter(|(set, _)| !set.is_empty());
    let parts: Vec<String> = parts.map(|(set, when)| format!("{when}{}", list(set))).collect();
    if parts.is_empty() { "no capability here".to_owned() } else { parts.join("; ") }
}

#[derive(Serialize)]
struct Object<'e> {
    schema: u32,
    caller: Caller,
    tools: Vec<Tool<'e>>,
    /// The tools that have no policy, because they are better run another way.
    other_ways: &'e [OtherWay],
}

#[derive(Serialize)]
struct Caller {
    uid: u32,
    name: String,
}

#[derive(Serialize)]
struct Tool<'e> {
    name: &'e str,
    enabled: bool,
    summary: &'e str,
    policy: String,
    /// The installed path; null where the tool is not installed.
    path: Option<String>,
    paths: Vec<String>,
    /// Why the caller may run it; null where they may not.
    allowed_by: Option<&'e str>,
    /// Why the caller may not run it; null where they may.
    refused: Option<&'e str>,
    allows: &'e str,
    temporary: &'e [Granted],
    until: Option<&'e str>,
    reason_demanded: bool,
    /// The capabilities that the tool gets here without arguments.
    always: Vec<&'static str>,
    /// The capabilities that the tool can get here at most, whatever its arguments are.
    grants: Vec<&'static str>,
    /// The capabilities that the tool gets as well if every probe that only a launch can try says yes.
    possible: Vec<&'static str>,
    /// The capabilities that the caller may add.
    optional: Vec<&'static str>,
    /// What the grants are for that have a scope.
    scopes: &'e [Scope],
    /// What the tool needs besides capabilities, and whether it holds for the caller.
    demands: Vec<&'e Demanded>,
    /// The last use that the caller's records show; null where they show none.
    last_use: Option<&'e LastUse>,
}

/// The list as one JSON object, without a newline after it.
pub fn json(entries: &[Entry], other_ways: &[OtherWay], who: &Asking) -> Result<String> {
    let names = |set: CapabilitySet| set.iter().map(Capability::name).collect();
    let tools = entries.iter().map(|entry| Tool {
        name: &entry.name,
        enabled: entry.enabled,
        summary: &entry.summary,
        policy: printable::text(&entry.policy),
        path: entry.installed.as_ref().map(printable::text),
        paths: entry.paths.iter().map(printable::text).collect(),
        allowed_by: entry.allowed_by.as_deref().ok(),
        refused: entry.allowed_by.as_ref().err().map(String::as_str),
        allows: &entry.allows,
        temporary: &entry.temporary,
        until: entry.until.as_deref(),
        reason_demanded: entry.reason_demanded,
        always: names(entry.always),
        grants: names(entry.grants),
        possible: names(entry.possible.without(entry.grants)),
        optional: names(entry.optional),
        scopes: &entry.scopes,
        demands: entry.demands.iter().map(|(_, demanded)| demanded).collect(),
        last_use: entry.last_use.as_ref(),
    });
    let caller = Caller { uid: who.caller.uid, name: who.name() };
    Ok(crate::output::json::pretty(&Object {
        schema: crate::output::json::SCHEMA,
        caller,
        tools: tools.collect(),
        other_ways,
    })?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str) -> Entry {
        let set = |list: &str| CapabilitySet::parse(list).unwrap();
        Entry {
            name: name.to_owned(),
            policy: format!("/etc/capwrap/policies/{name}.toml").into(),
            enabled: false,
            summary: "packets of the network".to_owned(),
            installed: Some("/usr/bin/tcpdump".into()),
            paths: vec!["/usr/bin/tcpdump".into(), "/usr/sbin/tcpdump".into()],
            allowed_by: Ok("group capwrap".to_owned()),
            allows: "group capwrap".to_owned(),
            temporary: Vec::new(),
            until: None,
            reason_demanded: false,
            grants: set("net_raw,chown"),
            possible: set("net_raw,chown"),
            always: set("net_raw"),
            mentioned: set("net_raw,chown,net_admin"),
            optional: set("net_admin"),
            scopes: Vec::new(),
            demands: Vec::new(),
            last_use: Some(LastUse { time: "2026-11-27T07:10:00.000000Z".to_owned(), user: "bob".to_owned() }),
            details: vec!["it can start no other program".to_owned()],
        }
    }

    const fn look(which: Which, width: usize) -> Look {
        Look { which, long: false, width, styled: false }
    }

    #[test]
    fn the_details_are_shown_to_who_asks_for_them() {
        let shown = |long| text(&[entry("tcpdump")], Look { long, ..look(Which::Own, 80) }, "alice");
        assert!(shown(true).contains("           it can start no other program\n           last used"));
        assert!(!shown(false).contains("it can start") && !shown(false).contains("last used"));
        assert!(shown(true).contains("last used 2026-11-27T07:10:00.000000Z by bob\n"));
    }

    #[test]
    fn a_tool_is_reported_with_its_place_its_capabilities_and_its_ground() {
        let absent = Entry { installed: None, until: Some("2030-01-01T00:00:00Z".to_owned()), ..entry("dump") };
        assert_eq!(
            text(&[entry("tcpdump"), absent], look(Which::Own, 80), "alice"),
            "  tcpdump  packets of the network
           /usr/bin/tcpdump
           cap_net_raw; by its arguments cap_chown; with --add cap_net_admin
           as group capwrap
! dump     packets of the network
           not installed (no /usr/bin/tcpdump, nor /usr/sbin/tcpdump)
           cap_net_raw; by its arguments cap_chown; with --add cap_net_admin
           as group capwrap, until 2030-01-01T00:00:00Z"
        );
    }

    #[test]
    fn the_shipped_policies_are_a_table_and_other_ways_come_below() {
        let other = OtherWay {
            name: "smartctl".to_owned(),
            packages: vec!["smartmontools".to_owned()],
            why: "It writes to disks.".to_owned(),
            instead: "Use a timer.".to_owned(),
        };
        let enabled = Entry { enabled: true, ..entry("dump") };
        assert_eq!(
            shipped(&[entry("tcpdump"), enabled], &[other], look(Which::Shipped, 120), "")
                .lines()
                .map(str::trim_end)
                .collect::<Vec<_>>(),
            [
                "policy   enabled  grants here                                                        what for",
                "tcpdump  no       cap_net_raw; by its arguments cap_chown; with --add cap_net_admin  packets of the network",
                "dump     yes      cap_net_raw; by its arguments cap_chown; with --add cap_net_admin  packets of the network",
                "",
                "better run another way",
                "  smartctl  It writes to disks.",
                "            Use a timer.",
            ]
        );
        assert!(shipped(&[], &[], look(Which::Shipped, 80), "zzz").contains("\"zzz\""));
    }

    #[test]
    fn a_policy_is_found_by_its_name_its_summary_its_path_and_its_capabilities() {
        let entry = entry("tcpdump");
        for (word, is_found) in
            [("tcpd", true), ("packets", true), ("/usr/sbin", true), ("net_admin", true), ("bpf", false)]
        {
            assert_eq!(entry.has(word), is_found, "{word}");
        }
    }

    #[test]
    fn no_line_is_wider_than_the_screen() {
        for width in [40, 80, 120] {
            let page = text(&[entry("tcpdump")], look(Which::Available, width), "alice");
            assert!(page.lines().all(|line| line.chars().count() <= width), "{page}");
            assert!(page.contains("sudo capwrap enable tcpdump"));
        }
    }

    #[test]
    fn who_may_run_nothing_reads_where_to_look() {
        let said = text(&[], look(Which::Own, 40), "alice");
        assert!(said.starts_with("No enabled policy lets alice") && said.contains("list --all`"), "{said}");
        assert!(said.lines().all(|line| line.len() <= 40), "{said}");
    }
}
