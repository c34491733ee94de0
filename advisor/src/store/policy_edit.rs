//! Edits the text of a shipped policy for this machine, and keeps the comments.

use anyhow::{Context, Result, anyhow};
use capwrap_core::policy::Identity;
use capwrap_core::text::printable;
use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, RawString, Table, Value, value};

/// What `capwrap enable` changes in a policy.
#[derive(Debug, Default)]
pub struct Change {
    /// Users who may run the tool.
    pub users: Vec<Name>,
    /// Groups that may run the tool.
    pub groups: Vec<Name>,
    /// The tool's path.
    pub path: Option<String>,
    /// The tool's SHA-256 in hexadecimal.
    pub sha256: Option<String>,
    /// Whether who is named is added to those in the text. Otherwise they replace those.
    pub keeps_allowed: bool,
    /// A user who may run the tool for a time.
    pub temporary: Option<Temporary>,
}

/// An entry of `[[allow.temporary]]` to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Temporary {
    /// The user.
    pub user: Name,
    /// The instant at which it ends, in the notation of RFC 3339.
    pub until: String,
    /// Why.
    pub reason: Option<String>,
    /// Who grants it.
    pub by: Option<String>,
}

/// A user or a group as a policy names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The name, or the number as in `#1001`.
    pub text: String,
    /// The name that the number stands for, which only a directory server knows. A comment keeps it.
    pub given: Option<String>,
}

impl From<&str> for Name {
    fn from(text: &str) -> Self {
        Self { text: text.to_owned(), given: None }
    }
}

impl Name {
    /// A name that only a directory server knows, by its number.
    pub fn of_directory_server(id: u32, given: &str) -> Self {
        Self { text: format!("#{id}"), given: Some(given.to_owned()) }
    }

    /// The comment for the policy, if the name needs one.
    fn comment(&self) -> Option<String> {
        let given = printable::line(self.given.as_ref()?);
        Some(format!("# {} is {given}, a name that only a directory server knows.\n", self.text))
    }
}

/// Returns the text with the change made. The caller checks whether the result is a valid policy.
pub fn apply(text: &str, change: &Change) -> Result<String> {
    let mut document = document(text)?;
    if let Some(entry) = &change.temporary {
        grant(&mut document, entry, change.keeps_allowed)?;
    }
    if !change.users.is_empty() || !change.groups.is_empty() {
        let mut comments: Vec<(&str, String)> = Vec::new();
        let allow = table(&mut document, "allow");
        for (key, names) in [("users", &change.users), ("groups", &change.groups)] {
            let before = if change.keeps_allowed { listed(allow.get(key)) } else { Vec::new() };
            let added: Vec<&Name> = names.iter().filter(|name| !before.contains(&name.text)).collect();
            let all: Vec<&String> = before.iter().chain(added.iter().map(|name| &name.text)).collect();
            if all.is_empty() {
                allow.remove(key);
            } else {
                set(allow, key, value(all.into_iter().collect::<Array>()));
            }
            comments.extend(added.into_iter().filter_map(Name::comment).map(|comment| (key, comment)));
        }
        for (key, comment) in comments {
            above(&mut document, key, &comment);
        }
    }
    for (key, text) in [("path", &change.path), ("sha256", &change.sha256)] {
        if let Some(text) = text {
            set(table(&mut document, "tool"), key, value(text));
        }
    }
    Ok(document.to_string())
}

/// Writes an entry of `[[allow.temporary]]`, in place of one for the same user.
fn grant(document: &mut DocumentMut, entry: &Temporary, keeps_allowed: bool) -> Result<()> {
    let allow = allow_as_table(document);
    if !keeps_allowed {
        allow.remove("users");
        allow.remove("groups");
    }
    let mut written = Table::new();
    written.insert("user", value(&entry.user.text));
    written.insert("until", Item::Value(entry.until.parse().context("no instant")?));
    for (key, text) in [("reason", &entry.reason), ("by", &entry.by)] {
        text.iter().for_each(|text| drop(written.insert(key, value(text.as_str()))));
    }
    if let (Some(comment), Some(mut key)) = (entry.user.comment(), written.key_mut("user")) {
        key.leaf_decor_mut().set_prefix(comment);
    }
    let entries = allow.entry("temporary").or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
    *entries = Item::ArrayOfTables(std::mem::take(entries).into_array_of_tables().unwrap_or_default());
    let entries = entries.as_array_of_tables_mut().context("made a list of tables above")?;
    let user = Identity::parse(&entry.user.text);
    entries.retain(|other| user_of(other).and_then(Identity::parse) != user);
    entries.push(written);
    Ok(())
}

