//! The verbs of capwrap. The launcher gives up every capability before it starts this program, so that nothing here can
//! do more than its caller. Root keeps its capabilities, because root asked. The program is a library so that fuzzing
//! can call its parsers; nothing else is public.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

#[macro_use]
mod output;

mod analysis;
mod dialects;
#[cfg(fuzzing)]
pub mod fuzzing;
mod host;
mod observe;
mod store;
mod verbs;

use crate::observe::command;
use crate::output::error::report;
use crate::output::outcome::REFUSED;
use crate::output::standard_output;
use crate::output::usage;
use crate::store::enabled;
use crate::verbs::{
    caps, completions, diff, doctor, enable, explain, export, history, learn, lint, list, merge, ps,
    report as report_verb, run, trace, verify, without_policy,
};
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};
use std::ffi::{OsStr, OsString};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "capwrap", disable_help_subcommand = false)]
#[command(subcommand_value_name = "VERB", subcommand_help_heading = "Verbs")]
struct CommandLine {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Enable a policy, and give the launcher the capabilities that all enabled policies need
    Enable(enable::Enable),
    /// Enable a policy in place of the capabilities of a tool's file, or find policies for rules of sudo
    Adopt(enable::adopt::Adopt),
    /// Disable policies, and take their capabilities from the launcher
    Disable(enable::Disable),
    /// Edit a policy in an editor, and enable it checked
    Edit(enable::edit::Edit),
    /// Let a user run a policy's tool for a time
    Grant(enable::temporary::Grant),
    /// End what a user was granted for a time
    Revoke(enable::temporary::Revoke),
    /// Find out which capabilities a command needs, and refine its policy
    Learn(learn::Learn),
    /// Run a command with the capabilities that you name (root)
    Run(run::Run),
    /// Show capability checks as they happen
    Trace(trace::Trace),
    /// Join the profiles of several runs or machines
    Merge(merge::Merge),
    /// Check whether what is installed matches the policies
    Verify(verify::Verify),
    /// Show what a launch would grant, and why
    Explain(explain::Explain),
    /// List the tools that the caller may run
    List(list::List),
    /// List the launched tools that run now
    Ps(ps::Ps),
    /// Write a report for an auditor
    Report(report_verb::Options),
    /// Show what each capability opens, and who holds which
    Caps(caps::Caps),
    /// Show what one grant has and another lacks
    Diff(diff::Diff),
    /// Write a policy's grant for another launcher
    Export(export::Export),
    /// Show who ran which tool, when and why
    History(history::History),
    /// Find errors and dangers in policy files
    Lint(lint::Lint),
    /// Print a completion script for a shell
    Completions(completions::Completions),
    /// Show what works on this machine, what does not, and what to do about it
    Doctor(doctor::Doctor),
    #[command(hide = true)]
    Become(command::exec_helper::Become),
    #[command(hide = true)]
    WithoutPolicy(without_policy::WithoutPolicy),
}

impl Verb {
    /// Whether the verb loads the probe, with capabilities that a policy may have granted.
    const fn takes_rights(&self) -> bool {
        matches!(self, Self::Learn(_) | Self::Trace(_) | Self::Doctor(_))
    }
}

/// Gives up capabilities before the verb runs. What a policy granted is for the probe alone, so no process that is
/// started from here gets it. Root keeps its capabilities, because root asked.
fn keep_no_more_than(rights: bool) -> anyhow::Result<()> {
    use ::caps::CapSet;
    use anyhow::Context;
    if nix::unistd::geteuid().is_root() {
        return Ok(());
    }
    let kept: &[CapSet] = if rights { &[] } else { &[CapSet::Effective, CapSet::Permitted] };
    for set in [CapSet::Ambient, CapSet::Inheritable].iter().chain(kept) {
        ::caps::clear(None, *set).context("cannot give up capabilities")?;
    }
    Ok(())
}

