//! The script for bash: three tables as functions, and a fixed part that goes through the words of the command line.

use crate::verbs::completions::level::{Kind, Level};
use crate::verbs::completions::script::fixed;
use capwrap_core::text::shell::quoted;
use std::fmt::Write;

pub fn script(levels: &[Level]) -> String {
    let mut words = String::new();
    let mut values = String::new();
    let mut operands = String::new();
    for level in levels {
        let name = quoted(&level.words);
        let options = level.options.iter().flat_map(|option| option.names.clone()).collect::<Vec<_>>().join(" ");
        let below = level.below.iter().map(|(word, _)| word.as_str()).collect::<Vec<_>>().join(" ");
        let _ = writeln!(words, "    {name}) options={} below={} ;;", quoted(&options), quoted(&below));
        for option in &level.options {
            let Some(kind) = &option.value else { continue };
            let names: Vec<String> =
                option.names.iter().map(|option| quoted(&format!("{} {option}", level.words))).collect();
            let _ = writeln!(values, "    {}) kind={} ;;", names.join(" | "), quoted(&word(kind)));
        }
        for place in 0..level.operands.len() {
            let pattern = if level.repeats && place + 1 == level.operands.len() {
                format!("{}*", quoted(&format!("{}:", level.words)))
            } else {
                quoted(&format!("{}:{place}", level.words))
            };
            let kind = level.operand(place).map(word).unwrap_or_default();
            let _ = writeln!(operands, "    {pattern}) kind={} ;;", quoted(&kind));
        }
    }
    let capabilities = capwrap_core::Capability::all().map(|one| one.name().to_owned()).collect::<Vec<_>>().join(" ");
    fixed(include_str!("capwrap.bash"))
        .replace("@LEVELS@\n", &words)
        .replace("@VALUES@\n", &values)
        .replace("@OPERANDS@\n", &operands)
        .replace("@CAPABILITIES@", &capabilities)
}

/// The name of this kind in the fixed part.
fn word(kind: &Kind) -> String {
    match kind {
        Kind::Tool => "tool".into(),
        Kind::Command => "command".into(),
        Kind::Policies => "policies".into(),
        Kind::Templates => "templates".into(),
        Kind::PoliciesAndFiles => "policies-and-files".into(),
        Kind::Capabilities => "capabilities".into(),
        Kind::Users => "users".into(),
        Kind::Groups => "groups".into(),
        Kind::Processes => "processes".into(),
        Kind::Files => "files".into(),
        Kind::Directories => "directories".into(),
        Kind::Words(words) => format!("words {}", words.join(" ")),
        Kind::Free => "free".into(),
    }
}
