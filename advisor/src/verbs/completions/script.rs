//! The parts that the scripts of all shells share.

/// The fixed part of a script, with its placeholders for directories filled in.
pub fn fixed(text: &str) -> String {
    text.replace("@POLICIES@", capwrap_core::paths::POLICIES)
        .replace("@TEMPLATES@", &crate::store::policy_lookup::templates().display().to_string())
}