/// Returns the text without the temporary grants for which `ends` says yes, which is asked with the user of each.
///
/// # Errors
/// The text is no TOML.
pub fn without_temporary(text: &str, ends: impl Fn(&str) -> bool) -> Result<String> {
    let mut document = document(text)?;
    if !document.contains_key("allow") {
        return Ok(text.to_owned());
    }
    let allow = allow_as_table(&mut document);
    let Some(entries) = allow.remove("temporary") else { return Ok(text.to_owned()) };
    let mut entries = entries.into_array_of_tables().map_err(|_| anyhow!("`temporary` is no list of tables"))?;
    entries.retain(|entry| !user_of(entry).is_some_and(&ends));
    if !entries.is_empty() {
        allow.insert("temporary", Item::ArrayOfTables(entries));
    }
    Ok(document.to_string())
}

/// Returns the text with the temporary grants of another text, but those to users to whom it has one itself.
///
/// # Errors
/// One of the texts is no TOML.
pub fn with_temporary_of(other: &str, text: &str) -> Result<String> {
    let others = document(other)?.get("allow").and_then(|allow| allow.get("temporary")).cloned();
    let others = others.and_then(|item| item.into_array_of_tables().ok()).unwrap_or_default();
    if others.is_empty() {
        return Ok(text.to_owned());
    }
    let mut document = document(text)?;
    let entries = allow_as_table(&mut document).entry("temporary");
    let entries = entries.or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
    *entries = Item::ArrayOfTables(std::mem::take(entries).into_array_of_tables().unwrap_or_default());
    let entries = entries.as_array_of_tables_mut().context("made a list of tables above")?;
    let own: Vec<_> = entries.iter().map(|entry| user_of(entry).and_then(Identity::parse)).collect();
    for old in others.iter().filter(|old| !own.contains(&user_of(old).and_then(Identity::parse))) {
        // The parser gave the old table its place in the other text.
        let mut entry = Table::new();
        *entry.decor_mut() = old.decor().clone();
        for (name, item) in old {
            old.key(name).into_iter().for_each(|key| drop(entry.insert_formatted(key, item.clone())));
        }
        entries.push(entry);
    }
    Ok(document.to_string())
}

/// Returns the text without its `[allow]`, for a comparison of all the rest.
///
/// # Errors
/// The text is no TOML.
pub fn without_allow(text: &str) -> Result<String> {
    let mut document = document(text)?;
    document.remove("allow");
    Ok(document.to_string())
}

/// Parses a text. The parser's own error has many lines, of which one says what is wrong.
fn document(text: &str) -> Result<DocumentMut> {
    text.parse::<DocumentMut>().map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        let line = text.get(..at).unwrap_or_default().matches('\n').count() + 1;
        anyhow!("line {line}: not TOML: {}", printable::line(error.message().trim()))
    })
}

fn user_of(entry: &Table) -> Option<&str> {
    entry.get("user").and_then(Item::as_str)
}

/// Returns `[allow]` as a table of its own, because an inline table takes no `[[allow.temporary]]` below it.
fn allow_as_table(document: &mut DocumentMut) -> &mut Table {
    let allow = document.entry("allow").or_insert_with(|| Item::Table(Table::new()));
    if let Item::Value(Value::InlineTable(inline)) = allow {
        *allow = Item::Table(std::mem::take(inline).into_table());
    }
    if !allow.is_table() {
        *allow = Item::Table(Table::new());
    }
    allow.as_table_mut().unwrap_or_else(|| unreachable!("made a table above"))
}

