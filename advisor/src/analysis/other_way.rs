//! The tools that have no shipped policy, because they are better run another way. `policies/elsewhere.toml` lists them.

use anyhow::{Context, Result};
use toml_edit::{DocumentMut, Table};

/// The list. It is part of the program, so that nobody can change what the program advises.
const TEXT: &str = include_str!("../../../policies/elsewhere.toml");

/// A tool that is better run another way.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct OtherWay {
    /// The name of the tool. An entry can be about several: `chown, chmod`.
    pub name: String,
    /// Debian's packages of it.
    pub packages: Vec<String>,
    /// What stands against a policy.
    pub why: String,
    /// What to do instead.
    pub instead: String,
}

/// Returns all such tools, in the order of the list.
///
/// # Errors
/// The list is no TOML, or an entry lacks a key.
pub fn all() -> Result<Vec<OtherWay>> {
    read(TEXT).context("policies/elsewhere.toml")
}

/// Returns the entry about the tool of this name.
///
/// # Errors
/// As for [`all`].
pub fn of(tool: &str) -> Result<Option<OtherWay>> {
    Ok(all()?.into_iter().find(|entry| entry.tools().any(|name| name == tool)))
}

impl OtherWay {
    /// The tools of the entry: the first word of each part, because an entry can say `tail of logs`.
    fn tools(&self) -> impl Iterator<Item = &str> {
        self.name.split(',').filter_map(|part| part.split_whitespace().next())
    }

    /// Whether the entry is about this word, whose letters are small.
    pub fn has(&self, word: &str) -> bool {
        self.name.to_lowercase().contains(word) || self.packages.iter().any(|package| package.contains(word))
    }
}

fn read(text: &str) -> Result<Vec<OtherWay>> {
    let document: DocumentMut = text.parse()?;
    let tools = document.get("tool").and_then(|tools| tools.as_array_of_tables()).context("it has no [[tool]]")?;
    tools.iter().map(entry).collect()
}

fn entry(table: &Table) -> Result<OtherWay> {
    let string = |key: &str| {
        let value = table.get(key).and_then(|value| value.as_str());
        value.map(str::to_owned).with_context(|| format!("an entry has no {key}: {}", table.to_string().trim()))
    };
    let packages = table.get("packages").and_then(|packages| packages.as_array()).into_iter().flatten();
    Ok(OtherWay {
        name: string("name")?,
        packages: packages.filter_map(|one| one.as_str().map(str::to_owned)).collect(),
        why: string("why")?,
        instead: string("instead")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_says_why_and_what_to_do_and_no_tool_has_two() {
        let all = all().unwrap();
        let mut names: Vec<&str> = all.iter().flat_map(OtherWay::tools).collect();
        let count = names.len();
        assert!(count > 10, "{names:?}");
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count, "{names:?}");
        for entry in &all {
            assert!(entry.why.ends_with('.') && entry.instead.ends_with('.'), "{entry:?}");
        }
    }

    #[test]
    fn no_tool_of_the_list_has_a_shipped_policy() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies");
        for entry in all().unwrap() {
            for tool in entry.tools() {
                assert!(!folder.join(format!("{tool}.toml")).exists(), "{tool}");
            }
        }
    }

    #[test]
    fn an_entry_about_several_tools_is_found_by_each() {
        let text =
            "[[tool]]\nname = \"chown, tail of logs\"\npackages = [\"coreutils\"]\nwhy = \"a.\"\ninstead = \"b.\"\n";
        let entry = &read(text).unwrap()[0];
        assert_eq!(entry.tools().collect::<Vec<_>>(), ["chown", "tail"]);
        assert!(entry.has("chow") && entry.has("coreutils") && !entry.has("logs of"));
        assert!(read("[[tool]]\nname = \"x\"\n").is_err() && read("").is_err());
    }
}
