//! `capwrap run`: the words that the advisor writes for a launch without a policy of its own. People type the verb; the
//! advisor finds the user and the file, gives the command a session of its own, and starts the launcher again with
//! these words. Root alone is served.

use super::command_line::{self, Launch};
use super::policy_file;
use crate::refusal::Refusal;
use capwrap_core::CapabilitySet;
use capwrap_core::decision::authorise::Caller;
use capwrap_core::paths::HOME_VARIABLE;
use capwrap_core::policy::Policy;
use capwrap_core::text::printable;
use clap::{Arg, ArgAction, ArgMatches, value_parser};
use std::ffi::OsString;
use std::path::PathBuf;

/// A command that root runs by itself.
#[derive(Debug)]
pub struct RunRequest {
    /// The command as a launch: its name, its arguments, the reason.
    pub launch: Launch,
    /// Its file.
    pub file: PathBuf,
    /// What is passed to it.
    pub caps: CapabilitySet,
    /// The user that it runs as; `None`: root.
    pub user: Option<Caller>,
    /// The policy whose surroundings it gets.
    pub policy: Option<String>,
    /// What some of the capabilities are for, as the `[[grant]]` tables of a policy say it.
    pub scopes: Option<String>,
    /// Where the calls are noted that a scope could refuse.
    pub watch: Option<PathBuf>,
    /// Whether the files are noted there that the calls are about.
    pub places: bool,
}

impl RunRequest {
    /// Reads the words.
    ///
    /// # Errors
    /// A word that is not known, or a value that cannot be read.
    pub fn read(words: &[OsString]) -> Result<Self, Refusal> {
        let matches = definition().try_get_matches_from(words).map_err(|error| command_line::unusable(&error))?;
        let file = PathBuf::from(matches.get_one::<OsString>("file").cloned().unwrap_or_default());
        let command: Vec<OsString> = matches.get_many::<OsString>("command").into_iter().flatten().cloned().collect();
        let Some((called, arguments)) = command.split_first() else {
            return Err(Refusal::new("no command named").with_hint("capwrap run --caps CAPS -- CMD"));
        };
        let policy = command_line::text(&matches, "policy")?;
        let name = match &policy {
            Some(name) => name.clone(),
            None => printable::text(file.file_name().unwrap_or_default()),
        };
        Ok(Self {
            launch: Launch {
                name,
                called: Some(called.clone()),
                arguments: arguments.to_vec(),
                reason: command_line::reason(&matches)?,
                home: home(&matches),
                any_owner: matches.get_flag("any-owner"),
                ..Launch::default()
            },
            caps: command_line::set(&matches, "caps")?,
            user: user(&matches)?,
            file,
            policy,
            scopes: command_line::text(&matches, "scopes")?,
            watch: matches.get_one::<OsString>("watch").map(PathBuf::from),
            places: matches.get_flag("places"),
        })
    }

    /// The policy that holds for it, with the surroundings of the one that it names.
    ///
    /// # Errors
    /// That one is missing, not to be trusted, or faulty; or the scopes are.
    pub fn policy(&self) -> Result<Policy, Refusal> {
        let like = self.policy.as_deref().map(policy_file::read_for_surroundings).transpose()?;
        let policy = Policy::of_command(self.file.clone(), self.caps, like.map(|file| file.policy));
        match &self.scopes {
            None => Ok(policy),
            Some(text) => policy.with_scopes(text).map_err(|error| Refusal::new(format!("--scopes: {error}"))),
        }
    }
}

fn definition() -> clap::Command {
    let option = |name: &'static str| Arg::new(name).long(name).value_parser(value_parser!(OsString));
    clap::Command::new("capwrap")
        .no_binary_name(true)
        .disable_help_flag(true)
        .arg(option("file").required(true))
        .arg(option("caps").action(ArgAction::Append))
        .arg(option("ids"))
        .arg(option("policy"))
        .arg(option("reason"))
        .arg(option("scopes"))
        .arg(option("watch"))
        .arg(Arg::new("any-owner").long("any-owner").action(ArgAction::SetTrue))
        .arg(Arg::new("places").long("places").action(ArgAction::SetTrue))
        .arg(Arg::new("command").num_args(0..).trailing_var_arg(true).value_parser(value_parser!(OsString)))
}

/// Where another user's own files would be looked for, the advisor names an empty directory: what lies in the home of
/// that user would run with what root passes. Without one there is no home, and nobody can make this one.
fn home(matches: &ArgMatches) -> Option<String> {
    let is_another = matches.contains_id("ids");
    is_another.then(|| std::env::var(HOME_VARIABLE).unwrap_or_else(|_| "/dev/null".to_owned()))
}

/// `UID,GID,GROUPS…`.
fn user(matches: &ArgMatches) -> Result<Option<Caller>, Refusal> {
    let Some(text) = command_line::text(matches, "ids")? else { return Ok(None) };
    // (uid_t)-1 means "leave it" to setresuid(2), and no user has it.
    let number = |word: &str| word.parse::<u32>().ok().filter(|id| *id != u32::MAX);
    let numbers: Option<Vec<u32>> = text.split(',').map(number).collect();
    match numbers.as_deref() {
        Some([uid, gid, groups @ ..]) => Ok(Some(Caller { uid: *uid, gid: *gid, groups: groups.to_vec() })),
        _ => Err(Refusal::new(format!("{text:?} are no ids of a user"))),
    }
}
