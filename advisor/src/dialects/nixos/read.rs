//! Reads the capabilities of wrappers and services from a NixOS module. It reads token by token and evaluates no
//! expression, so it does not understand every module.

use crate::dialects::grant::Side;
use crate::dialects::{setcap, systemd};
use anyhow::Result;
use std::collections::BTreeMap;

/// A value at its path: `["security", "wrappers", "x", "capabilities"]` and the words of the value.
type Value = (Vec<String>, Vec<String>);

/// Returns the wrappers and services of a module, by name.
///
/// # Errors
/// A wrapper has invalid file capabilities.
pub fn read(text: &str) -> Result<Vec<(String, Side)>> {
    let mut sides = Vec::new();
    let mut services: BTreeMap<String, Vec<systemd::read::Assignment>> = BTreeMap::new();
    for (path, words) in values(text) {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        match path[..] {
            [.., "wrappers", name, "capabilities"] => {
                let side = setcap::read::side(&words.join(" "), "NixOS wrapper")?;
                sides.push((name.to_owned(), side));
            }
            [.., "services", name, "serviceConfig", key] => {
                let settings = services.entry(name.to_owned()).or_default();
                settings.extend(words.into_iter().map(|word| (key.to_owned(), word)));
            }
            _ => {}
        }
    }
    let services = services.into_iter().map(|(name, settings)| (name, systemd::read::side(&settings, "NixOS service")));
    sides.extend(services);
    Ok(sides)
}

fn values(text: &str) -> Vec<Value> {
    let mut found = Vec::new();
    // `added` holds how many names each open brace added to the path.
    let (mut path, mut added): (Vec<String>, Vec<usize>) = (Vec::new(), Vec::new());
    let (mut key, mut words): (Option<Vec<String>>, Vec<String>) = (None, Vec::new());
    for token in tokens(text) {
        match token {
            Token::Word(word) => words.push(word),
            Token::Mark('=') => key = Some(std::mem::take(&mut words)),
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
                    found.push((path.iter().cloned().chain(key).collect(), value));
                }
            }
            Token::Mark(':') => words.clear(),
            Token::Mark(_) => {}
        }
    }
    found
}

enum Token {
    /// A name or a string.
    Word(String),
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
                found.push(Token::Word(word));
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
}
