//! Reads the capabilities of wrappers and services from a NixOS module. It reads token by token and evaluates no
//! expression, so it does not understand every module.

use crate::dialects::grant::Side;
use crate::dialects::systemd::syntax::Settings;
use crate::dialects::{setcap, systemd};
use anyhow::{Result, bail};
use capwrap_core::text::printable;
use std::collections::BTreeMap;

/// A value at its path, such as `["security", "wrappers", "x", "capabilities"]`.
struct Value {
    path: Vec<String>,
    words: Vec<String>,
    /// Whether its words are more than a string, a list, a boolean or a number, as in `if … then … else …`.
    is_expression: bool,
}

/// Returns the wrappers and services of a module, by name.
///
/// # Errors
/// A wrapper has invalid file capabilities.
pub fn read(text: &str) -> Result<Vec<(String, Side)>> {
    let mut sides = Vec::new();
    let mut services: BTreeMap<String, Settings> = BTreeMap::new();
    for Value { path, words, is_expression } in values(text) {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        match path[..] {
            [.., "wrappers", name, "capabilities"] if is_expression => bail!(
                "the capabilities of wrapper {} are an expression, which is not evaluated here",
                printable::text(name)
            ),
            [.., "wrappers", name, "capabilities"] => {
                let side = setcap::read::side(&words.join(" "), "NixOS wrapper")?;
                sides.push((name.to_owned(), side));
            }
            [.., "services", name, "serviceConfig", key] => {
                let settings = services.entry(name.to_owned()).or_default();
                if is_expression {
                    let note = format!("{key} is an expression, which is not evaluated here");
                    settings.notes.push(printable::text(note));
                } else {
                    settings.assignments.extend(words.into_iter().map(|word| (key.to_owned(), word)));
                }
            }
            _ => {}
        }
    }
    for (name, mut settings) in services {
        // A service of a module has a command, which the module may set elsewhere.
        settings.assignments.push(("ExecStart".to_owned(), String::new()));
        sides.extend(systemd::read::side(&settings, "NixOS service")?.map(|side| (name, side)));
    }
    Ok(sides)
}

fn values(text: &str) -> Vec<Value> {
    let mut found = Vec::new();
    // `added` holds how many names each open brace added to the path.
    let (mut path, mut added): (Vec<String>, Vec<usize>) = (Vec::new(), Vec::new());
    let (mut key, mut words): (Option<Vec<String>>, Vec<String>) = (None, Vec::new());
    let mut is_expression = false;
    for token in tokens(text) {
        match token {
            Token::Text(text) => words.push(text),
            Token::Word(word) if key.is_some() && PRIORITIES.contains(&word.as_str()) => {}
            Token::Word(word) => {
                is_expression |= key.is_some() && !is_value(&word);
                words.push(word);
            }
            Token::Mark('=') => {
                key = Some(std::mem::take(&mut words));
                is_expression = false;
            }
            Token::Mark('{') => {
                let names = key.take().unwrap_or_default();
                added.push(names.len());
                path.extend(names);
                words.clear();
            }
            Token::Mark('}') => {
                path.truncate(path.len().saturating_sub(added.pop().unwrap_or_default()));
                (key, words) = (None, Vec::new());
            }
            Token::Mark(';') => {
                let value = std::mem::take(&mut words);
                if let Some(key) = key.take() {
                    found.push(Value { path: path.iter().cloned().chain(key).collect(), words: value, is_expression });
                }
                is_expression = false;
            }
            Token::Mark(':') => words.clear(),
            // Brackets hold a list. Any other mark operates on values.
            Token::Mark('[' | ']' | '(' | ')') => {}
            Token::Mark(_) => is_expression |= key.is_some(),
        }
    }
    found
}

/// Functions that change which of several values counts, and not the value, and the set that holds them.
const PRIORITIES: [&str; 4] = ["lib", "mkForce", "mkDefault", "mkOverride"];

/// Whether a word that is no string stands for itself.
fn is_value(word: &str) -> bool {
    ["true", "false"].contains(&word) || word.bytes().all(|digit| digit.is_ascii_digit())
}

enum Token {
    /// A name, a number or a boolean.
    Word(String),
    /// A string.
    Text(String),
    Mark(char),
}

fn tokens(text: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '#' => while letters.next_if(|letter| *letter != '\n').is_some() {},
            '/' if letters.next_if_eq(&'*').is_some() => {
                let mut before = ' ';
                while let Some(letter) = letters.next().filter(|letter| !(before == '*' && *letter == '/')) {
                    before = letter;
                }
            }
            '"' => {
                let mut word = String::new();
                while let Some(letter) = letters.next().filter(|letter| *letter != '"') {
                    if letter == '\\' { word.extend(letters.next()) } else { word.push(letter) }
                }
                found.push(Token::Text(word));
            }
            letter if is_of_name(letter) => {
                let mut word = letter.to_string();
                while let Some(letter) = letters.next_if(|letter| is_of_name(*letter)) {
                    word.push(letter);
                }
                found.push(Token::Word(word));
            }
            letter if letter.is_whitespace() || letter == '.' => {}
            mark => found.push(Token::Mark(mark)),
        }
    }
    found
}

fn is_of_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "_-'".contains(letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrappers_and_services_are_read_however_they_are_nested() {
        let text = "{ pkgs, ... }:\n{\n  # capabilities = \"cap_kill=ep\";\n  security.wrappers.\"t\" = {\n    \
            source = \"${pkgs.t}/bin/t\";\n    capabilities = \"cap_net_raw,cap_bpf+ep\";\n  };\n  systemd = { services.s = {\n    \
            serviceConfig = { User = \"s\"; AmbientCapabilities = [ \"CAP_BPF\" \"CAP_KILL\" ]; NoNewPrivileges = true; };\n  }; };\n}\n";
        let sides = read(text).unwrap();
        assert_eq!(sides.len(), 2);
        assert_eq!((sides[0].0.as_str(), sides[0].1.grant.to_string().as_str()), ("t", "cap_net_raw,cap_bpf"));
        assert_eq!((sides[1].0.as_str(), sides[1].1.grant.to_string().as_str()), ("s", "cap_kill,cap_bpf"));
        assert_eq!(sides[1].1.stated.no_new_privs, Some(true));
    }

    #[test]
    fn an_expression_is_named_and_not_evaluated() {
        let text = "{ systemd.services.s.serviceConfig = {\n  User = \"s\";\n  AmbientCapabilities = if config.x then [ \"CAP_BPF\" ] else [ ];\n  \
            CapabilityBoundingSet = lib.mkForce [ \"CAP_KILL\" ];\n  NoNewPrivileges = true && x;\n}; }\n";
        let sides = read(text).unwrap();
        let side = &sides[0].1;
        assert_eq!(side.stated.bounding.unwrap().to_string(), "cap_kill");
        assert_eq!(
            side.notes,
            [
                "AmbientCapabilities is an expression, which is not evaluated here",
                "NoNewPrivileges is an expression, which is not evaluated here",
            ]
        );
        assert!(read("{ security.wrappers.t.capabilities = \"${x}\" + y; }").is_err());
    }
}
