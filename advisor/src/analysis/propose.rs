//! Makes a change of a policy's text, or a whole new policy, from what a command needs.
//!
//! The administrator's text stays as it is, with its comments. Missing capabilities are added as one more `[[grant]]`.
//! It carries the circumstances of the run, as the policy's own conditions say them. Only capabilities that a proof showed
//! to be unnecessary are removed, from the grants that applied and that hold in no other circumstances.

use crate::analysis::capability_risk;
use crate::analysis::circumstances::{Circumstances, holds_elsewhere};
use crate::analysis::needs::{Evidence, Need, Needs};
use crate::analysis::places::lies_beneath;
use crate::analysis::scopes::Scopes;
use crate::output::error::hinted;
use anyhow::{Context, Result};
use capwrap_core::policy::{GrantScope, Policy, Port};
use capwrap_core::scope::door::Door;
use capwrap_core::scope::{confined, domain};
use capwrap_core::text::hidden::is_hidden;
use capwrap_core::text::printable;
use capwrap_core::{Capability, CapabilitySet};
use std::path::{Path, PathBuf};
use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, TableLike, Value, value};

/// The number of places that a `why` names for each capability.
const PLACES: usize = 2;

/// The input of a proposal.
#[derive(Clone, Copy, Debug)]
pub struct Proposal<'p> {
    /// The existing policy, if there is one.
    pub policy: Option<Enabled<'p>>,
    /// The tool, for a new policy.
    pub tool: Tool<'p>,
    /// What the command needs.
    pub needs: &'p Needs,
    /// The capabilities that the tool was proven to work without, and that should be removed.
    pub proven: CapabilitySet,
    /// Whether a run executed a program after the tool itself: another one, or itself again.
    pub starts_others: bool,
    /// The user to allow a new policy to, as a policy names users; `None` stands for the group `capwrap`.
    pub user: Option<&'p str>,
    /// What the needed capabilities are for.
    pub scopes: &'p Scopes,
}

/// A policy, and what it grants for the observed run.
#[derive(Clone, Copy, Debug)]
pub struct Enabled<'p> {
    /// The policy's text.
    pub text: &'p str,
    /// The capabilities that the policy grants.
    pub granted: CapabilitySet,
    /// The indices (from 0, in the order of the file) of the grants that apply.
    pub holding: &'p [usize],
    /// The circumstances of the run, as the policy's conditions say them.
    pub circumstances: &'p Circumstances,
}

/// The tool of a new policy.
#[derive(Clone, Copy, Debug)]
pub struct Tool<'p> {
    /// The name that users type.
    pub name: &'p str,
    /// The tool's path.
    pub path: &'p str,
    /// The tool's SHA-256 in hexadecimal. The policy then runs no other file.
    pub sha256: Option<&'p str>,
    /// Whether the tool is a `#!` script.
    pub is_script: bool,
}

/// The comment behind `children = "none"` in a learned policy. As the learner wrote it, the learner can correct it.
const NONE_SEEN: &str = "no run started another program";

/// What a learned policy says of its scopes.
const SCOPE: &str = "\n# Beside what a scope names, the tool fails where the kernel would ask for the capability, and also in some calls\n\
     # that need none. Learn again if it is used for something else.\n[scope]\nenforce = \"required\"\n";

/// What comes out of a proposal.
#[derive(Clone, Debug)]
pub struct Proposed {
    /// The policy's text.
    pub text: String,
    /// The capabilities that the tool was proven to work without, and that stay, because their grants also hold on other
    /// kernels or in other modes.
    pub left: CapabilitySet,
    /// Why the policy gets none of the scopes that were to be proposed, where that is so.
    pub no_scopes: Option<String>,
    /// What a scope that the policy has gets in addition.
    pub widened: Vec<(Capability, GrantScope)>,
}

/// Returns the policy that the results ask for.
///
/// # Errors
/// The existing text is no valid policy, or the proposal would not be one.
pub fn propose(proposal: &Proposal) -> Result<Proposed> {
    if proposal.scopes.proposed.is_empty() {
        let proposed = proposed(proposal)?;
        Policy::read(&proposed.text).context("the policy as it would be is none")?;
        return Ok(proposed);
    }
    let scoped = proposed(proposal)?;
    // The rest of the policy may contradict a scope. Then the parser and the plan of the domain say so.
    let contradiction = match Policy::read(&scoped.text) {
        Ok(policy) => domain::conflict(&policy).map(|gap| gap.to_string()),
        Err(error) => Some(error.message),
    };
    match contradiction {
        None => Ok(scoped),
        Some(why) => {
            let without = propose(&Proposal { scopes: &NO_SCOPES, ..*proposal })?;
            Ok(Proposed { no_scopes: Some(why), ..without })
        }
    }
}

static NO_SCOPES: Scopes =
    Scopes { proposed: Vec::new(), left_out: Vec::new(), readable: Vec::new(), writable: Vec::new() };

fn proposed(proposal: &Proposal) -> Result<Proposed> {
    match &proposal.policy {
        Some(policy) => changed(policy, proposal),
        None => {
            path_of_policy(Path::new(proposal.tool.path))?;
            let (left, widened) = (CapabilitySet::EMPTY, Vec::new());
            Ok(Proposed { text: whole(proposal), left, no_scopes: None, widened })
        }
    }
}

