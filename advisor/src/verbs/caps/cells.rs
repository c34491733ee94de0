//! The parts that listings of processes share: a process by its id, a user by name, a set of capabilities.

use crate::observe::probe::securebits::Securebits;
use crate::output::error::hinted;
use crate::verbs::caps::holders::{self, Holder};
use crate::verbs::caps::mask;
use anyhow::Result;
use capwrap_core::text::printable;
use nix::libc::{ENOENT, ESRCH};
use nix::unistd::{Uid, User};
use serde_json::{Value, json};

/// A process and, where they are wanted, its other threads.
pub struct Process {
    pub first: Holder,
    pub others: Vec<Holder>,
}

pub fn process(pid: i32, with_threads: bool, securebits: Option<&mut Securebits>) -> std::io::Result<Process> {
    let mut first = Holder::read(pid, &holders::folder(pid)).map_err(|error| match error.raw_os_error() {
        Some(ENOENT | ESRCH) => std::io::Error::other("there is no such process"),
        _ => error,
    })?;
    let mut others = if with_threads { holders::threads(pid)? } else { Vec::new() };
    if let Some(securebits) = securebits {
        let folder = holders::folder(pid);
        first.securebits = securebits.of(&folder);
        for thread in &mut others {
            thread.securebits = securebits.of(&folder.join("task").join(thread.id.to_string()));
        }
    }
    Ok(Process { first, others })
}

/// Parses a process id.
///
/// # Errors
/// The word is not a process id.
pub fn pid(word: &str) -> Result<i32> {
    let digits = word.bytes().all(|byte| byte.is_ascii_digit());
    word.parse().ok().filter(|pid| digits && *pid > 0).ok_or_else(|| {
        hinted(format!("{:?} is no process id", printable::text(word)), "capwrap caps show --all shows those there are")
    })
}

pub fn object(process: &Process, with_threads: bool) -> Value {
    let mut object = of_process(&process.first);
    if with_threads {
        let threads = [&process.first].into_iter().chain(&process.others);
        object["threads"] = threads
            .map(|thread| {
                let mut object = holder("tid", thread);
                object["differs"] = json!(!thread.is_like(&process.first));
                object
            })
            .collect();
    }
    object
}

/// A process as JSON for programs.
pub fn of_process(one: &Holder) -> Value {
    holder("pid", one)
}

/// A process or a thread as JSON for programs. The key of its number is that of every other verb.
fn holder(number: &str, one: &Holder) -> Value {
    let mut object = json!({
        number: one.id,
        "comm": one.rights.name,
        "uid": one.rights.uids.get(1),
        "parent": one.rights.parent,
        "securebits": one.securebits,
        "no_new_privs": one.rights.no_new_privs,
        "seccomp": one.rights.seccomp,
        "user_namespace": one.namespace.map(crate::host::process::UserNamespace::number),
        "initial_user_namespace": one.namespace.map(crate::host::process::UserNamespace::is_initial),
    });
    for (name, set) in one.sets() {
        object[name] = json!({ "mask": format!("{:016x}", set.mask()), "capabilities": mask::names(set) });
    }
    object
}

/// The effective user by name, or by number if the user has no name.
pub fn user(one: &Holder) -> String {
    one.rights.uids.get(1).map_or_else(|| "uid ?".to_owned(), |uid| user_name(*uid))
}

/// The user's name, or the number if there is no name.
pub fn user_name(uid: u32) -> String {
    match User::from_uid(Uid::from_raw(uid)) {
        Ok(Some(user)) => printable::text(&user.name),
        _ => format!("uid {uid}"),
    }
}
