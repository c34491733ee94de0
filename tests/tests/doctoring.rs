//! `capwrap doctor`: reports what works here, for each kind of caller.

use capwrap_tests::*;
use serde_json::Value;

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
    assert_eq!(object["schema"], 2);
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
fn no_line_is_wider_than_the_terminal_and_a_file_gets_no_colours() {
    let piped = root(&["capwrap", "doctor"]).run();
    assert!(!piped.stdout.contains('\x1b'), "{piped:?}");
    let script = "stty rows 24 cols 80; capwrap doctor --color never";
    let run = root(&["script", "-qec", script, "/dev/null"]).run();
    let widest = run.stdout.lines().map(|line| line.trim_end().chars().count()).max().unwrap_or(0);
    assert!(widest <= 80, "{widest}: {run:?}");
}
