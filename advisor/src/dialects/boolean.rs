//! Reads booleans. Each format has its own words for yes and no, and a word that it does not know is an error there.

use crate::output::error::hinted;
use anyhow::Result;
use capwrap_core::text::printable;
use serde_json::Value;

/// Reads a boolean as systemd's `parse_boolean` does.
pub fn systemd(word: &str) -> Option<bool> {
    match word.to_ascii_lowercase().as_str() {
        "1" | "yes" | "y" | "true" | "t" | "on" => Some(true),
        "0" | "no" | "n" | "false" | "f" | "off" => Some(false),
        _ => None,
    }
}

/// Reads the value of a flag of an engine's command line, as Go's `strconv.ParseBool` does.
pub fn flag(word: &str) -> Option<bool> {
    match word {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// Reads a boolean of a manifest. The words of YAML 1.1 count: Kubernetes reads that version, and Compose accepts its
/// words with a warning. A value that is missing is `None`.
///
/// # Errors
/// The value is no boolean. `what` names it.
pub fn manifest(value: &Value, what: &str) -> Result<Option<bool>> {
    let said = match value {
        Value::Null => return Ok(None),
        Value::Bool(said) => Some(*said),
        Value::String(word) => systemd(word),
        _ => None,
    };
    match said {
        Some(said) => Ok(Some(said)),
        None => Err(hinted(
            format!("{what} is neither true nor false: {}", printable::text(value.to_string())),
            "write true",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_format_has_its_own_words_for_yes_and_no() {
        assert_eq!((systemd("On"), systemd("2")), (Some(true), None));
        assert_eq!((flag("1"), flag("T"), flag("yes"), flag("0")), (Some(true), Some(true), None, Some(false)));
        for yes in [json!(true), json!("true"), json!("yes"), json!("on"), json!("Y")] {
            assert_eq!(manifest(&yes, "x").unwrap(), Some(true), "{yes}");
        }
        assert_eq!(manifest(&json!("off"), "x").unwrap(), Some(false));
        assert_eq!(manifest(&Value::Null, "x").unwrap(), None);
        for bad in [json!("maybe"), json!(1), json!([true])] {
            assert!(manifest(&bad, "x").is_err(), "{bad}");
        }
    }
}
