//! Warnings that a policy allows, each with a reason.

use crate::verbs::lint::checks::CODES;
use crate::verbs::lint::found::{Found, Severity};
use capwrap_core::policy::Policy;
use capwrap_core::text::nearest;
use std::ops::Range;

/// The warnings that a summary with the words "as such" allows.
const AS_SUCH: [&str; 2] = ["amounts-to-root", "starts-programs"];

/// A comment in the policy's text.
struct Comment<'t> {
    code: &'t str,
    reason: &'t str,
    span: Range<usize>,
}

/// Turns allowed warnings into notes, and reports comments that allow nothing.
pub fn apply(mut found: Vec<Found>, policy: &Policy, text: &str) -> Vec<Found> {
    if policy.summary.contains("as such") {
        for one in found.iter_mut().filter(|one| AS_SUCH.contains(&one.code)) {
            allow(one, "its summary says so");
        }
    }
    for Comment { code, reason, span } in comments(text) {
        let warning = |message: String| Found::warning("allow", span.clone(), message);
        let known = CODES.iter().map(|(code, _)| *code);
        if !CODES.iter().any(|(known, _)| *known == code) {
            let one = warning(format!("no finding has the code {code:?}"));
            found.push(match nearest::name(code, known) {
                Some(near) => one.help(format!("write {near}")),
                None => one,
            });
        } else if reason.is_empty() {
            found.push(warning("allowed without a reason".to_owned()).help(format!("# lint: allow {code}: REASON")));
        } else {
            let mut is_used = false;
            for one in found.iter_mut().filter(|one| one.code == code) {
                is_used = true;
                if one.severity == Severity::Warning {
                    allow(one, reason);
                }
            }
            // Whether these codes are found can depend on the machine, so an unused comment is no fault.
            if !is_used && !["writable-place", "refused-tool", "unknown-name", "until-passed"].contains(&code) {
                found.push(warning("this allows nothing here".to_owned()).help("take the comment out"));
            }
        }
    }
    found
}

fn allow(one: &mut Found, reason: &str) {
    one.severity = Severity::Note;
    one.help = Some(format!("allowed: {reason}"));
}

/// The comments of the form `# lint: allow CODE: REASON` that stand alone on a line.
fn comments(text: &str) -> Vec<Comment<'_>> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verbs::lint::checks;
    use crate::verbs::lint::places::Places;

    const POLICY: &str = "schema = 1\nsummary = \"S\"\ntool = { path = \"/t\" }\nallow = { users = [\"root\"] }\n@\n[[grant]]\ncaps = \"setuid\"\nwhy = \"w\"\n";

    fn linted(comment: &str, summary: &str) -> Vec<(Severity, &'static str)> {
        let text = POLICY.replace('@', comment).replace('S', summary);
        let policy = Policy::read(&text).unwrap();
        apply(checks::all(&policy, &Places::of(&text)), &policy, &text)
            .iter()
            .map(|one| (one.severity, one.code))
            .collect()
    }

    #[test]
    fn a_comment_with_a_reason_makes_a_note_of_a_warning() {
        assert_eq!(linted("", "s"), [(Severity::Warning, "amounts-to-root")]);
        assert_eq!(linted("# lint: allow amounts-to-root: it is", "s"), [(Severity::Note, "amounts-to-root")]);
        assert_eq!(linted("", "grants it as such"), [(Severity::Note, "amounts-to-root")]);
    }

    #[test]
    fn a_comment_that_gives_no_reason_or_allows_nothing_is_reported() {
        for comment in ["# lint: allow amounts-to-root", "# lint: allow amounts-to-rot: r", "# lint: allow no-why: r"] {
            assert!(linted(comment, "s").contains(&(Severity::Warning, "allow")), "{comment}");
        }
    }
}
