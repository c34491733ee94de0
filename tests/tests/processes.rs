//! `capwrap ps` finds what runs with what it is given, and `capwrap revoke --kill` ends that and nothing else.

use capwrap_tests::*;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

const NAME: &str = "t-shell";

/// The policy of a shell, which passes its capability to what it starts.
fn on_an_own_installation<T: Send>(test: impl FnOnce(&str) -> T + Send) -> T {
    in_own_mounts(|| {
        own_installation();
        let folder = Folder::new();
        let shell = folder.copy("/bin/bash", "t-shell-bin");
        let text = format!(
            "schema = 1\n[tool]\npath = \"{shell}\"\n[allow]\nusers = [\"root\"]\n[[grant]]\ncaps = [\"cap_net_raw\"]\n"
        );
        put(Path::new(&format!("{POLICIES}/{NAME}.toml")), text);
        done(&root(&[CAPWRAP, "enable"]).run());
        for name in [MEMBER, STRANGER] {
            done(&root(&[CAPWRAP, "grant", NAME, "--user", name, "--for", "1h"]).run());
        }
        test(&shell)
    })
}

/// A program in the background that is ended with the test, with everything in its session.
struct Background(Child);

impl Background {
    fn start(call: &Call) -> Self {
        let mut command = call.command();
        Self(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn launch(name: &str, script: &str) -> Background {
    Background::start(&user(name, &[CAPWRAP, NAME, "-c", script]))
}

fn ps(call: Call) -> Value {
    let run = call.run();
    serde_json::from_str(done(&run)).unwrap()
}

fn processes(of: &str) -> Vec<Value> {
    let all = ps(root(&[CAPWRAP, "ps", "--json"]));
    all["processes"].as_array().unwrap().iter().filter(|one| one["user"] == of).cloned().collect()
}

/// Waits until a condition holds.
#[track_caller]
fn until(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(20), "{what}: {:?}", root(&["ps", "-ef"]).run().stdout);
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The processes of a user by the kernel's word, as text.
fn of_user(name: &str) -> String {
    root(&["ps", "-o", "pid=,args=", "-u", name]).run().stdout
}

fn revoke(name: &str, more: &[&str]) -> Run {
    root(&[&[CAPWRAP, "revoke", NAME, "--user", name], more].concat()).run()
}

#[test]
fn a_tool_and_what_it_started_are_found_and_what_runs_without_capwrap_is_not() {
    on_an_own_installation(|shell| {
        let plain = Background::start(&user(STRANGER, &[shell, "-c", "sleep 77; true"]));
        let of_root = Background::start(&root(&[shell, "-c", "sleep 77; true"]));
        let tool = launch(STRANGER, "sleep 78; true");
        until("two processes", || processes(STRANGER).len() == 2);
        let all = processes(STRANGER);
        let found = |by: &str| all.iter().find(|one| one["found_by"] == by).unwrap_or_else(|| panic!("{by}: {all:?}"));
        let (own, child) = (found("tool"), found("parent"));
        assert_eq!((&own["executable"], &own["name"]), (&shell.into(), &NAME.into()));
        assert_eq!(child["parent"], own["pid"]);
        for one in [own, child] {
            assert_eq!(one["capabilities"], serde_json::json!(["cap_net_raw"]));
            assert!(one["allowed_by"].as_str().unwrap().starts_with(&format!("user {STRANGER} until ")), "{one}");
            assert!(one["seconds"].as_u64().unwrap() < 60, "{one}");
        }
        assert_eq!(processes("root").len(), 0);
        let shown = root(&[CAPWRAP, "ps"]).run();
        let shown = done(&shown);
        assert!(shown.contains(NAME) && shown.contains("cap_net_raw") && shown.contains("started by "), "{shown}");
        drop((plain, of_root, tool));
        done(&revoke(STRANGER, &["--kill"]));
    });
}

#[test]
fn a_user_sees_what_the_kernel_shows_them_and_reads_what_is_hidden() {
    on_an_own_installation(|shell| {
        let _tool = launch(STRANGER, "sleep 78; true");
        until("two processes", || processes(STRANGER).len() == 2);
        let seen = ps(user(STRANGER, &[CAPWRAP, "ps", "--json"]));
        let first = &seen["processes"][0];
        assert!(["tool", "name"].contains(&first["found_by"].as_str().unwrap()), "{seen}");
        assert_eq!(first["capabilities"], serde_json::json!(["cap_net_raw"]), "{seen}");
        let is_shown = first["executable"] == *shell;
        assert!(is_shown || first["executable"].is_null(), "{seen}");
        let script = format!("mount -t proc -o hidepid=2 proc /proc && su {MEMBER} -c '{CAPWRAP} ps --json'");
        let hidden = ps(root(&["unshare", "--mount", "sh", "-c", &script]));
        assert_eq!(hidden["processes"], serde_json::json!([]), "{hidden}");
        assert!(hidden["notes"].to_string().contains("hides the processes of other users"), "{hidden}");
        done(&revoke(STRANGER, &["--kill"]));
    });
}

#[test]
fn a_daemon_that_left_its_session_and_its_parent_is_found_and_ended() {
    on_an_own_installation(|shell| {
        let script = format!("(setsid {shell} -c 'while :; do sleep 0.2; done' < /dev/null > /dev/null 2>&1 &) & exit");
        assert!(user(STRANGER, &[CAPWRAP, NAME, "-c", &script]).run().ok());
        until("the daemon", || processes(STRANGER).iter().any(|one| one["found_by"] == "tool"));
        let run = revoke(STRANGER, &["--kill"]);
        assert!(done(&run).contains("ended what user capwrap-stranger ran: process "), "{run:?}");
        assert!(!run.stdout.contains("SIGKILL"), "{run:?}");
        until("the end", || !of_user(STRANGER).contains(shell));
    });
}

#[test]
fn revoke_says_what_goes_on_and_ends_it_when_that_is_asked_afterwards() {
    on_an_own_installation(|shell| {
        let _mine = launch(STRANGER, "while :; do sleep 0.2; done");
        let _theirs = launch(MEMBER, "while :; do sleep 0.2; done");
        until("both", || !processes(STRANGER).is_empty() && !processes(MEMBER).is_empty());
        let run = revoke(STRANGER, &[]);
        let pid = processes(STRANGER)[0]["pid"].to_string();
        let said = done(&run);
        assert!(said.contains(&format!("{NAME} goes on, as it was started before: process {pid}")), "{said}");
        let hint = format!("hint: capwrap revoke {NAME} --user {STRANGER} --kill");
        assert!(said.contains(&hint) && processes(STRANGER)[0]["allowed_by"].is_null(), "{said}");
        assert!(root(&[CAPWRAP, "ps"]).run().stdout.contains("no longer allowed"));
        let run = revoke(STRANGER, &["--kill"]);
        assert!(done(&run).contains(&format!("process {pid}")), "{run:?}");
        until("the end", || !of_user(STRANGER).contains(shell));
        assert!(of_user(MEMBER).contains(shell), "another user's process was ended");
        let run = revoke(STRANGER, &["--kill"]);
        assert!(done(&run).contains("no process of user capwrap-stranger runs"), "{run:?}");
        // Nobody else may run it but root, for good. Whoever may is not ended.
        done(&root(&[CAPWRAP, "enable", NAME, "--user", STRANGER]).run());
        revoke(STRANGER, &["--kill"]).refused(&["for good"]);
        done(&revoke(MEMBER, &["--kill"]));
    });
}

#[test]
fn what_has_ended_by_the_clock_is_said_to_go_on() {
    on_an_own_installation(|shell| {
        let _tool = launch(STRANGER, "while :; do sleep 0.2; done");
        until("the tool", || !processes(STRANGER).is_empty());
        let path = format!("{POLICIES}/{NAME}.toml");
        let ended =
            |line: &str| if line.starts_with("until") { "until = 2001-01-01T00:00:00Z" } else { line }.to_owned();
        let text = fs::read_to_string(&path).unwrap();
        put(Path::new(&path), text.lines().map(|line| ended(line) + "\n").collect::<String>());
        let run = root(&[CAPWRAP, "revoke", "--ended"]).run();
        assert!(done(&run).contains(&format!("{NAME} goes on")), "{run:?}");
        assert!(of_user(STRANGER).contains(shell));
        done(&revoke(STRANGER, &["--kill"]));
        until("the end", || !of_user(STRANGER).contains(shell));
    });
}

#[test]
fn what_ignores_sigterm_and_forks_meanwhile_is_ended_too() {
    on_an_own_installation(|shell| {
        // Each starts its successor and ends, so that no pid lives for long; and some stay.
        let chain = format!(
            "trap '' TERM HUP; {shell} -c 'trap \"\" TERM; while :; do sleep 0.3; done' &
             f() {{ trap '' TERM; sleep 0.02; f & }}; f & f & f & while :; do sleep 0.1; done"
        );
        let _tool = launch(STRANGER, &chain);
        until("the chain", || processes(STRANGER).len() > 2);
        let run = revoke(STRANGER, &["--kill"]);
        assert!(run.stdout.contains("(by SIGKILL: "), "{run:?}");
        // On a busy machine one may escape. Then capwrap says so, and another call ends it.
        if !run.ok() {
            assert!(run.stderr.contains("still run"), "{run:?}");
            until("the end of the chain", || revoke(STRANGER, &["--kill"]).ok());
        }
        std::thread::sleep(Duration::from_millis(500));
        assert!(!of_user(STRANGER).contains(shell), "{}", of_user(STRANGER));
        let left = processes(STRANGER);
        assert!(left.is_empty(), "{left:?}");
    });
}

/// In a namespace of pids of its own, no other process takes the number in between.
#[test]
fn a_pid_that_is_used_again_is_another_process() {
    on_an_own_installation(|_| {
        cover("/var/log");
        fs::create_dir("/var/log/capwrap").unwrap();
        let script = format!(
            "set -e
            record() {{ echo '{{\"schema\":1,\"time\":\"'$(date -u +%FT%T.%6NZ)'\",\"uid\":'$(id -u {STRANGER})',\"pid\":'$1',\
                \"event\":\"launched\",\"name\":\"{NAME}\",\"reason\":\"ticket 7\",\"prev\":\"{zero}\"}}' \
                >> /var/log/capwrap/$(date -u +%F).jsonl; }}
            setpriv --reuid {STRANGER} --regid {STRANGER} --init-groups sleep 100 & first=$!
            sleep 1; record $first; {CAPWRAP} ps --json; echo =
            kill $first; wait $first || true; sleep 3
            echo $((first - 1)) > /proc/sys/kernel/ns_last_pid
            setpriv --reuid {STRANGER} --regid {STRANGER} --init-groups sleep 200 & second=$!
            test $first = $second; sleep 0.5
            {CAPWRAP} ps --json; echo =
            {CAPWRAP} revoke {NAME} --user {STRANGER} --kill; kill -0 $second; echo it lives",
            zero = "0".repeat(64),
        );
        let run = root(&["unshare", "--mount", "--pid", "--fork", "--mount-proc", "bash", "-c", &script]).run();
        let parts: Vec<&str> = done(&run).split("=\n").collect();
        let read = |part: &str| -> Value { serde_json::from_str(part).unwrap_or_else(|_| panic!("{run:?}")) };
        let found = &read(parts[0])["processes"];
        assert_eq!((found.as_array().unwrap().len(), &found[0]["found_by"]), (1, &"record".into()), "{run:?}");
        assert_eq!((&found[0]["reason"], &found[0]["name"]), (&"ticket 7".into(), &NAME.into()), "{run:?}");
        assert_eq!(read(parts[1])["processes"], serde_json::json!([]), "{run:?}");
        assert!(parts[2].contains("no process of user") && parts[2].ends_with("it lives\n"), "{run:?}");
    });
}

#[test]
fn verify_notes_what_goes_on_when_its_user_may_not_run_it_any_more() {
    on_an_own_installation(|_| {
        let folder = Folder::new();
        let metrics = folder.path("capwrap.prom");
        let goes_on = |words: &[&str]| {
            let run = root(&[&[CAPWRAP, "verify", "--json", "--prometheus", &metrics], words].concat()).run();
            let object: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:?}"));
            let subjects = object["subjects"].as_array().unwrap().clone();
            subjects.into_iter().filter(|one| one["kind"] == "process" && one["name"] == NAME).collect::<Vec<_>>()
        };
        let _sleep = launch(MEMBER, "sleep 600; true");
        let of_member = || {
            let all = processes(MEMBER).into_iter();
            all.filter(|one| one["name"] == NAME).map(|one| one["pid"].to_string()).collect::<Vec<_>>()
        };
        until("it runs", || of_member().len() == 2);
        assert!(goes_on(&["--all"]).is_empty());
        // The grant of one user has ended, and the policy allows another.
        done(&root(&[CAPWRAP, "revoke", NAME, "--user", MEMBER]).run());
        for words in [&["--all"][..], &[], &[NAME]] {
            let found = goes_on(words);
            assert!(found.len() == 1 && found[0]["notes"] == 1, "{found:?}");
            let line = &found[0]["lines"][0];
            let hint = format!("capwrap revoke {NAME} --user {MEMBER} --kill");
            assert_eq!((&line["judgement"], &line["hint"]), (&"note".into(), &hint.into()), "{line}");
            for pid in of_member() {
                assert!(line["value"].as_str().unwrap().contains(&pid), "{line}");
            }
        }
        let series = format!("capwrap_verify_notes{{kind=\"process\",name=\"{NAME}\"}} 1");
        assert!(fs::read_to_string(&metrics).unwrap().lines().any(|line| line == series));
        assert!(goes_on(&["/usr/bin/env"]).is_empty());
        done(&root(&[CAPWRAP, "disable", NAME]).run());
        let shown = root(&[CAPWRAP, "verify", "--all"]).run();
        assert!(shown.stdout.contains("goes on  user ") && shown.stdout.contains("not enabled any more"), "{shown:?}");
        done(&root(&[CAPWRAP, "revoke", NAME, "--user", MEMBER, "--kill"]).run());
        assert!(goes_on(&["--all"]).is_empty());
    });
}