fn table<'d>(document: &'d mut DocumentMut, key: &str) -> &'d mut dyn toml_edit::TableLike {
    let item = document.entry(key).or_insert_with(|| Item::Table(Table::new()));
    if !item.is_table_like() {
        // The old value is no table, and the policy parser would refuse the policy for it.
        *item = Item::Table(Table::new());
    }
    item.as_table_like_mut().unwrap_or_else(|| unreachable!("made a table above"))
}

/// Writes a comment above a key of `[allow]`, or above `allow` itself where that is one line.
fn above(document: &mut DocumentMut, key: &str, comment: &str) {
    let root = document.as_table_mut();
    let is_table = root.get("allow").is_some_and(Item::is_table);
    let key = match root.get_mut("allow").and_then(Item::as_table_mut) {
        Some(allow) if is_table => allow.key_mut(key),
        _ => root.key_mut("allow"),
    };
    let Some(mut key) = key else { return };
    let decor = key.leaf_decor_mut();
    let before = decor.prefix().and_then(RawString::as_str).unwrap_or_default().to_owned();
    decor.set_prefix(before + comment);
}

/// Replaces a value, and keeps the comments above it and behind it.
fn set(table: &mut dyn toml_edit::TableLike, key: &str, mut new: Item) {
    let decor = table.get(key).and_then(Item::as_value).map(|old| old.decor().clone());
    if let (Some(decor), Some(new)) = (decor, new.as_value_mut()) {
        *new.decor_mut() = decor;
    }
    match table.get_mut(key) {
        Some(old) => *old = new,
        None => {
            table.insert(key, new);
        }
    }
}

