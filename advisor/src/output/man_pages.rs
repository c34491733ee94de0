//! Makes the man pages of the verbs from the definitions that `--help` and completions use.
//!
//! The rest of a page's text is in `man/sections/capwrap-VERB.roff`. The file starts with parts that begin with a
//! comment (`.\" synopsis`, `.\" description`, `.\" options`, or `.\" option --name` for an option whose help is too
//! brief). The sections that follow are copied unchanged.

use clap::{Arg, Command};
use std::collections::BTreeMap;
use std::fmt::Write;

/// If this variable is set, the test writes the pages anew.
pub const BLESS: &str = "CAPWRAP_BLESS";
/// The date of the pages' last change. A page with the day of its making would differ each day.
const DATE: &str = "2026-11-25";

/// The parts of a page that are written by hand.
struct Fragment {
    parts: BTreeMap<String, String>,
    sections: String,
}

impl Fragment {
    fn read(text: &str) -> Self {
        let (head, sections) = match text.find("\n.SH ") {
            _ if text.starts_with(".SH ") => ("", text),
            Some(at) => text.split_at(at + 1),
            None => (text, ""),
        };
        let parts = head.split(".\\\" ").skip(1).map(|part| {
            let (name, text) = part.split_once('\n').unwrap_or((part, ""));
            (name.trim().to_owned(), text.trim_end().to_owned())
        });
        Self { parts: parts.collect(), sections: sections.to_owned() }
    }

    fn take(&mut self, part: &str) -> Option<String> {
        self.parts.remove(part)
    }
}

/// Makes the page of a verb. `sections` is the text that is written by hand.
pub fn page(verb: &Command, sections: &str) -> String {
    let mut fragment = Fragment::read(sections);
    let name = format!("capwrap-{}", verb.get_name());
    let about = verb.get_about().map(ToString::to_string).unwrap_or_default();
    let mut page = format!(
        ".\\\" From the definitions in advisor/src and man/sections/{name}.roff:\n\
         .\\\" {BLESS}=1 cargo test -p capwrap-advisor pages\n\
         .TH {} 1 {DATE} \"capwrap {}\" \"User Commands\"\n.SH NAME\n{} \\- {}\n.SH SYNOPSIS\n",
        name.to_uppercase(),
        env!("CARGO_PKG_VERSION"),
        escaped(&name),
        escaped(&lower_first(&about)),
    );
    page += &fragment.take("synopsis").unwrap_or_else(|| synopsis(verb));
    page += "\n.SH DESCRIPTION\n";
    page += &fragment.take("description").unwrap_or_else(|| format!("{}.", escaped(&about)));
    page += "\n.SH OPTIONS\n";
    if let Some(intro) = fragment.take("options") {
        page += &(intro + "\n");
    }
    entries(&mut page, verb, &mut fragment);
    for inner in verb.get_subcommands().filter(|inner| inner.get_name() != "help") {
        // Writing to a String cannot fail.
        let _ = write!(page, ".SS capwrap {} {}\n{}\n.PP\n", verb.get_name(), inner.get_name(), synopsis(inner));
        let _ = writeln!(page, "{}.", escaped(&inner.get_about().map(ToString::to_string).unwrap_or_default()));
        entries(&mut page, inner, &mut fragment);
    }
    assert!(fragment.parts.is_empty(), "{name}: nothing is called {:?}", fragment.parts.keys());
    page + &fragment.sections
}

fn synopsis(command: &Command) -> String {
    let usage = command.clone().render_usage().to_string();
    let lines = usage.lines().map(|line| line.trim().trim_start_matches("Usage: ").trim());
    let lines = lines.filter(|line| !line.is_empty()).map(|line| format!("\\fB{}\\fR", escaped(line)));
    format!(".nf\n{}\n.fi", lines.collect::<Vec<_>>().join("\n"))
}

fn entries(page: &mut String, command: &Command, fragment: &mut Fragment) {
    let arguments = command.get_arguments().filter(|argument| !argument.is_hide_set());
    for argument in arguments.filter(|argument| argument.get_id() != "help" && argument.get_id() != "version") {
        let name = argument.get_long().map_or_else(|| value(argument), |long| format!("--{long}"));
        let text = fragment.take(&format!("option {name}")).unwrap_or_else(|| said(argument));
        let _ = write!(page, ".TP\n{}\n{text}\n", tag(argument));
    }
}

fn value(argument: &Arg) -> String {
    argument.get_value_names().map_or_else(String::new, |names| names.join(" "))
}

/// Returns `-v, --verbose`, `--mode NAME` or `FILE...`.
fn tag(argument: &Arg) -> String {
    let takes = argument.get_num_args().is_some_and(|number| number.takes_values());
    let value = if takes { format!(" \\fI{}\\fR", escaped(&value(argument))) } else { String::new() };
    let short = argument.get_short().map(|short| format!("\\fB\\-{short}\\fR"));
    let long = argument.get_long().map(|long| format!("\\fB\\-\\-{}\\fR", escaped(long)));
    let names: Vec<String> = short.into_iter().chain(long).collect();
    if names.is_empty() { value.trim_start().to_owned() } else { names.join(", ") + &value }
}

/// Returns the help as a sentence, with the possible values.
fn said(argument: &Arg) -> String {
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    let mut said = format!("{}.", escaped(help.trim_end_matches('.')));
    let possible = argument.get_possible_values();
    let possible: Vec<_> = possible.iter().filter(|value| !value.is_hide_set()).collect();
    let takes = argument.get_num_args().is_some_and(|number| number.takes_values());
    if takes && !possible.is_empty() {
        if possible.iter().any(|value| value.get_help().is_some()) {
            said += "\n.RS";
            for value in &possible {
                let help = value.get_help().map(ToString::to_string).unwrap_or_default();
                let _ =
                    write!(said, "\n.TP\n.B {}\n{}.", escaped(value.get_name()), escaped(help.trim_end_matches('.')));
            }
            return said + "\n.RE";
        }
        let names: Vec<String> = possible.iter().map(|value| escaped(value.get_name())).collect();
        let _ = write!(said, "\nOne of {}.", names.join(", "));
    }
    let default: Vec<String> =
        argument.get_default_values().iter().map(|value| escaped(&value.to_string_lossy())).collect();
    if takes && !default.is_empty() {
        let _ = write!(said, "\nWithout it, {}.", default.join(", "));
    }
    said
}

fn lower_first(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |first| first.to_lowercase().chain(rest).collect())
}

/// Escapes the text so that roff prints it unchanged.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-").replace('`', "\\(aq").replace('…', "...");
    let guarded = |line: &str| if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line.to_owned() };
    text.lines().map(guarded).collect::<Vec<_>>().join("\n")
}
