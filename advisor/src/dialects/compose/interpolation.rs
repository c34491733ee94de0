//! Reads the variables in the values of a Compose file (Compose Specification, 12-interpolation.md). Compose takes them
//! from the environment and from `.env`. Neither is read here: it is another machine, or another time, that decides.

use crate::output::error::hinted;
use anyhow::Result;
use capwrap_core::text::printable;
use serde_json::Value;

/// The keys of a service without whose values its capabilities are not known.
const DECIDING: [&str; 4] = ["cap_add", "cap_drop", "privileged", "security_opt"];
/// The keys of a service that are compared besides.
const COMPARED: [&str; 5] = ["user", "pid", "network_mode", "volumes", "ulimits"];

/// Puts defaults in place of the variables of a service, such as `X` for `${CAP:-X}`. `name` is the service's. What was
/// replaced, and what has no default, is a note.
///
/// # Errors
/// The capabilities depend on a variable without a default.
pub fn of_service(service: &mut Value, name: &str, notes: &mut Vec<String>) -> Result<()> {
    for key in DECIDING.into_iter().chain(COMPARED) {
        let Some(value) = service.get_mut(key) else { continue };
        let mut found = Found::default();
        replace(value, &mut found);
        let what = format!("services.{}.{key}", printable::text(name));
        for (expression, default) in found.defaults {
            let (expression, default) = (printable::text(expression), printable::text(default));
            notes.push(format!(
                "{what}: {expression} counts as its default \"{default}\"; the environment and .env were not read"
            ));
        }
        for expression in found.unknown {
            let said = format!("{what} is an expression, which is not evaluated here: {}", printable::text(expression));
            if DECIDING.contains(&key) {
                return Err(hinted(said, "docker compose config prints the file with the values of its variables"));
            }
            notes.push(said);
        }
    }
    Ok(())
}

/// What was found of variables.
#[derive(Default)]
struct Found {
    /// The expressions that have a default, with it.
    defaults: Vec<(String, String)>,
    /// The expressions that have none.
    unknown: Vec<String>,
}

fn replace(value: &mut Value, found: &mut Found) {
    match value {
        Value::String(text) => *text = replaced(text, found, 0),
        Value::Array(list) => list.iter_mut().for_each(|one| replace(one, found)),
        Value::Object(object) => object.values_mut().for_each(|one| replace(one, found)),
        _ => {}
    }
}

/// Returns a text without variables, if each has a default.
pub fn known(text: &str) -> Option<String> {
    let mut found = Found::default();
    let text = replaced(text, &mut found, 0);
    found.unknown.is_empty().then_some(text)
}

/// How deep a default may contain another variable.
const MAX_DEPTH: usize = 8;

/// Replaces `$$` by a dollar sign and each variable by its default. A variable without one keeps its letters.
fn replaced(text: &str, found: &mut Found, depth: usize) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if rest.starts_with("$$") {
            out.push('$');
            rest = &rest[2..];
            continue;
        }
        let length = length(rest);
        let (expression, after) = rest.split_at(length);
        rest = after;
        if length == 1 {
            out.push('$');
        } else if let Some(default) = default(expression).filter(|_| depth < MAX_DEPTH) {
            let mut inner = Found::default();
            let value = replaced(default, &mut inner, depth + 1);
            if inner.unknown.is_empty() {
                found.defaults.push((expression.to_owned(), value.clone()));
                out.push_str(&value);
            } else {
                found.unknown.push(expression.to_owned());
                out.push_str(expression);
            }
        } else {
            found.unknown.push(expression.to_owned());
            out.push_str(expression);
        }
    }
    out + rest
}

/// The length of the variable at the start of a text. It is 1 for a dollar sign that begins none.
fn length(text: &str) -> usize {
    let inside = &text[1..];
    if inside.starts_with('{') {
        let mut depth = 0_usize;
        for (at, letter) in inside.char_indices() {
            match letter {
                '{' => depth += 1,
                '}' if depth == 1 => return at + 2,
                '}' => depth -= 1,
                _ => {}
            }
        }
        return 1;
    }
    let is_name = |letter: &char| letter.is_ascii_alphanumeric() || *letter == '_';
    if inside.starts_with(|letter: char| letter.is_ascii_digit()) {
        1
    } else {
        1 + inside.chars().take_while(is_name).count()
    }
}

/// Returns what stands in `${NAME:-DEFAULT}` or `${NAME-DEFAULT}`.
fn default(expression: &str) -> Option<&str> {
    let inside = expression.strip_prefix("${")?.strip_suffix('}')?;
    let at = inside.find(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'))?;
    let operator = &inside[at..];
    operator.strip_prefix(":-").or_else(|| operator.strip_prefix('-'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_variable_counts_as_its_default() {
        for (text, value) in [
            ("${CAP:-NET_ADMIN}", Some("NET_ADMIN")),
            ("${CAP-NET_ADMIN}", Some("NET_ADMIN")),
            ("NET_${CAP:-ADMIN}", Some("NET_ADMIN")),
            ("${A:-${B:-KILL}}", Some("KILL")),
            ("a$$b", Some("a$b")),
            ("$$CAP", Some("$CAP")),
            ("5$", Some("5$")),
            ("${CAP}", None),
            ("$CAP", None),
            ("${CAP:?say which}", None),
            ("${CAP:+KILL}", None),
            ("${A:-${B}}", None),
        ] {
            assert_eq!(known(text).as_deref(), value, "{text}");
        }
    }

    #[test]
    fn what_decides_without_a_default_is_an_error_and_the_rest_a_note() {
        let of = |service: Value| {
            let (mut service, mut notes) = (service, Vec::new());
            of_service(&mut service, "s", &mut notes).map(|()| (service, notes))
        };
        let (service, notes) = of(json!({"cap_add": ["${CAP:-KILL}"], "user": "${UID}"})).unwrap();
        assert_eq!(service["cap_add"], json!(["KILL"]));
        assert_eq!(
            notes,
            [
                "services.s.cap_add: ${CAP:-KILL} counts as its default \"KILL\"; the environment and .env were not read",
                "services.s.user is an expression, which is not evaluated here: ${UID}",
            ]
        );
        for bad in [json!({"cap_add": ["$CAP"]}), json!({"privileged": "${P}"}), json!({"security_opt": ["${X}"]})] {
            let error = of(bad).unwrap_err().to_string();
            assert!(error.contains("is an expression, which is not evaluated here: $"), "{error}");
        }
    }
}
