//! Merges what changed in a shipped policy into the policy of this machine, which was made from it.
//!
//! The parts are those of a policy, and not lines: a key of a table, or an entry such as a `[[grant]]`, as a whole. What
//! only one side changed comes from that side. What both changed differently is a conflict. The `[allow]` of this
//! machine stays as it is, and so does each key of `[tool]` that this machine changed: who may run which file is no
//! business of the shipped policy.

use anyhow::{Context, Result};
use std::collections::BTreeMap;
use toml_edit::{ArrayOfTables, Decor, DocumentMut, Item, Key, Table, Value};

/// Which side a conflict is decided for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Take {
    /// The policy of this machine.
    Local,
    /// The shipped policy.
    Shipped,
}

/// A part that both sides changed, each in its own way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The part, as in `[exec] children`.
    pub part: String,
    /// What the policy of this machine says; `None` if it says nothing.
    pub local: Option<String>,
    /// What the shipped policy says; `None` if it says nothing.
    pub shipped: Option<String>,
}

/// The result of a merge.
#[derive(Debug)]
pub struct Merged {
    /// The text. Where there are conflicts and no side was to be taken, it has the local side of them.
    pub text: String,
    pub conflicts: Vec<Conflict>,
    /// The parts that the shipped policy changed and that stay as they are here.
    pub kept: Vec<String>,
}

/// Merges the shipped policy into the local one. `base` is the shipped policy from which the local one was made. Without
/// it, nobody knows which side changed what, and every difference outside of `[allow]` and `[tool]` is a conflict.
///
/// # Errors
/// One of the texts is no TOML.
pub fn merge(base: Option<&str>, local: &str, shipped: &str, take: Option<Take>) -> Result<Merged> {
    // Where nothing comes from the shipped policy, not a blank of the local one changes.
    if base == Some(shipped) {
        return Ok(Merged { text: local.to_owned(), conflicts: Vec::new(), kept: Vec::new() });
    }
    let text = local;
    let read = |text: &str, which| text.parse::<DocumentMut>().with_context(|| format!("{which} is not TOML"));
    let base = base.map(|text| read(text, "the shipped policy that was kept")).transpose()?;
    let (local, shipped) = (read(local, "the policy")?, read(shipped, "the shipped policy")?);
    let mut merge = Merge { knows_base: base.is_some(), take, conflicts: Vec::new(), kept: Vec::new() };
    let mut merged = local.clone();
    *merged.as_table_mut() = merge.table("", base.as_deref(), &local, &shipped);
    if base.is_some_and(|base| base.trailing().as_str() == local.trailing().as_str()) {
        merged.set_trailing(shipped.trailing().clone());
    }
    let text = if merge.knows_base || take == Some(Take::Shipped) {
        // A last table that went leaves the blank line before it.
        merged.to_string().trim_end().to_owned() + "\n"
    } else {
        text.to_owned()
    };
    Ok(Merged { text, conflicts: merge.conflicts, kept: merge.kept })
}

/// Whether two texts say the same, whatever their comments, their layout and the order of their keys are.
pub fn says_the_same(one: &str, other: &str) -> bool {
    let meaning = |text: &str| text.parse::<DocumentMut>().ok().map(|document| of_table(&document));
    one == other || meaning(one).is_some_and(|one| Some(one) == meaning(other))
}

struct Merge {
    knows_base: bool,
    take: Option<Take>,
    conflicts: Vec<Conflict>,
    kept: Vec<String>,
}

/// Where a part comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Local,
    Shipped,
}

impl Merge {
    /// Chooses the side of a part by what each side means. `shown` are the local and the shipped side for people.
    fn choose(&mut self, part: &str, meanings: [Option<String>; 3], shown: [Option<String>; 2]) -> Side {
        let [base, local, shipped] = meanings;
        if local == shipped || self.knows_base && shipped == base {
            return Side::Local;
        }
        if self.knows_base && local == base {
            return Side::Shipped;
        }
        self.conflict(part, shown)
    }

