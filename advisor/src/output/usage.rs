//! The errors of a command line that cannot be used: what is wrong with which word, what could stand there, and where
//! the help is.

use crate::output::error::print_error;
use capwrap_core::policy;
use capwrap_core::text::{nearest, printable};
use clap::Command;
use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Prints the error of a command line. `verb` is the verb that was given, if there is such a verb.
pub fn print(error: &clap::Error, verb: Option<&Command>) {
    print_error(&message(error), Some(&hint(error, verb)));
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

fn message(error: &clap::Error) -> String {
    let text = error.to_string();
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let message = first.strip_prefix("error: ").unwrap_or(first);
    // clap puts the names of what is missing on the next lines.
    let missing: Vec<&str> = lines.map(str::trim).take_while(|line| !line.is_empty()).collect();
    if message.ends_with(':') { format!("{message} {}", missing.join(" ")) } else { message.to_owned() }
}

fn hint(error: &clap::Error, verb: Option<&Command>) -> String {
    let help = verb.map_or_else(|| "capwrap --help".to_owned(), |verb| format!("capwrap help {}", verb.get_name()));
    match (error.kind(), error.get(ContextKind::ValidValue), error.get(ContextKind::InvalidArg)) {
        (ErrorKind::InvalidValue, Some(ContextValue::Strings(choices)), _) if !choices.is_empty() => {
            format!("one of {}; {help} has the rest", choices.join(", "))
        }
        (ErrorKind::UnknownArgument, _, Some(ContextValue::String(given))) => match near_option(given, verb) {
            Some(near) => format!("did you mean --{near}? {help} has the rest"),
            None => help,
        },
        _ => help,
    }
}

fn near_option<'v>(given: &str, verb: Option<&'v Command>) -> Option<&'v str> {
    let known = verb?.get_arguments().filter_map(clap::Arg::get_long);
    nearest::name(given.strip_prefix("--")?, known)
}
