//! Reads the capabilities in the JSON of other tracers: events of Tetragon and of Falco, and a report of cap-audit
//! (libcap-ng).

use crate::dialects::engine::rules::capability;
use crate::dialects::grant::Side;
use crate::dialects::json::{array, entries, strings, text};
use crate::output::error::hinted;
use anyhow::{Context, Result};
use capwrap_core::CapabilitySet;
use capwrap_core::text::printable;
use serde_json::Value;
use std::collections::BTreeMap;

/// The kinds of Tetragon's events that have a process (Tetragon, events.proto, `GetEventsResponse`).
const TETRAGON: [&str; 8] = [
    "process_exec",
    "process_exit",
    "process_kprobe",
    "process_tracepoint",
    "process_uprobe",
    "process_lsm",
    "process_loader",
    "process_usdt",
];

/// Returns what these documents say of processes, by the names of their programs, or `None` for other documents.
///
/// # Errors
/// The documents are events of one of these tools, and none has capabilities, or no capability has one of the names.
pub fn read(documents: &[Value]) -> Result<Option<Vec<(String, Side)>>> {
    let records: Vec<&Value> = documents.iter().flat_map(entries).collect();
    if let Some(report) = records.first().filter(|one| one["required_capabilities"].is_array()) {
        return Ok(Some(vec![cap_audit(report)?]));
    }
    if records.iter().any(|record| event(record).is_some()) {
        return of_events(&records, "Tetragon", "start it with --enable-process-cred, or compare pid:N", |record| {
            let event = event(record)?;
            let name = text(&event["process"]["binary"]).unwrap_or_default();
            Some((name, asked(event).or_else(|| held(&event["process"]["cap"]))))
        })
        .map(Some);
    }
    if records.iter().any(|record| record["output_fields"].is_object() && record["rule"].is_string()) {
        return of_events(&records, "Falco", "add %thread.cap_permitted to the output of the rule", |record| {
            let fields = &record["output_fields"];
            let name = text(&fields["proc.exepath"]).or_else(|| text(&fields["proc.name"])).unwrap_or_default();
            let names =
                |key: &str| fields[key].as_str().map(|list| list.split([' ', ',']).map(str::to_owned).collect());
            fields.is_object().then(|| (name, names("thread.cap_permitted").map(|list| (PERMITTED, list))))
        })
        .map(Some);
    }
    Ok(None)
}

const PERMITTED: &str = "the permitted set in its events";
const ASKED: &str = "what its events say it was asked for";

