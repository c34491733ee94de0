//! Shows the sets of processes and threads.

use crate::analysis::capability_risk;
use crate::observe::probe::securebits::Securebits;
use crate::output::error;
use crate::output::error::reason;
use crate::output::json::SCHEMA;
use crate::output::outcome::Outcome;
use crate::output::page::{Entry, Page};
use crate::output::terminal;
use crate::output::terminal::Style;
use crate::verbs::caps::cells::{Process, object, pid, process, user};
use crate::verbs::caps::form::Form;
use crate::verbs::caps::holders;
use crate::verbs::caps::holders::{Holder, brief};
use crate::verbs::caps::tree;
use anyhow::Result;
use capwrap_core::CapabilitySet;
use capwrap_core::text::printable;
use clap::Args;
use serde_json::{Value, json};
use std::process::ExitCode;

#[derive(Args)]
pub struct Show {
    /// Process ids; without any, the process that asks
    #[arg(value_name = "PID")]
    pids: Vec<String>,
    /// The threads of each process, too
    #[arg(long, short)]
    threads: bool,
    /// Every process that holds a capability, as a tree
    #[arg(long, short, conflicts_with_all = ["pids", "threads"])]
    all: bool,
    #[command(flatten)]
    form: Form,
}

impl Show {
    pub fn run(&self) -> ExitCode {
        let outcome = if self.all { tree::print(self.form) } else { self.show() };
        outcome
            .unwrap_or_else(|error| {
                error::report(&error);
                Outcome::NotAll
            })
            .into()
    }

    fn show(&self) -> Result<Outcome> {
        let own = [nix::unistd::getppid().to_string()];
        let words = if self.pids.is_empty() { &own[..] } else { &self.pids[..] };
        let pids = words.iter().map(|word| pid(word)).collect::<Result<Vec<_>>>()?;
        let (mut shown, mut outcome) = (Vec::new(), Outcome::Clean);
        // Reading securebits takes rights and kernel features that not every caller has. Without them they are shown as
        // not known.
        let mut securebits = Securebits::load().ok();
        for pid in pids {
            match process(pid, self.threads, securebits.as_mut()) {
                Ok(process) => shown.push(process),
                Err(error) => {
                    error::print_error(&format!("cannot show process {pid}: {}", reason(&error)), None);
                    outcome = Outcome::NotAll;
                }
            }
        }
        if self.form.json {
            let processes: Vec<Value> = shown.iter().map(|one| object(one, self.threads)).collect();
            say!("{}", crate::output::json::pretty(&json!({ "schema": SCHEMA, "processes": processes }))?);
        } else {
            let (width, styled) = (usize::from(terminal::width()), self.form.color.styled());
            say!("{}", text(&shown, self.threads, width, styled).trim_end());
        }
        Ok(outcome)
    }
}

fn text(shown: &[Process], with_threads: bool, width: usize, styled: bool) -> String {
    let known = holders::known();
    let mut page = Page::new(width, styled);
    for Process { first, others } in shown {
        page.heading(&heading(first));
        page.entries(&entries(first, known));
        if !with_threads {
            continue;
        }
        let like = others.iter().filter(|thread| thread.is_like(first)).count();
        match (others.len(), like) {
            (0, _) => page.heading("it has no other thread"),
            (all, like) if all == like => {
                page.heading(&format!("{} like it", crate::output::page::counted(all, "other thread")));
            }
            (all, like) => page.heading(&format!("{like} of {all} other threads are like it; those that differ:")),
        }
        for (thread, others) in differing(first, others) {
            page.heading(&format!("{others}: differ{} from the process", if others.contains(',') { "" } else { "s" }));
            page.entries(
                &entries(thread, known)
                    .into_iter()
                    .zip(differences(thread, first))
                    .map(|(entry, differs)| Entry {
                        mark: if differs { ('!', Style::Yellow) } else { entry.mark },
                        ..entry
                    })
                    .collect::<Vec<_>>(),
            );
        }
    }
    page.text
}

/// The threads that differ from their process. Threads that are alike are grouped.
fn differing<'h>(first: &Holder, others: &'h [Holder]) -> Vec<(&'h Holder, String)> {
    let mut groups: Vec<(&Holder, Vec<&Holder>)> = Vec::new();
    for thread in others.iter().filter(|thread| !thread.is_like(first)) {
        match groups.iter_mut().find(|(one, _)| one.is_like(thread)) {
            Some((_, members)) => members.push(thread),
            None => groups.push((thread, vec![thread])),
        }
    }
    let named = |members: &[&Holder]| {
        let names: Vec<String> =
            members.iter().map(|one| format!("{} {}", one.id, printable::text(&one.rights.name))).collect();
        names.join(", ")
    };
    groups.into_iter().map(|(one, members)| (one, named(&members))).collect()
}

