//! Step 2 reads the command line: options, then the tool's name, then its arguments, which stay
//! untouched.

use crate::refusal::Refusal;
use crate::system::{arguments, namespaces};
use capwrap_core::CapabilitySet;
use capwrap_core::decision::{Request, container};
use capwrap_core::policy;
use capwrap_core::text::printable;
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, value_parser};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

/// What the command line asks for.
pub enum Command {
    /// Print this text on standard output, and do nothing else.
    Print(String),
    /// Pass this verb and its arguments to the advisor.
    Verb(Vec<OsString>),
    /// Run this tool.
    Tool(Launch),
    /// Run the command that these words of the verb `run` describe.
    Run(Vec<OsString>),
}

/// A tool to become, as the command line gives it.
#[derive(Debug, Default)]
pub struct Launch {
    /// The tool's name, which is its policy's name and never a path.
    pub name: String,
    /// The tool's first argument, by convention the name that it was called by; `None`: the name of its file.
    pub called: Option<OsString>,
    /// The tool's arguments, untouched. They need not be UTF-8.
    pub arguments: Vec<OsString>,
    /// The mode, and the capabilities to drop and to add.
    pub request: Request,
    /// Why the caller runs the tool.
    pub reason: Option<String>,
    /// Whether to print the decision and run nothing.
    pub explain: bool,
    /// Whether to keep everything that the caller has. Only root may ask for it.
    pub bypass: bool,
    /// The home directory, where it is not the account's; root alone.
    pub home: Option<String>,
    /// Run the tool's file whoever could change it; root alone.
    pub any_owner: bool,
}

/// The words that are verbs. `capwrap -- NAME` runs a tool with the name of a verb.
pub const VERBS: [&str; 23] = [
    "adopt",
    "caps",
    "completions",
    "diff",
    "disable",
    "doctor",
    "edit",
    "enable",
    "explain",
    "export",
    "grant",
    "help",
    "history",
    "learn",
    "lint",
    "list",
    "merge",
    "ps",
    "report",
    "revoke",
    "run",
    "trace",
    "verify",
];

/// The first word of the command line by which the advisor's verb `run` starts the launcher again.
const RUN: &str = "--run";

/// The version, and the C library that is part of the program.
#[cfg(target_env = "musl")]
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (musl)");
#[cfg(not(target_env = "musl"))]
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (glibc)");

const AFTER_HELP: &str = "\
Verbs:
  enable [NAME…]    enable shipped policies (root)
  adopt PATH        enable a policy in place of a file's capabilities (root)
  disable NAME      disable it (root)
  grant NAME        let a user run it for a time (root)
  revoke NAME       end that at once (root)
  edit NAME         change a policy in an editor, and enable it checked (root)
  list              list the tools that you may run, or what is shipped
  explain TOOL      what a launch would grant and why, here or on another machine
  --learn CMD       find out what CMD needs, and refine its policy
  trace [CMD]       show capability checks as they happen
  run -- CMD        run a command with the capabilities that you name (root)
  merge FILE…       join the profiles of several runs
  history [TOOL]    show who ran which tool, when and why
  ps                list the launched tools that run now
  report            write a page for an auditor, or JSON
  verify [NAME]     check what is installed against the policies
  lint [FILE…]      find errors and dangers in policy files
  diff A B          show what one grant has and another lacks
  export NAME       write the grant for systemd, docker and others
  caps              show what each capability opens, and who holds which
  doctor            show what works here, what does not, and what to do
  completions SHELL print a script for bash, zsh or fish
  help VERB         show a verb's options; a tool of that name: capwrap -- NAME

Enabled policies are in /etc/capwrap/policies. Once the tool runs, the exit code
is its own. Before that, it is 125 (refused or failed), 126 (the tool cannot be
run) or 127 (the tool is not found). In containers, CAPWRAP_ADD, CAPWRAP_DROP and
CAPWRAP_BYPASS=1 stand for the options.
See capwrap(1) and capwrap.toml(5).";

