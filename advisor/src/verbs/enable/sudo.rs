//! `capwrap adopt --sudoers`: says what stands for each rule of sudo, and writes the policies that it can.

use super::allowing;
use crate::analysis::sudo_rules::{self, Answer, Command, Judged, Named, Rule, Shipped};
use crate::dialects::sudoers;
use crate::output::error::hinted;
use crate::output::page::counted;
use crate::store::policy_edit::{self, Change};
use crate::store::{atomic_write, bounded_read, enabled, policy_lookup};
use anyhow::{Context, Result, anyhow};
use capwrap_core::policy::Policy;
use capwrap_core::text::{printable, shell};
use std::collections::BTreeMap;
use std::path::Path;

/// The size of the largest file of rules that is read, in bytes.
const MOST: usize = 16 * 1024 * 1024;

/// An administrator who names /etc/sudoers gets the command that makes JSON of it.
fn unusable(file: &Path, error: &anyhow::Error) -> anyhow::Error {
    let why = format!("cannot use {}: {error:#}", printable::text(file));
    match shell::path(file).filter(|_| file != Path::new("-") && error.to_string() == sudoers::NO_JSON) {
        Some(file) => hinted(why, format!("cvtsudoers -f json {file} | capwrap adopt --sudoers -")),
        None => anyhow!(why),
    }
}

/// Reads the rules, prints what stands for each, and writes policies into `folder`, if there is one.
///
/// # Errors
/// The rules cannot be read; or a policy would overwrite a file, and then none is written.
pub fn adopt(file: &Path, folder: Option<&Path>) -> Result<()> {
    let text = if file == Path::new("-") {
        bounded_read::text(std::io::stdin(), MOST).context("cannot read standard input")?
    } else {
        bounded_read::text_of(file, MOST)?
    };
    let rules = sudoers::read(&text).map_err(|error| unusable(file, &error))?;
    let shipped = shipped()?;
    let mut drafts: BTreeMap<String, String> = BTreeMap::new();
    let mut counts = [0; 3];
    let excluded: Vec<&Command> = rules.iter().flat_map(|rule| &rule.commands).filter(|one| one.negated).collect();
    for rule in &rules {
        say!("{}", heading(rule));
        for command in &rule.commands {
            if command.negated {
                say!(
                    "  {}: not allowed: a policy allows nothing that it does not name",
                    printable::text(&command.text)
                );
                continue;
            }
            let judged = sudo_rules::judge(rule, command, &shipped, &excluded)?;
            let named = sudo_rules::named(rule);
            counts[show(command, &judged, &named)] += 1;
            if let (Answer::Shipped(name), Some(_), None) = (&judged.answer, folder, &named.but) {
                if judged.wider.is_empty() {
                    if let Err(error) = draft(name, command, &named, &mut drafts) {
                        say!("  note     not written: {}", printable::text(format!("{error:#}")));
                    }
                } else {
                    let wider = printable::text(judged.wider.join("; "));
                    say!("  note     not written: the policy would allow more than the rule: {wider}");
                }
            }
        }
    }
    let [policies, learned, sudo] = counts;
    say!(
        "{}: {policies} by shipped policies, {learned} to learn, {sudo} by sudo or another way",
        counted(policies + learned + sudo, "command")
    );
    say!(
        "  note     of Defaults, only runas_default is read: what they say about passwords and environments is sudo's alone"
    );
    folder.map_or(Ok(()), |folder| write(folder, &drafts))
}

/// The shipped policies, by their names. One that cannot be read is no answer.
fn shipped() -> Result<Vec<Shipped>> {
    let templates = policy_lookup::templates();
    let read = |name: String| {
        let path = templates.join(format!("{name}.toml"));
        let policy = policy_lookup::text(&path).and_then(|text| policy_lookup::read(&text, &path)).ok()?;
        Some((name, policy.tool.paths))
    };
    Ok(enabled::names_in(&templates)?.into_iter().filter_map(read).collect())
}

fn heading(rule: &Rule) -> String {
    let list = |members: &[sudo_rules::Member], none: &str| match members {
        [] => none.to_owned(),
        members => members.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    };
    printable::text(format!("{} may run as {}:", list(&rule.users, "nobody"), list(&rule.run_as, "root")))
}

/// Prints the answer, and returns its place among the three.
fn show(command: &Command, judged: &Judged, named: &Named) -> usize {
    let shown = printable::text(&command.text);
    let words = |option: &str, names: &[String]| -> String {
        let word = |name: &String| format!(" {option} {}", shell::argument(name).unwrap_or_else(|| "NAME".to_owned()));
        names.iter().map(word).collect()
    };
    let place = match &judged.answer {
        Answer::Shipped(policy) => {
            let allowed = words("--user", &named.users) + &words("--group", &named.groups);
            say!("  {shown}: the shipped policy {policy}");
            say!("           capwrap enable {policy}{allowed}");
            0
        }
        Answer::Learn(command) => {
            let user = named.users.first().and_then(|user| shell::argument(user)).unwrap_or_else(|| "USER".to_owned());
            let command: Vec<String> = command.iter().map(|word| shell::word(word)).collect();
            say!("  {shown}: no policy is shipped; learn one");
            say!("           capwrap --learn --minimize --write --user {user} {}", printable::line(&command.join(" ")));
            1
        }
        Answer::Sudo(why, instead) => {
            say!("  {shown}: {}: {}", if instead.is_some() { "another way" } else { "sudo" }, printable::text(why));
            instead.iter().for_each(|instead| say!("           {}", printable::text(instead)));
            2
        }
    };
    let but = named.but.iter().filter(|_| place != 2);
    for remark in judged.remarks.iter().chain(but) {
        say!("  note     {}", printable::text(remark));
    }
    place
}

/// Adds those whom a rule names to the draft of a shipped policy, which begins with nobody else.
fn draft(name: &str, command: &Command, named: &Named, drafts: &mut BTreeMap<String, String>) -> Result<()> {
    let before = drafts.get(name);
    let text = match before {
        Some(text) => text.clone(),
        None => policy_lookup::text(&policy_lookup::templates().join(format!("{name}.toml")))?,
    };
    if named.users.is_empty() && named.groups.is_empty() {
        return Ok(());
    }
    let sha256 = command.digests.iter().find_map(|(algorithm, digest)| sudo_rules::sha256(algorithm, digest));
    let change = Change {
        users: named.users.iter().map(|user| allowing::user(user)).collect::<Result<_>>()?,
        groups: named.groups.iter().map(|group| allowing::group(group)).collect::<Result<_>>()?,
        sha256,
        keeps_allowed: before.is_some(),
        ..Change::default()
    };
    let text = policy_edit::apply(&text, &change)?;
    Policy::read(&text).with_context(|| format!("the policy {name} as it would be is none"))?;
    drafts.insert(name.to_owned(), text);
    Ok(())
}

/// Writes the drafts, or none of them if one would overwrite a file.
fn write(folder: &Path, drafts: &BTreeMap<String, String>) -> Result<()> {
    let path = |name: &String| folder.join(format!("{name}.toml"));
    if let Some(there) = drafts.keys().map(path).find(|path| path.symlink_metadata().is_ok()) {
        let what = format!("{} exists, so nothing is written", printable::text(&there));
        return Err(hinted(what, "name another folder, or move the file"));
    }
    for (name, text) in drafts {
        let path = path(name);
        atomic_write::replace(&path, text)?;
        say!("  written  {}", printable::text(&path));
    }
    if drafts.is_empty() {
        say!("  written  nothing: no rule has a shipped policy and only users and groups that a policy can name");
    }
    Ok(())
}