fn heading(one: &Holder) -> String {
    format!("{} {}, {}", one.id, printable::text(&one.rights.name), user(one))
}

fn entries(one: &Holder, known: CapabilitySet) -> Vec<Entry<'static>> {
    let rights = &one.rights;
    let namespace = match one.namespace {
        Some(namespace) if namespace.is_initial() => "the initial one".to_owned(),
        Some(namespace) => format!("one of its own ({}): the sets count in it alone", namespace.number()),
        None => "not shown to you".to_owned(),
    };
    let seccomp = match rights.seccomp {
        Some(0) => "none",
        Some(1) => "strict",
        Some(2) => "filter",
        _ => "not shown",
    };
    let securebits =
        one.securebits.map_or_else(|| "not known: it takes root to read them (Linux 5.10, with BTF)".to_owned(), bits);
    let said = [
        ("no_new_privs", rights.no_new_privs.map_or("not shown", |set| if set { "yes" } else { "no" }).to_owned()),
        ("seccomp", seccomp.to_owned()),
        ("securebits", securebits),
        ("user namespace", namespace),
    ];
    let sets = one.sets().map(|(name, set)| {
        let root = if name == "bounding" { CapabilitySet::EMPTY } else { capability_risk::root_alone(set) };
        let style = if root.is_empty() { Style::Plain } else { Style::Red };
        (
            name,
            if name == "bounding" || set != rights.effective || name == "effective" {
                brief(set, known)
            } else if set.is_empty() {
                "none".to_owned()
            } else {
                "as effective".to_owned()
            },
            style,
        )
    });
    let rest = said.into_iter().map(|(name, said)| (name, said, Style::Plain));
    sets.into_iter()
        .chain(rest)
        .map(|(name, said, _)| Entry { mark: (' ', Style::Plain), name, said, hint: None })
        .collect()
}

/// For each line of [`entries`], in order: whether the two differ there.
fn differences(one: &Holder, other: &Holder) -> Vec<bool> {
    let sets = one.sets().into_iter().zip(other.sets()).map(|(own, others)| own != others);
    let (own, others) = (&one.rights, &other.rights);
    let rest = [
        own.no_new_privs != others.no_new_privs,
        own.seccomp != others.seccomp,
        one.securebits != other.securebits,
        one.namespace != other.namespace,
    ];
    sets.chain(rest).collect()
}

/// The `SECBIT_*` of `include/uapi/linux/securebits.h`, by bit number.
const SECUREBITS: [&str; 12] = [
    "noroot",
    "noroot_locked",
    "no_setuid_fixup",
    "no_setuid_fixup_locked",
    "keep_caps",
    "keep_caps_locked",
    "no_cap_ambient_raise",
    "no_cap_ambient_raise_locked",
    "exec_restrict_file",
    "exec_restrict_file_locked",
    "exec_deny_interactive",
    "exec_deny_interactive_locked",
];

fn bits(bits: u32) -> String {
    let set = SECUREBITS.iter().enumerate().filter(|(bit, _)| bits >> bit & 1 != 0).map(|(_, name)| *name);
    let set: Vec<&str> = set.collect();
    if set.is_empty() { "none".to_owned() } else { set.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::process::of_status;

    fn one(id: i32, mask: u64) -> Holder {
        let status = format!("Name:\tt\nUid:\t0\t0\t0\t0\nCapPrm:\t{mask:016x}\nCapEff:\t{mask:016x}\nCapBnd:\t1\n");
        Holder { id, rights: of_status(&status), namespace: None, securebits: None }
    }

    #[test]
    fn threads_that_differ_are_reported_together_and_their_sets_are_marked() {
        let process = Process { first: one(10, 3), others: vec![one(11, 0), one(12, 3), one(13, 0)] };
        let shown = text(&[process], true, 80, false);
        for part in [
            "1 of 3 other threads are like it; those that differ:\n",
            "\n11 t, 13 t: differ from the process\n! effective       none\n! permitted       none\n  inheritable",
            "10 t, root\n  effective       cap_chown,cap_dac_override\n  permitted       as effective\n",
        ] {
            assert!(shown.contains(part), "{part:?} is not in\n{shown}");
        }
    }

    #[test]
    fn what_is_no_process_id_is_refused() {
        assert_eq!(pid("1").unwrap(), 1);
        for bad in ["", "0", "-1", "+1", "x", "1 ", "4294967296"] {
            assert!(pid(bad).is_err(), "{bad:?}");
        }
    }
}
