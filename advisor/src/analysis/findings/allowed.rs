//! Warnings that a policy allows, each with a reason.

use crate::analysis::allowed_warnings::{AS_SUCH, Comment, comments, says_as_such};
use crate::analysis::code_warning::{HOME_CODE, LIBRARY_PATH};
use crate::analysis::findings::checks::CODES;
use crate::analysis::findings::found::{Found, Severity};
use capwrap_core::policy::Policy;
use capwrap_core::text::nearest;

/// The codes that can be found on one machine and not on another.
const OF_THE_MACHINE: [&str; 7] =
    ["writable-place", "refused-tool", "unknown-name", "until-passed", "unused", HOME_CODE, LIBRARY_PATH];

/// Turns allowed warnings into notes, and reports comments that allow nothing.
pub fn apply(mut found: Vec<Found>, policy: &Policy, text: &str) -> Vec<Found> {
    if says_as_such(policy) {
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
                Some(near) => one.hint(format!("write {near}")),
                None => one,
            });
        } else if reason.is_empty() {
            found.push(warning("allowed without a reason".to_owned()).hint(format!("# lint: allow {code}: REASON")));
        } else {
            let mut is_used = false;
            for one in found.iter_mut().filter(|one| one.code == code) {
                is_used = true;
                if one.severity == Severity::Warning {
                    allow(one, reason);
                }
            }
            // Whether these codes are found can depend on the machine, so an unused comment is no fault.
            if !is_used && !OF_THE_MACHINE.contains(&code) {
                found.push(warning("this allows nothing here".to_owned()).hint("take the comment out"));
            }
        }
    }
    found
}

fn allow(one: &mut Found, reason: &str) {
    one.severity = Severity::Note;
    one.hint = Some(format!("allowed: {reason}"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::findings::checks;
    use crate::analysis::policy_places::Places;

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
