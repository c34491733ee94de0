//! `capwrap doctor`: reports what works here, for each kind of caller.

use capwrap_tests::recorder::{FOLDER, HISTORY, Running, SOCKET, on_an_empty_disk};
use capwrap_tests::*;
use serde_json::Value;
use std::fs;

fn doctor(call: Call) -> (i32, Value) {
    let run = call.arg("--json").run();
    assert!(run.stderr.is_empty(), "{run:?}");
    (run.code, serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:?}")))
}

fn works<'v>(object: &'v Value, name: &str) -> &'v str {
    let works = object["works"].as_array().unwrap();
    works.iter().find(|work| work["name"] == name).unwrap()["works"].as_str().unwrap()
}

#[test]
fn root_reads_by_which_back_end_learning_works() {
    let (_, object) = doctor(root(&["capwrap", "doctor"]));
    assert_eq!(object["schema"], 1);
    assert_eq!(works(&object, "learning as root"), "yes");
    assert_eq!(works(&object, "trace"), "yes");
    let facts = object["facts"].as_array().unwrap();
    let back_ends: Vec<_> = facts.iter().filter(|fact| fact["section"] == "back ends").collect();
    assert!(back_ends.iter().any(|fact| fact["judgement"] == "ok"), "{back_ends:?}");
}

#[test]
fn a_stranger_reads_what_only_root_can_find_out() {
    let (_, object) = doctor(user(STRANGER, &["capwrap", "doctor"]));
    assert_eq!(works(&object, "learning as root"), "unknown");
}

#[test]
fn a_launcher_that_carries_too_little_is_corrected_by_enable() {
    // The file is mounted over the installed one, inside the test's mount namespace.
    let folder = Folder::new();
    let bare = folder.launcher("cap_kill=p");
    in_own_mounts(|| {
        assert!(root(&["mount", "--bind", &bare, CAPWRAP]).run().ok());
        let run = root(&["capwrap", "doctor"]).run();
        assert!(run.stdout.contains("sudo capwrap enable") || run.stdout.contains("capwrap enable"), "{run:?}");
        assert!(run.stdout.contains("cap_kill"), "{run:?}");
    });
}

#[test]
fn without_proc_it_says_that_it_cannot_look() {
    in_own_mounts(|| {
        cover("/proc");
        let run = root(&["/usr/local/libexec/capwrap/capwrap-advisor", "doctor"]).run();
        assert_eq!(run.code, 2, "{run:?}");
        assert!(run.stderr.contains("hint: "), "{run:?}");
    });
}

#[test]
fn without_sys_it_still_speaks() {
    in_own_mounts(|| {
        cover("/sys");
        let run = root(&["capwrap", "doctor"]).run();
        assert_eq!(run.code, 1, "{run:?}");
        assert!(run.stdout.contains("works here"), "{run:?}");
    });
}

#[test]
fn who_could_forge_or_change_records_is_reported_and_a_recorder_that_is_gone() {
    let policy = Policy::witness("cap_net_raw", "audit = \"required\"");
    let folder = Folder::new();
    on_an_empty_disk("1m", || {
        let facts = |name: &str| {
            let (_, object) = doctor(root(&["capwrap", "doctor"]));
            let facts = object["facts"].as_array().unwrap().clone();
            facts.into_iter().find(|fact| fact["name"] == name).unwrap_or_default()
        };
        let is_problem = |name: &str, words: &str| {
            let fact = facts(name);
            assert!(fact["judgement"] == "problem" && fact.to_string().contains(words), "{name}: {fact}");
        };
        let recorder = (Running::start(&[], SOCKET), Running::start(&["--answer"], HISTORY));
        assert_eq!(facts("recorder")["judgement"], "ok");
        for name in ["recorder's group", "history", "records"] {
            assert!(facts(name).is_null(), "{}", facts(name));
        }
        // A recorder that was killed leaves its socket.
        drop(recorder);
        assert!(fs::exists(SOCKET).unwrap());
        is_problem("recorder", &policy.name);
        let _recorder = Running::start(&[], SOCKET);
        assert_eq!(facts("history")["judgement"], "note");

        assert!(root(&["chmod", "2770", FOLDER]).run().ok());
        is_problem("records", "chmod 2750 /var/log/capwrap");
        assert!(root(&["chown", "root", FOLDER]).run().ok());
        is_problem("records", "does not belong to capwrap-recorder");

        let groups = fs::read_to_string("/etc/group").unwrap();
        let line = groups.lines().find(|line| line.starts_with("capwrap-record:")).unwrap();
        let joined = groups.replace(&format!("{line}\n"), &format!("{line}{MEMBER}\n"));
        fs::write(folder.path("group"), joined).unwrap();
        assert!(root(&["mount", "--bind", &folder.path("group"), "/etc/group"]).run().ok());
        is_problem("recorder's group", &format!("gpasswd --delete {MEMBER} capwrap-record"));
    });
}

#[test]
fn no_line_is_wider_than_the_terminal_and_a_file_gets_no_colours() {
    let piped = root(&["capwrap", "doctor"]).run();
    assert!(!piped.stdout.contains('\x1b'), "{piped:?}");
    let script = "stty rows 24 cols 80; capwrap doctor --color never";
    let run = root(&["script", "-qec", script, "/dev/null"]).run();
    let widest = run.stdout.lines().map(|line| line.trim_end().chars().count()).max().unwrap_or(0);
    assert!(widest <= 80, "{widest}: {run:?}");
}
