//! What to say of a tool that has no enabled policy. The launcher refuses to run it, gives up every capability, and starts
//! this program for the rest of the refusal: which policy is shipped for the tool and what it would grant, or which other
//! way is better.

use crate::analysis::other_way;
use crate::host::caller::Asking;
use crate::host::policy_facts::{self, Untried};
use crate::output::error::hinted;
use crate::store::{enabled, policy_lookup};
use anyhow::{Error, Result};
use capwrap_core::decision::facts::Facts;
use capwrap_core::decision::for_any_arguments;
use capwrap_core::policy::Policy;
use capwrap_core::text::{nearest, printable};
use clap::{Args, Command};
use std::path::Path;

#[derive(Args)]
pub struct WithoutPolicy {
    /// The name of the tool
    name: String,
}

impl WithoutPolicy {
    /// Returns the refusal as an error, always. `whole` is the program with its verbs.
    pub fn run(&self, whole: &Command) -> Result<()> {
        Err(self.refusal(whole))
    }

    fn refusal(&self, whole: &Command) -> Error {
        let name = printable::text(&self.name);
        let what = format!("no policy for {name:?} is enabled");
        let Ok(name) = policy_lookup::checked(&self.name) else { return Error::msg(what) };
        if let Some((source, policy)) = not_enabled(name) {
            return hinted(
                format!("{what}; {source}, and grants {}", granted(&policy)),
                format!("an administrator can run `capwrap enable {name}`; `capwrap list --shipped {name}` says more"),
            );
        }
        if let Ok(Some(other)) = other_way::of(name) {
            let why = other.why.trim_end_matches('.');
            return hinted(format!("{what}, and none is shipped. {why}"), other.instead);
        }
        let learn = format!("find out what it needs with `capwrap --learn {name}`");
        let shipped = enabled::names_in(&policy_lookup::templates()).unwrap_or_default();
        if let Some(one) = shipped.iter().find(|one| runs(one, name)) {
            return hinted(what, format!("did you mean `capwrap {one}`, which runs {name}? If not, {learn}"));
        }
        let verbs = whole.get_subcommands().filter(|verb| !verb.is_hide_set()).map(|verb| verb.get_name().to_owned());
        let enabled = enabled::names().unwrap_or_default();
        let known: Vec<String> = verbs.chain(enabled).chain(shipped).collect();
        match nearest::name(name, known.iter().map(String::as_str)) {
            Some(near) => hinted(what, format!("did you mean `capwrap {near}`? If not, {learn}")),
            None => hinted(what, learn),
        }
    }
}

/// The policy of this name that is disabled or shipped, and where it comes from in words. One that cannot be read is left
/// out, because this is for a hint alone.
fn not_enabled(name: &str) -> Option<(&'static str, Policy)> {
    let [_, disabled, shipped] = policy_lookup::places(name);
    [("one was disabled", disabled), ("one is shipped", shipped)]
        .into_iter()
        .find_map(|(source, path)| Some((source, read(&path)?)))
}

fn read(path: &Path) -> Option<Policy> {
    policy_lookup::read(&policy_lookup::text(path).ok()?, path).ok()
}

/// What a launch would grant here, by its arguments.
fn granted(policy: &Policy) -> String {
    let facts = policy_facts::of(policy, None, Untried::SaysYes);
    let is_root = Asking::now().is_ok_and(|who| who.is_root());
    let set = facts.map_or_else(
        |_| policy.grantable(),
        |facts| for_any_arguments(policy, &Facts { uid0: is_root, ..facts }, None),
    );
    if set.is_empty() { "no capability here".to_owned() } else { set.to_string() }
}

/// Whether the shipped policy of the name `one` runs a file of the name `tool`.
fn runs(one: &str, tool: &str) -> bool {
    let policy = read(&policy_lookup::templates().join(format!("{one}.toml")));
    policy.is_some_and(|policy| policy.tool.paths.iter().any(|path| path.file_name().is_some_and(|name| name == tool)))
}