    fn conflict(&mut self, part: &str, [local, shipped]: [Option<String>; 2]) -> Side {
        self.conflicts.push(Conflict { part: part.to_owned(), local, shipped });
        if self.take == Some(Take::Shipped) { Side::Shipped } else { Side::Local }
    }

    /// Merges tables key by key. The keys of the local one keep their order, and what comes from the shipped one stands
    /// behind what it stands behind there.
    fn table(&mut self, name: &str, base: Option<&Table>, local: &Table, shipped: &Table) -> Table {
        let mut merged = local.clone();
        comments(base.map(Table::decor), local.decor(), shipped.decor(), merged.decor_mut());
        merged.clear();
        for key in order(local, shipped) {
            let (b, l, s) = (base.and_then(|base| base.get(&key)), local.get(&key), shipped.get(&key));
            let Some((side, item)) = self.item(&part(name, &key), b, l, s) else { continue };
            let from = if side == Side::Shipped { shipped } else { local };
            let Some(formatted) = from.key(&key).or_else(|| local.key(&key)).or_else(|| shipped.key(&key)) else {
                continue;
            };
            let mut formatted: Key = formatted.clone();
            comments_of_key(&key, base, local, shipped, formatted.leaf_decor_mut());
            merged.insert_formatted(&formatted, item);
        }
        merged
    }

    /// Merges what stands under one key. The result is `None` where nothing does afterwards.
    fn item(
        &mut self,
        part: &str,
        base: Option<&Item>,
        local: Option<&Item>,
        shipped: Option<&Item>,
    ) -> Option<(Side, Item)> {
        if part == "[allow]" {
            return self.keep_local(part, base, local, shipped);
        }
        if let (Some(Item::Table(local)), Some(Item::Table(shipped))) = (local, shipped) {
            let base = base.and_then(Item::as_table);
            return Some((Side::Local, Item::Table(self.table(part, base, local, shipped))));
        }
        if part.starts_with("[tool]") {
            let is_untouched = self.knows_base && base.map(of_item) == local.map(of_item);
            return if is_untouched {
                shipped.map(|item| (Side::Shipped, item.clone()))
            } else {
                self.keep_local(part, base, local, shipped)
            };
        }
        if [base, local, shipped].into_iter().flatten().any(is_entries) {
            let merged = self.entries(part, &entries(base), &entries(local), &entries(shipped));
            return (!merged.is_empty()).then_some((Side::Local, Item::ArrayOfTables(merged)));
        }
        let meanings = [base, local, shipped].map(|item| item.map(of_item));
        let side = self.choose(part, meanings, [local, shipped].map(|item| item.map(shown)));
        let mut item = if side == Side::Local { local? } else { shipped? }.clone();
        if side == Side::Shipped {
            forget_places(&mut item);
        }
        if let (Some(Item::Value(l)), Some(Item::Value(s)), Item::Value(value)) = (local, shipped, &mut item) {
            let b = base.and_then(Item::as_value).map(Value::decor);
            comments(b, l.decor(), s.decor(), value.decor_mut());
        }
        Some((side, item))
    }

    /// Keeps the local side, and reports a change of the shipped one that is left out for it.
    fn keep_local(
        &mut self,
        part: &str,
        base: Option<&Item>,
        local: Option<&Item>,
        shipped: Option<&Item>,
    ) -> Option<(Side, Item)> {
        let [base, here, there] = [base, local, shipped].map(|item| item.map(of_item));
        if self.knows_base && there != base && there != here {
            self.kept.push(part.to_owned());
        }
        local.map(|item| (Side::Local, item.clone()))
    }

