//! What is wrong or dangerous in the text of a policy. `lint` shows all of it, and `learn --write` the warnings.

pub mod allowed;
pub mod checks;
pub mod found;

use crate::analysis::policy_places::Places;
use capwrap_core::policy::Policy;
use capwrap_core::text::printable;
use found::{Found, Severity};

/// The warnings about the text, each in a line with the line of the policy, for who writes it. What the policy allows is
/// left out, and so are the codes of `besides`.
pub fn warnings(policy: &Policy, text: &str, besides: &[&str]) -> Vec<String> {
    let found = allowed::apply(checks::all(policy, &Places::of(text)), policy, text);
    let counts = |one: &Found| one.severity == Severity::Warning && !besides.contains(&one.code);
    let note = |one: Found| {
        let line = text.get(..one.span.start).unwrap_or_default().matches('\n').count() + 1;
        let hint = one.hint.map(|hint| format!("; hint: {hint}")).unwrap_or_default();
        printable::line(&format!("line {line}: {} [{}]{hint}", one.message, one.code))
    };
    found.into_iter().filter(counts).map(note).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_has_its_line_and_one_that_is_allowed_is_no_warning() {
        let text = "schema = 1\nsummary = \"S\"\ntool = { path = \"/t\" }\nallow = { users = [\"root\"] }\n@\n\
                    exec = { children = \"none\" }\n[[grant]]\ncaps = \"setuid\"\nwhy = \"w\"\n";
        let warnings = |more: &str, besides: &[&str]| {
            let text = text.replace('@', more);
            super::warnings(&Policy::read(&text).unwrap(), &text, besides)
        };
        let found = warnings("", &[]);
        assert!(found.len() == 1 && found[0].starts_with("line 8: cap_setuid amounts to root"), "{found:?}");
        assert!(found[0].contains(" [amounts-to-root]; hint: "), "{found:?}");
        let none: [&str; 0] = [];
        assert_eq!(warnings("", &["amounts-to-root"]), none);
        assert_eq!(warnings("# lint: allow amounts-to-root: it is root's", &[]), none);
    }
}
pub mod proof;