/// Returns the path as a policy names it.
///
/// # Errors
/// The path has hidden characters, or is not UTF-8. Whoever reads such a policy before they enable it does not see which file
/// it names.
pub fn path_of_policy(path: &Path) -> Result<&str> {
    path.to_str().filter(|shown| !shown.contains(is_hidden)).ok_or_else(|| {
        hinted(
            format!("cannot make a policy for {}: a control character, an invisible one or a byte that is not UTF-8 is in this path", printable::text(path)),
            "rename the file or the folder, or install the tool elsewhere",
        )
    })
}

fn changed(policy: &Enabled, proposal: &Proposal) -> Result<Proposed> {
    let read = Policy::read(policy.text).context("the policy as it is is none")?;
    let mut document: DocumentMut = policy.text.parse().context("not TOML")?;
    // A grant without conditions always applies, whatever was decided for the run.
    let always = read.grants.iter().filter(|grant| grant.when.is_empty() && grant.modes.is_empty());
    let granted = always.fold(policy.granted, |set, grant| set.union(grant.caps));
    let missing = proposal.needs.set().without(granted);
    let proven = proposal.proven.without(proposal.needs.set());
    let (elsewhere, here): (Vec<usize>, Vec<usize>) =
        policy.holding.iter().partition(|place| holds_elsewhere(&read, **place));
    take_away(&mut document, here, proven);
    let of_grant = |place: &usize| read.grants.get(*place).map_or(CapabilitySet::EMPTY, |grant| grant.caps);
    let left = elsewhere.iter().map(of_grant).fold(CapabilitySet::EMPTY, CapabilitySet::union).intersection(proven);
    let needs: Vec<&Need> = proposal.needs.needed.iter().filter(|need| missing.contains(need.capability)).collect();
    let (scoped, plain): (Vec<&Need>, Vec<&Need>) =
        needs.into_iter().partition(|need| proposal.scopes.of(need.capability).is_some());
    if !plain.is_empty() {
        let caps: CapabilitySet = plain.iter().map(|need| need.capability).collect();
        add(&mut document, caps, policy.circumstances, &why(&plain), &GrantScope::default());
    }
    for need in scoped {
        let scope = proposal.scopes.of(need.capability).cloned().unwrap_or_default();
        add(&mut document, need.capability.into(), policy.circumstances, &why(&[need]), &scope);
    }
    let beyond = beyond(&read, policy, proposal);
    for (need, scope) in &beyond {
        add(&mut document, need.capability.into(), policy.circumstances, &why(&[need]), scope);
    }
    let is_about_paths = |text: &str| {
        Policy::read(text).is_ok_and(|policy| policy.grants.iter().any(|grant| !grant.scope.beneath.is_empty()))
    };
    if is_about_paths(&document.to_string()) {
        open_besides(&mut document, &read, proposal.scopes);
    }
    if proposal.starts_others {
        correct_children(&mut document);
    }
    let widened = beyond.into_iter().map(|(need, scope)| (need.capability, scope)).collect();
    Ok(Proposed { text: document.to_string(), left, no_scopes: None, widened })
}

/// Adds to `[scope]` what the tool uses besides.
fn open_besides(document: &mut DocumentMut, read: &Policy, scopes: &Scopes) {
    for (key, paths, known) in
        [("readable", &scopes.readable, &read.scope.readable), ("writable", &scopes.writable, &read.scope.writable)]
    {
        let new: Vec<&str> =
            paths.iter().filter(|path| !lies_beneath(path, known)).filter_map(|path| path.to_str()).collect();
        if new.is_empty() {
            continue;
        }
        let scope = document.entry("scope").or_insert_with(|| Item::Table(Table::new()));
        let Some(scope) = scope.as_table_like_mut() else { continue };
        let item = scope.entry(key).or_insert_with(|| value(Array::new()));
        // A list of one may be written without brackets.
        if let Some(only) = item.as_str().map(str::to_owned) {
            *item = value(Array::from_iter([only]));
        }
        if let Some(list) = item.as_array_mut() {
            list.extend(new);
        }
    }
}

/// Returns what lies outside the scopes that the policy has for this run, and was needed: what one more grant opens.
fn beyond<'p>(read: &Policy, policy: &Enabled, proposal: &Proposal<'p>) -> Vec<(&'p Need, GrantScope)> {
    let holding = policy.holding.iter().filter_map(|place| read.grants.get(*place));
    let confined = confined::join(holding, policy.granted, CapabilitySet::EMPTY);
    let of_need = |need: &'p Need| {
        let existing = confined.iter().find(|one| one.capability == need.capability)?;
        let open: Vec<_> = existing.openings().collect();
        let learned = proposal.scopes.of(need.capability)?;
        let is_closed = |door: &&Door| door.openings(need.capability).iter().any(|one| !open.contains(one));
        let through: Vec<Door> = learned.through.iter().filter(is_closed).cloned().collect();
        let is_elsewhere = |path: &PathBuf| existing.beneath.as_ref().is_some_and(|paths| !lies_beneath(path, paths));
        let beneath: Vec<PathBuf> = learned.beneath.iter().filter(|path| is_elsewhere(path)).cloned().collect();
        let is_other = |port: &Port| existing.ports.as_ref().is_some_and(|ports| !ports.contains(port));
        let ports: Vec<Port> = learned.ports.iter().filter(|port| is_other(port)).copied().collect();
        // A grant without `through` leaves every door open, and one without `beneath` every path.
        let whole = |missing: bool, list: &[Door]| if missing { list.to_vec() } else { Vec::new() };
        let scope = match (through.is_empty(), beneath.is_empty(), ports.is_empty()) {
            (true, true, true) => return None,
            (false, true, _) if existing.beneath.is_none() => GrantScope { through, ..GrantScope::default() },
            (no_door, no_path, _) => GrantScope {
                through: whole(!no_door || !existing.through.is_empty(), &learned.through),
                beneath: if no_path { learned.beneath.clone() } else { beneath },
                ports,
            },
        };
        Some((need, scope))
    };
    proposal.needs.needed.iter().filter_map(of_need).collect()
}

