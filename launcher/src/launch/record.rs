//! Step 9 sends the record: to the recorder, and to the journal's own socket if there is one, or else to the socket of
//! syslog.

use super::caller::Identified;
use super::command_line::Launch;
use super::policy_file::PolicyFile;
use super::record_group::RecordGroup;
use super::tool::CheckedTool;
use crate::refusal::{OrRefuse, Refusal};
use crate::system::{files, sockets};
use capwrap_core::decision::Decision;
use capwrap_core::paths;
use capwrap_core::policy::Policy;
use capwrap_core::record::send::{Log, NotStored, RECORD_GROUP, Recorder, START_RECORDER};
use capwrap_core::record::terminal;
use capwrap_core::record::write::{Event, Record};
use nix::errno::Errno;
use std::cell::LazyCell;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Everything that a record of a launch describes.
pub struct Subject<'a> {
    /// Who launches it.
    pub who: &'a Identified,
    /// The user that it runs as.
    pub user: &'a Identified,
    pub launch: &'a Launch,
    pub policy: &'a Policy,
    /// The file that the policy was read from; none for `capwrap run`.
    pub file: Option<&'a PolicyFile>,
    pub decision: &'a Decision<'a>,
    pub tool: &'a CheckedTool,
}

/// Sends a record of a launch that is about to happen to the recorder and to the log. If the policy says
/// `audit = "required"`, the record is on the disk then. Else nobody knows whether it is stored.
///
/// # Errors
/// The recorder does not say in time that a required record is on the disk; or, where none is required, a log is
/// listening but does not accept the record, which the caller may have caused. If no log is listening, such a launch
/// goes on.
pub fn launch(event: Event, subject: &Subject<'_>, group: RecordGroup) -> Result<(), Refusal> {
    // Where nobody takes a record, none is made.
    let record = LazyCell::new(|| subject.record(event));
    let is_required = subject.policy.allow.audit_required;
    let socket = sockets::of_packets().or_refuse(|| "make a socket")?;
    let recorder = group.last_use(|| Recorder::connect(socket, is_required))?;
    if is_required {
        recorder.and_then(|recorder| recorder.store(&record)).map_err(|why| not_stored(&subject.launch.name, &why))?;
        // The journal's copy is for those who look there, and nothing is owed to them.
        let _ = log(true).map(|log| log.map(|log| log.take(&record)));
        return Ok(());
    }
    let _ = recorder.and_then(|recorder| recorder.send(&record));
    let untaken =
        |errno: Errno| Refusal::new(format!("the log does not take the record: {}", errno.desc())).after_a_wait();
    match log(false).map_err(untaken)? {
        Some(log) => log.take(&record).map_err(untaken),
        None => Ok(()),
    }
}

/// Returns what becomes of the record that the policy demands, or why the recorder would not take it, for `--explain`;
/// `None` if the policy demands none. Nothing is sent. A caller who may not launch the tool does not get to the recorder.
///
/// # Errors
/// The system refuses a socket, or to drop the group.
pub fn explained(
    policy: &Policy,
    may_run: bool,
    group: RecordGroup,
) -> Result<Option<Result<String, NotStored>>, Refusal> {
    if !policy.allow.audit_required || !may_run {
        group.drop_for_good()?;
        return Ok(policy.allow.audit_required.then(|| Ok("demanded on the disk".to_owned())));
    }
    let socket = sockets::of_packets().or_refuse(|| "make a socket")?;
    let connected = group.last_use(|| Recorder::connect(socket, true))?;
    Ok(Some(connected.map(|_| "on the disk before the tool starts".to_owned())))
}

