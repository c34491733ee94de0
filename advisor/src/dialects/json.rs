//! Values of JSON and YAML, read leniently: what is missing, or of another type, is empty.

use crate::dialects::engine::rules;
use capwrap_core::policy::limits::Limit;
use serde_json::Value;

/// The elements of a list.
pub fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The strings of a list; numbers and the like are not left out, so that they are refused where they are read.
pub fn strings(value: &Value) -> Vec<String> {
    array(value).iter().filter_map(text).collect()
}

/// A text, or a number and the like as text.
pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Null => None,
        other => Some(other.to_string()),
    }
}

/// A resource limit: -1 and the largest number are none.
pub fn hard_limit(value: &Value) -> Option<Limit> {
    rules::limit(&text(value)?)
}
