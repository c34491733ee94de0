//! JSON as capwrap writes it: every hidden character is escaped, so that a terminal that shows it obeys none.

use crate::output::error::hinted;
use anyhow::Result as Outcome;
use capwrap_core::schema;
use capwrap_core::text::hidden::{is_hidden, json_escape};
use serde::Serialize;
use serde_json::Value;

/// The version of every JSON document and of every line of JSON that capwrap writes, in their member `schema`. It changes when
/// a key changes its meaning or is removed. A document whose format changes gets a number of its own then.
pub const SCHEMA: u32 = schema::FIRST;

/// Checks the member `schema` of a document or a line that capwrap wrote earlier, or that another version wrote.
///
/// # Errors
/// The version is not [`SCHEMA`]. The error says how, and has a hint.
pub fn check_schema(found: Option<&Value>) -> Outcome<()> {
    let wrong = match found {
        None => schema::Wrong::Missing,
        Some(Value::Number(number)) if !number.is_f64() => match schema::check(&number.to_string()) {
            Ok(()) => return Ok(()),
            Err(wrong) => wrong,
        },
        Some(_) => schema::Wrong::NoNumber,
    };
    Err(hinted(wrong.to_string(), wrong.hint()))
}

/// Writes a value on several lines, without a newline at the end.
///
/// # Errors
/// A map of the value has a key that is no text.
pub fn pretty(value: &impl Serialize) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(value).map(|json| escaped(&json))
}

/// Writes a value on one line, without a newline at the end.
///
/// # Errors
/// As `pretty`.
pub fn line(value: &impl Serialize) -> Result<String, serde_json::Error> {
    serde_json::to_string(value).map(|json| escaped(&json))
}

/// Outside of strings, no hidden character but a newline stands in JSON.
fn escaped(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && is_hidden(c) {
            escaped += &json_escape(c);
        } else {
            escaped.push(c);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hidden_character_is_escaped_and_reads_back_as_itself() {
        let hostile = "a\n\t\u{1b}[2J\u{7f}\u{9b}\u{202e}\u{61c}\u{feff}\u{e0041}\"\\ü漢";
        let value = std::collections::BTreeMap::from([(hostile, vec![hostile])]);
        for json in [pretty(&value).unwrap(), line(&value).unwrap()] {
            assert!(!json.replace('\n', "").contains(is_hidden), "{json}");
            assert!(json.contains("\\u202e") && json.contains("\\udb40\\udc41") && json.contains("ü漢"), "{json}");
            let read: std::collections::BTreeMap<String, Vec<String>> = serde_json::from_str(&json).unwrap();
            assert_eq!(read, std::collections::BTreeMap::from([(hostile.to_owned(), vec![hostile.to_owned()])]));
        }
        assert!(!line(&value).unwrap().contains('\n'));
    }
}