/// Allows what the tool starts where an earlier run is the only reason why the policy forbids it.
fn correct_children(document: &mut DocumentMut) {
    let exec = document.get_mut("exec").and_then(Item::as_table_like_mut);
    let Some(children) = exec.and_then(|exec| exec.get_mut("children")).and_then(Item::as_value_mut) else { return };
    let is_ours =
        children.decor().suffix().and_then(|suffix| suffix.as_str()).is_some_and(|text| text.contains(NONE_SEEN));
    if is_ours && children.as_str() == Some("none") {
        let mut any = Value::from("any");
        *any.decor_mut() = children.decor().clone();
        any.decor_mut().set_suffix("                  # a run started another program, or itself again");
        *children = any;
    }
}

/// Removes capabilities from the grants at these indices. A grant that becomes empty is removed too, with the comment
/// above it.
fn take_away(document: &mut DocumentMut, mut places: Vec<usize>, proven: CapabilitySet) {
    let Some(grants) = document.get_mut("grant") else { return };
    // The loop starts with the last grant, so that the indices of the earlier ones stay valid.
    places.sort_unstable_by(|one, other| other.cmp(one));
    places.dedup();
    for place in places {
        let emptied = |table: Option<&mut dyn TableLike>| table.is_some_and(|table| empties(table, proven));
        match grants {
            Item::ArrayOfTables(tables) => {
                let is_empty = emptied(tables.get_mut(place).map(|table| table as &mut dyn TableLike));
                if is_empty {
                    tables.remove(place);
                }
            }
            Item::Value(Value::Array(tables)) => {
                let table = tables.get_mut(place).and_then(Value::as_inline_table_mut);
                let is_empty = emptied(table.map(|table| table as &mut dyn TableLike));
                if is_empty {
                    tables.remove(place);
                }
            }
            _ => {}
        }
    }
    let none_left = match grants {
        Item::ArrayOfTables(tables) => tables.is_empty(),
        Item::Value(Value::Array(tables)) => tables.is_empty(),
        _ => false,
    };
    if none_left {
        document.remove("grant");
    }
}

/// Removes capabilities from one grant, and returns whether the grant is now empty.
fn empties(grant: &mut dyn TableLike, proven: CapabilitySet) -> bool {
    let is_proven = |value: &Value| {
        value
            .as_str()
            .and_then(|name| Capability::parse(name).ok())
            .is_some_and(|capability| proven.contains(capability))
    };
    match grant.get_mut("caps").and_then(Item::as_value_mut) {
        Some(Value::Array(names)) => {
            take_out(names, is_proven);
            names.is_empty()
        }
        Some(single) => is_proven(single),
        None => false,
    }
}

/// Removes items from a list, and keeps the blanks and comments at its ends.
fn take_out(items: &mut Array, unwanted: impl Fn(&Value) -> bool) {
    let blanks = |item: Option<&Value>| item.map(|item| item.decor().clone()).unwrap_or_default();
    let (first, last) = (blanks(items.get(0)), blanks(items.len().checked_sub(1).and_then(|last| items.get(last))));
    let before = items.len();
    items.retain(|item| !unwanted(item));
    if items.len() == before {
        return;
    }
    if let Some(item) = items.get_mut(0) {
        item.decor_mut().set_prefix(first.prefix().cloned().unwrap_or_default());
    }
    if let Some(item) = items.len().checked_sub(1).and_then(|last| items.get_mut(last)) {
        item.decor_mut().set_suffix(last.suffix().cloned().unwrap_or_default());
    }
}

