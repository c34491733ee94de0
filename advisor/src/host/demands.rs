//! What a policy demands besides capabilities, and whether it holds on this machine: for the caller, or for users whom
//! only root can ask as.

use crate::host::caller::{self, Asking};
use crate::host::clock;
use crate::host::kernel;
use crate::host::policy_facts::{self, Untried};
use crate::output::finding::{Judgement, Line};
use anyhow::{Context, Result, anyhow};
use capwrap_core::CapabilitySet;
use capwrap_core::decision::accounts;
use capwrap_core::decision::authorise::Caller;
use capwrap_core::decision::demand::{Access as How, State, asked_with, judge};
use capwrap_core::decision::facts::{Facts, KernelVersion};
use capwrap_core::decision::{demands_for_any_arguments, for_any_arguments};
use capwrap_core::mount_table;
use capwrap_core::policy::Policy;
use capwrap_core::policy::demand::Demand;
use capwrap_core::text::printable;
use nix::errno::Errno;
use nix::unistd::geteuid;
use rustix::fs::{Access, AtFlags, CWD, accessat};
use rustix::thread;
use std::path::Path;

/// The first kernel with faccessat2(2).
const ASKS: KernelVersion = KernelVersion { major: 5, minor: 8, patch: 0 };

/// The most users of one policy that are asked for.
const MOST: usize = 32;

/// A demand of a policy, and for whom it holds.
#[derive(Debug)]
pub struct ForUsers<'p> {
    /// The demand.
    pub demand: &'p Demand,
    /// Each answer, with the users whom it is about.
    pub answers: Vec<(State, Vec<String>)>,
}

impl ForUsers<'_> {
    /// Whether it holds for everybody who was asked for.
    pub fn is_met(&self) -> bool {
        self.answers.iter().all(|(state, _)| *state == State::Met)
    }

    /// The answers in words, as in `holds for alice; does not hold for bob: /x is not writable: permission denied`.
    pub fn said(&self) -> String {
        let parts = self.answers.iter().map(|(state, users)| {
            let whom = match users.len() {
                0 => String::new(),
                1..=4 => format!(" for {}", users.join(", ")),
                all => format!(" for {} and {} others", users[..3].join(", "), all - 3),
            };
            match state {
                State::Met => format!("holds{whom}"),
                State::Unmet(what) => format!("does not hold{whom}: {what}"),
                State::Unknown(why) => format!("not known{whom}: {why}"),
            }
        });
        parts.collect::<Vec<_>>().join("; ")
    }

    /// The line that `verify` and `doctor` print.
    pub fn line(&self, name: impl Into<String>) -> Line {
        let means = format!("{}; {}", self.said(), printable::text(&self.demand.why));
        let is_problem = self.answers.iter().any(|(state, _)| matches!(state, State::Unmet(_)));
        let hint = self.demand.hint.as_ref().filter(|_| is_problem).map(printable::text);
        let judgement = if is_problem { Judgement::Note } else { Judgement::Ok };
        Line::new(name, judgement, self.demand.need.to_string()).means(means).optional_hint(hint)
    }
}

/// What a policy demands on this machine in some launch, and for whom it holds. Root asks for the users whom the policy
/// allows, and anybody else for themselves.
pub fn of_policy<'p>(policy: &'p Policy) -> Vec<ForUsers<'p>> {
    if policy.demands.is_empty() {
        return Vec::new();
    }
    let users = if geteuid().is_root() { allowed(policy) } else { caller() };
    let users = users.unwrap_or_default();
    let machine = policy_facts::of(policy, None, Untried::SaysYes);
    let mut found: Vec<ForUsers<'p>> = Vec::new();
    let mut add = |demand: &'p Demand, state: State, user: Option<&str>| {
        let at = found.iter().position(|one| std::ptr::eq(one.demand, demand));
        let at = at.unwrap_or_else(|| {
            found.push(ForUsers { demand, answers: Vec::new() });
            found.len() - 1
        });
        let answers = &mut found[at].answers;
        let known = answers.iter().position(|(known, _)| *known == state);
        let known = known.unwrap_or_else(|| {
            answers.push((state, Vec::new()));
            answers.len() - 1
        });
        answers[known].1.extend(user.map(str::to_owned));
    };
    let machine = match machine {
        Ok(machine) => machine,
        Err(error) => {
            policy.demands.iter().for_each(|demand| add(demand, State::Unknown(format!("{error:#}")), None));
            return found;
        }
    };
    for (name, user) in &users {
        let facts = Facts { uid0: user.uid == 0, ..machine.clone() };
        let demands: Vec<&'p Demand> = demands_for_any_arguments(policy, &facts, None).collect();
        let states = states(&demands, user, for_any_arguments(policy, &facts, None)).unwrap_or_else(|error| {
            let why = State::Unknown(format!("{error:#}"));
            demands.iter().map(|_| why.clone()).collect()
        });
        demands.into_iter().zip(states).for_each(|(demand, state)| add(demand, state, Some(name)));
    }
    if users.is_empty() {
        let nobody = || State::Unknown("no user of this machine is allowed yet".to_owned());
        demands_for_any_arguments(policy, &machine, None).for_each(|demand| add(demand, nobody(), None));
    }
    found.sort_by_key(|one| one.demand.line);
    found
}