/// Runs the program: it parses the arguments, runs the verb, and returns the exit code.
pub fn run() -> ExitCode {
    let code = run_verb();
    match standard_output::failure() {
        Some(error) => {
            report(&error);
            ExitCode::from(REFUSED)
        }
        None => code,
    }
}

fn run_verb() -> ExitCode {
    let verb = match CommandLine::try_parse_from(words()) {
        Ok(command_line) => command_line.verb,
        Err(error) => return unusable(&error),
    };
    if let Err(error) = keep_no_more_than(verb.takes_rights()) {
        report(&error);
        return ExitCode::from(REFUSED);
    }
    let outcome = match verb {
        Verb::Enable(enable) => enable.run(),
        Verb::Adopt(adopt) => adopt.run(),
        Verb::Disable(disable) => disable.run(),
        Verb::Edit(edit) => edit.run(),
        Verb::Grant(grant) => grant.run(),
        Verb::Revoke(revoke) => revoke.run(),
        Verb::Merge(merge) => merge.run(),
        Verb::List(list) => list.run(),
        Verb::Ps(ps) => ps.run(),
        Verb::Report(options) => return options.run(),
        Verb::Caps(caps) => return caps.run(),
        Verb::Export(export) => export.run(),
        Verb::Completions(completions) => completions.run(CommandLine::command()),
        Verb::Explain(explain) => return explain.run(),
        Verb::Verify(verify) => return verify.run(),
        Verb::Diff(diff) => return diff.run(),
        Verb::Lint(lint) => return lint.run(),
        Verb::Learn(learn) => return learn.run(),
        Verb::Trace(trace) => return trace.run(),
        Verb::Run(run) => return run.run(),
        Verb::History(history) => return history.run(),
        Verb::Doctor(doctor) => return doctor.run(),
        Verb::Become(command) => return command.run(),
        Verb::WithoutPolicy(tool) => tool.run(&CommandLine::command()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            ExitCode::from(REFUSED)
        }
    }
}

fn unusable(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        say!("{}", error.to_string().trim_end());
        return ExitCode::SUCCESS;
    }
    let words: Vec<String> = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let mut whole = CommandLine::command();
    // This adds the options that every verb has.
    whole.build();
    match (error.kind(), &words[..]) {
        (ErrorKind::InvalidSubcommand | ErrorKind::UnknownArgument, [help, word, ..]) if help == "help" => {
            usage::print_unknown_verb(word, &whole);
        }
        _ => usage::print(error, &words, &whole, namesake),
    }
    ExitCode::from(REFUSED)
}

/// Finds out whether a tool has the name of this verb.
fn namesake(verb: &str) -> Option<usage::Namesake> {
    if enabled::names().is_ok_and(|names| names.iter().any(|name| name == verb)) {
        return Some(usage::Namesake::Enabled);
    }
    let found = command::locate::locate(OsStr::new(verb), std::env::var_os("PATH"));
    found.is_ok().then_some(usage::Namesake::OnPath)
}

