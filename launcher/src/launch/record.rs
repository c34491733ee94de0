//! Step 9: the record. Sent to the journal's own socket where there is one, else to syslog's.

use super::caller::Identified;
use super::command_line::Launch;
use super::policy_file::PolicyFile;
use super::tool::CheckedTool;
use crate::refusal::Refusal;
use capwrap::CapabilitySet;
use capwrap::decision::Decision;
use capwrap::printable;
use capwrap::record::{Event, Record};
use nix::errno::Errno;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

const JOURNAL: &str = "/run/systemd/journal/socket";
const SYSLOG: &str = "/dev/log";

/// A log that does not take a record for so long is one that does not take it.
const PATIENCE: Duration = Duration::from_secs(2);

/// Arguments beyond this are cut, so that the record fits a datagram.
const MOST_ARGUMENTS: usize = 4096;

/// Records a launch that is about to happen.
///
/// # Errors
/// A log that is there and does not take it: the caller may have caused that. Where there is none
/// at all, the launch goes on unless the policy says `audit = "required"`.
pub fn launch(
    event: Event,
    who: &Identified,
    launch: &Launch,
    file: &PolicyFile,
    decision: &Decision<'_>,
    tool: &CheckedTool,
) -> Result<(), Refusal> {
    let mut fields = about(who, launch);
    let handed = if event == Event::Bypass { "all".to_owned() } else { decision.handed.to_string() };
    fields.extend([
        ("tool", tool.path.display().to_string()),
        ("capabilities", handed),
        ("delivery", file.policy.exec.deliver.to_string()),
        ("policy", file.path.display().to_string()),
        ("policy_sha256", file.sha256.clone()),
    ]);
    fields.extend(tool.sha256.clone().map(|digest| ("tool_sha256", digest)));
    fields.extend(launch.request.mode.clone().map(|mode| ("mode", mode)));
    for (name, set) in [("added", decision.added), ("dropped", decision.dropped)] {
        fields.extend((set != CapabilitySet::EMPTY).then(|| (name, set.to_string())));
    }
    fields.push(("arguments", arguments(launch)));
    match (send(&Record { event, fields }), file.policy.allow.audit_required) {
        (Ok(true), _) | (Ok(false), false) => Ok(()),
        (Ok(false), true) => {
            Err(Refusal::new(format!("{}'s policy demands a record, and no log listens", launch.name))
                .mended_by(format!("start journald or syslog: nothing listens on {JOURNAL} or {SYSLOG}")))
        }
        (Err(errno), _) => Err(Refusal::new(format!("the log does not take the record: {}", errno.desc()))),
    }
}

/// Records a refusal, as well as that can be done: nothing is run in any case.
pub fn refusal(who: &Identified, launch: &Launch, refusal: &Refusal) {
    let mut fields = about(who, launch);
    fields.push(("error", refusal.message().to_owned()));
    fields.push(("arguments", arguments(launch)));
    let _ = send(&Record { event: Event::Refusal, fields });
}

fn about(who: &Identified, launch: &Launch) -> Vec<(&'static str, String)> {
    let mut fields = vec![("name", launch.name.clone()), ("user", who.name()), ("uid", who.caller.uid.to_string())];
    fields.extend(launch.reason.clone().map(|reason| ("reason", reason)));
    if super::attainable::in_own_user_namespace() == Some(true) {
        fields.push(("user_namespace", "own".to_owned()));
    }
    fields
}

fn arguments(launch: &Launch) -> String {
    let shown: Vec<String> = launch.arguments.iter().map(printable::text).collect();
    let mut line = shown.join(" ");
    if line.len() > MOST_ARGUMENTS {
        let end = (0..=MOST_ARGUMENTS).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(0);
        line.truncate(end);
        line.push('…');
    }
    line
}

/// Whether a log took it; `false` where none listens.
fn send(record: &Record) -> Result<bool, Errno> {
    let socket = UnixDatagram::unbound().map_err(errno)?;
    socket.set_write_timeout(Some(PATIENCE)).map_err(errno)?;
    for (path, datagram) in [(JOURNAL, record.to_journal()), (SYSLOG, record.to_syslog(std::process::id()))] {
        match socket.send_to(&datagram, path).map_err(errno) {
            Ok(sent) if sent == datagram.len() => return Ok(true),
            Ok(_) => return Err(Errno::EMSGSIZE),
            Err(Errno::ENOENT | Errno::ECONNREFUSED | Errno::ENOTDIR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(false)
}

fn errno(error: std::io::Error) -> Errno {
    crate::system::descriptors::from_io(error)
}
