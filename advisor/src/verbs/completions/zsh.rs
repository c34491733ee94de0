//! The script for zsh: it calls _arguments once for each level.

use crate::verbs::completions::level::{Choice, Kind, Level};
use crate::verbs::completions::script::fixed;
use capwrap_core::text::shell::quoted;
use std::fmt::Write;

pub fn script(levels: &[Level]) -> String {
    let mut cases = String::new();
    for level in levels {
        let mut specs: Vec<String> = level.options.iter().flat_map(option).collect();
        if level.below.is_empty() {
            specs.extend(operands(level));
        } else {
            specs.push(quoted("(-)1: :->first"));
            specs.push(quoted("*:: :->rest"));
        }
        let _ = writeln!(
            cases,
            "    {})\n      _arguments -C -S : \\\n        {} && ret=0",
            quoted(&level.words),
            specs.join(" \\\n        ")
        );
        if !level.below.is_empty() {
            let below: Vec<String> = level.below.iter().map(|(word, help)| quoted(&format!("{word}:{help}"))).collect();
            let _ = writeln!(cases, "      words_below=({})", below.join(" "));
            let other = level.operand(0).map_or_else(|| ":".to_owned(), action);
            let _ = writeln!(cases, "      other={}", quoted(&other));
        }
        cases.push_str("      ;;\n");
    }
    let capabilities: Vec<String> = capwrap_core::Capability::all().map(|one| one.name().to_owned()).collect();
    fixed(include_str!("capwrap.zsh")).replace("@LEVELS@\n", &cases).replace("@CAPABILITIES@", &capabilities.join(" "))
}

fn option(choice: &Choice) -> Vec<String> {
    let help: String = choice
        .help
        .chars()
        .flat_map(|c| matches!(c, '[' | ']' | '\\' | ':').then_some('\\').into_iter().chain([c]))
        .collect();
    let names = &choice.names;
    names
        .iter()
        .map(|name| {
            let value = choice.value.as_ref().map_or(String::new(), |kind| format!(":value:{}", action(kind)));
            let takes = if choice.value.is_some() && name.starts_with("--") { "=" } else { "" };
            quoted(&format!("*{name}{takes}[{help}]{value}"))
        })
        .collect()
}

fn operands(level: &Level) -> Vec<String> {
    let mut specs = Vec::new();
    for (place, kind) in level.operands.iter().enumerate() {
        match kind {
            Kind::Tool | Kind::Command => {
                specs.push(quoted(&format!("(-)1:command:{}", action(kind))));
                specs.push(quoted("*::arguments:_normal"));
                return specs;
            }
            _ if level.repeats && place + 1 == level.operands.len() => {
                specs.push(quoted(&format!("*:word:{}", action(kind))));
            }
            _ => specs.push(quoted(&format!("{}:word:{}", place + 1, action(kind)))),
        }
    }
    specs
}

fn action(kind: &Kind) -> String {
    match kind {
        Kind::Tool => "_capwrap_tools".into(),
        Kind::Command => "_command_names -e".into(),
        Kind::Policies => "_capwrap_policies".into(),
        Kind::Templates => "_capwrap_templates".into(),
        Kind::PoliciesAndFiles => "_capwrap_policies_and_files".into(),
        Kind::Capabilities => "_capwrap_capabilities".into(),
        Kind::Users => "_users".into(),
        Kind::Groups => "_groups".into(),
        Kind::Processes => "_pids".into(),
        Kind::Files => "_files".into(),
        Kind::Directories => "_files -/".into(),
        Kind::Words(words) => format!("({})", words.join(" ")),
        Kind::Free => " ".into(),
    }
}
