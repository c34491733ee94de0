//! The warnings about a policy that its own text allows, each with a reason.

use crate::analysis::code_warning::HOME_CODE;
use capwrap_core::policy::Policy;
use std::ops::Range;

/// The warnings that a summary with the words "as such" allows: who may run the tool has the capabilities anyhow.
pub const AS_SUCH: [&str; 3] = ["amounts-to-root", "starts-programs", HOME_CODE];

/// A comment in the policy's text.
pub struct Comment<'t> {
    pub code: &'t str,
    pub reason: &'t str,
    pub span: Range<usize>,
}

/// Whether the policy's summary says that it grants the capability as such.
pub fn says_as_such(policy: &Policy) -> bool {
    policy.summary.contains("as such")
}

/// Whether the policy allows the warning of this code.
pub fn allows(policy: &Policy, text: &str, code: &str) -> bool {
    says_as_such(policy) && AS_SUCH.contains(&code)
        || comments(text).iter().any(|comment| comment.code == code && !comment.reason.is_empty())
}

/// The comments of the form `# lint: allow CODE: REASON` that stand alone on a line.
pub fn comments(text: &str) -> Vec<Comment<'_>> {
    let mut at = 0;
    let mut comments = Vec::new();
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim();
        if let Some(said) =
            trimmed.strip_prefix('#').map(str::trim_start).and_then(|rest| rest.strip_prefix("lint: allow"))
        {
            let (code, reason) = said.split_once(':').unwrap_or((said, ""));
            let start = at + line.find('#').unwrap_or_default();
            comments.push(Comment { code: code.trim(), reason: reason.trim(), span: start..start + trimmed.len() });
        }
        at += line.len();
    }
    comments
}
