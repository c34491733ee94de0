//! Reads values of JSON and YAML leniently: a value that is missing, or has another type, is empty.

use crate::dialects::engine::rules;
use anyhow::{Result, bail};
use capwrap_core::policy::limits::Limit;
use serde_json::Value;

/// Returns the elements of a list.
pub fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Returns the elements of a list, or the value itself if it is no list. Many tools print one object or a list of them.
pub fn entries(value: &Value) -> &[Value] {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice)
}

/// Returns the strings of a list. Numbers and similar elements are kept as text, so that a later parser refuses them.
pub fn strings(value: &Value) -> Vec<String> {
    array(value).iter().filter_map(text).collect()
}

/// Returns the strings of a list that its reader refuses if it is no list. `what` names it.
///
/// # Errors
/// The value is something else, such as one string.
pub fn list(value: &Value, what: &str) -> Result<Vec<String>> {
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(_) => Ok(strings(value)),
        _ => bail!("{what} must be a list"),
    }
}

/// Returns a text. A number or another value becomes text.
pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Null => None,
        other => Some(other.to_string()),
    }
}

/// Reads a resource limit. -1 and the largest number mean that there is no limit.
pub fn hard_limit(value: &Value) -> Option<Limit> {
    rules::limit(&text(value)?)
}
