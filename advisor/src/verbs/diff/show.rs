//! Shows a difference as a page for people and as JSON for programs.

use crate::analysis::capability_risk;
use crate::analysis::capability_risk::Closeness;
use crate::dialects::grant::{Side, Stated, shown};
use crate::dialects::mount::BindMount;
use crate::output::table::Table;
use crate::output::terminal::Style;
use crate::verbs::diff::compare::Difference;
use anyhow::{Context, Result};
use capwrap_core::text::printable;
use capwrap_core::{Capability, CapabilitySet};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// The page for people.
pub fn text(difference: &Difference, width: u16, styled: bool, verbose: bool) -> String {
    let Difference { a, b, only_in_a, only_in_b, in_both, .. } = difference;
    let mut page = String::new();
    for (mark, side) in [("A", a), ("B", b)] {
        page += &heading(mark, side, width, styled);
    }
    page += &section("only in A", *only_in_a, width, styled);
    page += &section("only in B", *only_in_b, width, styled);
    if verbose {
        page += &section("in both", *in_both, width, styled);
    }
    page += &stated(difference, width, styled);
    page.push('\n');
    page += &closing(difference, width, styled);
    page
}

fn heading(mark: &str, side: &Side, width: u16, styled: bool) -> String {
    let mark = Style::Bold.paint(mark, styled);
    let mut text = format!("{mark}  {}  ({})\n", Style::Bold.paint(&printable::text(&side.label), styled), side.kind);
    for line in std::iter::once(&format!("{}: {}", counted(side.grant), side.decided)).chain(&side.notes) {
        text += &wrapped(line, width, "   ");
    }
    text
}

/// The other settings that both sides state. A set is shown by what each side has more. A set that differs exactly as
/// the grants do is not repeated.
fn stated(difference: &Difference, width: u16, styled: bool) -> String {
    let more = |set: CapabilitySet| match set.is_empty() {
        true => "-".to_owned(),
        false => format!("+ {}", shown(set).replace(',', ", ")),
    };
    let (a, b) = &difference.stated;
    let sets = sets(a).zip(sets(b)).map(|((name, a), (_, b))| (name, a.without(b), b.without(a)));
    let sets = sets.filter(|(_, a, b)| (*a, *b) != (difference.only_in_a, difference.only_in_b));
    let sets = sets.map(|(name, a, b)| [name.to_owned(), more(a), more(b)]);
    let lists = lists(a)
        .into_iter()
        .zip(lists(b))
        .map(|((name, a), (_, b))| [name.to_owned(), added(a.difference(&b)), added(b.difference(&a))]);
    let sets = sets.chain(lists.filter(|[_, a, b]| a != b));
    let others = others(a).into_iter().zip(others(b)).map(|((name, a), (_, b))| [name, a, b]);
    let rows: Vec<[String; 3]> = sets.chain(others).collect();
    if rows.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&["stated", "A", "B"], width, styled);
    for row in rows {
        table.row(row.map(|text| (printable::text(text), Style::Plain)));
    }
    format!("\n{}", table.render(&[0], &[]))
}

/// The sets that a side states, by name.
fn sets(stated: &Stated) -> impl Iterator<Item = (&'static str, CapabilitySet)> {
    let all = [("ambient", stated.ambient), ("bounding", stated.bounding), ("effective", stated.effective)];
    all.into_iter().filter_map(|(name, set)| Some((name, set?)))
}

/// How many names of a list are shown at most.
const SHOWN: usize = 8;

/// What a list has more than another.
fn added<'a>(more: impl Iterator<Item = &'a String>) -> String {
    let more: Vec<&str> = more.map(String::as_str).collect();
    match more.len() {
        0 => "-".to_owned(),
        len if len <= SHOWN => format!("+ {}", more.join(", ")),
        len => format!("+ {} and {} more", more[..SHOWN].join(", "), len - SHOWN),
    }
}

/// The lists of names that a side states.
fn lists(stated: &Stated) -> Vec<(&'static str, BTreeSet<String>)> {
    let calls = stated.calls.iter();
    let calls = calls.flat_map(|calls| [("calls refused", &calls.refused), ("calls refused in part", &calls.in_part)]);
    let ports = stated.ports.iter().map(|ports| ("ports", ports));
    let scopes = stated.scopes.iter().map(|scopes| ("scopes", scopes.values().flatten().cloned().collect()));
    calls.chain(ports).map(|(name, list)| (name, list.clone())).chain(scopes).collect()
}

