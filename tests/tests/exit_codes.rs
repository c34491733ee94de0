//! The exit codes: each row of the table in docs/src/reference/stability.md is shown by a call.

use capwrap_tests::packages::PROJECT;
use capwrap_tests::recorder::on_an_empty_disk;
use capwrap_tests::*;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;

const VERBS: [&str; 22] = [
    "enable",
    "adopt",
    "disable",
    "edit",
    "grant",
    "revoke",
    "learn",
    "run",
    "trace",
    "merge",
    "verify",
    "explain",
    "list",
    "ps",
    "report",
    "caps",
    "diff",
    "export",
    "history",
    "lint",
    "completions",
    "doctor",
];

/// The table: each code (`own` for the tool's) with the callers that can end with it.
fn table() -> BTreeSet<(String, String)> {
    let page = fs::read_to_string(format!("{PROJECT}/docs/src/reference/stability.md")).unwrap();
    let rows = page.split_once("\n## Exit codes\n").unwrap().1.split("\n## ").next().unwrap();
    let rows = rows.lines().filter_map(|line| line.strip_prefix("| ")).filter(|row| !row.starts_with("code "));
    let mut all = BTreeSet::new();
    for row in rows {
        let mut cells = row.split(" | ");
        let code = cells.next().unwrap();
        let code = if code == "the tool's own" { "own" } else { code };
        let callers = cells.next().unwrap();
        let named = callers.split('`').skip(1).step_by(2).map(str::to_owned);
        let mut named: BTreeSet<String> = named.collect();
        if callers.contains("a launch") {
            named.insert("launch".to_owned());
        }
        if callers.contains("every verb") {
            named.extend(VERBS.map(str::to_owned));
        }
        if callers.contains("the same") {
            named.extend(
                all.iter().filter(|(other, _)| other == "1").map(|(_, caller): &(String, String)| caller.clone()),
            );
        }
        all.extend(named.into_iter().map(|caller| (code.to_owned(), caller)));
    }
    all
}

/// What the calls of a test showed.
#[derive(Default)]
struct Shown(BTreeSet<(String, String)>);

impl Shown {
    #[track_caller]
    fn run(&mut self, code: i32, caller: &str, words: &[&str]) {
        let run = root(&[&[CAPWRAP], words].concat()).run();
        self.is(code, caller, &run);
    }

    #[track_caller]
    fn is(&mut self, code: i32, caller: &str, run: &Run) {
        assert_eq!(run.code, code, "{caller}: {run:?}");
        let code = if code == 7 { "own".to_owned() } else { code.to_string() };
        self.0.insert((code, caller.to_owned()));
    }
}

#[test]
fn every_exit_code_of_the_table_is_shown_and_no_other() {
    let folder = Folder::new();
    let mut shown = Shown::default();
    let ends_with_7 = ["sh", "-c", "exit 7"];
    let data = folder.path("data");
    fs::write(&data, "no program").unwrap();

    // A launch, and the verbs that start a command.
    let script = Policy::tool(&folder.copy("/bin/sh", "sh"), "cap_kill", "");
    shown.run(7, "launch", &[&script.name, "-c", "exit 7"]);
    shown.run(7, "run", &[&["run", "--"], &ends_with_7[..]].concat());
    shown.run(7, "--learn", &[&["--learn"], &ends_with_7[..]].concat());
    shown.run(7, "trace", &[&["trace"], &ends_with_7[..]].concat());
    let no_program = Policy::tool(&data, "cap_kill", "");
    shown.run(126, "launch", &[&no_program.name]);
    shown.run(126, "run", &["run", "--", &data]);
    shown.run(126, "--learn", &["--learn", &data]);
    let gone = Policy::tool("/usr/bin/there-is-no-such-tool", "cap_kill", "");
    shown.run(127, "launch", &[&gone.name]);
    shown.run(127, "run", &["run", "--", "there-is-no-such-tool"]);
    shown.run(127, "--learn", &["--learn", "there-is-no-such-tool"]);

    // What is refused, and a command line that is wrong.
    shown.run(125, "launch", &["--reason", "", "there-is-no-such-policy"]);
    for verb in VERBS {
        shown.run(125, verb, &[verb, "--there-is-no-such-option"]);
        shown.run(0, verb, &[verb, "--help"]);
    }

    // What is found, and what cannot be read.
    let bad = folder.path("bad.toml");
    fs::write(&bad, "schema = 1\n").unwrap();
    let good = Policy::witness("net_raw", "");
    for words in [
        &["lint", "tcpdump"][..],
        &["diff", "mask:1", "cap_chown"],
        &["verify", &good.name],
        &["caps", "decode", "1"],
        &["explain", &good.name],
        &["list", "--all"],
        &["export", &good.name, "--to", "docker"],
        &["ps"],
    ] {
        shown.run(0, words[0], words);
    }
    shown.run(1, "lint", &["lint", &bad]);
    shown.run(2, "lint", &["lint", "/there-is-no-such-file.toml"]);
    shown.run(1, "diff", &["diff", "mask:1", "mask:2"]);
    shown.run(2, "diff", &["diff", "mask:1", "/there-is-no-such-file"]);
    fs::set_permissions(&gone.path, fs::Permissions::from_mode(0o666)).unwrap();
    shown.run(1, "verify", &["verify", &gone.name]);
    shown.run(2, "verify", &["verify", "there-is-no-such-policy"]);
    shown.run(2, "caps", &["caps", "cap_there_is_none"]);
    shown.run(2, "report", &["report", "--json", "--since", "/there-is-no-such-file"]);
    in_own_mounts(|| {
        cover("/sys");
        shown.run(1, "doctor", &["doctor"]);
        cover("/proc");
        let advisor = "/usr/local/libexec/capwrap/capwrap-advisor";
        shown.is(2, "doctor", &root(&[advisor, "doctor"]).run());
    });
    on_an_empty_disk("8m", || {
        let (from, file) = ("tests/formats/1/records/2026-11-27.jsonl", "/var/log/capwrap/2026-11-27.jsonl");
        let text = fs::read_to_string(format!("{PROJECT}/{from}")).unwrap();
        fs::write(file, &text).unwrap();
        shown.run(0, "history", &["history", "--verify"]);
        fs::write(file, text.replacen("\"uid\":0", "\"uid\":1", 1)).unwrap();
        shown.run(1, "history --verify", &["history", "--verify"]);
        let own = user(MEMBER, &[CAPWRAP, "history", "--verify"]).run();
        shown.is(2, "history --verify", &own);
        fs::write(file, text.replacen("\"schema\":1", "\"schema\":2", 1)).unwrap();
        shown.run(2, "history", &["history"]);
    });
    assert_eq!(shown.0, table());
}

/// The recorder is no verb, and the page says how it ends beside the table.
#[test]
fn the_recorder_ends_with_1_where_it_cannot_start() {
    let run = root(&["/usr/local/libexec/capwrap/capwrap-recorder", "--listen", "no-absolute-path"]).run();
    assert!(run.code == 1 && !run.stderr.is_empty(), "{run:?}");
}
