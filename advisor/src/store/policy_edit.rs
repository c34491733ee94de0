//! Edits the text of a shipped policy for this machine, and keeps the comments.

use anyhow::{Context, Result};
use toml_edit::{Array, DocumentMut, Item, Table, value};

/// What `capwrap enable` changes in a policy.
#[derive(Debug, Default)]
pub struct Change {
    /// Users who may run the tool.
    pub users: Vec<String>,
    /// Groups that may run the tool.
    pub groups: Vec<String>,
    /// The tool's path.
    pub path: Option<String>,
    /// The tool's SHA-256 in hexadecimal.
    pub sha256: Option<String>,
    /// Whether `users` and `groups` are added to those in the text. Otherwise they replace those.
    pub keeps_allowed: bool,
}

/// Returns the text with the change made. The caller checks whether the result is a valid policy.
pub fn apply(text: &str, change: &Change) -> Result<String> {
    let mut document: DocumentMut = text.parse().context("not TOML")?;
    if !change.users.is_empty() || !change.groups.is_empty() {
        let allow = table(&mut document, "allow");
        for (key, names) in [("users", &change.users), ("groups", &change.groups)] {
            let before = if change.keeps_allowed { listed(allow.get(key)) } else { Vec::new() };
            let added = names.iter().filter(|name| !before.contains(name));
            let all: Vec<&String> = before.iter().chain(added).collect();
            if all.is_empty() {
                allow.remove(key);
            } else {
                set(allow, key, value(all.into_iter().collect::<Array>()));
            }
        }
    }
    let tool = table(&mut document, "tool");
    for (key, text) in [("path", &change.path), ("sha256", &change.sha256)] {
        if let Some(text) = text {
            set(tool, key, value(text));
        }
    }
    Ok(document.to_string())
}

fn table<'d>(document: &'d mut DocumentMut, key: &str) -> &'d mut dyn toml_edit::TableLike {
    let item = document.entry(key).or_insert_with(|| Item::Table(Table::new()));
    if !item.is_table_like() {
        // The old value is no table, and the policy parser would refuse the policy for it.
        *item = Item::Table(Table::new());
    }
    item.as_table_like_mut().unwrap_or_else(|| unreachable!("made a table above"))
}

/// Replaces a value and keeps the comment behind it.
fn set(table: &mut dyn toml_edit::TableLike, key: &str, mut new: Item) {
    let decor = table.get(key).and_then(Item::as_value).map(|old| old.decor().clone());
    if let (Some(decor), Some(new)) = (decor, new.as_value_mut()) {
        *new.decor_mut() = decor;
    }
    table.insert(key, new);
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
        let change = Change { users: vec!["alice".into()], ..Change::default() };
        let text = apply(TEXT, &change).unwrap();
        assert_eq!(text, TEXT.replace("# who\ngroups = [\"capwrap\"] # by default\n", "users = [\"alice\"]\n"));
    }

    #[test]
    fn who_is_named_on_an_enabled_policy_comes_on_top_once() {
        let change = Change { groups: vec!["net".into(), "capwrap".into()], keeps_allowed: true, ..Change::default() };
        let once = apply(TEXT, &change).unwrap();
        assert!(once.contains("groups = [\"capwrap\", \"net\"] # by default"), "{once}");
        assert_eq!(apply(&once, &change).unwrap(), once);
    }

    #[test]
    fn a_path_and_a_digest_are_written_into_the_tool() {
        let change = Change { path: Some("/opt/x".into()), sha256: Some("ab".into()), ..Change::default() };
        let text = apply(TEXT, &change).unwrap();
        assert!(text.contains("path = \"/opt/x\" # first that exists\nsha256 = \"ab\"\n"), "{text}");
    }

    #[test]
    fn nothing_to_change_changes_nothing() {
        assert_eq!(apply(TEXT, &Change::default()).unwrap(), TEXT);
    }
}
