//! Reads what `capwrap trace --json` wrote: every check, or with `--summary` how often each kind of check was made.

use crate::analysis::call_sites::ARGUMENTS;
use crate::analysis::observation::{Credentials, Observation, Options, Target, Verdict};
use crate::analysis::recorded::Record;
use crate::dialects::json::{strings, text};
use crate::output::json;
use anyhow::{Context, Result, ensure};
use capwrap_core::Capability;
use capwrap_core::text::printable;
use serde_json::Value;

/// The most records that are read.
const MOST: usize = 5_000_000;

/// What a trace recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    pub records: Vec<Record>,
    /// The time of its first check in RFC 3339, UTC; `None` in a summary.
    pub started: Option<String>,
    /// The user of its first check; `None` in a summary.
    pub user: Option<u32>,
}

/// Reads a file of such lines; `None` if it is something else.
///
/// # Errors
/// A line is not such an object, or is one of another schema. The error has its number.
pub fn read(lines: &str) -> Result<Option<Trace>> {
    let mut trace = Trace::default();
    for (at, line) in lines.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let value = serde_json::from_str::<Value>(line).ok();
        if trace.records.is_empty() && !value.as_ref().is_some_and(is_record) {
            return Ok(None);
        }
        let place = || format!("line {}: this is no check of capwrap trace", at + 1);
        let value = value.filter(is_record).with_context(place)?;
        // A line of another schema can still have the keys of this one, with other meanings.
        json::check_schema(value.get("schema")).with_context(|| format!("line {}", at + 1))?;
        ensure!(trace.records.len() < MOST, "more than {MOST} checks: trace with --summary");
        trace.started = trace.started.or_else(|| text(&value["time"]));
        trace.user = trace.user.or_else(|| value["uid"].as_u64().and_then(|id| u32::try_from(id).ok()));
        add(&mut trace.records, &value).with_context(place)?;
    }
    Ok(Some(trace).filter(|trace| !trace.records.is_empty()))
}

fn is_record(value: &Value) -> bool {
    let is_text = |key: &str| value[key].is_string();
    let counted = value["granted"].is_u64() && value["denied"].is_u64();
    is_text("capability") && is_text("executable") && is_text("target") && (is_text("verdict") || counted)
}

fn add(records: &mut Vec<Record>, value: &Value) -> Result<()> {
    let capability = text(&value["capability"]).unwrap_or_default();
    let capability = Capability::parse(&capability)
        .map_err(|_| anyhow::anyhow!("there is no capability \"{}\"", printable::text(&capability)))?;
    let system_call = text(&value["system_call"]);
    let options = match (value["audited"].as_bool(), value["inset_id"].as_bool()) {
        (Some(audited), Some(inset_id)) => Some(Options { audited, inset_id }),
        _ => None,
    };
    let observation = Observation {
        process: value["pid"].as_u64().and_then(|id| u32::try_from(id).ok()).unwrap_or_default(),
        executable: text(&value["executable"]).unwrap_or_default(),
        capability,
        verdict: Verdict::Granted,
        options,
        target: match value["target"].as_str() {
            Some("own") => Target::Own,
            Some("outer") => Target::Outer,
            Some("inner") => Target::Inner,
            _ => Target::Unknown,
        },
        credentials: match value["credentials"].as_str() {
            Some("own") => Credentials::Own,
            Some("overridden") => Credentials::Overridden,
            Some("other") => Credentials::Other,
            _ => Credentials::Unknown,
        },
        argument: argument(system_call.as_deref(), &value["arguments"]),
        system_call,
        call_site: strings(&value["stack"]),
        times: 1,
    };
    let why = text(&value["why"]);
    if let Some(verdict) = value["verdict"].as_str() {
        let verdict = if verdict == "denied" { Verdict::Denied } else { Verdict::Granted };
        let speculative = value["speculative"].as_bool() == Some(true);
        records.push(Record { observation: Observation { verdict, ..observation }, speculative, why });
        return Ok(());
    }
    // A summary says of how many of these checks the answer has no effect.
    let mut vain = value["speculative"].as_u64().unwrap_or_default();
    for (key, verdict) in [("denied", Verdict::Denied), ("granted", Verdict::Granted)] {
        let times = value[key].as_u64().unwrap_or_default();
        let in_vain = times.min(vain);
        vain -= in_vain;
        for (times, speculative) in [(in_vain, true), (times - in_vain, false)] {
            if times > 0 {
                let observation = Observation { verdict, times, ..observation.clone() };
                records.push(Record { observation, speculative, why: why.clone() });
            }
        }
    }
    Ok(())
}