fn caller() -> Result<Vec<(String, Caller)>> {
    let who = Asking::now()?;
    Ok(vec![(who.name(), who.caller)])
}

/// The users of the local files whom a policy allows, by their names, but not more than [`MOST`].
fn allowed(policy: &Policy) -> Result<Vec<(String, Caller)>> {
    let local = caller::local_accounts()?;
    let now = clock::now();
    let temporary = policy.allow.temporary.iter().filter(|entry| entry.left(now).is_some()).map(|entry| &entry.user);
    let users = policy.allow.users.iter().chain(temporary);
    let named = users.filter_map(|user| accounts::account(&local.passwd, local.uid(user)?));
    let groups = policy.allow.groups.iter().filter_map(|group| local.gid(group));
    let members = groups.flat_map(|gid| accounts::members(&local.passwd, &local.group, gid));
    let mut users: Vec<(String, Caller)> = Vec::new();
    for account in named.chain(members) {
        if users.len() < MOST && users.iter().all(|(known, _)| known != account.name) {
            users.push((account.name.to_owned(), caller::after_login(&account, &local)));
        }
    }
    Ok(users)
}

/// Judges what a policy demands, for a user to whose tool capwrap passes these capabilities. The questions are asked on
/// a thread of its own, which becomes that user.
///
/// # Errors
/// The thread cannot become the user, which takes root for another user than the caller.
pub fn states(demands: &[&Demand], user: &Caller, passed: CapabilitySet) -> Result<Vec<State>> {
    if demands.is_empty() {
        return Ok(Vec::new());
    }
    let mounts = std::fs::read(mount_table::FILE).ok();
    let can_ask = kernel::version(&kernel::release()?)? >= ASKS;
    let ask = |path: &Path, how| if can_ask { may(path, how) } else { Err(Errno::ENOSYS) };
    let asked = || -> Result<Vec<State>> {
        become_user(user).with_context(|| format!("cannot ask as uid {}", user.uid))?;
        let state = |demand: &&Demand| {
            let wanted = asked_with(demand, passed);
            let lacking = wanted.without(make_effective(wanted)?);
            Ok(match judge(&demand.need, user.uid == 0, mounts.as_deref(), ask) {
                State::Unmet(_) if !lacking.is_empty() => State::Unknown(format!(
                    "it depends on {lacking}, which the tool gets and this program does not hold"
                )),
                state => state,
            })
        };
        demands.iter().map(state).collect()
    };
    std::thread::scope(|scope| scope.spawn(asked).join())
        .unwrap_or_else(|_| Err(anyhow!("the question was not answered")))
}

fn may(path: &Path, how: How) -> Result<(), Errno> {
    let access = match how {
        How::Read => Access::READ_OK,
        How::Write => Access::WRITE_OK,
    };
    accessat(CWD, path, access, AtFlags::EACCESS).map_err(|errno| Errno::from_raw(errno.raw_os_error()))
}

/// Takes the ids of a user for this thread alone, with the capabilities that the process holds permitted.
fn become_user(user: &Caller) -> Result<()> {
    if (user.uid, user.gid) == (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw()) {
        return Ok(());
    }
    let groups: Vec<thread::Gid> = user.groups.iter().copied().map(thread::Gid::from_raw).collect();
    let (uid, gid) = (thread::Uid::from_raw(user.uid), thread::Gid::from_raw(user.gid));
    thread::set_keep_capabilities(true)?;
    thread::set_thread_groups(&groups)?;
    thread::set_thread_res_gid(gid, gid, gid)?;
    thread::set_thread_res_uid(uid, uid, uid)?;
    Ok(())
}

