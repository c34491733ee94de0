//! The errors of a command line that cannot be used: what is wrong with which word, what could stand there, and where
//! the help is.

use crate::output::error::print_error;
use capwrap_core::policy;
use capwrap_core::text::hidden::is_hidden;
use capwrap_core::text::{nearest, printable, shell};
use clap::Command;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use std::ffi::OsString;

/// A tool that has the name of a verb, as ps has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Namesake {
    /// A policy of this name is enabled.
    Enabled,
    /// A program of this name is on PATH.
    OnPath,
}

/// Prints the error of a command line. `words` are those after the program's name, and `whole` the program. `namesake` finds
/// out whether a tool has a verb's name too.
pub fn print(error: &clap::Error, words: &[String], whole: &Command, namesake: impl Fn(&str) -> Option<Namesake>) {
    let (message, hint) = of(error, words, whole, namesake);
    print_error(&message, Some(&hint));
}

/// Returns the message and the hint of an error of a command line.
pub fn of(
    error: &clap::Error,
    words: &[String],
    whole: &Command,
    namesake: impl Fn(&str) -> Option<Namesake>,
) -> (String, String) {
    let verb = words.first().and_then(|word| whole.find_subcommand(word));
    let part = verb.and_then(|verb| verb.find_subcommand(words.get(1)?));
    let names = [verb, part].map(|one| one.map_or_else(String::new, |one| format!(" {}", one.get_name())));
    let help = if verb.is_some() { format!("capwrap help{}", names.concat()) } else { "capwrap --help".to_owned() };
    let mut hint = hint(error, part.or(verb), &help);
    if let Some(verb) = verb.map(Command::get_name)
        && let Some(namesake) = namesake(verb)
    {
        hint += &match namesake {
            Namesake::Enabled => format!("; for the tool of this name, capwrap -- {verb}"),
            Namesake::OnPath => format!("; for the program of this name, capwrap --learn {verb}"),
        };
    }
    (message(error), hint)
}

/// Prints that `help` does not know this word.
pub fn print_unknown_verb(word: &str, whole: &Command) {
    let verbs = whole.get_subcommands().filter(|verb| !verb.is_hide_set()).map(Command::get_name);
    let hint = match nearest::name(word, verbs) {
        Some(near) => format!("capwrap help {near}"),
        None if policy::is_name(word) => {
            format!("for a tool, capwrap explain {word}; capwrap --help lists the verbs")
        }
        None => "capwrap --help lists the verbs".to_owned(),
    };
    print_error(&format!("there is no verb \"{}\"", printable::text(word)), Some(&hint));
}

/// The longest command line that a hint repeats, in characters.
const REPEATED_MOST: usize = 160;

/// Returns the command that repeats this verb as root, for a hint.
pub fn as_root(verb: &str) -> String {
    repeated_as_root(verb, std::env::args_os().skip(2))
}

/// What cannot be shown as it would be read, or would take the whole screen, is left for the reader to repeat.
fn repeated_as_root(verb: &str, arguments: impl Iterator<Item = OsString>) -> String {
    // The launcher adds this word where a policy allows the learner.
    let arguments = arguments.filter(|word| word != "--by-policy");
    let words: Option<Vec<String>> =
        arguments.map(|word| Some(shell::word(word.to_str().filter(|word| !word.contains(is_hidden))?))).collect();
    let command = words.map(|words| [&["sudo capwrap".to_owned(), verb.to_owned()], &words[..]].concat().join(" "));
    command
        .filter(|command| command.chars().count() <= REPEATED_MOST)
        .unwrap_or_else(|| format!("sudo capwrap {verb}, with the same words"))
}

fn message(error: &clap::Error) -> String {
    let text = error.to_string();
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let message = first.strip_prefix("error: ").unwrap_or(first);
    // clap puts the names of what is missing on the next lines.
    let missing: Vec<&str> = lines.map(str::trim).take_while(|line| !line.is_empty()).collect();
    if message.ends_with(':') { format!("{message} {}", missing.join(" ")) } else { message.to_owned() }
}

fn hint(error: &clap::Error, verb: Option<&Command>, help: &str) -> String {
    match (error.kind(), error.get(ContextKind::ValidValue), error.get(ContextKind::InvalidArg)) {
        (ErrorKind::InvalidValue, Some(ContextValue::Strings(choices)), _) if !choices.is_empty() => {
            format!("one of {}; {help} has the rest", choices.join(", "))
        }
        (ErrorKind::UnknownArgument, _, Some(ContextValue::String(given))) => match near_option(given, verb) {
            Some(near) => format!("did you mean --{near}? {help} has the rest"),
            None => help.to_owned(),
        },
        (ErrorKind::MissingRequiredArgument, _, Some(ContextValue::Strings(missing))) => {
            let choices: Vec<String> = missing.iter().filter_map(|argument| choices_of(argument, verb)).collect();
            if choices.is_empty() { help.to_owned() } else { format!("{}; {help} has the rest", choices.join("; ")) }
        }
        _ => help.to_owned(),
    }
}

/// Returns what can stand for an argument, as in `--to is one of systemd, docker`.
fn choices_of(argument: &str, verb: Option<&Command>) -> Option<String> {
    let found = verb?.get_arguments().find(|known| known.to_string() == argument)?;
    let values: Vec<String> = found
        .get_possible_values()
        .iter()
        .filter(|one| !one.is_hide_set())
        .map(|one| one.get_name().to_owned())
        .collect();
    let name = found.get_long().map_or_else(|| argument.to_owned(), |long| format!("--{long}"));
    (!values.is_empty()).then(|| format!("{name} is one of {}", values.join(", ")))
}

fn near_option<'v>(given: &str, verb: Option<&'v Command>) -> Option<&'v str> {
    let known = verb?.get_arguments().filter_map(clap::Arg::get_long);
    nearest::name(given.strip_prefix("--")?, known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_repeated_so_that_it_can_be_pasted() {
        let of = |words: &[&str]| repeated_as_root("learn", words.iter().map(OsString::from));
        assert_eq!(of(&["--by-policy", "sh", "-c", "it's $HOME", ""]), r"sudo capwrap learn sh -c 'it'\''s $HOME' ''");
        assert_eq!(of(&["a\u{202e}b"]), "sudo capwrap learn, with the same words");
        assert_eq!(of(&[&"x".repeat(200)]), "sudo capwrap learn, with the same words");
    }
}