fn listed(item: Option<&Item>) -> Vec<String> {
    let one = |value: &toml_edit::Value| value.as_str().map(str::to_owned);
    match item.and_then(Item::as_value) {
        Some(toml_edit::Value::Array(items)) => items.iter().filter_map(one).collect(),
        Some(single) => one(single).into_iter().collect(),
        None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "schema = 1\n\n[tool]\npath = [\"/usr/bin/x\"] # first that exists\n\n[allow]\n# who\ngroups = [\"capwrap\"] # by default\n";

    #[test]
    fn who_is_named_on_a_template_replaces_its_default_and_comments_stay() {
        let change = Change { users: vec![Name::from("alice")], ..Change::default() };
        let text = apply(TEXT, &change).unwrap();
        assert_eq!(text, TEXT.replace("# who\ngroups = [\"capwrap\"] # by default\n", "users = [\"alice\"]\n"));
    }

    #[test]
    fn who_is_named_on_an_enabled_policy_comes_on_top_once() {
        let change =
            Change { groups: vec![Name::from("net"), Name::from("capwrap")], keeps_allowed: true, ..Change::default() };
        let once = apply(TEXT, &change).unwrap();
        assert!(once.contains("groups = [\"capwrap\", \"net\"] # by default"), "{once}");
        assert_eq!(apply(&once, &change).unwrap(), once);
    }

    #[test]
    fn a_number_has_its_name_in_a_comment_and_other_comments_stay() {
        let change = Change {
            users: vec![Name::of_directory_server(7001, "carol\n[grant]")],
            groups: vec![Name::of_directory_server(7002, "net"), Name::from("capwrap")],
            keeps_allowed: true,
            ..Change::default()
        };
        let said = |id: &str, name: &str| format!("# #{id} is {name}, a name that only a directory server knows.\n");
        let groups = format!("# who\n{}groups = [\"capwrap\", \"#7002\"] # by default\n", said("7002", "net"));
        let users = format!("{}users = [\"#7001\"]\n", said("7001", "carol\\u{a}[grant]"));
        let text = apply(TEXT, &change).unwrap();
        assert_eq!(text, TEXT.replace("# who\ngroups = [\"capwrap\"] # by default\n", &(groups + &users)));
        assert_eq!(apply(&text, &change).unwrap(), text);
        let inline = "schema = 1\nallow = { users = [\"root\"] }\n";
        let text = apply(inline, &Change { groups: Vec::new(), ..change }).unwrap();
        let above = said("7001", "carol\\u{a}[grant]");
        assert_eq!(text, format!("schema = 1\n{above}allow = {{ users = [\"root\", \"#7001\"] }}\n"));
    }

    #[test]
    fn a_path_and_a_digest_are_written_into_the_tool() {
        let change = Change { path: Some("/opt/x".into()), sha256: Some("ab".into()), ..Change::default() };
        let text = apply(TEXT, &change).unwrap();
        assert!(text.contains("path = \"/opt/x\" # first that exists\nsha256 = \"ab\"\n"), "{text}");
    }

    fn until(user: &str) -> Change {
        let user = Name::from(user);
        let until = "2027-01-31T12:00:00Z".to_owned();
        let temporary = Temporary { user, until, reason: Some("ticket \"7\"".to_owned()), by: Some("root".to_owned()) };
        Change { temporary: Some(temporary), ..Change::default() }
    }

    const ENTRY: &str = "\n[[allow.temporary]]\nuser = \"alice\"\nuntil = 2027-01-31T12:00:00Z\nreason = 'ticket \"7\"'\nby = \"root\"\n";

    #[test]
    fn a_temporary_grant_is_all_that_a_policy_allows_that_was_not_enabled() {
        let text = apply(TEXT, &until("alice")).unwrap();
        assert_eq!(text, TEXT.replace("# who\ngroups = [\"capwrap\"] # by default\n", "") + ENTRY);
        assert_eq!(apply(&text, &until("alice")).unwrap(), text);
        assert_eq!(without_temporary(&text, |user| user == "bob").unwrap(), text);
        let ended = without_temporary(&text, |user| user == "alice").unwrap();
        assert_eq!(ended, TEXT.replace("# who\ngroups = [\"capwrap\"] # by default\n", ""));
    }

    #[test]
    fn a_temporary_grant_comes_on_top_of_an_enabled_policy_and_goes_without_a_trace() {
        let more = "\n[[grant]]\ncaps = [\"cap_net_raw\"] # the socket\n";
        let text = format!("{TEXT}{more}");
        let granted = apply(&text, &Change { keeps_allowed: true, ..until("alice") }).unwrap();
        assert_eq!(granted, format!("{TEXT}{ENTRY}{more}"));
        assert_eq!(without_temporary(&granted, |_| true).unwrap(), text);
    }

    #[test]
    fn temporary_grants_stay_when_the_rest_of_a_policy_is_replaced() {
        let keeps = |user| Change { keeps_allowed: true, ..until(user) };
        let more = "\n[[grant]]\ncaps = [\"cap_net_raw\"] # the socket\n";
        let granted = apply(&format!("{TEXT}{more}"), &keeps("alice")).unwrap();
        let granted = apply(&granted, &keeps("bob")).unwrap();
        assert_eq!(with_temporary_of(&granted, &format!("{TEXT}{more}")).unwrap(), granted);
        assert_eq!(with_temporary_of(TEXT, &granted).unwrap(), granted);
        assert_eq!(with_temporary_of(&granted, &granted).unwrap(), granted);
        let new = TEXT.replace("capwrap", "net");
        let replaced = with_temporary_of(&granted, &new).unwrap();
        assert_eq!(without_temporary(&replaced, |_| true).unwrap(), new);
        assert_eq!(replaced.matches(ENTRY).count(), 1, "{replaced}");
        let inline = "schema = 1\nallow = { users = [\"root\"] }\ntool = { path = \"/t\" }\n";
        let once = with_temporary_of(&granted, inline).unwrap();
        assert_eq!(capwrap_core::policy::Policy::read(&once).unwrap().allow.temporary.len(), 2, "{once}");
        assert_eq!(with_temporary_of(&once, inline).unwrap(), once);
    }

    #[test]
    fn an_allow_of_one_line_becomes_a_table() {
        let inline = "schema = 1\nallow = { users = [\"root\"] }\ntool = { path = \"/t\" }\n";
        let granted = apply(inline, &Change { keeps_allowed: true, ..until("alice") }).unwrap();
        let policy = capwrap_core::policy::Policy::read(&granted).unwrap();
        assert_eq!((policy.allow.users.len(), policy.allow.temporary.len()), (1, 1), "{granted}");
        assert_eq!(policy.allow.temporary[0].reason.as_deref(), Some("ticket \"7\""));
    }

    #[test]
    fn nothing_to_change_changes_nothing() {
        assert_eq!(apply(TEXT, &Change::default()).unwrap(), TEXT);
    }
}