/// The list in one text.
fn joined(list: &BTreeSet<String>) -> String {
    let all: Vec<&str> = list.iter().map(String::as_str).collect();
    let between = if all.iter().any(|one| one.contains(' ')) { ", " } else { " " };
    if all.is_empty() { "none".to_owned() } else { all.join(between) }
}

/// The other settings that a side states, in words, by name.
fn others(stated: &Stated) -> BTreeMap<String, String> {
    let limits = stated.limits.iter().map(|(resource, limit)| (format!("limit {resource}"), limit.to_string()));
    let spelled = |mounts: &BTreeSet<BindMount>| mounts.iter().map(BindMount::to_string).collect::<BTreeSet<_>>();
    let mounts = stated.mounts.as_ref().map(|mounts| match mounts.is_empty() {
        true => "none".to_owned(),
        false => spelled(mounts).into_iter().collect::<Vec<_>>().join(" "),
    });
    let no_new_privs = stated.no_new_privs.map(|is_set| if is_set { "yes" } else { "no" }.to_owned());
    let words =
        [("mounts", mounts), ("net", stated.net.clone()), ("no_new_privs", no_new_privs), ("pid", stated.pid.clone())];
    let words = words.into_iter().filter_map(|(name, word)| Some((name.to_owned(), word?)));
    limits.chain(words).collect()
}

fn section(name: &str, set: CapabilitySet, width: u16, styled: bool) -> String {
    let rows: Vec<Row> = rows(set);
    if rows.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&["#", name, "closeness", "opens"], width, styled);
    for row in &rows {
        let style = row.closeness.map_or(Style::Plain, colour);
        table.row([
            (row.number.to_string(), Style::Plain),
            (row.name.clone(), style),
            (row.closeness.map_or("", Closeness::name).to_owned(), style),
            (row.opens.unwrap_or("unknown to this capwrap").to_owned(), Style::Plain),
        ]);
    }
    format!("\n{}", table.render(&[0, 1, 2], &[0]))
}

const fn colour(closeness: Closeness) -> Style {
    match closeness {
        Closeness::Root => Style::Red,
        Closeness::Near => Style::Yellow,
        Closeness::Wide => Style::Cyan,
        Closeness::Narrow => Style::Green,
    }
}

fn closing(difference: &Difference, width: u16, styled: bool) -> String {
    if difference.is_none() {
        let text = format!("No difference: both have {}.", counted(difference.in_both));
        return Style::Green.paint(wrapped(&text, width, "").trim_end(), styled) + "\n";
    }
    let mut sentences = Vec::new();
    for (one, other, set) in [("A", "B", difference.only_in_a), ("B", "A", difference.only_in_b)] {
        if !set.is_empty() {
            let roots = capability_risk::root_alone(set);
            let is_root = match roots.iter().count() {
                0 => String::new(),
                _ if roots == set && set.iter().count() == 1 => ", and it is root by itself".to_owned(),
                1 => format!(", of which {roots} is root by itself"),
                many => format!(", of which {many} are root by themselves"),
            };
            sentences.push(format!("{one} has {} that {other} lacks{is_root}.", counted(set)));
        }
    }
    if difference.only_in_a.is_empty() && difference.only_in_b.is_empty() {
        sentences.push("The capabilities are the same; what else is stated is not.".to_owned());
    } else if !difference.in_both.is_empty() {
        sentences.push(format!("Both have {}.", counted(difference.in_both)));
    }
    wrapped(&sentences.join(" "), width, "")
}

/// The number with its noun: `1 capability`, `3 capabilities`.
fn counted(set: CapabilitySet) -> String {
    match rows(set).len() {
        1 => "1 capability".to_owned(),
        many => format!("{many} capabilities"),
    }
}

