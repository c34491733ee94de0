//! What the scripts of all shells share.

/// The part of a script that does not depend on the definitions, with the places of files in it.
pub fn fixed(text: &str) -> String {
    text.replace("@POLICIES@", capwrap_core::paths::POLICIES)
        .replace("@TEMPLATES@", &crate::store::policy_lookup::templates().display().to_string())
}

/// A word between single quotes, for a POSIX shell.
pub fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}