/// Reads the process's own arguments and the three container variables.
pub fn read() -> Result<Command, Refusal> {
    let arguments: Vec<OsString> = arguments::all().into_iter().skip(1).collect();
    // Everything after --learn belongs to the learner.
    if arguments.first().is_some_and(|first| first == "--learn") {
        let verb = std::iter::once(OsString::from("learn"));
        return Ok(Command::Verb(verb.chain(arguments.into_iter().skip(1)).collect()));
    }
    if arguments.first().is_some_and(|first| first == RUN) {
        return Ok(Command::Run(arguments.into_iter().skip(1).collect()));
    }
    // The options come first. A command line without one needs no parser, and making that takes a tenth of a launch.
    if arguments.first().is_some_and(|first| !first.as_bytes().starts_with(b"-")) {
        return command(None, false, arguments);
    }
    let matches = match definition().try_get_matches_from(&arguments) {
        Ok(matches) => matches,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            return Ok(Command::Print(error.to_string()));
        }
        Err(error) => return Err(unusable(&error)),
    };
    let words: Vec<OsString> = matches.get_many::<OsString>("command").into_iter().flatten().cloned().collect();
    let after_dashes = arguments.len() > words.len() && arguments[arguments.len() - words.len() - 1] == "--";
    command(Some(&matches), after_dashes, words)
}

/// `words` are the tool's name and its arguments, or a verb and its own.
fn command(matches: Option<&ArgMatches>, after_dashes: bool, words: Vec<OsString>) -> Result<Command, Refusal> {
    let Some((name, tool_arguments)) = words.split_first() else {
        return Err(Refusal::new("no tool named").with_hint("capwrap TOOL [ARGS…], or capwrap --help"));
    };
    if !after_dashes && VERBS.iter().any(|verb| name == verb) {
        return match matches.is_some_and(options_given) {
            false => Ok(Command::Verb(words)),
            true => Err(Refusal::new(format!("`{}` is a verb and takes its options after it", printable::text(name)))
                .with_hint(format!("for a tool of that name: capwrap -- {}", printable::text(name)))),
        };
    }
    let mut launch = Launch { name: tool_name(name)?, arguments: tool_arguments.to_vec(), ..Launch::default() };
    if let Some(matches) = matches {
        add_options(&mut launch, matches)?;
    }
    add_variables(&mut launch)?;
    Ok(Command::Tool(launch))
}

fn add_options(launch: &mut Launch, matches: &ArgMatches) -> Result<(), Refusal> {
    launch.request = Request { mode: text(matches, "mode")?, drop: set(matches, "drop")?, add: set(matches, "add")? };
    launch.reason = reason(matches)?;
    launch.explain = matches.get_flag("explain");
    launch.bypass = matches.get_flag("bypass");
    Ok(())
}

fn add_variables(launch: &mut Launch) -> Result<(), Refusal> {
    let request = &mut launch.request;
    request.drop = request.drop.union(set_of_variable("CAPWRAP_DROP", "--drop")?);
    request.add = request.add.union(set_of_variable("CAPWRAP_ADD", "--add")?);
    launch.bypass = launch.bypass || flag_of_variable("CAPWRAP_BYPASS", "--bypass")?;
    Ok(())
}

fn definition() -> clap::Command {
    let option = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).value_parser(value_parser!(OsString)).help(help)
    };
    let flag = |name: &'static str, help: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help);
    clap::Command::new("capwrap")
        .version(VERSION)
        .about("Run a tool with exactly the Linux capabilities that its policy grants")
        .no_binary_name(true)
        .override_usage("capwrap [OPTIONS] TOOL [ARGS]...\n       capwrap VERB ...")
        .arg(option("mode", "NAME", "Choose a mode of the policy by name"))
        .arg(
            option("drop", "CAPS", "Pass fewer capabilities to the tool, as in cap_net_admin,cap_bpf")
                .action(ArgAction::Append),
        )
        .arg(
            option("add", "CAPS", "Pass more capabilities, out of the policy's optional ones")
                .action(ArgAction::Append),
        )
        .arg(option("reason", "TEXT", "The reason, for the record"))
        .arg(flag("explain", "Print what a launch would grant and why; run nothing"))
        .arg(flag("bypass", "Root only: keep everything, with a warning and a record"))
        .arg(Arg::new("command").num_args(0..).trailing_var_arg(true).value_parser(value_parser!(OsString)).hide(true))
        .after_help(AFTER_HELP)
}

fn options_given(matches: &ArgMatches) -> bool {
    ["mode", "drop", "add", "reason"].iter().any(|name| matches.contains_id(name))
        || matches.get_flag("explain")
        || matches.get_flag("bypass")
}

