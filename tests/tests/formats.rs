//! The versions of formats: each file that capwrap 0.1.0 wrote is still read, and one of another schema is refused with a hint.

use capwrap_tests::recorder::on_an_empty_disk;
use capwrap_tests::*;
use serde_json::Value;
use std::fs;

const FIRST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/formats/1");

/// Values of `schema` that no capwrap ever wrote or that a later one may write, each with what the error says.
const OTHERS: [(&str, &str); 8] = [
    ("2", "this schema is of a later capwrap: this one reads schema 1"),
    ("99", "this schema is of a later capwrap"),
    ("99999999999999999999999", "reads schema 1"),
    ("0", "there is no such schema: this capwrap reads schema 1"),
    ("-1", "there is no such schema"),
    ("\"1\"", "`schema` is not a whole number: this capwrap reads schema 1"),
    ("1.0", "`schema` is not a whole number"),
    ("null", "reads schema 1"),
];

fn first(name: &str) -> String {
    format!("{FIRST}/{name}")
}

fn run(words: &[&str]) -> Run {
    root(&[&[CAPWRAP], words].concat()).run()
}

fn json(words: &[&str]) -> Value {
    serde_json::from_str(done(&run(words))).unwrap()
}

/// The files that a verb reads as its argument, and such verbs with their exit code for a file that they refuse.
fn readers(file: &str) -> Vec<(&'static str, Vec<&str>, i32)> {
    let mut all = Vec::new();
    let mut of = |name: &'static str, words: &[&'static str], after: &[&'static str], code: i32| {
        all.push((name, [words, &[file][..], after].concat(), code));
    };
    of("profile.json", &["merge"], &[], 125);
    of("profile.json", &["diff"], &["mask:4"], 2);
    of("profile.json", &["export"], &["--to", "docker"], 125);
    for trace in ["trace.jsonl", "summary.jsonl"] {
        of(trace, &["learn", "--json", "--from"], &[], 125);
        of(trace, &["diff"], &["mask:4"], 2);
    }
    of("machine.json", &["explain", "--facts"], &["tcpdump"], 125);
    of("machine.json", &["export", "--to", "docker", "--facts"], &["tcpdump"], 125);
    of("machine.json", &["diff", "--facts"], &["tcpdump", "mask:1"], 2);
    of("report.json", &["report", "--json", "--since"], &[], 2);
    all
}

#[test]
fn what_the_first_version_wrote_is_read_with_the_meaning_that_it_had() {
    let read = |name: &str| fs::read_to_string(first(name)).unwrap();
    assert_eq!(run(&["merge", &first("profile.json")]).stdout, read("profile.json"));
    let difference = json(&["diff", "--json", &first("profile.json"), &first("trace.jsonl")]);
    assert_eq!(difference["in_both"], serde_json::json!(["cap_dac_read_search"]), "{difference}");
    let difference = run(&["diff", &first("summary.jsonl"), "mask:4"]);
    assert_eq!(difference.code, 0, "{difference:?}");
    for trace in ["trace.jsonl", "summary.jsonl"] {
        let learned = json(&["learn", "--json", "--from", &first(trace)]);
        assert_eq!(learned["needed"], serde_json::json!(["cap_dac_read_search"]), "{learned}");
    }
    let explained = json(&["explain", "--json", "--facts", &first("machine.json"), "tcpdump"]);
    assert_eq!((&explained["kernel"], &explained["last_capability"]), (&"6.18.44".into(), &40.into()), "{explained}");
    let report = run(&["report", "--json", "--since", &first("report.json")]);
    let report: Value = serde_json::from_str(&report.stdout).unwrap();
    assert_eq!(report["changes"]["since"], "2026-11-27T11:13:27Z", "{report}");
    let gone = report["changes"]["disabled"].as_array().unwrap();
    assert!(gone.contains(&"t-true".into()), "{report}");
}

