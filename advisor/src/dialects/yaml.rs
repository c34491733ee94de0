//! Reads YAML of bounded size.

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::Value;

/// The largest YAML text that is read, in bytes. It is larger than any manifest, and small enough for the parser, which
/// holds every scalar and every repetition through an alias in memory.
pub const MAX_BYTES: usize = 2 * 1024 * 1024;

/// Returns the documents of a YAML text. JSON is YAML too, but has its own parser.
///
/// # Errors
/// The text is not YAML. The error has its line and column.
pub fn documents(text: &str) -> Result<Vec<Value>> {
    if text.len() > MAX_BYTES {
        bail!("YAML larger than {} MiB", MAX_BYTES / 1024 / 1024);
    }
    let read = |document| -> Result<Value> {
        let mut value = serde_yaml_ng::Value::deserialize(document).context("no YAML")?;
        value.apply_merge().context("no YAML")?;
        serde_json::to_value(value).context("a key that is no text")
    };
    serde_yaml_ng::Deserializer::from_str(text).map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yaml_that_repeats_itself_without_end_is_refused() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let before = format!("*a{}, ", level - 1).repeat(9);
            bomb.push_str(&format!("a{level}: &a{level} [{before}]\n"));
        }
        assert!(documents(&bomb).is_err());
        assert!(documents(&"[".repeat(100_000)).is_err());
    }
}
