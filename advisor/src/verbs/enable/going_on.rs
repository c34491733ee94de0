//! What still runs when a user may no longer run a tool.

use crate::host::launched::{FoundBy, Known, Launched};
use crate::observe::command::ending;
use anyhow::{Result, bail};
use capwrap_core::text::shell;

/// Says which tools go on that these users started, each with the policy's name, the user's number and name.
///
/// # Errors
/// The processes cannot be listed.
pub fn report(ended: &[(String, u32, String)]) -> Result<()> {
    if ended.is_empty() {
        return Ok(());
    }
    let running = Known::read()?.running()?;
    for (name, uid, shown) in ended {
        let pids: Vec<String> = of(&running.processes, name, *uid).map(|one| one.pid.to_string()).collect();
        if !pids.is_empty() {
            labelled!("  note     {name} goes on, as it was started before: process {}", pids.join(", "));
            if let Some(user) = shell::argument(shown) {
                say!("           hint: capwrap revoke {name} --user {user} --kill");
            }
        }
    }
    Ok(())
}

/// Ends the processes that a user started by a policy.
///
/// # Errors
/// Some of them do not end, or the system refuses.
pub fn end(name: &str, uid: u32, shown: &str) -> Result<()> {
    let known = Known::read()?;
    let ended = ending::end(|| {
        let running = known.running()?;
        Ok(of(&running.processes, name, uid).map(|one| (one.pid, one.ticks)).collect())
    })?;
    match &ended.ended[..] {
        [] => say!("{name}: no process of user {shown} runs"),
        pids => {
            let list = |pids: &[i32]| pids.iter().map(i32::to_string).collect::<Vec<_>>().join(", ");
            let killed =
                if ended.killed.is_empty() { String::new() } else { format!(" (by SIGKILL: {})", list(&ended.killed)) };
            labelled!("{name}: ended what user {shown} ran: process {}{killed}", list(pids));
        }
    }
    if !ended.left.is_empty() {
        let left = ended.left.iter().map(i32::to_string).collect::<Vec<_>>().join(", ");
        bail!("not every process of {name} has ended: {left} still run");
    }
    Ok(())
}

/// The processes of a user by a policy. Nothing is ended for its name alone. A process of theirs that only the journal
/// knows is ended by every policy that a record there names for it, so that no record that it sent itself keeps it.
fn of<'l>(all: &'l [Launched], name: &str, uid: u32) -> impl Iterator<Item = &'l Launched> {
    let is_by_it = move |one: &&Launched| one.policies().any(|policy| policy == name);
    all.iter().filter(is_by_it).filter(move |one| one.uid == uid && one.found_by != FoundBy::Name)
}