#[test]
fn a_policy_with_every_key_of_the_first_schema_is_read() {
    let text = fs::read_to_string(first("policy.toml")).unwrap();
    let found = run(&["lint", "--json", "--text-only", &first("policy.toml")]);
    let found: Value = serde_json::from_str(&found.stdout).unwrap();
    let found = found["files"][0]["found"].as_array().unwrap();
    assert!(found.iter().all(|one| one["severity"] != "error"), "{found:?}");
    // The list of keys is that of `lint --schema`.
    let schema: Value = serde_json::from_str(&run(&["lint", "--schema"]).stdout).unwrap();
    let mut keys = Vec::new();
    keys_of(&schema, &mut keys);
    assert!(keys.len() > 80, "{keys:?}");
    let words: Vec<&str> = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).collect();
    for key in keys {
        assert!(words.contains(&key.as_str()), "{key} is not in the policy");
    }
}

fn keys_of(schema: &Value, keys: &mut Vec<String>) {
    match schema {
        Value::Object(members) => {
            keys.extend(
                members.get("properties").and_then(Value::as_object).into_iter().flat_map(|all| all.keys().cloned()),
            );
            members.values().for_each(|below| keys_of(below, keys));
        }
        Value::Array(items) => items.iter().for_each(|below| keys_of(below, keys)),
        _ => {}
    }
}

#[test]
fn a_file_of_another_schema_is_refused_by_every_verb_that_reads_it_with_what_to_do() {
    let folder = Folder::new();
    let file = folder.path("other");
    for (name, words, code) in readers(&file) {
        let text = fs::read_to_string(first(name)).unwrap();
        let (before, after) = text.split_once("\"schema\":").unwrap();
        let blank = &after[..after.len() - after.trim_start().len()];
        let rest = after.trim_start().strip_prefix('1').unwrap();
        let refused = |text: String, said: &str| {
            fs::write(&file, text).unwrap();
            let run = run(&words);
            run.refused_with(code, &[said, "\nhint: "]);
        };
        for (schema, said) in OTHERS {
            refused(format!("{before}\"schema\":{blank}{schema}{rest}"), said);
        }
        // Without any. What has no schema may be no file of capwrap's, and report says that.
        let rest = rest.strip_prefix(',').unwrap_or(rest);
        let before = if rest.starts_with('}') { before.trim_end().trim_end_matches(',') } else { before };
        refused(format!("{before}{rest}"), "no `schema`");
    }
}

#[test]
fn records_of_the_first_version_are_read_and_their_chain_is_whole() {
    on_an_empty_disk("8m", || {
        let name = "2026-11-27.jsonl";
        let file = format!("/var/log/capwrap/{name}");
        fs::copy(first(&format!("records/{name}")), &file).unwrap();
        let text = fs::read_to_string(&file).unwrap();
        let whole = run(&["history", "--verify"]);
        assert!(whole.ok() && whole.stdout.starts_with("10 lines in 1 file: "), "{whole:?}");
        let history = run(&["history", "--json"]);
        let records: Vec<Value> = done(&history).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let events: Vec<&str> = records.iter().map(|one| one["event"].as_str().unwrap()).collect();
        let expected = [
            "recorder-started",
            "enabled",
            "launcher",
            "launched",
            "run",
            "disabled",
            "launcher",
            "enabled",
            "launcher",
            "granted",
        ];
        assert_eq!(events, expected);
        let launched = &records[3];
        assert_eq!(
            (&launched["time"], &launched["uid"], &launched["pid"]),
            (&"2026-11-27T11:13:27.113194Z".into(), &0.into(), &11463.into())
        );
        let field = |name: &str| launched["fields"][name].as_str().unwrap();
        assert_eq!((field("name"), field("reason")), ("t-true", "ticket 7"));
        assert_eq!(field("scopes"), "cap_net_raw through socket:packet");
        assert_eq!(run(&["history", "t-true", "--json"]).stdout.lines().count(), 1);

        for (schema, said) in OTHERS.iter().filter(|(schema, _)| *schema != "null") {
            fs::write(&file, text.replacen("\"schema\":1,", &format!("\"schema\":{schema},"), 1)).unwrap();
            let history = run(&["history"]);
            history.refused_with(2, &[&file, said, "\nhint: capwrap --version"]);
            let chain = run(&["history", "--verify"]);
            assert!(
                chain.code == 1 && chain.stdout.starts_with(&format!("{file}:1: ")) && chain.stdout.contains(said),
                "{chain:?}"
            );
        }
    });
}
