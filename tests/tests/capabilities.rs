//! `capwrap caps`, compared with capsh, getpcaps and pscap.

use capwrap_tests::*;
use serde_json::Value;
use std::process::{Child, Command, Stdio};

fn caps(arguments: &[&str]) -> Run {
    user(STRANGER, &[&[CAPWRAP, "caps"], arguments].concat()).run()
}

fn json(run: &Run) -> Value {
    let object: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:?}"));
    assert_eq!(object["schema"], 1);
    object
}

/// A process that lives as long as a test. It has printed a line, so it is known to run.
struct Running(Child);

impl Running {
    fn new(words: &[&str]) -> Self {
        use std::io::{BufRead, BufReader};
        let mut child = Command::new(words[0]).args(&words[1..]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Self(child)
    }

    fn pid(&self) -> String {
        self.0.id().to_string()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn every_capability_is_reported_as_capsh_knows_it() {
    let object = json(&caps(&["--json"]));
    let all = object["capabilities"].as_array().unwrap();
    let last: u64 = std::fs::read_to_string("/proc/sys/kernel/cap_last_cap").unwrap().trim().parse().unwrap();
    assert_eq!(object["last_capability"], last);
    assert!(all.len() as u64 > last, "the kernel knows more");
    for (number, one) in all.iter().enumerate() {
        let name = one["name"].as_str().unwrap();
        assert_eq!(one["number"], number);
        let explained = root(&["capsh", &format!("--explain={name}")]).run();
        assert!(explained.stdout.contains(&format!("{name} ({number})")), "{explained:?}");
        let shown = caps(&[name]);
        assert!(shown.ok() && shown.stdout.starts_with(&format!("{name} ({number})\n")), "{shown:?}");
    }
}

#[test]
fn masks_are_decoded_as_capsh_decodes_them_and_encoded_back() {
    let mut masks =
        vec!["000000c001201106".to_owned(), "0".to_owned(), "1ffffffffff".to_owned(), "ffffffffffffffff".to_owned()];
    masks.extend((0..64).step_by(3).map(|bit| format!("{:x}", 1_u64 << bit | 1 << (bit / 2))));
    for mask in masks {
        let own = caps(&["decode", &mask]);
        let theirs = root(&["capsh", &format!("--decode={mask}")]).run();
        assert_eq!(own.stdout, theirs.stdout, "{mask}");
        let list = own.stdout.trim().split_once('=').unwrap().1;
        if u64::from_str_radix(&mask, 16).unwrap() >> 41 == 0 {
            let encoded = caps(&["encode", list]).stdout;
            assert_eq!(
                u64::from_str_radix(encoded.trim().trim_start_matches("0x"), 16),
                u64::from_str_radix(&mask, 16)
            );
        }
    }
}

#[test]
fn the_sets_of_a_process_are_those_that_getpcaps_and_proc_show() {
    let sets = [
        "--inh-caps",
        "-all,+net_raw,+net_admin",
        "--ambient-caps",
        "-all,+net_raw",
        "--bounding-set",
        "-all,+net_raw,+net_admin",
    ];
    let mut words = vec!["setpriv", "--reuid", STRANGER, "--regid", STRANGER, "--clear-groups", "--no-new-privs"];
    words.extend(sets);
    words.extend(["/bin/sh", "-c", "echo ready; sleep 60 & wait"]);
    let running = Running::new(&words);
    let object = json(&caps(&["show", &running.pid(), "--json"]));
    let one = &object["processes"][0];
    let status = std::fs::read_to_string(format!("/proc/{}/status", running.pid())).unwrap();
    for (name, field) in [
        ("inheritable", "CapInh"),
        ("permitted", "CapPrm"),
        ("effective", "CapEff"),
        ("bounding", "CapBnd"),
        ("ambient", "CapAmb"),
    ] {
        let theirs = status.lines().find_map(|line| line.strip_prefix(&format!("{field}:\t"))).unwrap();
        assert_eq!(one[name]["mask"], theirs, "{name}");
    }
    assert_eq!(one["ambient"]["capabilities"].as_array().unwrap(), &["cap_net_raw"]);
    assert_eq!((&one["no_new_privs"], &one["seccomp"]), (&true.into(), &0.into()));
    let theirs = root(&["getpcaps", &running.pid()]).run();
    assert!((theirs.stdout.clone() + &theirs.stderr).contains("cap_net_raw"), "{theirs:?}");
}

/// A program whose threads give up what their process holds, as bpfd's do.
const BPFD: &str = r#"
import ctypes, threading
libc = ctypes.CDLL(None, use_errno=True)
def strip(keep):
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    data = (ctypes.c_uint32 * 6)(*keep)
    assert libc.capset(header, data) == 0
def thread(keep, ready):
    strip(keep); ready.set(); threading.Event().wait()
for keep in ([0] * 6, [0] * 6, [0x2000, 0x2000, 0, 0, 0, 0], None):
    ready = threading.Event()
    target = thread if keep else lambda keep, ready: (ready.set(), threading.Event().wait())
    threading.Thread(target=target, args=(keep, ready), daemon=True).start()
    ready.wait()
print("ready", flush=True)
threading.Event().wait()
"#;

#[test]
fn threads_that_differ_from_their_process_are_marked() {
    let running = Running::new(&["/usr/bin/python3", "-c", BPFD]);
    let run = root(&[CAPWRAP, "caps", "show", &running.pid(), "--threads"]).run();
    assert!(run.ok(), "{run:?}");
    assert!(run.stdout.contains("1 of 4 other threads are like it; those that differ:"), "{run:?}");
    assert!(run.stdout.contains("! effective       cap_net_raw\n"), "{run:?}");
    let object = json(&root(&[CAPWRAP, "caps", "show", &running.pid(), "--threads", "--json"]).run());
    let threads = object["processes"][0]["threads"].as_array().unwrap();
    let differ = threads.iter().filter(|thread| thread["differs"] == true).count();
    assert_eq!((threads.len(), differ), (5, 3));
    for thread in threads {
        let status = std::fs::read_to_string(format!("/proc/{}/task/{}/status", running.pid(), thread["tid"])).unwrap();
        assert!(status.contains(&format!("CapEff:\t{}", thread["effective"]["mask"].as_str().unwrap())), "{thread}");
    }
    let tree = root(&[CAPWRAP, "caps", "show", "--all"]).run();
    let line = tree.stdout.lines().find(|line| line.trim_start().starts_with(&running.pid()));
    assert!(line.is_some_and(|line| line.contains("3 threads differ")), "{tree:?}");
}

#[test]
fn the_securebits_of_processes_and_threads_are_shown_to_root() {
    let locked = ["capsh", "--secbits=0x2f", "--", "-c", "echo ready; sleep 60 & wait"];
    let plain = ["/bin/sh", "-c", "echo ready; sleep 60 & wait"];
    let (locked, plain) = (Running::new(&locked), Running::new(&plain));
    let run = root(&[CAPWRAP, "caps", "show", &locked.pid(), &plain.pid(), "--json"]).run();
    let processes = json(&run)["processes"].clone();
    assert_eq!((&processes[0]["securebits"], &processes[1]["securebits"]), (&0x2f.into(), &0.into()), "{run:?}");
    let text = root(&[CAPWRAP, "caps", "show", &locked.pid()]).run().stdout;
    assert!(
        text.contains("noroot, noroot_locked, no_setuid_fixup, no_setuid_fixup_locked, keep_caps_locked"),
        "{text}"
    );
    let unknown = caps(&["show", &plain.pid(), "--json"]);
    assert!(json(&unknown)["processes"][0]["securebits"].is_null(), "{unknown:?}");
    // A thread with securebits of its own: prctl(PR_SET_SECUREBITS, keep_caps), called by python's ctypes.
    let script = "import ctypes, threading\n\
        def thread():\n    ctypes.CDLL(None).prctl(28, 0x10, 0, 0, 0); print('ready', flush=True); threading.Event().wait()\n\
        threading.Thread(target=thread, daemon=True).start(); threading.Event().wait()\n";
    let running = Running::new(&["/usr/bin/python3", "-c", script]);
    let object = json(&root(&[CAPWRAP, "caps", "show", &running.pid(), "--threads", "--json"]).run());
    let threads = &object["processes"][0]["threads"];
    assert_eq!((&threads[0]["securebits"], &threads[1]["securebits"]), (&0.into(), &0x10.into()));
    assert_eq!(threads[1]["differs"], true);
}

#[test]
fn all_that_hold_a_capability_are_those_that_pscap_finds() {
    let running = Running::new(&["/bin/sh", "-c", "echo ready; sleep 60 & wait"]);
    // Processes start, end and change meanwhile. What pscap finds before and afterwards was there in between.
    let found = || -> Vec<u64> {
        let listed = root(&["pscap", "-a"]).run().stdout;
        listed.lines().skip(1).filter_map(|line| line.split_whitespace().nth(1)?.parse().ok()).collect()
    };
    let before = found();
    let object = json(&root(&[CAPWRAP, "caps", "show", "--all", "--json"]).run());
    let afterwards = found();
    let own: Vec<u64> = object["processes"].as_array().unwrap().iter().filter_map(|one| one["pid"].as_u64()).collect();
    let theirs: Vec<u64> = before.into_iter().filter(|pid| afterwards.contains(pid)).collect();
    assert!(theirs.contains(&u64::from(running.0.id())), "pscap shows {theirs:?}");
    let missed: Vec<&u64> = theirs.iter().filter(|pid| !own.contains(pid)).collect();
    assert!(missed.is_empty(), "pscap finds {missed:?} too");
}

#[test]
fn what_cannot_be_is_answered_in_one_line() {
    for (arguments, said) in [
        (&["decode", "xyz"][..], "\"xyz\" is no mask"),
        (&["decode", "10000000000000000"], "is no mask"),
        (&["encode", "cap_bfp"], "unknown capability \"cap_bfp\"\nhint: write cap_bpf"),
        (&["cap_nosuch"], "unknown capability"),
        (&["show", "0"], "\"0\" is no process id"),
        (&["show", "4194305"], "cannot show process 4194305: there is no such process"),
        (&["show", "x\ny"], "\"x\\\\u{a}y\" is no process id"),
    ] {
        let run = caps(arguments);
        assert_eq!(run.code, 2, "{run:?}");
        assert!(run.stderr.starts_with("capwrap: ") && run.stderr.contains(said), "{arguments:?}: {run:?}");
        assert!(run.stderr.lines().count() <= 2, "{run:?}");
    }
}
