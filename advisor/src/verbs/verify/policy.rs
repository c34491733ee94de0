//! Lines about an enabled policy: its file, the users it names, its time limit, and its tool.

use crate::host::accounts::{Names, Of};
use crate::host::demands;
use crate::host::installed_file::Installed;
use crate::host::landlock::{self, Enforced};
use crate::host::policy_facts::{self, Untried};
use crate::host::reading::Reading;
use crate::host::records::kept::Kept;
use crate::host::records::last_use::LastUses;
use crate::output::error::reason;
use crate::output::finding::Line;
use crate::store::bounded_read;
use crate::store::enabled;
use crate::store::shipped::{self, Relation};
use crate::verbs::verify::file;
use crate::verbs::verify::file::shown;
use crate::verbs::verify::identity::unknown;
use crate::verbs::verify::judged::{Fix, Judged, Kind, Subject};
use crate::verbs::verify::tool::{self, Content};
use capwrap_core::policy::{MAX_BYTES, Policy, Temporary};
use capwrap_core::text::printable;
use capwrap_core::trusted_path::{self, Fault, Trail};
use jiff::Timestamp;
use nix::unistd::geteuid;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A policy that ends sooner than this many seconds from now is noted.
const SOON: i64 = 14 * 24 * 60 * 60;

/// The subject for the enabled policy of this name.
pub fn subject(name: &str, names: &Names, now: i64, content: Content, uses: &LastUses) -> Subject {
    let path = enabled::path(name);
    let found = match Installed::look(&path) {
        Ok(found) => found,
        Err(error) => {
            let line = Judged::unread("policy", shown(&path), &reason(&error));
            return Subject { kind: Kind::Policy, name: name.to_owned(), path: None, lines: vec![line] };
        }
    };
    let mut lines = policy_file(&found);
    lines.extend(uses.of(name).map(last_use));
    let mut tool_path = None;
    match read(&found) {
        Err(judged) => lines.push(*judged),
        Ok((text, policy)) => {
            lines.extend(shipped(name, &text));
            lines.extend(allowed(&policy, names));
            lines.extend(time(&policy, now));
            lines.extend(temporary(&policy, now));
            lines.extend(scopes(&policy));
            lines.extend(demands::of_policy(&policy).iter().map(|one| one.line("demand").into()));
            let (path, judged) = tool::tool(name, &policy, names, content);
            tool_path = path;
            lines.extend(judged);
        }
    }
    Subject { kind: Kind::Policy, name: name.to_owned(), path: tool_path, lines }
}

fn last_use(record: &Kept) -> Judged {
    Line::ok("last use", record.when()).means(format!("by {}", record.get("user"))).into()
}

/// The file must belong to root, and nobody else may write it. The launcher runs as its caller, so the caller must be
/// able to read the file.
fn policy_file(found: &Installed) -> Vec<Judged> {
    let path = shown(&found.real);
    let mut lines = file::place(found, 0, file::ROOTS_PLACE);
    if found.uid != 0 {
        let line =
            Line::problem("policy", &path).means(format!("belongs to uid {}; capwrap refuses every launch", found.uid));
        let hint = found.in_command().map(|path| format!("read what it says, then: chown root {path}"));
        lines.push(line.optional_hint(hint).into());
    }
    let looser = found.mode & 0o022;
    let unreadable = !found.mode & 0o444;
    if looser != 0 || unreadable != 0 {
        let why =
            if looser != 0 { "others can write it" } else { "not everybody can read it, so that no user's launch can" };
        let mode = (found.mode | 0o444) & !0o022;
        let line = Line::problem("policy", &path).means(format!("mode {:04o}: {why}", found.mode));
        let command = found.in_command().map(|path| format!("chmod {mode:04o} {path}"));
        lines.push(if found.is_others_too() {
            line.optional_hint(command.map(|command| format!("read what it says, then: {command}"))).into()
        } else {
            Judged::fixed_by(line.optional_hint(command), found, Fix::Mode(mode))
        });
    }
    if lines.is_empty() {
        lines.push(Line::ok("policy", path).means("root's alone").into());
    }
    lines
}

/// A line about the shipped policy of this name, if there is one. That it has changed is information and no problem:
/// what is enabled is what the administrator enabled, and works as before.
fn shipped(name: &str, text: &str) -> Option<Judged> {
    let shipped = match shipped::of(name) {
        Ok(shipped) => shipped?,
        Err(error) => return Some(Line::note("shipped", name).means(format!("cannot be checked: {error:#}")).into()),
    };
    let line = match shipped.relation(text) {
        Ok(Relation::Current) => Line::ok("shipped", shown(&shipped.path)).means(Relation::Current.means()),
        Ok(relation) => {
            Line::note("shipped", shown(&shipped.path)).means(relation.means()).optional_hint(relation.hint(name))
        }
        Err(error) => Line::note("shipped", shown(&shipped.path)).means(format!("cannot be compared: {error:#}")),
    };
    Some(line.into())
}

/// The policy with its text, or a line that says why the launcher ignores it.
fn read(found: &Installed) -> Result<(String, Policy), Box<Judged>> {
    let path = shown(&found.real);
    let bytes = found.read().and_then(|file| bounded_read::bytes(file, MAX_BYTES));
    let bytes = bytes.map_err(|error| Box::new(Judged::unread("policy", &path, &reason(&error))))?;
    let faulty = |means: String, hint: Option<String>| {
        Box::new(Judged::from(Line::problem("policy", &path).means(means).optional_hint(hint)))
    };
    let text =
        String::from_utf8(bytes).map_err(|_| faulty("is not UTF-8; the policy cannot be used".to_owned(), None))?;
    match Policy::read(&text) {
        Ok(policy) => Ok((text, policy)),
        Err(error) => Err(faulty(format!("line {error}; the policy cannot be used"), error.hint.clone())),
    }
}

