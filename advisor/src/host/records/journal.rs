//! The records that the journal kept, as journalctl shows them to this caller.

use super::kept::{Filter, Kept, Source};
use crate::host::caller;
use crate::output::error::reason;
use anyhow::{Result, anyhow};
use capwrap_core::decision::accounts;
use capwrap_core::record::write::{CHANGE_ID, Event, LAUNCH_ID, REFUSAL_ID};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, ErrorKind};
use std::process::{Child, ChildStdout, Command, Stdio};

/// The program, which is never looked for in the caller's PATH: root calls this.
const JOURNALCTL: &str = "/usr/bin/journalctl";

/// The identifier of every record of capwrap's.
const IDENTIFIER: &str = "SYSLOG_IDENTIFIER=capwrap";

/// The records of the journal that a filter takes.
pub struct Journal {
    child: Option<(Child, BufReader<ChildStdout>)>,
    filter: Filter,
    /// The local accounts (passwd(5)).
    passwd: String,
}

impl Journal {
    pub fn none() -> Self {
        Self { child: None, filter: Filter::default(), passwd: String::new() }
    }

    /// Starts journalctl. The result is empty if there is none, as on a machine without systemd.
    ///
    /// # Errors
    /// journalctl cannot be started.
    pub fn open(filter: &Filter) -> Result<Self> {
        let mut command = command(filter);
        command.args([LAUNCH_ID, REFUSAL_ID, CHANGE_ID].map(|id| format!("MESSAGE_ID={id}")));
        Self::start(command, filter)
    }

    fn start(mut command: Command, filter: &Filter) -> Result<Self> {
        command.args(filter.events.iter().map(|event| format!("CAPWRAP_EVENT={event}")));
        match command.spawn() {
            Ok(mut child) => {
                let output = child.stdout.take().map(BufReader::new);
                let passwd = caller::local_accounts().unwrap_or_default().passwd;
                Ok(Self { child: output.map(|output| (child, output)), filter: filter.clone(), passwd })
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self::none()),
            Err(error) => Err(anyhow!("cannot run {JOURNALCTL}: {}", reason(&error))),
        }
    }