/// Adds one grant after the others, in the form that they have. It holds in the circumstances of the run.
fn add(
    document: &mut DocumentMut,
    missing: CapabilitySet,
    circumstances: &Circumstances,
    why: &str,
    scope: &GrantScope,
) {
    let caps: Array = missing.iter().map(Capability::name).collect();
    let keys = circumstances.keys().into_iter().chain([("caps", Value::from(caps)), ("why", Value::from(why))]);
    let keys = keys.chain(scope_keys(scope));
    let mut keys: Vec<(&str, Value)> = keys.collect();
    // This is the order in the shipped policies.
    keys.sort_by_key(|(key, _)| {
        ["mode", "caps", "through", "beneath", "ports", "when", "unless", "why"].iter().position(|one| one == key)
    });
    if let Some(Item::Value(Value::Array(tables))) = document.get_mut("grant") {
        tables.push(InlineTable::from_iter(keys));
        return;
    }
    // As in the shipped policies, the equals signs are aligned.
    let widest = keys.iter().map(|(key, _)| key.len()).max().unwrap_or_default();
    let mut grant = Table::new();
    for (key, given) in keys {
        grant.insert(key, value(given));
        if let Some(mut inserted) = grant.key_mut(key) {
            inserted.leaf_decor_mut().set_suffix(" ".repeat(widest + 1 - key.len()));
        }
    }
    let grants = document.entry("grant").or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
    if let Item::ArrayOfTables(tables) = grants {
        tables.push(grant);
    }
}

/// Returns the keys of a grant that give it the scope.
fn scope_keys(scope: &GrantScope) -> Vec<(&'static str, Value)> {
    let through: Array = scope.through.iter().map(Door::name).collect();
    let beneath: Array = scope.beneath.iter().filter_map(|path| path.to_str()).collect();
    let ports: Array = scope.ports.iter().map(ToString::to_string).collect();
    let keys = [("through", through), ("beneath", beneath), ("ports", ports)];
    keys.into_iter().filter(|(_, list)| !list.is_empty()).map(|(key, list)| (key, Value::from(list))).collect()
}

/// Returns the scopes as the `[[grant]]` tables of a policy.
pub fn tables(scopes: &Scopes) -> String {
    let table = |(capability, scope): &(Capability, GrantScope)| {
        let keys = scope_keys(scope).into_iter().map(|(key, value)| format!("{key} = {value}\n"));
        format!("[[grant]]\ncaps = [\"{capability}\"]\n{}", keys.collect::<String>())
    };
    let besides = besides(scopes);
    let head = if besides.is_empty() { "" } else { "[scope]\n" };
    scopes.proposed.iter().map(table).collect::<String>() + head + &besides
}

/// Returns the keys of `[scope]` that name what the tool uses besides.
fn besides(scopes: &Scopes) -> String {
    let line = |(key, paths): (&str, &Vec<PathBuf>)| {
        let list: Array = paths.iter().filter_map(|path| path.to_str()).collect();
        if list.is_empty() { String::new() } else { format!("{key} = {list}\n") }
    };
    [("readable", &scopes.readable), ("writable", &scopes.writable)].map(line).concat()
}