/// Which set an event has, and the names in it.
type Names = Option<(&'static str, Vec<String>)>;

fn event(record: &Value) -> Option<&Value> {
    TETRAGON.iter().map(|key| &record[key]).find(|event| event["process"].is_object())
}

/// Returns the permitted set of Tetragon's `cap`. It leaves out a set that is empty.
fn held(cap: &Value) -> Names {
    cap.is_object().then(|| (PERMITTED, strings(&cap["permitted"])))
}

/// Returns what the arguments of a traced function say about capabilities.
fn asked(event: &Value) -> Names {
    let names: Vec<String> =
        array(&event["args"]).iter().filter_map(|argument| text(&argument["capability_arg"]["name"])).collect();
    (!names.is_empty()).then_some((ASKED, names))
}

fn of_events(
    records: &[&Value],
    tool: &str,
    hint: &str,
    read: impl Fn(&Value) -> Option<(String, Names)>,
) -> Result<Vec<(String, Side)>> {
    let mut found: BTreeMap<String, Side> = BTreeMap::new();
    let mut without = Vec::new();
    for (at, record) in records.iter().enumerate() {
        let number = at + 1;
        let (name, names) = read(record).with_context(|| format!("record {number} is no event of {tool}"))?;
        let Some((decided, names)) = names else {
            without.push(number);
            continue;
        };
        let names = names.iter().filter(|name| !name.is_empty());
        let set = names.map(|name| capability(name)).collect::<Result<CapabilitySet>>();
        let set = set.with_context(|| format!("record {number}"))?;
        let side = found.entry(name).or_insert_with(|| Side::new("observed process", CapabilitySet::EMPTY, decided));
        side.grant = side.grant.union(set);
    }
    if found.is_empty() {
        return Err(hinted(format!("these are events of {tool}, and none of them names capabilities"), hint));
    }
    if let Some(first) = without.first() {
        let note = match without.len() {
            1 => format!("record {first} of {tool} names no capabilities"),
            count => format!("{count} records of {tool} name no capabilities, such as record {first}"),
        };
        found.values_mut().for_each(|side| side.notes.push(note.clone()));
    }
    Ok(found.into_iter().collect())
}

/// Reads the report of `cap-audit --json` or `--yaml` (libcap-ng, cap_audit_json.c).
fn cap_audit(report: &Value) -> Result<(String, Side)> {
    let names = |key: &str| -> Result<CapabilitySet> {
        let named = array(&report[key]).iter().enumerate().map(|(at, one)| {
            let place = || format!("{key}: entry {}", at + 1);
            capability(&text(&one["name"]).with_context(place)?).with_context(place)
        });
        named.collect()
    };
    let mut side =
        Side::new("cap-audit report", names("required_capabilities")?, "what cap-audit found to be required");
    let denied = names("denied_capabilities")?;
    if !denied.is_empty() {
        side.notes.push(format!("denied, and not counted: {denied}"));
    }
    let name = text(&report["application"]["comm"]).unwrap_or_default();
    Ok((if name.is_empty() { "report".to_owned() } else { printable::text(name) }, side))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(documents: &[Value]) -> Vec<(String, String)> {
        let found = read(documents).unwrap().unwrap();
        found.into_iter().map(|(name, side)| (name, side.grant.to_string())).collect()
    }

    #[test]
    fn what_the_events_of_a_tracer_say_is_read_and_what_says_nothing_is_an_error() {
        let exec = json!({"process_exec": {"process": {"binary": "/usr/bin/x", "cap": {
            "permitted": ["CAP_CHOWN", "DAC_OVERRIDE"], "effective": ["CAP_CHOWN"]}}}, "time": "t"});
        let none = json!({"process_exit": {"process": {"binary": "/usr/bin/y", "cap": {}}}});
        let silent = json!({"process_exec": {"process": {"binary": "/usr/bin/z"}}});
        let asked = json!({"process_kprobe": {"process": {"binary": "/usr/bin/w"}, "function_name": "cap_capable",
            "args": [{"capability_arg": {"value": 21, "name": "CAP_SYS_ADMIN"}}]}});
        let expected =
            [("/usr/bin/w", "cap_sys_admin"), ("/usr/bin/x", "cap_chown,cap_dac_override"), ("/usr/bin/y", "none")];
        let read_of = of(&[exec.clone(), none, silent.clone(), asked]);
        assert_eq!(read_of, expected.map(|(name, set)| (name.to_owned(), set.to_owned())));
        let notes = &read(&[exec.clone(), silent.clone()]).unwrap().unwrap()[0].1.notes;
        assert_eq!(notes, &["record 2 of Tetragon names no capabilities"]);
        assert!(read(&[silent]).unwrap_err().to_string().contains("none of them names capabilities"));
        assert!(read(&[exec, json!({"x": 1})]).unwrap_err().to_string().starts_with("record 2 is no event"));
        let falco = json!({"rule": "r", "output": "o", "output_fields": {"proc.name": "x", "thread.cap_permitted": "CAP_KILL CAP_BPF"}});
        assert_eq!(of(&[falco]), [("x".to_owned(), "cap_kill,cap_bpf".to_owned())]);
        assert!(read(&[json!({"rule": "r", "output_fields": {"proc.name": "x"}})]).is_err());
        assert!(read(&[json!({"x": 1})]).unwrap().is_none());
    }

    #[test]
    fn a_report_of_cap_audit_names_what_is_required_and_what_was_denied() {
        let report = json!({"application": {"pid": 1, "comm": "/usr/bin/ping"},
            "required_capabilities": [{"number": 13, "name": "net_raw"}], "denied_capabilities": [{"number": 12, "name": "net_admin"}]});
        let (name, side) = read(&[report]).unwrap().unwrap().remove(0);
        assert_eq!((name.as_str(), side.grant.to_string().as_str()), ("/usr/bin/ping", "cap_net_raw"));
        assert_eq!(side.notes, ["denied, and not counted: cap_net_admin"]);
        assert!(read(&[json!({"required_capabilities": [{"number": 99}]})]).is_err());
    }
}