/// Makes as many of these capabilities effective on this thread as are held, and no others. The result is what is
/// effective now.
fn make_effective(wanted: CapabilitySet) -> Result<CapabilitySet> {
    let held = thread::capabilities(None)?.permitted;
    let effective = wanted.intersection(CapabilitySet::from_mask(held.bits()));
    let sets = thread::CapabilitySets {
        effective: thread::CapabilitySet::from_bits_retain(effective.mask()),
        permitted: held,
        inheritable: thread::CapabilitySet::empty(),
    };
    thread::set_capabilities(None, sets)?;
    Ok(effective)
}

#[cfg(test)]
mod tests {
    use super::*;
    use capwrap_core::Capability;

    fn of(demands: &str) -> String {
        let text = format!("schema = 1\ntool = {{ path = \"/t\" }}\nallow = {{ users = [\"root\"] }}\n{demands}");
        let policy = Policy::read(&text).unwrap();
        of_policy(&policy).iter().map(|one| format!("{}: {}\n", one.demand.need, one.said())).collect()
    }

    #[test]
    fn what_is_demanded_in_some_launch_is_judged_for_the_users_whom_the_policy_allows() {
        let said = of("[[demand]]\nreadable = \"/etc\"\nwhy = \"w\"\nwhen = { arg = \"x\" }\n\
             [[demand]]\nreadable = \"/etc/no-such\"\nwhy = \"w\"\n\
             [[demand]]\nuid0 = true\nwhy = \"w\"\nwhen = { kernel = \"<2\" }\n");
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines.len(), 2, "{said}");
        assert!(lines[0].starts_with("/etc is readable: holds for "), "{said}");
        assert!(lines[1].ends_with(": /etc/no-such is not readable: no such file or directory"), "{said}");
    }

    #[test]
    fn a_question_for_another_user_changes_no_other_thread() {
        let before = (geteuid(), nix::unistd::getgroups().unwrap(), thread::capabilities(None).unwrap());
        let nobody = Caller { uid: 65534, gid: 65534, groups: Vec::new() };
        let text = "schema = 1\ntool = { path = \"/t\" }\nallow = { users = [\"root\"] }\n\
             [[demand]]\nreadable = \"/etc/shadow\"\nwhy = \"w\"\n\
             [[demand]]\nreadable = \"/etc/shadow\"\nwhy = \"w\"\nunprivileged = true\n";
        let policy = Policy::read(text).unwrap();
        let demands: Vec<&Demand> = policy.demands.iter().collect();
        let states = states(&demands, &nobody, CapabilitySet::EMPTY);
        assert_eq!((geteuid(), nix::unistd::getgroups().unwrap(), thread::capabilities(None).unwrap()), before);
        if geteuid().is_root() {
            let refused = State::Unmet("/etc/shadow is not readable: permission denied".to_owned());
            assert_eq!(states.unwrap(), [refused.clone(), refused.clone()]);
            let reads = CapabilitySet::from(Capability::DAC_READ_SEARCH);
            assert_eq!(super::states(&demands, &nobody, reads).unwrap(), [State::Met, refused]);
        } else {
            assert!(states.is_err());
        }
    }

    #[test]
    fn answers_are_told_apart_by_the_users_whom_they_are_about() {
        let text = "schema = 1\ntool = { path = \"/t\" }\nallow = { users = [\"root\"] }\n[[demand]]\nuid0 = true\nwhy = \"w\"\nhint = \"h\"\n";
        let policy = Policy::read(text).unwrap();
        let users = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let mut found = ForUsers { demand: &policy.demands[0], answers: vec![(State::Met, users(&["a", "b"]))] };
        assert!(found.is_met());
        assert_eq!((found.line("x").judgement, found.line("x").hint), (Judgement::Ok, None));
        found.answers.push((State::Unmet("no".to_owned()), users(&["c", "d", "e", "f", "g"])));
        assert_eq!(found.said(), "holds for a, b; does not hold for c, d, e and 2 others: no");
        assert_eq!((found.line("x").judgement, found.line("x").hint.as_deref()), (Judgement::Note, Some("h")));
    }
}
