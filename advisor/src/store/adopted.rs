//! What `capwrap adopt` takes from a tool's file, so that `capwrap disable` can give it back.
//!
//! The record is written before anything is changed and removed after everything is given back. So whatever ends the
//! program in between, the record of what the file had is there for as long as the file lacks it.

use crate::output::json;
use crate::store::{atomic_write, enabled, trusted_file};
use anyhow::{Context, Result};
use capwrap_core::policy::FileCapabilities;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use toml_edit::{DocumentMut, value};

/// Where the records are kept.
const KEPT: &str = "/etc/capwrap/adopted";

/// What one adoption took, and from which file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adopted {
    /// The tool.
    pub path: PathBuf,
    /// The file capabilities that it had.
    pub capabilities: FileCapabilities,
    /// The SHA-256 of the tool, in hexadecimal. Another file gets nothing back.
    pub sha256: String,
    /// The SHA-256 of the policy that was made, in hexadecimal. A policy that is still the same is not kept.
    pub policy_sha256: String,
}

/// Returns the file of the record for the policy of this name.
pub fn file(name: &str) -> PathBuf {
    Path::new(KEPT).join(format!("{name}.toml"))
}

/// Reads the record; `None` if the policy of this name comes from no adoption.
///
/// # Errors
/// The record cannot be read, others than root could have written it, or it lacks a part.
pub fn read(name: &str) -> Result<Option<Adopted>> {
    let file = file(name);
    match file.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        _ => {}
    }
    let text = trusted_file::text(&file)?;
    parse(&text).map(Some).with_context(|| format!("cannot use {}", file.display()))
}

fn parse(text: &str) -> Result<Adopted> {
    let document: DocumentMut = text.parse()?;
    let version = document.get("schema").and_then(toml_edit::Item::as_integer);
    json::check_schema(version.map(serde_json::Value::from).as_ref())?;
    let string = |key: &str| {
        let value = document.get(key).and_then(|value| value.as_str());
        value.map(str::to_owned).with_context(|| format!("it has no `{key}`"))
    };
    let capabilities = string("capabilities")?;
    Ok(Adopted {
        path: string("path")?.into(),
        capabilities: FileCapabilities::parse(&capabilities)
            .map_err(|error| anyhow::anyhow!("{capabilities:?}: {error}"))?,
        sha256: string("sha256")?,
        policy_sha256: string("policy_sha256")?,
    })
}

/// Writes the record, and waits until it is on the disk.
///
/// # Errors
/// It cannot be written, or the path is not UTF-8.
pub fn write(name: &str, adopted: &Adopted) -> Result<()> {
    enabled::make_directory(Path::new(KEPT))?;
    let path = adopted.path.to_str().context("the tool's path is not UTF-8")?;
    let mut document = DocumentMut::new();
    document.insert("schema", value(i64::from(json::SCHEMA)));
    for (key, text) in [
        ("path", path),
        ("capabilities", &adopted.capabilities.to_string()),
        ("sha256", &adopted.sha256),
        ("policy_sha256", &adopted.policy_sha256),
    ] {
        document.insert(key, value(text));
    }
    let text = format!("# `capwrap adopt` wrote this file, and `capwrap disable {name}` removes it.\n{document}");
    atomic_write::replace_for_all(&file(name), &text)
}

/// Removes the record.
///
/// # Errors
/// It cannot be removed.
pub fn remove(name: &str) -> Result<()> {
    let file = file(name);
    std::fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_without_a_part_is_refused() {
        let whole =
            "schema = 1\npath = \"/t\"\ncapabilities = \"cap_net_raw=ep\"\nsha256 = \"a\"\npolicy_sha256 = \"b\"\n";
        assert_eq!(parse(whole).unwrap().capabilities.to_string(), "cap_net_raw=ep");
        for line in whole.lines() {
            assert!(parse(&whole.replace(line, "")).is_err(), "{line}");
        }
        assert!(parse(&whole.replace("cap_net_raw", "cap_nonsense")).is_err());
        assert!(parse(&whole.replace("schema = 1", "schema = 2")).unwrap_err().to_string().contains("later capwrap"));
    }
}