/// Checks that everybody whom the policy names exists and that the launcher knows them.
fn allowed(policy: &Policy, names: &Names) -> Vec<Judged> {
    let temporary = policy.allow.temporary.iter().map(|entry| &entry.user);
    let users = policy.allow.users.iter().chain(temporary).map(|user| (Of::User, user));
    let groups = policy.allow.groups.iter().map(|group| (Of::Group, group));
    users.chain(groups).filter_map(|(of, identity)| unknown("allow", of, identity, names)).collect()
}

/// A line about the policy's end, if it has ended or ends soon.
fn time(policy: &Policy, now: i64) -> Option<Judged> {
    let until = policy.allow.until?;
    let when = Timestamp::from_second(until).map_or_else(|_| until.to_string(), |time| time.to_string());
    let hint = "write a later `until`, or capwrap disable it";
    Some(
        match until - now {
            ..=0 => Line::problem("until", when).means("has passed: nobody may run it").hint(hint),
            1..SOON => Line::note("until", when).means("is near").hint(hint),
            _ => Line::ok("until", when),
        }
        .into(),
    )
}

/// A line for each user who may run it for a time.
fn temporary(policy: &Policy, now: i64) -> Vec<Judged> {
    let line = |entry: &Temporary| {
        let shown = entry.in_words(entry.left(now));
        if entry.left(now).is_some() {
            Line::ok("grant", shown)
        } else {
            Line::note("grant", shown).means("is still in the policy").hint("capwrap revoke --ended")
        }
    };
    policy.allow.temporary.iter().map(|entry| line(entry).into()).collect()
}

/// Lines about what this kernel enforces of the policy's scopes.
fn scopes(policy: &Policy) -> Vec<Judged> {
    let Ok(facts) = policy_facts::of(policy, None, Untried::SaysYes) else { return Vec::new() };
    let reading = landlock::abi();
    let abi = reading.is().copied();
    let Some(enforced) = landlock::enforced(policy, &facts, abi.unwrap_or(u32::MAX)) else { return Vec::new() };
    let places = scope_places(policy).into_iter().filter_map(place);
    scope_lines(&enforced, &reading).into_iter().chain(places).collect()
}

/// The paths of which a launch makes rules.
fn scope_places(policy: &Policy) -> BTreeSet<&Path> {
    let beneath = policy.grants.iter().flat_map(|grant| &grant.scope.beneath);
    beneath.chain(&policy.scope.readable).chain(&policy.scope.writable).map(PathBuf::as_path).collect()
}

/// A line about a path for which a launch would be refused, or that does not exist.
fn place(path: &Path) -> Option<Judged> {
    let name = "scope path";
    match trusted_path::place_of_a_scope(&mut Trail::default(), path) {
        Ok(Some(_)) => None,
        Ok(None) => {
            Some(Line::note(name, shown(path)).means("does not exist, and the scope opens nothing there").into())
        }
        // Whoever is not root cannot see all that the launcher sees.
        Err(fault @ Fault::Failed(..)) if !geteuid().is_root() => {
            Some(Judged::unread(name, shown(path), &fault.describe(path)))
        }
        Err(fault) => {
            let what = format!("capwrap refuses the launch: {}", printable::text(fault.describe(path)));
            let line = Line::problem(name, shown(path)).means(what);
            Some(match fault.hint() {
                Some(hint) => line.hint(hint).into(),
                None => line.into(),
            })
        }
    }
}

fn scope_lines(enforced: &Enforced, abi: &Reading<u32>) -> Vec<Judged> {
    let name = "scopes";
    let by = "seccomp and Landlock";
    let mut lines: Vec<Judged> = enforced
        .gaps
        .iter()
        .map(|gap| match enforced.refused_for == Some(*gap) {
            true => Line::problem(name, "capwrap refuses the launch").means(gap.to_string()).hint(gap.hint()).into(),
            false => Line::note(name, "in part").means(gap.to_string()).into(),
        })
        .collect();
    if lines.is_empty() {
        lines.push(match abi {
            Reading::Is(abi) => Line::ok(name, by).means(format!("Landlock has ABI {abi} here, or a newer one")).into(),
            // A launch asks the kernel itself, and refuses or says so.
            _ => Line::ok(name, by)
                .means("without securityfs only a launch shows whether this kernel has Landlock")
                .into(),
        });
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::finding::Judgement;

    fn policy(until: &str) -> Policy {
        Policy::read(&format!(
            "schema = 1\ntool = {{ path = \"/usr/bin/env\" }}\nallow = {{ users = [\"root\", \"no-such-user\"], groups = [\"#7\"], until = {until} }}\n"
        ))
        .unwrap()
    }

    #[test]
    fn what_has_ended_is_a_problem_and_what_ends_soon_is_noted() {
        let policy = policy("2030-01-01T00:00:00Z");
        let end = policy.allow.until.unwrap();
        for (now, expected) in
            [(end, Judgement::Problem), (end - 1, Judgement::Note), (end - SOON, Judgement::Ok), (0, Judgement::Ok)]
        {
            assert_eq!(time(&policy, now).unwrap().line.judgement, expected, "{now}");
        }
    }

    #[test]
    fn whom_nobody_knows_is_reported_and_a_number_is_taken_as_it_is() {
        let lines = allowed(&policy("2030-01-01T00:00:00Z"), &Names::read());
        let shown: Vec<_> = lines.iter().map(|judged| judged.line.value.as_deref().unwrap()).collect();
        assert_eq!(shown, ["user no-such-user"]);
    }
}