fn whole(proposal: &Proposal) -> String {
    let Tool { name, path, sha256, is_script } = proposal.tool;
    let mut text = format!(
        "# Learned from a run of {name}. It covers only what {name} did in that run.\n\n\
         schema  = 1\n\
         summary = {}\n\n\
         [tool]\n\
         path   = {}\n",
        quoted(&format!("{}, as far as capwrap has observed it", printable::text(name))),
        quoted(path),
    );
    if is_script {
        // A script whose digest is pinned is executed by descriptor, and does not find what lies beside it.
        text += "script = true                     # its interpreter gets the capabilities\n";
    } else if let Some(sha256) = sha256 {
        text += &format!("sha256 = {}\n", quoted(sha256));
    }
    text += &match proposal.user {
        Some(user) => format!("\n[allow]\nusers = [{}]\n", quoted(user)),
        None => "\n[allow]\ngroups = [\"capwrap\"]\n".to_owned(),
    };
    for need in &proposal.needs.needed {
        let Need { capability, .. } = need;
        // Whoever reads the policy before enabling it should see what the capability permits.
        text += &format!("\n# {capability} opens: {}\n", capability_risk::of(*capability).opens);
        let scope = proposal.scopes.of(*capability).map(scope_keys).unwrap_or_default();
        let caps: Array = std::iter::once(capability.name()).collect();
        let keys: Vec<(&str, Value)> = std::iter::once(("caps", Value::from(caps)))
            .chain(scope)
            .chain([("why", Value::from(why(&[need])))])
            .collect();
        let widest = keys.iter().map(|(key, _)| key.len()).max().unwrap_or_default();
        text += "[[grant]]\n";
        for (key, value) in keys {
            text += &format!("{key:<widest$} = {value}\n");
        }
    }
    if !proposal.scopes.proposed.is_empty() {
        text += SCOPE;
        text += &besides(proposal.scopes);
    }
    if proposal.starts_others {
        text += "\n# It starts other programs, or itself again, and they have its capabilities too:\n\
                 # who may run it may have them in whatever it can be made to start.\n\
                 # children = \"none\" forbids that, where it does without.\n\
                 [exec]\nchildren = \"any\"\n";
    } else {
        text += &format!("\n[exec]\nchildren = \"none\"                 # {NONE_SEEN}\n");
    }
    text
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// Returns `learned: openat by /usr/bin/tool`. The capability's name precedes each part if there are several
/// capabilities.
fn why(needs: &[&Need]) -> String {
    let of = |need: &&Need| match needs.len() {
        1 => reason(need),
        _ => format!("{}: {}", need.capability, reason(need)),
    };
    format!("learned: {}", needs.iter().map(of).collect::<Vec<_>>().join("; "))
}

fn reason(need: &Need) -> String {
    let mut places: Vec<String> = Vec::new();
    for place in need.evidence.iter().map(place) {
        if !places.contains(&place) {
            places.push(place);
        }
    }
    let more = places.len().saturating_sub(PLACES);
    places.truncate(PLACES);
    let mut reason = places.join(", ");
    if more > 0 {
        reason += &format!(", and {more} more");
    }
    if reason.is_empty() {
        reason = "does not work without".to_owned();
    }
    if let Some(broad) = need.in_place_of {
        reason += &format!(" (in place of {broad})");
    }
    if need.denied {
        reason += " (was refused)";
    }
    reason
}

fn place(evidence: &Evidence) -> String {
    let what = evidence.system_call.as_deref().or(evidence.function.as_deref()).unwrap_or("asked for");
    format!("{} by {}", printable::text(what), printable::text(&evidence.executable))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::classify::class;
    use crate::analysis::classify::tests::{denied, granted, with_everything, with_nothing};
    use crate::analysis::needs::decide;
    use crate::analysis::observation::Observation;
    use capwrap_core::decision;
    use capwrap_core::decision::facts::Facts;
    use capwrap_core::decision::{Outcome, Request};
    use std::collections::BTreeMap;

    const TEXT: &str = r#"# what the tool is
schema  = 1
summary = "a tool"

[tool]
path = ["/usr/bin/tool"]  # the first that exists

[allow]
groups = ["capwrap"]

# raw sockets
[[grant]]
caps = ["cap_net_raw", "cap_chown"]  # both
why  = "sockets"

# for another kernel
[[grant]]
caps = ["cap_sys_admin"]
when = { kernel_lacks = "cap_bpf" }

# not by default
[optional]
caps = ["cap_kill"]
"#;

    const TOOL: Tool<'static> = Tool { name: "tool", path: "/usr/bin/tool", sha256: None, is_script: false };

    /// What a run with these needs proposes for a tool that has no policy.
    fn of_a_new_policy(needs: &Needs) -> Proposal<'_> {
        Proposal {
            policy: None,
            tool: TOOL,
            needs,
            proven: CapabilitySet::EMPTY,
            starts_others: false,
            user: None,
            scopes: &NO_SCOPES,
        }
    }

    fn set(list: &str) -> CapabilitySet {
        CapabilitySet::parse(list).unwrap()
    }

    fn needs(capabilities: &[&str]) -> Needs {
        let observations: Vec<Observation> =
            capabilities.iter().map(|capability| granted(capability, "openat", &["somewhere"])).collect();
        decide(&class(&observations, &with_everything()), CapabilitySet::EMPTY, 1, &BTreeMap::new()).unwrap()
    }

    /// Makes the proposal for a text, with the decision that the launcher would make on a current kernel.
    fn refine(text: &str, needs: &Needs, proven: &str) -> Result<String> {
        Ok(refined(text, needs, proven)?.text)
    }

    fn refined(text: &str, needs: &Needs, proven: &str) -> Result<Proposed> {
        let policy = Policy::read(text)?;
        let facts = Facts { last_capability: 40, ..Facts::default() };
        let decision = decision::decide(&policy, &facts, &[], &Request::default())?;
        let places = decision.grants.iter().enumerate();
        let holding: Vec<usize> =
            places.filter(|(_, grant)| grant.outcome == Outcome::Holds).map(|(place, _)| place).collect();
        let circumstances = Circumstances::of(&policy, &facts, &[])?;
        let enabled = Enabled { text, granted: decision.passed, holding: &holding, circumstances: &circumstances };
        propose(&Proposal { policy: Some(enabled), proven: set(proven), ..of_a_new_policy(needs) })
    }

    #[test]
    fn what_is_missing_comes_as_one_grant_more_and_the_rest_stays_as_it_is() {
        let needs = needs(&["net_raw", "dac_read_search", "sys_time"]);
        let text = refine(TEXT, &needs, "").unwrap();
        let added = "\n[[grant]]\ncaps = [\"cap_dac_read_search\", \"cap_sys_time\"]\nwhen = { kernel_has = \"cap_bpf\" }\n\
             why  = \"learned: cap_dac_read_search: openat by /usr/bin/tool; cap_sys_time: openat by /usr/bin/tool\"\n";
        assert_eq!(text, TEXT.replace("\n# not by default", &format!("{added}\n# not by default")));
        assert_eq!(refine(&text, &needs, "").unwrap(), text, "the second time nothing is left to change");
    }

    #[test]
    fn what_is_granted_and_was_not_needed_stays_without_a_proof() {
        assert_eq!(refine(TEXT, &needs(&["net_raw"]), "").unwrap(), TEXT);
    }

    #[test]
    fn what_was_proven_needless_goes_from_the_grants_that_hold_and_from_no_other() {
        let needs = needs(&["net_raw"]);
        let text = refine(TEXT, &needs, "chown,sys_admin").unwrap();
        assert_eq!(text, TEXT.replace("[\"cap_net_raw\", \"cap_chown\"]", "[\"cap_net_raw\"]"));
        assert_eq!(refine(&text, &needs, "chown,sys_admin").unwrap(), text);
        let text =
            refine(&TEXT.replace("\"cap_net_raw\", \"cap_chown\"", "\"cap_chown\", \"cap_net_raw\""), &needs, "chown");
        assert!(text.unwrap().contains("caps = [\"cap_net_raw\"]  # both"));
    }

    #[test]
    fn a_grant_that_is_left_with_nothing_goes_with_its_comment() {
        let text = refine(TEXT, &needs(&["sys_time"]), "net_raw,chown").unwrap();
        assert!(!text.contains("raw sockets") && !text.contains("\"sockets\""), "{text}");
        assert!(text.contains("# for another kernel\n[[grant]]\ncaps = [\"cap_sys_admin\"]"), "{text}");
        assert!(text.contains("caps = [\"cap_sys_time\"]"), "{text}");
    }

    #[test]
    fn several_grants_go_at_once_and_none_that_was_not_meant() {
        let one = |capability| format!("\n[[grant]]\ncaps = \"{capability}\"\n");
        let head = &TEXT[..TEXT.find("\n# raw sockets").unwrap()];
        let text = ["cap_chown", "cap_kill", "cap_fowner", "cap_net_raw"].map(one).concat();
        let changed = refine(&format!("{head}{text}"), &needs(&["kill"]), "chown,fowner,net_raw").unwrap();
        assert_eq!(changed, format!("{head}{}", one("cap_kill")));
    }

    #[test]
    fn a_list_keeps_the_blanks_at_its_ends() {
        for (list, expected) in [
            ("[ \"cap_chown\", \"cap_kill\" ]", "[ \"cap_kill\" ]"),
            ("[ \"cap_kill\", \"cap_chown\" ]", "[ \"cap_kill\" ]"),
            ("[\n  \"cap_chown\",\n  \"cap_kill\", # signals\n]", "[\n  \"cap_kill\", # signals\n]"),
        ] {
            let text = TEXT.replace("[\"cap_net_raw\", \"cap_chown\"]", list);
            let changed = refine(&text, &needs(&["kill"]), "chown").unwrap();
            assert_eq!(changed, TEXT.replace("[\"cap_net_raw\", \"cap_chown\"]", expected));
        }
    }

    #[test]
    fn grants_on_one_line_are_changed_in_their_own_form() {
        let text = "schema = 1\ntool = { path = \"/t\" }\nallow = { groups = [\"capwrap\"] }\n\
                    grant = [{ caps = \"cap_chown\" }, { caps = [\"cap_net_raw\"] }]\n";
        let changed = refine(text, &needs(&["net_raw", "kill"]), "chown").unwrap();
        assert!(
            changed.contains("{ caps = [\"cap_net_raw\"] }, { caps = [\"cap_kill\"], why = \"learned: "),
            "{changed}"
        );
        assert!(!changed.contains("cap_chown"), "{changed}");
        assert_eq!(refine(&changed, &needs(&["net_raw", "kill"]), "chown").unwrap(), changed);
    }

    #[test]
    fn what_holds_on_other_kernels_or_in_other_modes_is_left_and_named() {
        let conditional = TEXT.replace("why  = \"sockets\"", "when = { kernel_has = \"cap_bpf\" }\nwhy  = \"sockets\"");
        let modal = TEXT.replace("why  = \"sockets\"", "mode = [\"a\", \"b\"]\nwhy  = \"sockets\"");
        for text in [conditional, modal] {
            let proposed = refined(&text, &needs(&["net_raw"]), "chown,sys_admin").unwrap();
            assert_eq!((proposed.text, proposed.left), (text, set("chown")));
        }
        let flat = refined(TEXT, &needs(&["net_raw"]), "chown,sys_admin").unwrap();
        assert_eq!(flat.left, CapabilitySet::EMPTY);
    }

    #[test]
    fn what_is_added_carries_the_circumstances_of_the_run() {
        let text = TEXT.replace("why  = \"sockets\"", "mode = \"raw\"\nwhen = { arg = \"-r\" }\nwhy  = \"sockets\"");
        let changed = refine(&text, &needs(&["kill"]), "").unwrap();
        let added = "\n[[grant]]\ncaps   = [\"cap_kill\"]\nwhen   = { kernel_has = \"cap_bpf\" }\n\
             unless = { arg = \"-r\" }\nwhy    = \"learned: openat by /usr/bin/tool\"\n";
        assert_eq!(changed, text.replace("\n# not by default", &format!("{added}\n# not by default")));
        assert_eq!(refine(&changed, &needs(&["kill"]), "").unwrap(), changed);
    }

    #[test]
    fn a_policy_without_grants_gets_one() {
        let end = TEXT.find("\n# raw sockets").unwrap();
        let text = refine(&TEXT[..end], &needs(&["chown"]), "").unwrap();
        assert!(
            text.ends_with("[[grant]]\ncaps = [\"cap_chown\"]\nwhy  = \"learned: openat by /usr/bin/tool\"\n"),
            "{text}"
        );
        let bare = refine(&text, &needs(&["kill"]), "chown").unwrap();
        assert!(!bare.contains("cap_chown") && bare.contains("cap_kill"), "{bare}");
    }

    #[test]
    fn without_a_policy_there_is_a_whole_new_one() {
        let (learned, digest) = (needs(&["net_raw"]), "ab".repeat(32));
        let proposal = |starts_others| Proposal {
            tool: Tool { sha256: Some(&digest), ..TOOL },
            starts_others,
            ..of_a_new_policy(&learned)
        };
        let expected = format!(
            r#"# Learned from a run of tool. It covers only what tool did in that run.

schema  = 1
summary = "tool, as far as capwrap has observed it"

[tool]
path   = "/usr/bin/tool"
sha256 = "{}"

[allow]
groups = ["capwrap"]

# cap_net_raw opens: raw and packet sockets: see and forge traffic
[[grant]]
caps = ["cap_net_raw"]
why  = "learned: openat by /usr/bin/tool"

[exec]
children = "none"                 # no run started another program
"#,
            digest
        );
        assert_eq!(propose(&proposal(false)).unwrap().text, expected);
        assert!(propose(&proposal(true)).unwrap().text.contains("children = \"any\""));
        assert_eq!(refine(&expected, &learned, "").unwrap(), expected);
    }

    #[test]
    fn what_an_earlier_run_did_not_start_is_allowed_once_a_run_starts_it_and_what_somebody_forbade_is_not() {
        let learned = needs(&["net_raw"]);
        let new = of_a_new_policy(&learned);
        let before = propose(&new).unwrap().text;
        let refined = |text: &str| {
            let circumstances = &Circumstances::default();
            let policy = Enabled { text, granted: set("net_raw"), holding: &[0], circumstances };
            propose(&Proposal { policy: Some(policy), starts_others: true, ..new }).unwrap().text
        };
        let after = refined(&before);
        assert!(after.contains("\nchildren = \"any\"                  # a run started another program"), "{after}");
        assert_eq!(refined(&after), after);
        let forbidden = before.replace(NONE_SEEN, "it must not");
        assert_eq!(refined(&forbidden), forbidden);
    }

    #[test]
    fn a_script_is_said_to_be_one_and_is_not_pinned_and_a_named_user_is_the_only_one_allowed() {
        let (learned, digest) = (needs(&["net_raw"]), "ab".repeat(32));
        let text = propose(&Proposal {
            tool: Tool { sha256: Some(&digest), is_script: true, ..TOOL },
            user: Some("#12345"),
            ..of_a_new_policy(&learned)
        })
        .unwrap()
        .text;
        let policy = Policy::read(&text).unwrap();
        assert!(policy.tool.script && policy.tool.sha256.is_none(), "{text}");
        assert_eq!(policy.allow.users, [capwrap_core::policy::Identity::Id(12345)]);
        assert!(policy.allow.groups.is_empty(), "{text}");
    }

    fn raw_icmp() -> Scopes {
        let through = vec![Door::parse("socket:raw-icmp", Capability::NET_RAW.into()).unwrap()];
        let scope = GrantScope { through, ..GrantScope::default() };
        Scopes { proposed: vec![(Capability::NET_RAW, scope)], ..Scopes::default() }
    }

    #[test]
    fn a_scope_is_written_beside_its_capability_alone() {
        let (learned, scopes) = (needs(&["net_raw", "chown"]), raw_icmp());
        let new = Proposal { scopes: &scopes, ..of_a_new_policy(&learned) };
        let Proposed { text, no_scopes, .. } = propose(&new).unwrap();
        assert_eq!(no_scopes, None);
        let grant = "[[grant]]\ncaps    = [\"cap_net_raw\"]\nthrough = [\"socket:raw-icmp\"]\nwhy     = \"learned: ";
        assert!(text.contains(grant) && text.contains("\n[scope]\nenforce = \"required\"\n"), "{text}");
        let scoped = |text: &str| Policy::read(text).unwrap().grants.iter().filter(|one| !one.scope.is_empty()).count();
        assert_eq!(scoped(&text), 1, "{text}");
        // An existing policy gets a grant for each scope, and one for the rest.
        let none = TEXT.replace("[\"cap_net_raw\", \"cap_chown\"]  # both", "[\"cap_sys_time\"]");
        let circumstances = &Circumstances::default();
        let policy = Enabled { text: &none, granted: set("sys_time"), holding: &[0], circumstances };
        let text = propose(&Proposal { policy: Some(policy), ..new }).unwrap().text;
        assert_eq!((Policy::read(&text).unwrap().grants.len(), scoped(&text)), (4, 1), "{text}");
    }

    #[test]
    fn a_door_that_the_policy_closes_and_a_run_used_is_opened_by_one_grant_more() {
        let (learned, mut scopes) = (needs(&["net_raw"]), raw_icmp());
        let packet = Door::parse("socket:packet", Capability::NET_RAW.into()).unwrap();
        scopes.proposed[0].1.through.push(packet);
        let text =
            TEXT.replace("caps = [\"cap_net_raw\", \"cap_chown\"]", "caps = \"cap_net_raw\"\nthrough = \"socket:raw\"");
        let circumstances = &Circumstances::default();
        let policy = |text| Enabled { text, granted: set("net_raw"), holding: &[0, 2], circumstances };
        let proposal = |text| Proposal { policy: Some(policy(text)), scopes: &scopes, ..of_a_new_policy(&learned) };
        let first = propose(&proposal(&text)).unwrap().text;
        assert!(first.contains("through = [\"socket:packet\"]") && !first.contains("raw-icmp"), "{first}");
        assert_eq!(propose(&proposal(&first)).unwrap().text, first);
    }

    #[test]
    fn a_path_that_the_policy_closes_and_a_run_used_is_opened_by_one_grant_more() {
        let learned = needs(&["dac_read_search"]);
        let scopes = |beneath: &[&str], readable: &[&str]| {
            let paths = |paths: &[&str]| paths.iter().map(PathBuf::from).collect::<Vec<_>>();
            let scope = GrantScope { beneath: paths(beneath), ..GrantScope::default() };
            let proposed = vec![(Capability::DAC_READ_SEARCH, scope)];
            Scopes { proposed, readable: paths(readable), ..Scopes::default() }
        };
        let first = scopes(&["/var/log/a"], &["/srv/open"]);
        let new = Proposal { scopes: &first, ..of_a_new_policy(&learned) };
        let whole = propose(&new).unwrap().text;
        assert!(whole.contains("beneath = [\"/var/log/a\"]\n"), "{whole}");
        assert!(whole.contains("\nenforce = \"required\"\nreadable = [\"/srv/open\"]\n"), "{whole}");
        assert!(tables(&first).ends_with("[scope]\nreadable = [\"/srv/open\"]\n"));
        let circumstances = &Circumstances::default();
        let again = |text: &str, scopes: &Scopes| {
            let policy = Enabled { text, granted: set("dac_read_search"), holding: &[0], circumstances };
            propose(&Proposal { policy: Some(policy), scopes, ..new }).unwrap().text
        };
        assert_eq!(again(&whole, &first), whole);
        let text = again(&whole, &scopes(&["/var/log/a/b", "/var/log/c"], &["/srv/open/x", "/srv/other"]));
        let policy = Policy::read(&text).unwrap();
        assert_eq!(policy.grants.last().unwrap().scope.to_string(), "beneath /var/log/c");
        assert_eq!(policy.scope.readable, [PathBuf::from("/srv/open"), PathBuf::from("/srv/other")]);
        // A capability that counts everywhere needs no more.
        let unscoped = "schema = 1\ntool = { path = \"/t\" }\nallow = { users = [\"root\"] }\n[[grant]]\ncaps = \"cap_dac_read_search\"\n";
        assert_eq!(again(unscoped, &first), unscoped);
    }

    #[test]
    fn a_policy_that_contradicts_scopes_gets_none_and_says_why() {
        let (learned, scopes) = (needs(&["net_raw"]), raw_icmp());
        let text = TEXT.replace("caps = [\"cap_net_raw\", \"cap_chown\"]", "caps = \"cap_sys_ptrace\"");
        let circumstances = &Circumstances::default();
        let policy = Enabled { text: &text, granted: set("sys_ptrace"), holding: &[0], circumstances };
        let proposal = Proposal { policy: Some(policy), scopes: &scopes, ..of_a_new_policy(&learned) };
        let Proposed { text: after, no_scopes, .. } = propose(&proposal).unwrap();
        assert!(no_scopes.unwrap().contains("cap_sys_ptrace") && !after.contains("through"), "{after}");
        let loose = format!("{}\n[exec]\nno_new_privs = false\n", text.replace("cap_sys_ptrace", "cap_chown"));
        let policy = Enabled { text: &loose, granted: set("chown"), holding: &[0], circumstances };
        assert!(propose(&Proposal { policy: Some(policy), ..proposal }).unwrap().no_scopes.is_some());
    }

    #[test]
    fn a_why_names_the_commonest_places_and_of_what_was_refused_or_replaced() {
        let observations: Vec<Observation> = ["a", "b", "c"]
            .iter()
            .zip([1, 9, 3])
            .map(|(name, times)| Observation {
                executable: format!("/bin/{name}\n"),
                times,
                ..denied("chown", "fchown", &["chown_ok"])
            })
            .collect();
        let ioprio = granted("sys_admin", "", &["capable", "ioprio_check_cap"]);
        let mut checks = class(&observations, &with_nothing());
        checks.extend(class(&[ioprio], &with_everything()));
        let needs = decide(&checks, CapabilitySet::EMPTY, 1, &BTreeMap::new()).unwrap();
        let why = why(&needs.needed.iter().collect::<Vec<_>>());
        assert_eq!(
            why,
            "learned: cap_chown: fchown by /bin/b\\u{a}, fchown by /bin/c\\u{a}, and 1 more (was refused); \
             cap_sys_nice: ioprio_check_cap by /usr/bin/tool (in place of cap_sys_admin)"
        );
        let proven = Needs::default().proven(set("kill"), CapabilitySet::EMPTY);
        assert_eq!(super::why(&[&proven.needed[0]]), "learned: does not work without");
    }

    #[test]
    fn what_is_no_policy_is_refused_before_and_after() {
        let error = refine("schema = 1\n", &needs(&["chown"]), "").unwrap_err();
        assert!(format!("{error:#}").contains("[tool]"), "{error:#}");
        let learned = needs(&["chown"]);
        let relative = Proposal { tool: Tool { path: "bin/tool", ..TOOL }, ..of_a_new_policy(&learned) };
        let error = propose(&relative).unwrap_err();
        assert!(format!("{error:#}").contains("as it would be is none: 7:"), "{error:#}");
    }
}