/// The tool's name becomes a file name below the policy directory, and nothing else.
fn tool_name(given: &OsStr) -> Result<String, Refusal> {
    match given.to_str() {
        Some(name) if policy::is_name(name) => Ok(name.to_owned()),
        Some(name) if name.contains('/') => {
            let last = name.rsplit('/').next().unwrap_or_default();
            let refusal =
                Refusal::new(format!("{:?} is a path: a tool is named as its policy is", printable::text(name)));
            Err(if policy::is_name(last) { refusal.with_hint(format!("capwrap {last} …")) } else { refusal })
        }
        _ => Err(Refusal::new(format!("{:?} is no name of a tool", printable::text(given)))
            .with_hint("letters, digits and ._+-, as in capwrap mtr-packet")),
    }
}

pub fn set(matches: &ArgMatches, option: &str) -> Result<CapabilitySet, Refusal> {
    let lists = matches.get_many::<OsString>(option).into_iter().flatten();
    lists
        .map(|list| capabilities(&format!("--{option}"), list))
        .try_fold(CapabilitySet::EMPTY, |all, one| Ok(all.union(one?)))
}

fn set_of_variable(name: &str, option: &str) -> Result<CapabilitySet, Refusal> {
    container_variable(name, option)?.map_or(Ok(CapabilitySet::EMPTY), |list| capabilities(name, &list))
}

/// The value of a variable that stands for an option in containers; an empty one stands for nothing.
///
/// # Errors
/// It is set outside a container, where it is left over from something else. It is not ignored: with a forgotten
/// `CAPWRAP_DROP` the caller expects less than the tool would then have.
fn container_variable(name: &str, option: &str) -> Result<Option<OsString>, Refusal> {
    let Some(value) = std::env::var_os(name).filter(|value| !value.is_empty()) else { return Ok(None) };
    if !container::is_container(namespaces::inode) {
        let (message, hint) = container::out_of_place(name, option);
        return Err(Refusal::new(message).with_hint(hint));
    }
    Ok(Some(value))
}

fn capabilities(source: &str, list: &OsStr) -> Result<CapabilitySet, Refusal> {
    CapabilitySet::parse(&utf8(source, list)?).map_err(|error| {
        let refusal = Refusal::new(format!("{source}: {error}"));
        match error.nearest {
            Some(near) => refusal.with_hint(format!("write {near}")),
            None => refusal.with_hint("capabilities(7) lists them all"),
        }
    })
}

fn flag_of_variable(name: &str, option: &str) -> Result<bool, Refusal> {
    if std::env::var_os(name).is_some_and(|value| value == "0") {
        return Ok(false);
    }
    match container_variable(name, option)? {
        None => Ok(false),
        Some(value) if value == "1" => Ok(true),
        Some(value) => {
            Err(Refusal::new(format!("{name} is {:?}", printable::text(value)))
                .with_hint(format!("{name}=1 or {name}=0")))
        }
    }
}

/// The most bytes of a reason, which a log stores with every launch.
const MAX_REASON: usize = 4096;

pub fn reason(matches: &ArgMatches) -> Result<Option<String>, Refusal> {
    let reason = text(matches, "reason")?;
    match reason.as_ref().map(String::len).filter(|length| *length > MAX_REASON) {
        None => Ok(reason),
        Some(length) => Err(Refusal::new(format!("--reason has {length} bytes, and a record takes {MAX_REASON}"))
            .with_hint("name a ticket, and write the rest there")),
    }
}

pub fn text(matches: &ArgMatches, option: &str) -> Result<Option<String>, Refusal> {
    matches.get_one::<OsString>(option).map(|value| utf8(&format!("--{option}"), value)).transpose()
}

fn utf8(source: &str, value: &OsStr) -> Result<String, Refusal> {
    value
        .to_str()
        .map(str::to_owned)
        .ok_or_else(|| Refusal::new(format!("{source} is not UTF-8: {}", printable::text(value))))
}

/// Takes the first line of clap's message, without `error: ` before it and the usage below it.
pub fn unusable(error: &clap::Error) -> Refusal {
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    Refusal::new(printable::text(first.strip_prefix("error: ").unwrap_or(first))).with_hint("capwrap --help")
}