/// The text, wrapped to the width of the screen, each line after a margin.
fn wrapped(text: &str, width: u16, margin: &str) -> String {
    let room = usize::from(width).saturating_sub(margin.len()).max(30);
    let mut lines: Vec<String> = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() || line.chars().count() + 1 + word.chars().count() <= room => {
                if !line.is_empty() {
                    line.push(' ');
                }
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.iter().map(|line| format!("{margin}{line}\n")).collect()
}

#[derive(Serialize)]
struct Row {
    number: u8,
    name: String,
    /// What the capability opens; null where it has no name here.
    opens: Option<&'static str>,
    closeness: Option<Closeness>,
    escalation: Option<&'static str>,
}

fn rows(set: CapabilitySet) -> Vec<Row> {
    let members = (0..64).filter(|bit| set.mask() >> bit & 1 != 0);
    let row = |number| match Capability::from_number(number) {
        Some(capability) => {
            let meaning = capability_risk::of(capability);
            Row {
                number,
                name: capability.name().to_owned(),
                opens: Some(meaning.opens),
                closeness: Some(meaning.closeness),
                escalation: Some(meaning.escalation).filter(|text| !text.is_empty()),
            }
        }
        None => Row { number, name: format!("bit {number}"), opens: None, closeness: None, escalation: None },
    };
    members.map(row).collect()
}

#[derive(Serialize)]
struct Object<'d> {
    schema: u32,
    a: SideObject<'d>,
    b: SideObject<'d>,
    only_in_a: Vec<Row>,
    only_in_b: Vec<Row>,
    in_both: Vec<String>,
    /// The other settings that both sides state differently: sets and others.
    stated: Vec<Differently>,
    different: bool,
}

/// A setting that both sides state.
#[derive(Serialize)]
struct Differently {
    name: String,
    a: String,
    b: String,
}

#[derive(Serialize)]
struct SideObject<'d> {
    label: String,
    kind: &'static str,
    /// The mask in hexadecimal, as in /proc/PID/status.
    mask: String,
    capabilities: Vec<String>,
    decided: &'d str,
    stated: BTreeMap<String, String>,
    notes: &'d [String],
}

/// The difference as a JSON object. Its keys are stable.
///
/// # Errors
/// A difference itself causes no error.
pub fn json(difference: &Difference) -> Result<String> {
    let (a, b) = &difference.stated;
    let sets = sets(a).zip(sets(b));
    let sets = sets.map(|((name, a), (_, b))| Differently { name: name.to_owned(), a: shown(a), b: shown(b) });
    let lists = lists(a).into_iter().zip(lists(b)).filter(|((_, a), (_, b))| a != b);
    let lists = lists.map(|((name, a), (_, b))| Differently { name: name.to_owned(), a: joined(&a), b: joined(&b) });
    let others = others(a).into_iter().zip(others(b)).map(|((name, a), (_, b))| Differently { name, a, b });
    let object = Object {
        schema: crate::output::json::SCHEMA,
        a: side_object(&difference.a),
        b: side_object(&difference.b),
        only_in_a: rows(difference.only_in_a),
        only_in_b: rows(difference.only_in_b),
        in_both: rows(difference.in_both).into_iter().map(|row| row.name).collect(),
        stated: sets.chain(lists).chain(others).collect(),
        different: !difference.is_none(),
    };
    crate::output::json::pretty(&object).context("cannot write JSON")
}