/// The bits of the system call's arguments that distinguish checks.
fn argument(system_call: Option<&str>, arguments: &Value) -> Option<u32> {
    let (_, at, bits) = ARGUMENTS.iter().find(|(call, ..)| Some(call.name()) == system_call)?;
    let value = arguments.get(at)?.as_u64()?;
    Some((value & u64::from(*bits)) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHECK: &str = r#"{"schema": 1, "time": "2026-11-23T04:25:01.000001Z", "pid": 7, "tid": 8, "uid": 0, "comm": "x", "executable":
        "/usr/bin/x", "capability": "cap_kill", "verdict": "denied", "audited": true, "inset_id": false, "target": "own",
        "user_namespace": 1, "credentials": "own", "system_call": "kill", "arguments": [1, 265, 0, 0, 0, 0],
        "returned": -1, "error": "EPERM", "speculative": false, "stack": ["ns_capable", "kill_ok_by_cred"]}"#;

    fn line() -> String {
        CHECK.replace('\n', " ")
    }

    #[test]
    fn a_check_is_read_as_it_was_observed() {
        let trace = read(&format!("{}\n{}\n", line(), line())).unwrap().unwrap();
        assert_eq!((trace.records.len(), trace.started.as_deref()), (2, Some("2026-11-23T04:25:01.000001Z")));
        let seen = &trace.records[0].observation;
        assert_eq!((seen.process, seen.capability.name(), seen.verdict), (7, "cap_kill", Verdict::Denied));
        // 265 is signal 9 with a bit that does not count.
        assert_eq!((seen.argument, seen.call_site.len(), seen.target), (Some(9), 2, Target::Own));
        assert_eq!(seen.options, Some(Options { audited: true, inset_id: false }));
    }

    #[test]
    fn a_summary_is_read_with_what_is_in_vain() {
        let text = r#"{"schema": 1, "capability": "cap_chown", "granted": 5, "denied": 2, "speculative": 3, "target": "own",
            "system_call": null, "executable": "/x"}"#;
        let trace = read(&text.replace('\n', " ")).unwrap().unwrap();
        let found: Vec<_> =
            trace.records.iter().map(|one| (one.observation.verdict, one.observation.times, one.speculative)).collect();
        assert_eq!(found, [(Verdict::Denied, 2, true), (Verdict::Granted, 1, true), (Verdict::Granted, 4, false)]);
        assert_eq!(trace.started, None);
    }

    #[test]
    fn what_is_no_trace_is_none_and_what_breaks_off_is_an_error_with_its_line() {
        for text in ["", "x", "{}", "[1]", r#"{"capability": "cap_kill", "comm": "x"}"#] {
            assert_eq!(read(text).unwrap(), None, "{text}");
        }
        for broken in ["{\"capability\":", "{}", &line().replace("cap_kill", "cap_kil")] {
            let error = read(&format!("{}\n{broken}\n", line())).unwrap_err();
            assert!(error.to_string().starts_with("line 2: "), "{error}");
        }
        for other in ["2", "0", "-1", "\"1\"", "1.0", "null"] {
            let error = read(&line().replace("\"schema\": 1", &format!("\"schema\": {other}"))).unwrap_err();
            assert!(
                format!("{error:#}").starts_with("line 1: ") && format!("{error:#}").contains("schema 1"),
                "{error:#}"
            );
        }
    }
}