    /// Merges the entries of an array of tables. An entry is the changed form of the one that it has most in common with.
    fn entries(&mut self, part: &str, base: &[Table], local: &[Table], shipped: &[Table]) -> ArrayOfTables {
        // Where the base is not known, what both have is what they were made from.
        let common: Vec<Table>;
        let base = if self.knows_base {
            base
        } else {
            let known: Vec<String> = shipped.iter().map(of_table).collect();
            common = local.iter().filter(|table| known.contains(&of_table(table))).cloned().collect();
            &common
        };
        let (of_local, of_shipped) = (pairs(base, local), pairs(base, shipped));
        // An entry that both replaced by something else: what the shipped policy has instead may be what was taken out here.
        let both_replaced = (0..base.len()).any(|at| !of_local.contains(&Some(at)) && !of_shipped.contains(&Some(at)));
        // Each entry of the result, with the number of the shipped entry that it stands for.
        let mut merged: Vec<(Option<usize>, Table)> = Vec::new();
        let mut done = vec![false; shipped.len()];
        for (at, here) in local.iter().enumerate() {
            let from = of_local[at];
            let there = match from {
                Some(_) => of_shipped.iter().position(|pair| *pair == from),
                None => (0..shipped.len())
                    .find(|at| !done[*at] && of_shipped[*at].is_none() && of_table(&shipped[*at]) == of_table(here)),
            };
            there.into_iter().for_each(|there| done[there] = true);
            let base = from.map(|from| &base[from]);
            if let Some(table) = self.entry(part, base, Some(here), there.map(|there| &shipped[there])) {
                merged.push((there, table));
            }
        }
        for at in (0..shipped.len()).filter(|at| !done[*at]) {
            let there = &shipped[at];
            let base = of_shipped[at].map(|from| &base[from]);
            let table = if base.is_none() && both_replaced {
                let taken = self.conflict(part, [None, Some(shown_table(there))]);
                (taken == Side::Shipped).then(|| {
                    let mut table = there.clone();
                    forget_place(&mut table);
                    table
                })
            } else {
                self.entry(part, base, None, Some(there))
            };
            let Some(table) = table else { continue };
            let before = merged.iter().rposition(|(number, _)| number.is_some_and(|number| number < at));
            let place = match before {
                Some(before) => before + 1,
                None if merged.iter().any(|(number, _)| number.is_some()) => 0,
                None => merged.len(),
            };
            merged.insert(place, (Some(at), table));
        }
        merged.into_iter().map(|(_, table)| table).collect()
    }

    fn entry(
        &mut self,
        part: &str,
        base: Option<&Table>,
        local: Option<&Table>,
        shipped: Option<&Table>,
    ) -> Option<Table> {
        let meanings = [base, local, shipped].map(|table| table.map(of_table));
        let side = self.choose(part, meanings, [local, shipped].map(|table| table.map(shown_table)));
        let mut table = if side == Side::Local { local? } else { shipped? }.clone();
        if side == Side::Shipped {
            forget_place(&mut table);
            table.set_position(local.and_then(Table::position));
        }
        if let (Some(l), Some(s)) = (local, shipped) {
            comments(base.map(Table::decor), l.decor(), s.decor(), table.decor_mut());
            for (mut key, item) in table.iter_mut() {
                let name = key.get().to_owned();
                comments_of_key(&name, base, l, s, key.leaf_decor_mut());
                let value = |table: &Table| table.get(&name).and_then(Item::as_value).map(|v| v.decor().clone());
                if let (Some(l), Some(s), Item::Value(item)) = (value(l), value(s), item) {
                    comments(base.and_then(value).as_ref(), &l, &s, item.decor_mut());
                }
            }
        }
        Some(table)
    }
}

/// Takes the comments, and the blanks, of the side that changed them, and the local ones if both did.
fn comments(base: Option<&Decor>, local: &Decor, shipped: &Decor, merged: &mut Decor) {
    let text = |decor: &Decor| {
        let text = |raw: Option<&toml_edit::RawString>| raw.and_then(|raw| raw.as_str()).unwrap_or_default().to_owned();
        (text(decor.prefix()), text(decor.suffix()))
    };
    let is_untouched = base.is_some_and(|base| text(base) == text(local));
    *merged = if is_untouched { shipped } else { local }.clone();
}

/// Takes the comments of a key that both sides have.
fn comments_of_key(key: &str, base: Option<&Table>, local: &Table, shipped: &Table, merged: &mut Decor) {
    if let (Some(local), Some(shipped)) = (local.key(key), shipped.key(key)) {
        let base = base.and_then(|base| base.key(key)).map(Key::leaf_decor);
        comments(base, local.leaf_decor(), shipped.leaf_decor(), merged);
    }
}