fn side_object(side: &Side) -> SideObject<'_> {
    let sets = sets(&side.stated).map(|(name, set)| (name.to_owned(), shown(set)));
    SideObject {
        label: printable::text(&side.label),
        kind: side.kind,
        mask: format!("{:016x}", side.grant.mask()),
        capabilities: rows(side.grant).into_iter().map(|row| row.name).collect(),
        decided: &side.decided,
        stated: sets
            .chain(lists(&side.stated).into_iter().map(|(name, list)| (name.to_owned(), joined(&list))))
            .chain(others(&side.stated))
            .collect(),
        notes: &side.notes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialects::seccomp::calls::Calls;
    use capwrap_core::policy::limits::Limit;

    fn difference() -> Difference {
        let side = |list: &str| Side::new("list", CapabilitySet::parse(list).unwrap(), "the list itself");
        let (mut a, mut b) = (side("bpf,sys_admin,kill"), side("kill"));
        (a.label, b.label) = ("first".to_owned(), "second".to_owned());
        a.stated.pid = Some("host".to_owned());
        b.stated.pid = Some("own".to_owned());
        b.notes.push(
            "a note that is longer than a line of a narrow screen, so that it has to be broken somewhere".to_owned(),
        );
        Difference::of(a, b)
    }

    #[test]
    fn the_page_says_what_each_has_what_it_opens_and_what_follows() {
        assert_eq!(
            text(&difference(), 80, false, false),
            "A  first  (list)\n   3 capabilities: the list itself\nB  second  (list)\n   1 capability: the list itself\n   \
             a note that is longer than a line of a narrow screen, so that it has to be\n   broken somewhere\n\n \
             #  only in A      closeness  opens\n21  cap_sys_admin  root       mount, quotas, namespaces, and most of what has no\n                              \
             capability of its own\n39  cap_bpf        near root  load BPF programs and maps\n\nstated  A     B\npid     host  own\n\n\
             A has 2 capabilities that B lacks, of which cap_sys_admin is root by itself.\nBoth have 1 capability.\n"
        );
    }

    #[test]
    fn of_a_list_of_names_what_each_has_more_is_shown_and_a_long_one_is_cut() {
        let mut difference = difference();
        let refuses = |calls: &[&str]| {
            let mut all = Calls::default();
            calls.iter().for_each(|call| all.refuse(call));
            Some(all)
        };
        difference.stated.0.calls = refuses(&["mount", "bpf", "kcmp"]);
        let many = ["bpf", "acct", "chroot", "fsopen", "fspick", "keyctl", "ptrace", "reboot", "setns", "swapon"];
        difference.stated.1.calls = refuses(&many);
        let page = text(&difference, 120, false, false);
        let row =
            "calls refused  + kcmp, mount  + acct, chroot, fsopen, fspick, keyctl, ptrace, reboot, setns and 1 more";
        assert!(page.contains(row), "{page}");
        assert!(!page.contains("in part"), "{page}");
    }

    #[test]
    fn no_line_is_longer_than_the_screen() {
        for width in [60, 80, 120] {
            let page = text(&difference(), width, false, true);
            assert!(page.lines().all(|line| line.chars().count() <= usize::from(width)), "{page}");
        }
    }

    #[test]
    fn what_is_shown_of_a_file_moves_no_cursor() {
        let mut difference = difference();
        difference.a.label = "a\x1b[2J".to_owned();
        difference.stated.0.pid = Some("b\x1b".to_owned());
        assert!(!text(&difference, 80, false, true).contains('\x1b'));
    }

    #[test]
    fn everything_that_a_side_states_has_its_name_and_words() {
        let mut side = Side::new("list", CapabilitySet::EMPTY, "");
        let all = &mut side.stated;
        (all.ambient, all.bounding) = (Some(CapabilitySet::EMPTY), CapabilitySet::parse("bpf").ok());
        all.effective = CapabilitySet::parse("kill,bpf").ok();
        (all.no_new_privs, all.pid, all.net) = (Some(false), Some("host".to_owned()), Some("none".to_owned()));
        all.mounts = Some([BindMount::new("/a", "/b", true), BindMount::new("/a-c", "/d", false)].into());
        all.limit("MEMLOCK", Limit::UNLIMITED);
        all.limit("core", Limit(0));
        all.calls.get_or_insert_default().refuse("mount");
        all.calls.get_or_insert_default().refuse("bpf");
        all.ports = Some(["tcp/443".to_owned()].into());
        let json = serde_json::to_string(&side_object(&side).stated).unwrap();
        assert_eq!(
            json,
            "{\"ambient\":\"none\",\"bounding\":\"cap_bpf\",\"calls refused\":\"bpf mount\",\
             \"calls refused in part\":\"none\",\"effective\":\"cap_kill,cap_bpf\",\
             \"limit core\":\"0\",\"limit memlock\":\"unlimited\",\"mounts\":\"/a-c:/d /a:/b:ro\",\
             \"net\":\"none\",\"no_new_privs\":\"no\",\"pid\":\"host\",\"ports\":\"tcp/443\"}"
        );
        side.stated.mounts = Some(BTreeSet::new());
        assert_eq!(others(&side.stated)["mounts"], "none");
    }
}