/// The words of the command line. `capwrap help --learn` means the verb that `capwrap --learn` starts.
fn words() -> Vec<OsString> {
    let mut words: Vec<OsString> = std::env::args_os().collect();
    if let [_, help, learn] = &mut words[..]
        && help == "help"
        && learn == "--learn"
    {
        *learn = "learn".into();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::man_pages::{BLESS, page};
    use std::path::{Path, PathBuf};

    fn man() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../man")
    }

    #[test]
    fn the_man_pages_of_the_verbs_are_what_their_definitions_say() {
        let mut whole = CommandLine::command();
        whole.build();
        let verbs = whole.get_subcommands().filter(|verb| !verb.is_hide_set() && verb.get_name() != "help");
        for verb in verbs {
            let name = format!("capwrap-{}", verb.get_name());
            let sections = man().join("sections").join(format!("{name}.roff"));
            let text = std::fs::read_to_string(&sections);
            assert!(text.is_ok(), "{}: {text:?}", sections.display());
            let made = page(verb, &text.unwrap());
            let file = man().join(format!("{name}.1"));
            if std::env::var_os(BLESS).is_some() {
                std::fs::write(&file, &made).unwrap();
            }
            let committed = std::fs::read_to_string(&file).unwrap_or_default();
            assert!(
                committed == made,
                "{name}.1 is not what it would be: {BLESS}=1 cargo test -p capwrap-advisor pages"
            );
        }
    }

    /// The message and the hint for a command line that cannot be used.
    fn refused(words: &[&str]) -> (String, String) {
        let error = CommandLine::try_parse_from(["capwrap"].iter().chain(words)).err().unwrap();
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let mut whole = CommandLine::command();
        whole.build();
        usage::of(&error, &words, &whole, |verb| (verb == "ps").then_some(usage::Namesake::Enabled))
    }

    #[test]
    fn who_may_mean_the_tool_with_the_name_of_a_verb_is_told_how_to_run_it() {
        let hint = |words: &[&str]| refused(words).1;
        assert_eq!(hint(&["ps", "aux"]), "capwrap help ps; for the tool of this name, capwrap -- ps");
        assert_eq!(hint(&["list", "a", "b"]), "capwrap help list");
    }

    /// Every verb and every part of one, with its words.
    fn commands() -> Vec<(Vec<String>, clap::Command)> {
        let mut whole = CommandLine::command();
        whole.build();
        let mut found = Vec::new();
        for verb in whole.get_subcommands().filter(|verb| !verb.is_hide_set() && verb.get_name() != "help") {
            let name = verb.get_name().to_owned();
            let parts = verb.get_subcommands().filter(|part| part.get_name() != "help");
            found.extend(parts.map(|part| (vec![name.clone(), part.get_name().to_owned()], part.clone())));
            found.push((vec![name], verb.clone()));
        }
        found
    }

    #[test]
    fn every_error_of_a_command_line_lists_the_choices_and_names_the_help() {
        let (mut choices, mut near) = (0, 0);
        for (words, command) in commands() {
            let help = format!("capwrap help {}", words.join(" "));
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let with = |more: &[&str]| refused(&[words.as_slice(), more].concat());
            for argument in command.get_arguments() {
                let values = argument.get_possible_values();
                let Some(long) = argument.get_long() else { continue };
                let option = format!("--{long}");
                if argument.get_action().takes_values() && !values.is_empty() {
                    for (message, hint) in [with(&[&format!("{option}=no-such-choice")]), with(&[&option])] {
                        assert!(message.contains(&option), "{message}");
                        for value in values.iter().filter(|value| !value.is_hide_set()) {
                            assert!(hint.contains(value.get_name()), "{words:?} {option}: {hint}");
                        }
                        assert!(hint.contains(&help), "{words:?} {option}: {hint}");
                        choices += 1;
                    }
                }
                let wrong = format!("--{}x{}", &long[..2], &long[2..]);
                let (message, hint) = with(&[&wrong]);
                assert!(message.contains(&wrong), "{message}");
                assert!(hint.contains(&help) && hint.contains("did you mean --"), "{words:?} {wrong}: {hint}");
                near += 1;
            }
            let required: Vec<_> = command.get_arguments().filter(|one| one.is_required_set()).collect();
            if !required.is_empty() {
                let (message, hint) = with(&[]);
                assert!(hint.contains(&help), "{words:?}: {hint}");
                for argument in required {
                    assert!(message.contains(&argument.to_string()), "{words:?}: {message}");
                    for value in argument.get_possible_values() {
                        assert!(hint.contains(value.get_name()), "{words:?}: {hint}");
                    }
                }
            }
        }
        assert!(choices > 10 && near > 50, "{choices} {near}");
    }

    #[test]
    fn the_overview_names_every_verb() {
        let overview = std::fs::read_to_string(man().join("capwrap.1")).unwrap();
        let whole = CommandLine::command();
        for verb in whole.get_subcommands().filter(|verb| !verb.is_hide_set()) {
            let name = format!(".BR capwrap\\-{} (1)", verb.get_name());
            assert!(overview.contains(&name), "{name} is not in capwrap.1");
        }
    }
}
