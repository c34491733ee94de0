//! The script for fish. It has a `complete` line for each option, word and operand, under the condition that the
//! command line is at its level.

use crate::verbs::completions::level::{Kind, Level};
use crate::verbs::completions::script::fixed;
use std::fmt::Write;

pub fn script(levels: &[Level]) -> String {
    let mut lines = String::new();
    let (mut names, mut valued, mut commands) = (Vec::new(), Vec::new(), Vec::new());
    for level in levels {
        names.push(quoted(&level.words));
        for option in &level.options {
            let _ = write!(lines, "complete -c capwrap -n {}", quoted(&format!("__capwrap_at '{}'", level.words)));
            for name in &option.names {
                let (kind, bare) = name.strip_prefix("--").map_or(("-s", &name[1..]), |long| ("-l", long));
                let _ = write!(lines, " {kind} {bare}");
            }
            if let Some(kind) = &option.value {
                valued.extend(option.names.iter().map(|name| quoted(&format!("{} {name}", level.words))));
                let _ = write!(lines, " {}", arguments(kind, "-r"));
            }
            let _ = writeln!(lines, " -d {}", quoted(&option.help));
        }
        for (word, help) in &level.below {
            let condition = quoted(&format!("__capwrap_at '{}' 0", level.words));
            let _ = writeln!(lines, "complete -c capwrap -n {condition} -a {word} -d {}", quoted(help));
        }
        for (place, kind) in level.operands.iter().enumerate() {
            let more = if level.repeats && place + 1 == level.operands.len() { "+" } else { "" };
            let condition = quoted(&format!("__capwrap_at '{}' {place}{more}", level.words));
            let _ = writeln!(lines, "complete -c capwrap -n {condition} {}", arguments(kind, ""));
            if matches!(kind, Kind::Tool | Kind::Command) {
                commands.push(quoted(&level.words));
            }
        }
    }
    let capabilities: Vec<String> = capwrap_core::Capability::all().map(|one| one.name().to_owned()).collect();
    fixed(include_str!("capwrap.fish"))
        .replace("@LEVELS@", &names.join(" "))
        .replace("@VALUED@", &valued.join(" "))
        .replace("@COMMANDS@", &commands.join(" "))
        .replace("@CAPABILITIES@", &capabilities.join(" "))
        + &lines
}

fn arguments(kind: &Kind, required: &str) -> String {
    let words = match kind {
        Kind::Tool => "(__capwrap_tools)".to_owned(),
        Kind::Command => "(__fish_complete_command)".to_owned(),
        Kind::Policies => "(__capwrap_policies)".to_owned(),
        Kind::Templates => "(__capwrap_templates)".to_owned(),
        Kind::PoliciesAndFiles => return format!("{required} -F -a '(__capwrap_policies)'"),
        Kind::Capabilities => "(__capwrap_capabilities)".to_owned(),
        Kind::Users => "(__fish_complete_users)".to_owned(),
        Kind::Groups => "(__fish_complete_groups)".to_owned(),
        Kind::Processes => "(__fish_complete_pids)".to_owned(),
        Kind::Files => return format!("{required} -F"),
        Kind::Directories => "(__fish_complete_directories)".to_owned(),
        Kind::Words(words) => words.join(" "),
        Kind::Free => return format!("{required} -f"),
    };
    format!("{required} -f -a {}", quoted(&words))
}

/// Quotes a word for fish, which knows the escapes `\\` and `\'` between single quotes.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\\', r"\\").replace('\'', r"\'"))
}