fn not_stored(name: &str, why: &NotStored) -> Refusal {
    let refusal = Refusal::new(format!("{name}'s policy demands a record on the disk: {why}"));
    match why {
        NotStored::NoRecorder => refusal.with_hint(START_RECORDER),
        NotStored::NotAllowed => {
            let launcher = Path::new(paths::PREFIX).join(paths::LAUNCHER);
            let launcher = launcher.display();
            refusal.with_hint(format!(
                "make the launcher set-group-ID: chgrp {RECORD_GROUP} {launcher} && chmod 2755 {launcher} && capwrap enable"
            ))
        }
        NotStored::Late | NotStored::Refused(_) => {
            refusal.after_a_wait().with_hint("read why: journalctl -u capwrap-recorder")
        }
    }
}

/// Sends a record of a refusal to the log if that is possible. A failure changes nothing, because capwrap
/// runs nothing in either case. Whoever has waited for a record already does not wait for this one.
pub fn refusal(who: &Identified, launch: &Launch, refusal: &Refusal) {
    let mut record = Record::new(Event::Refusal);
    add_caller(&mut record, who, launch);
    add_circumstances(&mut record);
    record.words("error", [refusal.message()]);
    add_words(&mut record, launch);
    if let Ok(Some(log)) = log(refusal.is_after_a_wait()) {
        let _ = log.take(&record);
    }
}

/// Opens the log, which gets no time to accept a record if the caller has waited already.
fn log(has_waited: bool) -> Result<Option<Log>, Errno> {
    Log::open()?.map(|log| if has_waited { log.without_patience() } else { Ok(log) }).transpose()
}

impl Subject<'_> {
    fn record(&self, event: Event) -> Record {
        let Self { who, user, launch, policy, file, decision, tool } = self;
        let mut record = Record::new(event);
        add_caller(&mut record, who, launch);
        if user.caller != who.caller {
            record.fact("run_as", user.name());
        }
        record.fact("tool", &tool.path);
        let passed = if event == Event::Bypass { "all".to_owned() } else { decision.passed.to_string() };
        record.fact("capabilities", passed);
        record.fact("delivery", policy.exec.deliver.to_string());
        if event != Event::Bypass && !decision.confined.is_empty() {
            let scopes: Vec<String> = decision.confined.iter().map(ToString::to_string).collect();
            record.fact("scopes", scopes.join("; "));
        }
        add_circumstances(&mut record);
        if let Some(mode) = &launch.request.mode {
            record.fact("mode", mode);
        }
        for (name, set) in [("added", decision.added), ("dropped", decision.dropped)] {
            if !set.is_empty() {
                record.fact(name, set.to_string());
            }
        }
        if let Some(file) = file {
            record.fact("policy", &file.path);
            record.fact("policy_sha256", file.sha256());
        }
        if let Some(digest) = &tool.sha256 {
            record.fact("tool_sha256", digest);
        }
        add_words(&mut record, launch);
        record
    }
}

fn add_caller(record: &mut Record, who: &Identified, launch: &Launch) {
    record.fact("name", &launch.name);
    record.fact("user", who.name());
    record.fact("uid", who.caller.uid.to_string());
}

/// The caller's terminal, which the kernel knows; `none` if the caller has none.
fn terminal() -> String {
    match files::beginning(Path::new("/proc/self/stat")) {
        Ok(stat) => terminal::of_stat(&stat).unwrap_or_else(|| "none".to_owned()),
        Err(_) => "unknown".to_owned(),
    }
}

/// The caller's working directory.
fn folder() -> OsString {
    std::env::current_dir().map_or_else(|_| "unknown".into(), PathBuf::into_os_string)
}

fn add_circumstances(record: &mut Record) {
    record.fact("terminal", terminal());
    match super::attainable::in_own_user_namespace() {
        Some(false) => {}
        Some(true) => record.fact("user_namespace", "own"),
        None => record.fact("user_namespace", "unknown"),
    }
}

fn add_words(record: &mut Record, launch: &Launch) {
    if let Some(reason) = &launch.reason {
        record.words("reason", [reason]);
    }
    record.words("folder", [folder()]);
    record.words("arguments", &launch.arguments);
}