/// The name of a part: a table in brackets, and a key behind the name of its table.
fn part(table: &str, key: &str) -> String {
    match (table, key) {
        ("", "schema" | "summary" | "docs") => key.to_owned(),
        ("", key) => format!("[{key}]"),
        (table, key) => format!("{table} {key}"),
    }
}

/// The keys of both tables: those of the first in its order, and each of the others behind its predecessor.
fn order(local: &Table, shipped: &Table) -> Vec<String> {
    let mut keys: Vec<String> = local.iter().map(|(key, _)| key.to_owned()).collect();
    let mut before: Option<String> = None;
    for (key, _) in shipped {
        if !keys.iter().any(|known| known == key) {
            let at = before.and_then(|before| keys.iter().position(|known| *known == before));
            keys.insert(at.map_or(0, |at| at + 1), key.to_owned());
        }
        before = Some(key.to_owned());
    }
    keys
}

/// Forgets where a table stood in the document that it comes from. It then stands behind what it follows in this one, and
/// the local tables keep their places.
fn forget_place(table: &mut Table) {
    table.set_position(None);
    for (_, item) in table.iter_mut() {
        forget_places(item);
    }
}

fn forget_places(item: &mut Item) {
    match item {
        Item::Table(table) => forget_place(table),
        Item::ArrayOfTables(tables) => tables.iter_mut().for_each(forget_place),
        _ => {}
    }
}

fn is_entries(item: &Item) -> bool {
    let is_of_tables = |items: &toml_edit::Array| !items.is_empty() && items.iter().all(Value::is_inline_table);
    item.is_array_of_tables() || item.as_array().is_some_and(is_of_tables)
}

fn entries(item: Option<&Item>) -> Vec<Table> {
    let tables = item.cloned().and_then(|item| item.into_array_of_tables().ok());
    tables.map_or(Vec::new(), |tables| tables.into_iter().collect())
}

/// For each table, the one of the base that it is: the same one, or the one with which it shares the most keys.
fn pairs(base: &[Table], tables: &[Table]) -> Vec<Option<usize>> {
    let mut pairs = vec![None; tables.len()];
    let meanings: Vec<String> = tables.iter().map(of_table).collect();
    let mut open: Vec<usize> = Vec::new();
    for (number, table) in base.iter().enumerate() {
        let meaning = of_table(table);
        match (0..tables.len()).find(|at| pairs[*at].is_none() && meanings[*at] == meaning) {
            Some(at) => pairs[at] = Some(number),
            None => open.push(number),
        }
    }
    for number in open {
        let keys = keys(&base[number]);
        let shared = |at: usize| {
            let others = self::keys(&tables[at]);
            keys.iter().filter(|(key, value)| others.get(*key) == Some(*value)).count()
        };
        let free = (0..tables.len()).filter(|at| pairs[*at].is_none()).map(|at| (shared(at), at));
        let best = free.filter(|(shared, _)| *shared > 0).max_by_key(|(shared, at)| (*shared, std::cmp::Reverse(*at)));
        best.into_iter().for_each(|(_, at)| pairs[at] = Some(number));
    }
    pairs
}

fn keys(table: &Table) -> BTreeMap<String, String> {
    table.iter().map(|(key, item)| (key.to_owned(), of_item(item))).collect()
}

/// The meaning of a table: its keys in the order of the alphabet.
fn of_table(table: &Table) -> String {
    in_braces(keys(table))
}

fn in_braces(keys: BTreeMap<String, String>) -> String {
    let keys: Vec<String> = keys.into_iter().map(|(key, value)| format!("{key:?} = {value}")).collect();
    format!("{{{}}}", keys.join(", "))
}

fn of_item(item: &Item) -> String {
    match item {
        Item::None => String::new(),
        Item::Value(value) => of_value(value),
        Item::Table(table) => of_table(table),
        Item::ArrayOfTables(tables) => in_brackets(tables.iter().map(of_table)),
    }
}

