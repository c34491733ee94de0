//! A check as a JSON object, one in each line. The fields are those that capwrap(1) documents, and they are stable.

use crate::analysis::observation::{Credentials, Target};
use crate::observe::probe::thread_name;
use crate::observe::user_symbols::Place;
use crate::verbs::trace::clock::Clock;
use crate::verbs::trace::describe::Described;
use crate::verbs::trace::lines;
use crate::verbs::trace::user_stack::Frame;
use anyhow::Result;
use capwrap_ebpf::{Event, Outcome};
use serde::Serialize;
use std::io::Write;

#[derive(Serialize)]
struct Object<'e> {
    schema: u32,
    /// The time in UTC as in RFC 3339, in microseconds.
    time: &'e str,
    pid: u32,
    tid: u32,
    uid: u32,
    comm: &'e str,
    executable: &'e str,
    capability: &'static str,
    verdict: &'static str,
    /// Whether the answer is audited; null if that is not known.
    audited: Option<bool>,
    /// Whether the check was made for setuid or setgid; null if that is not known.
    inset_id: Option<bool>,
    /// The relation of the target user namespace to that of the process that was checked.
    target: &'static str,
    /// The inode number of the target namespace, as in /proc/PID/ns/user; null if it is not known.
    user_namespace: Option<u32>,
    /// Whose credentials were checked.
    credentials: &'static str,
    system_call: Option<&'e str>,
    /// The arguments of the system call as they are in registers; null if they are not known.
    arguments: Option<[u64; 6]>,
    /// What the system call returned; null if that is not known yet.
    returned: Option<i64>,
    /// The name of the error that it returned.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// Whether the check has no effect on the result.
    speculative: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stack: Option<&'e [String]>,
    /// The places in the program's code, innermost first.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_stack: Option<Vec<Frame<'e>>>,
}

/// Writes one check and a newline, with the outcome of its system call if that is known.
pub fn write(
    out: &mut impl Write,
    clock: &mut Clock,
    (event, outcome): (&Event, Option<&Outcome>),
    one: &Described,
    (stack, user_stack): (bool, Option<&[Place]>),
) -> Result<()> {
    let mut time = [0_u8; 40];
    let mut rest = &mut time[..];
    clock.write_utc(&mut rest, event.time)?;
    let unused = rest.len();
    let time = std::str::from_utf8(&time[..time.len() - unused])?;
    let seen = &one.observation;
    let object = Object {
        schema: crate::output::json::SCHEMA,
        time,
        pid: event.check.process,
        tid: event.thread,
        uid: event.user,
        comm: &String::from_utf8_lossy(thread_name(event)),
        executable: &seen.executable,
        capability: seen.capability.name(),
        verdict: lines::verdict(seen.verdict),
        audited: one.options.map(|options| options.audited),
        inset_id: one.options.map(|options| options.inset_id),
        target: match seen.target {
            Target::Unknown => "unknown",
            known => lines::target(known),
        },
        user_namespace: Some(one.target_namespace).filter(|inode| *inode != 0),
        credentials: match seen.credentials {
            Credentials::Own => "own",
            Credentials::Overridden => "overridden",
            Credentials::Other => "other",
            Credentials::Unknown => "unknown",
        },
        system_call: seen.system_call.as_deref(),
        arguments: outcome
            .filter(|known| !is_after_exec(seen.system_call.as_deref(), known))
            .map(|known| known.arguments),
        returned: outcome.map(|known| known.returned),
        error: outcome.and_then(|known| lines::error(known.returned)),
        speculative: one.speculative,
        why: one.why,
        stack: stack.then_some(&seen.call_site),
        user_stack: user_stack.map(|places| places.iter().map(Frame::from).collect()),
    };
    Ok(writeln!(out, "{}", crate::output::json::line(&object)?)?)
}

/// Returns whether the registers are those of a program that has just begun.
fn is_after_exec(system_call: Option<&str>, outcome: &Outcome) -> bool {
    outcome.returned == 0 && matches!(system_call, Some("execve" | "execveat"))
}

#[cfg(test)]
mod tests {
    use super::lines::tests::{described, event, outcome};
    use super::*;
    use jiff::tz::TimeZone;

    fn written(stack: bool) -> serde_json::Value {
        let mut out = Vec::new();
        let seen = (&event(), Some(&outcome()));
        write(
            &mut out,
            &mut Clock::new(TimeZone::UTC, 0, 0),
            seen,
            &described(),
            (stack, stack.then_some(&[Place::Address(16)][..])),
        )
        .unwrap();
        assert_eq!(out.iter().filter(|byte| **byte == b'\n').count(), 1);
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn an_object_holds_every_field_in_its_own_kind() {
        let object = written(true);
        assert_eq!(object["schema"], 1);
        assert_eq!(object["time"], "1970-01-01T00:00:00.001000Z");
        assert_eq!([&object["pid"], &object["tid"], &object["uid"]].map(|id| id.as_u64().unwrap()), [42, 43, 1000]);
        assert_eq!(object["comm"], "c\u{1b}md\n");
        assert_eq!((&object["capability"], &object["verdict"]), (&"cap_dac_read_search".into(), &"denied".into()));
        assert_eq!((&object["audited"], &object["inset_id"]), (&true.into(), &false.into()));
        assert_eq!(object["user_namespace"], 7);
        assert_eq!(object["stack"][1], "generic_permission");
        assert_eq!((&object["returned"], &object["error"]), (&(-13).into(), &"EACCES".into()));
        assert_eq!(object["arguments"], serde_json::json!([1, 2, u64::MAX, 0, 5, 6]));
    }

    #[test]
    fn what_is_not_known_of_a_call_is_null() {
        let mut out = Vec::new();
        write(&mut out, &mut Clock::new(TimeZone::UTC, 0, 0), (&event(), None), &described(), (false, None)).unwrap();
        let object: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert!(object["returned"].is_null() && object["arguments"].is_null() && object.get("error").is_none());
        let began = Outcome { returned: 0, ..outcome() };
        assert!(is_after_exec(Some("execve"), &began) && !is_after_exec(Some("openat"), &began));
    }

    #[test]
    fn the_stack_is_there_where_it_is_asked_for() {
        assert!(written(false).get("stack").is_none());
        assert!(written(false).get("user_stack").is_none());
        assert_eq!(written(true)["user_stack"][0]["address"], 16);
    }
}
