//! Step 9 writes the record. It goes to the journal's own socket if there is one, and else to the
//! socket of syslog.

use super::caller::Identified;
use super::command_line::Launch;
use super::policy_file::PolicyFile;
use super::tool::CheckedTool;
use crate::refusal::Refusal;
use crate::system::descriptors::from_io;
use capwrap_core::decision::Decision;
use capwrap_core::record::write::{Event, Record};
use capwrap_core::text::printable;
use nix::errno::Errno;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

const JOURNAL: &str = "/run/systemd/journal/socket";
const SYSLOG: &str = "/dev/log";

/// The time that the log gets to accept a record. After that, capwrap counts it as a log that does
/// not accept records.
const PATIENCE: Duration = Duration::from_secs(2);

/// The longest text of the caller's choice in a record, in bytes. Longer text is cut, so that the
/// record fits into a datagram.
const MOST: usize = 4096;

/// Everything that a record of a launch describes.
pub struct Subject<'a> {
    pub who: &'a Identified,
    pub launch: &'a Launch,
    pub file: &'a PolicyFile,
    pub decision: &'a Decision<'a>,
    pub tool: &'a CheckedTool,
}

/// Records a launch that is about to happen.
///
/// # Errors
/// A log is listening but does not accept the record; the caller may have caused that. If no log is
/// listening, the launch goes on unless the policy says `audit = "required"`.
pub fn launch(event: Event, subject: &Subject<'_>) -> Result<(), Refusal> {
    let untaken = |errno: Errno| Refusal::new(format!("the log does not take the record: {}", errno.desc()));
    match Log::open().map_err(untaken)? {
        Some(log) => log.take(&Record { event, fields: subject.fields(event) }).map_err(untaken),
        None if subject.file.policy.allow.audit_required => {
            Err(Refusal::new(format!("{}'s policy demands a record, and no log listens", subject.launch.name))
                .with_hint(format!("start journald or syslog: nothing listens on {JOURNAL} or {SYSLOG}")))
        }
        None => Ok(()),
    }
}

/// Records a refusal if that is possible. A failure to record it changes nothing, because capwrap
/// runs nothing in either case.
pub fn refusal(who: &Identified, launch: &Launch, refusal: &Refusal) {
    let mut fields = about(who, launch);
    fields.push(("error", cut(refusal.message().to_owned())));
    fields.push(("arguments", arguments(launch)));
    if let Ok(Some(log)) = Log::open() {
        let _ = log.take(&Record { event: Event::Refusal, fields });
    }
}

impl Subject<'_> {
    fn fields(&self, event: Event) -> Vec<(&'static str, String)> {
        let Self { who, launch, file, decision, tool } = self;
        let mut fields = about(who, launch);
        let passed = if event == Event::Bypass { "all".to_owned() } else { decision.passed.to_string() };
        fields.extend([
            ("tool", tool.path.display().to_string()),
            ("capabilities", passed),
            ("delivery", file.policy.exec.deliver.to_string()),
            ("policy", file.path.display().to_string()),
            ("policy_sha256", file.sha256.clone()),
        ]);
        fields.extend(tool.sha256.clone().map(|digest| ("tool_sha256", digest)));
        fields.extend(launch.request.mode.clone().map(|mode| ("mode", mode)));
        for (name, set) in [("added", decision.added), ("dropped", decision.dropped)] {
            fields.extend((!set.is_empty()).then(|| (name, set.to_string())));
        }
        fields.push(("arguments", arguments(launch)));
        fields
    }
}

fn about(who: &Identified, launch: &Launch) -> Vec<(&'static str, String)> {
    let mut fields = vec![("name", launch.name.clone()), ("user", who.name()), ("uid", who.caller.uid.to_string())];
    fields.extend(launch.reason.clone().map(|reason| ("reason", cut(reason))));
    match super::attainable::in_own_user_namespace() {
        Some(false) => {}
        Some(true) => fields.push(("user_namespace", "own".to_owned())),
        None => fields.push(("user_namespace", "unknown".to_owned())),
    }
    fields
}

fn arguments(launch: &Launch) -> String {
    let shown: Vec<String> = launch.arguments.iter().map(printable::text).collect();
    cut(shown.join(" "))
}

fn cut(mut text: String) -> String {
    if text.len() > MOST {
        let end = (0..=MOST).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}

/// Converts a record to the datagram that a log expects.
type Form = fn(&Record) -> Vec<u8>;

/// A log that is listening, and the format in which it accepts records.
struct Log {
    socket: UnixDatagram,
    form: Form,
}

impl Log {
    /// Opens the first log that is listening. The result is `None` if none is.
    fn open() -> Result<Option<Self>, Errno> {
        let socket = UnixDatagram::unbound().map_err(from_io)?;
        socket.set_write_timeout(Some(PATIENCE)).map_err(from_io)?;
        let forms: [(&str, Form); 2] =
            [(JOURNAL, Record::to_journal), (SYSLOG, |record| record.to_syslog(std::process::id()))];
        for (path, form) in forms {
            match socket.connect(path).map_err(from_io) {
                Ok(()) => return Ok(Some(Self { socket, form })),
                Err(Errno::ENOENT | Errno::ECONNREFUSED | Errno::ENOTDIR) => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(None)
    }

    fn take(&self, record: &Record) -> Result<(), Errno> {
        let datagram = (self.form)(record);
        match self.socket.send(&datagram).map_err(from_io)? {
            sent if sent == datagram.len() => Ok(()),
            _ => Err(Errno::EMSGSIZE),
        }
    }
}