fn of_value(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{:?}", text.value()),
        Value::Integer(number) => number.value().to_string(),
        Value::Float(number) => number.value().to_string(),
        Value::Boolean(flag) => flag.value().to_string(),
        Value::Datetime(time) => time.value().to_string(),
        Value::Array(items) => in_brackets(items.iter().map(of_value)),
        Value::InlineTable(table) => {
            in_braces(table.iter().map(|(key, value)| (key.to_owned(), of_value(value))).collect())
        }
    }
}

fn in_brackets(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}

/// An item in one line for people.
fn shown(item: &Item) -> String {
    match item {
        Item::Table(table) => shown_table(table),
        item => of_item(item),
    }
}

/// A table in one line for people, with its keys in their own order.
fn shown_table(table: &Table) -> String {
    let keys: Vec<String> = table.iter().map(|(key, item)| format!("{key} = {}", of_item(item))).collect();
    keys.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "\
# About the tool.
schema  = 1
summary = \"what it does\"

[tool]
path = [\"/usr/bin/x\"] # the first that exists

[allow]
groups = [\"capwrap\"]

# For packets.
[[grant]]
caps = [\"cap_net_raw\"]
why  = \"open a packet socket\"

[[grant]]
caps = [\"cap_chown\"]
when = { uid0 = true }
why  = \"give the file away\"

[exec]
children = \"none\"
";

    /// The text with each of these parts replaced, every one of which it must have.
    fn with(text: &str, parts: &[(&str, &str)]) -> String {
        parts.iter().fold(text.to_owned(), |text, (from, to)| {
            assert!(text.contains(from), "{from}");
            text.replace(from, to)
        })
    }

    #[track_caller]
    fn merged(local: &str, shipped: &str) -> String {
        let merged = merge(Some(BASE), local, shipped, None).unwrap();
        assert!(merged.conflicts.is_empty(), "{:?}", merged.conflicts);
        merged.text
    }

    /// The conflicts, which must be the same whichever side is taken, and the text with either side.
    fn conflicts(base: Option<&str>, local: &str, shipped: &str) -> (Vec<String>, String, String) {
        let of = |take| merge(base, local, shipped, take).unwrap();
        let (open, here, there) = (of(None), of(Some(Take::Local)), of(Some(Take::Shipped)));
        assert_eq!((&open.conflicts, &open.conflicts), (&here.conflicts, &there.conflicts));
        let said = |side: &Option<String>| side.clone().unwrap_or_else(|| "nothing".to_owned());
        let shown = open
            .conflicts
            .iter()
            .map(|one| format!("{}: {} / {}", one.part, said(&one.local), said(&one.shipped)))
            .collect();
        (shown, here.text, there.text)
    }

    #[test]
    fn a_side_that_changed_nothing_gets_what_the_other_changed_comments_and_all() {
        let changed = with(
            BASE,
            &[
                ("# About the tool.", "# About the new tool."),
                ("what it does", "what it does now"),
                ("# For packets.\n", "# For packets, and\n# for nothing else.\n"),
                ("[exec]\n", "[optional]\ncaps = [\"cap_kill\"]\n\n[exec]\nno_new_privs = true\n"),
                (
                    "[[grant]]\ncaps = [\"cap_chown\"]",
                    "[[grant]]\ncaps = [\"cap_bpf\"]\n\n[[grant]]\ncaps = [\"cap_chown\"]",
                ),
                ("[\"cap_chown\"]\n", "[\"cap_chown\", \"cap_fowner\"] # both\n"),
                ("\"none\"\n", "\"none\" # nothing\n# The end.\n"),
            ],
        );
        assert_eq!(merged(BASE, &changed), changed);
        assert_eq!(merged(&changed, BASE), changed);
        assert_eq!(merged(&changed, &changed), changed);
        let less = with(&changed, &[("[[grant]]\ncaps = [\"cap_bpf\"]\n\n", ""), ("no_new_privs = true\n", "")]);
        assert_eq!(merge(Some(&changed), &changed, &less, None).unwrap().text, less);
    }

    #[test]
    fn what_each_side_changed_in_parts_of_its_own_comes_together() {
        let local = with(
            BASE,
            &[
                ("groups = [\"capwrap\"]", "users = [\"alice\"] # ours"),
                ("\"/usr/bin/x\"", "\"/opt/x\""),
                ("# For packets.\n", "# For packets, as we know.\n"),
                ("[exec]", "[[grant]]\ncaps = [\"cap_kill\"] # here alone\n\n[exec]"),
            ],
        );
        let shipped = with(
            BASE,
            &[
                ("[\"cap_net_raw\"]", "[\"cap_net_raw\", \"cap_bpf\"]"),
                ("[[grant]]\ncaps = [\"cap_chown\"]\nwhen = { uid0 = true }\nwhy  = \"give the file away\"\n\n", ""),
                ("\"none\"", "\"any\""),
            ],
        );
        let text = merged(&local, &shipped);
        let expected = with(
            &local,
            &[
                ("[\"cap_net_raw\"]", "[\"cap_net_raw\", \"cap_bpf\"]"),
                ("[[grant]]\ncaps = [\"cap_chown\"]\nwhen = { uid0 = true }\nwhy  = \"give the file away\"\n\n", ""),
                ("\"none\"", "\"any\""),
            ],
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn who_may_run_it_stays_and_so_does_a_key_of_the_tool_that_was_changed_here() {
        let local = with(BASE, &[("\"/usr/bin/x\"", "\"/opt/x\"")]);
        let shipped = with(
            BASE,
            &[
                ("[\"/usr/bin/x\"]", "[\"/usr/sbin/x\"]\nmode = \"0750\""),
                ("groups = [\"capwrap\"]", "groups = [\"all\"]"),
            ],
        );
        let result = merge(Some(BASE), &local, &shipped, Some(Take::Shipped)).unwrap();
        assert_eq!(
            result.text,
            with(&local, &[("first that exists\n", "first that exists\nmode = \"0750\" # the first that exists\n")])
        );
        assert_eq!((result.conflicts.len(), result.kept), (0, vec!["[tool] path".to_owned(), "[allow]".to_owned()]));
        // What was not changed here follows.
        assert!(merged(BASE, &shipped).contains("path = [\"/usr/sbin/x\"]\n"));
    }

    #[test]
    fn a_part_that_both_changed_is_a_conflict_and_either_side_can_be_taken() {
        let local = with(BASE, &[("\"none\"", "\"any\" # we know"), ("uid0 = true", "uid0 = false")]);
        let shipped = with(BASE, &[("[exec]\nchildren = \"none\"\n", ""), ("[\"cap_chown\"]", "[\"cap_fowner\"]")]);
        let (said, here, there) = conflicts(Some(BASE), &local, &shipped);
        assert_eq!(
            said,
            [
                "[grant]: caps = [\"cap_chown\"], when = {\"uid0\" = false}, why = \"give the file away\" / \
                 caps = [\"cap_fowner\"], when = {\"uid0\" = true}, why = \"give the file away\"",
                "[exec]: children = \"any\" / nothing",
            ]
        );
        assert_eq!(here, local);
        assert_eq!(there, shipped.trim_end().to_owned() + "\n");
    }

    #[test]
    fn an_entry_that_one_side_took_out_and_the_other_changed_is_a_conflict() {
        let chown = "[[grant]]\ncaps = [\"cap_chown\"]\nwhen = { uid0 = true }\nwhy  = \"give the file away\"\n\n";
        let (without, wider) = (with(BASE, &[(chown, "")]), with(BASE, &[("when = { uid0 = true }\n", "")]));
        for (local, shipped) in [(&without, &wider), (&wider, &without)] {
            let (said, here, there) = conflicts(Some(BASE), local, shipped);
            assert_eq!(said.len(), 1, "{said:?}");
            assert_eq!((&here, &there), (local, shipped));
        }
        // What was taken out here and stayed as it was there stays out.
        assert_eq!(merged(&without, BASE), without);
        assert_eq!(merged(&without, &without), without);
    }

    #[test]
    fn what_stands_for_an_entry_that_both_replaced_is_not_taken_unseen() {
        let chown = "caps = [\"cap_chown\"]\nwhen = { uid0 = true }\nwhy  = \"give the file away\"\n";
        let local = with(BASE, &[(chown, "caps = [\"cap_kill\"]\n")]);
        let shipped = with(BASE, &[(chown, "caps = [\"cap_bpf\"]\n")]);
        let (said, here, there) = conflicts(Some(BASE), &local, &shipped);
        assert_eq!(said, ["[grant]: nothing / caps = [\"cap_bpf\"]"]);
        assert_eq!(here, local);
        assert!(there.contains("cap_kill") && there.contains("cap_bpf"), "{there}");
        // The same change on both sides is none.
        assert_eq!(merged(&local, &local), local);
    }

    #[test]
    fn without_the_base_every_difference_is_a_conflict_but_those_in_allow_and_tool() {
        let local = with(BASE, &[("\"/usr/bin/x\"", "\"/opt/x\""), ("\"capwrap\"", "\"net\"")]);
        assert_eq!(conflicts(None, &local, BASE).0, Vec::<String>::new());
        let local = with(&local, &[("[\"cap_net_raw\"]", "[\"cap_net_admin\"]"), ("\"none\"", "\"any\"")]);
        let (said, here, there) = conflicts(None, &local, BASE);
        assert_eq!(
            said,
            [
                "[grant]: caps = [\"cap_net_admin\"], why = \"open a packet socket\" / nothing",
                "[grant]: nothing / caps = [\"cap_net_raw\"], why = \"open a packet socket\"",
                "[exec] children: \"any\" / \"none\"",
            ]
        );
        assert_eq!(here, local);
        let expected = with(BASE, &[("\"/usr/bin/x\"", "\"/opt/x\""), ("\"capwrap\"", "\"net\"")]);
        assert!(says_the_same(&there, &expected), "{there}");
    }

    #[test]
    fn tables_of_this_machine_keep_their_places_and_new_ones_stand_behind_what_they_follow_there() {
        let local = BASE.to_owned() + "\n[[grant]]\ncaps = [\"cap_kill\"]\n";
        let shipped = with(
            BASE,
            &[
                ("[\"cap_chown\"]", "[\"cap_fowner\"]"),
                ("[exec]", "[optional]\ncaps = [\"cap_kill\"]\n\n[exec]"),
                ("[tool]", "[arguments]\noptions = [\"-x\"]\n\n[tool]"),
            ],
        );
        let text = merged(&local, &shipped);
        let places: Vec<&str> = text.lines().filter(|line| line.starts_with('[')).collect();
        assert_eq!(
            places,
            ["[arguments]", "[tool]", "[allow]", "[[grant]]", "[[grant]]", "[exec]", "[[grant]]", "[optional]"]
        );
        assert!(says_the_same(&text, &(shipped + "\n[[grant]]\ncaps = [\"cap_kill\"]\n")), "{text}");
    }

    #[test]
    fn an_array_in_one_line_merges_with_entries_of_their_own() {
        let local = "schema = 1\ngrant = [{ caps = [\"cap_kill\"] }]\n";
        let shipped = "schema = 1\n[[grant]]\ncaps = [\"cap_kill\"]\n[[grant]]\ncaps = [\"cap_bpf\"]\n";
        let text = merge(Some(local), local, shipped, None).unwrap().text;
        assert!(says_the_same(&text, shipped), "{text}");
    }

    #[test]
    fn comments_and_order_change_no_meaning() {
        assert!(says_the_same("a = 1 # x\nb = [ 'c' ]", "b = [\"c\"]\na=1"));
        assert!(!says_the_same("a = 1", "a = \"1\"") && !says_the_same("a = [1, 2]", "a = [2, 1]"));
        assert!(!says_the_same("a = 1", "a ="));
    }
}