    fn step(&mut self) -> Result<Option<Kept>> {
        let Some((child, output)) = &mut self.child else { return Ok(None) };
        let mut line = Vec::new();
        loop {
            line.clear();
            let length = output.read_until(b'\n', &mut line).map_err(|error| anyhow!(reason(&error)))?;
            if length == 0 {
                // Without a journal it fails, and there are no records.
                let _ = child.wait();
                return Ok(None);
            }
            match of_entry(&line, &self.passwd) {
                Some(record) if self.filter.takes(&record) => return Ok(Some(record)),
                _ => {}
            }
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        if let Some((child, _)) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Iterator for Journal {
    type Item = Result<Kept>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step().transpose()
    }
}

/// journalctl, of which nothing but standard output is read.
fn journalctl() -> Command {
    let mut command = Command::new(JOURNALCTL);
    command.env_clear().env("LC_ALL", "C").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command.args(["--no-pager", "--quiet"]);
    command
}

fn command(filter: &Filter) -> Command {
    let mut command = journalctl();
    command.args(["--output=json", IDENTIFIER]);
    for (option, time) in [("--since", filter.since), ("--until", filter.until)] {
        command.args(time.map(|time| format!("{option}=@{}", time / 1_000_000)));
    }
    for (field, value) in [("CAPWRAP_NAME", &filter.name), ("CAPWRAP_USER", &filter.user)] {
        command.args(value.as_ref().map(|value| format!("{field}={value}")));
    }
    command.args(filter.uid.map(|uid| format!("_UID={uid}")));
    command
}

/// Returns those of these policies that any record in the journal is about. The journal has an index of them, so that this
/// takes no longer than to ask for one of them. Without a journal there is none.
pub fn named(names: &[String]) -> BTreeSet<String> {
    let Ok(mut child) = journalctl().arg("--field=CAPWRAP_NAME").spawn() else { return BTreeSet::new() };
    let lines =
        child.stdout.take().into_iter().flat_map(|output| BufReader::new(output).split(b'\n').map_while(Result::ok));
    let known: BTreeSet<&[u8]> = names.iter().map(String::as_bytes).collect();
    let found =
        lines.filter(|line| known.contains(&line[..])).filter_map(|line| String::from_utf8(line).ok()).collect();
    let _ = child.wait();
    found
}

/// Returns the newest record that a filter takes. Without a journal there is none.
pub fn newest(filter: &Filter) -> Option<Kept> {
    let mut command = command(filter);
    command.arg("--reverse");
    // What anybody else sent is passed over.
    Journal::start(command, filter).ok()?.next()?.ok()
}

/// The events that a user other than root can bring about.
const OF_USERS: [Event; 2] = [Event::Launch, Event::Refusal];

/// Reads an entry in journalctl's JSON. Everybody can send to the journal, so it counts for no more than what the one
/// who sent it, by the kernel's word, could have brought about: it is none of capwrap's if it names another user, or
/// an event that is root's, and the name of the user is the one of the account.
pub fn of_entry(text: &[u8], passwd: &str) -> Option<Kept> {
    let entry: BTreeMap<String, Value> = serde_json::from_slice(text).ok()?;
    let get = |name: &str| entry.get(name).and_then(Value::as_str);
    let uid: u32 = get("_UID")?.parse().ok()?;
    (get("CAPWRAP_UID")?.parse() == Ok(uid)).then_some(())?;
    let time = get("_SOURCE_REALTIME_TIMESTAMP").or_else(|| get("__REALTIME_TIMESTAMP"))?.parse().ok()?;
    let event = get("CAPWRAP_EVENT")?.to_owned();
    (uid == 0 || OF_USERS.iter().any(|one| one.word() == event)).then_some(())?;
    let pid = get("_PID")?.parse().ok()?;
    let fields = entry.iter().filter_map(|(name, value)| {
        let name = name.strip_prefix("CAPWRAP_").filter(|name| !["EVENT", "UID"].contains(name))?;
        Some((name.to_lowercase(), value.as_str()?.to_owned()))
    });
    let mut fields: BTreeMap<String, String> = fields.collect();
    if uid != 0 {
        fields.insert("user".to_owned(), accounts::name(passwd, uid));
    }
    Some(Kept { source: Source::Journal, time, uid, pid, event, fields })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_read_unless_its_sender_is_another_than_the_one_it_names() {
        let entry = |uid: &str| {
            format!(
                "{{\"_UID\":\"1000\",\"_PID\":\"7\",\"__REALTIME_TIMESTAMP\":\"5\",\"CAPWRAP_EVENT\":\"launched\",\
                 \"CAPWRAP_UID\":\"{uid}\",\"CAPWRAP_NAME\":\"tcpdump\",\"CAPWRAP_REASON\":null,\"MESSAGE\":[1,2]}}\n"
            )
        };
        let passwd = "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n";
        let read = of_entry(entry("1000").as_bytes(), passwd).unwrap();
        assert_eq!((read.source, read.time, read.uid, read.pid), (Source::Journal, 5, 1000, 7));
        assert_eq!((read.event.as_str(), read.get("name"), read.fields.len()), ("launched", "tcpdump", 2));
        assert_eq!(read.get("user"), "alice");
        assert_eq!(of_entry(entry("0").as_bytes(), passwd), None);
        for odd in ["", "{}", "[]", "{\"_UID\":1000}"] {
            assert_eq!(of_entry(odd.as_bytes(), passwd), None);
        }
    }

    #[test]
    fn nobody_but_root_changes_anything_or_speaks_in_anothers_name() {
        let entry = |uid: &str, event: &str| {
            format!(
                "{{\"_UID\":\"{uid}\",\"_PID\":\"7\",\"__REALTIME_TIMESTAMP\":\"5\",\"CAPWRAP_EVENT\":\"{event}\",\
                 \"CAPWRAP_UID\":\"{uid}\",\"CAPWRAP_USER\":\"bob\"}}"
            )
        };
        let user =
            |uid: &str, event: &str| of_entry(entry(uid, event).as_bytes(), "").map(|one| one.get("user").to_owned());
        assert_eq!(user("1000", "launched").as_deref(), Some("#1000"));
        assert_eq!(user("1000", "refused").as_deref(), Some("#1000"));
        for of_root in ["enabled", "granted", "run", "bypassed", "fixed", "other"] {
            assert_eq!(user("1000", of_root), None, "{of_root}");
            assert_eq!(user("0", of_root).as_deref(), Some("bob"), "{of_root}");
        }
    }
}
