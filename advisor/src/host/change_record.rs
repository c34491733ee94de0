//! Records a change of what is enabled, in the log to which the launcher sends its records.
//!
//! A record follows its change, because a log that is stuck or full must not keep root from disabling a policy.

use crate::host::caller;
use crate::output::error;
use capwrap_core::decision::accounts;
use capwrap_core::digest;
use capwrap_core::policy::Policy;
use capwrap_core::record::send::{Log, NotStored, Recorder};
use capwrap_core::record::terminal;
use capwrap_core::record::write::{Event, Record};
use capwrap_core::text::hex;
use nix::unistd::getuid;
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use std::path::Path;

/// What became of a policy.
pub struct PolicyChange<'a> {
    pub event: Event,
    /// The name of the policy.
    pub name: &'a str,
    /// Its file.
    pub path: &'a Path,
    /// Its text before; `None` if it was not enabled.
    pub before: Option<&'a str>,
    /// Its text now; `None` if it is not enabled.
    pub after: Option<&'a str>,
    /// The file and the text of the shipped policy from which it was made or updated.
    pub shipped: Option<(&'a Path, &'a str)>,
    /// The reason that was given.
    pub reason: Option<&'a str>,
}

/// Records what became of a policy.
pub fn policy(change: &PolicyChange<'_>) {
    let sha256 = |text: &str| hex::encode(&digest::of_bytes(text.as_bytes()));
    let mut record = Record::new(change.event);
    record.fact("name", change.name);
    add_caller(&mut record);
    record.fact("policy", change.path);
    if let Some(text) = change.before {
        record.fact("policy_sha256_before", sha256(text));
    }
    if let Some(text) = change.after {
        record.fact("policy_sha256", sha256(text));
    }
    if let Some((path, text)) = change.shipped {
        record.fact("shipped_policy", path);
        record.fact("shipped_sha256", sha256(text));
    }
    if let Some(policy) = change.after.and_then(|text| Policy::read(text).ok()) {
        let all = policy.grantable().union(policy.grantable_to_root()).union(policy.optional());
        record.fact("capabilities", all.to_string());
        record.words("allowed", [caller::allowed_until(&policy.allow)]);
    }
    if let Some(reason) = change.reason {
        record.words("reason", [reason]);
    }
    send(record);
}

/// Records a change of a file.
pub fn file(event: Event, path: &Path, facts: &[(&'static str, &str)]) {
    let mut record = Record::new(event);
    add_caller(&mut record);
    record.fact("file", path);
    facts.iter().for_each(|(name, value)| record.fact(name, value));
    send(record);
}

/// Sends the record to the recorder and to the log, and reports one that does not accept it.
fn send(mut record: Record) {
    if let Some(user) = std::env::var_os("SUDO_USER") {
        record.words("sudo_user", [user]);
    }
    let is_stored = match store(&record) {
        Ok(()) => true,
        Err(NotStored::NoRecorder) => false,
        Err(why) => {
            error::print_error(&format!("the record of this change is not on the disk: {why}"), None);
            false
        }
    };
    let log = Log::open().and_then(|log| if is_stored { log.map(Log::without_patience).transpose() } else { Ok(log) });
    let taken = log.and_then(|log| log.map_or(Ok(()), |log| log.take(&record)));
    if let (Err(errno), false) = (taken, is_stored) {
        error::print_error(&format!("the log does not take the record of this change: {}", errno.desc()), None);
    }
}

/// Sends the record to the recorder, which knows root by the kernel's word, and waits until it is on the disk.
fn store(record: &Record) -> Result<(), NotStored> {
    let (family, kind, flags) = (AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC);
    let socket = rustix::net::socket_with(family, kind, flags, None);
    let socket = socket.map_err(|errno| NotStored::Refused(errno.to_string()))?;
    Recorder::connect(socket, true)?.store(record)
}

/// Adds who makes the change: the user, the user who logged in, and the terminal. (Root can make all of this up.)
fn add_caller(record: &mut Record) {
    let passwd = std::fs::read("/etc/passwd").unwrap_or_default();
    let passwd = String::from_utf8_lossy(&passwd);
    let uid = getuid().as_raw();
    record.fact("user", accounts::name(&passwd, uid));
    record.fact("uid", uid.to_string());
    if let Some(login) = caller::logged_in() {
        record.fact("login", accounts::name(&passwd, login));
    }
    let terminal = std::fs::read_to_string("/proc/self/stat").map(|stat| terminal::of_stat(&stat));
    record.fact("terminal", terminal.map_or("unknown".to_owned(), |name| name.unwrap_or_else(|| "none".to_owned())));
}
