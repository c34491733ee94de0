//! `capwrap trace`: whose checks it shows, and how.

use capwrap_tests::*;
use serde_json::Value;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Runs a trace as root and returns the objects that it printed.
fn trace(words: &[&str]) -> Vec<Value> {
    let run = root(&[&["capwrap", "trace", "--json"], words].concat()).run();
    objects(&run.stdout)
}

fn objects(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

fn of<'v>(objects: &'v [Value], field: &str) -> Vec<&'v str> {
    objects.iter().map(|object| object[field].as_str().unwrap_or("-")).collect()
}

/// A trace that runs until it is interrupted.
struct Running(Option<Child>);

impl Running {
    fn start(words: &[&str]) -> Self {
        let mut command = Command::new("capwrap");
        command.args(["trace", "--json"]).args(words).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        // The probe is attached once the link for the checks exists, which is the sixth.
        let links = |id: u32| {
            let files = std::fs::read_dir(format!("/proc/{id}/fd")).into_iter().flatten().flatten();
            let names = files.filter_map(|file| std::fs::read_link(file.path()).ok());
            names.filter(|name| name.to_string_lossy().contains("bpf_link")).count()
        };
        let began = Instant::now();
        while links(child.id()) < 6 {
            assert!(began.elapsed() < Duration::from_secs(30), "the probe is not attached");
            std::thread::sleep(Duration::from_millis(20));
        }
        std::thread::sleep(Duration::from_millis(200));
        Self(Some(child))
    }

    fn id(&self) -> u32 {
        self.0.as_ref().unwrap().id()
    }

    fn end(mut self) -> Vec<Value> {
        let child = self.0.take().unwrap();
        std::thread::sleep(Duration::from_millis(300));
        assert!(root(&["kill", "-INT", &child.id().to_string()]).run().ok());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        objects(&String::from_utf8(output.stdout).unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = child.kill();
        }
    }
}

fn denied_read() {
    let _ = user(MEMBER, &["cat", "/etc/shadow"]).run();
}

#[test]
fn each_check_has_the_outcome_of_its_system_call() {
    let script = "import os, socket, time\n\
                  try: os.chown('/etc/hostname', 1, -1)\n\
                  except PermissionError: pass\n\
                  s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, 3)\n\
                  try: os.nice(-3)\n\
                  except PermissionError: pass";
    let seen = trace(&["--verbose", "--user", MEMBER, "python3", "-c", script]);
    let outcome = |call: &str| {
        let of_call = seen.iter().filter(|check| check["system_call"] == call);
        of_call.map(|check| (check["returned"].as_i64(), check["error"].as_str())).collect::<Vec<_>>()
    };
    assert!(outcome("chown").contains(&(Some(-1), Some("EPERM"))), "{seen:?}");
    assert!(outcome("setpriority").iter().all(|one| *one == (Some(-13), Some("EACCES"))), "{seen:?}");
    assert!(!outcome("setpriority").is_empty(), "{seen:?}");
    // The arguments are those of the call: no group is changed.
    let chown =
        seen.iter().find(|check| check["system_call"] == "chown" && check["capability"] == "cap_chown").unwrap();
    assert_eq!((&chown["arguments"][1], &chown["arguments"][2]), (&1.into(), &u32::MAX.into()), "{chown}");
    // After an exec the registers are those of the new program.
    let exec = seen.iter().find(|check| check["system_call"] == "execve" && check["returned"] == 0);
    assert!(exec.is_none_or(|exec| exec["arguments"].is_null()), "{seen:?}");
}

#[test]
fn a_system_call_that_lasts_or_never_returns_holds_no_check_back() {
    // A thread waits in accept when the program ends, and the last call of a program has no outcome.
    let script = "import os, socket, threading\n\
                  def accept():\n\
                  \ts = socket.socket(); s.bind(('', 0)); s.listen(); s.accept()\n\
                  threading.Thread(target=accept, daemon=True).start()\n\
                  try: os.nice(-3)\n\
                  except PermissionError: os._exit(0)";
    let began = Instant::now();
    let seen = trace(&["--user", MEMBER, "python3", "-c", script]);
    assert!(seen.iter().any(|check| check["system_call"] == "setpriority" && check["returned"] == -13), "{seen:?}");
    assert!(began.elapsed() < Duration::from_secs(20));
    let summary = root(&["capwrap", "trace", "--summary", "--user", MEMBER, "cat", "/etc/shadow"]).run();
    assert!(summary.stdout.contains("cap_dac_read_search") && !summary.stdout.contains("RESULT"), "{summary:?}");
}

#[test]
fn a_command_is_shown_from_its_very_start_and_nothing_before_it() {
    let seen = trace(&["--user", MEMBER, "cat", "/etc/shadow"]);
    assert_eq!(of(&seen, "capability"), ["cap_dac_read_search", "cap_dac_override"]);
    assert_eq!(of(&seen, "verdict"), ["denied", "denied"]);
    assert_eq!(of(&seen, "executable"), ["/usr/bin/cat"; 2]);
    assert_eq!(of(&seen, "system_call"), ["openat"; 2]);
    assert_eq!(of(&seen, "error"), ["EACCES"; 2]);
    assert_eq!(of(&seen, "target"), ["own"; 2]);
    assert!(seen.iter().all(|check| check["pid"] == check["tid"] && check["speculative"] == false));
}

#[test]
fn speculative_checks_are_shown_where_they_are_asked_for() {
    assert!(trace(&["--user", MEMBER, "true"]).is_empty());
    let seen = trace(&["-v", "--user", MEMBER, "true"]);
    assert!(!seen.is_empty() && seen.iter().all(|check| check["speculative"] == true), "{seen:?}");
}

#[test]
fn the_whole_system_is_shown_without_the_tracers_own_checks() {
    let running = Running::start(&["-v"]);
    let id = running.id();
    denied_read();
    let seen = running.end();
    assert!(of(&seen, "comm").contains(&"cat"), "{seen:?}");
    assert!(seen.iter().all(|check| check["pid"] != id), "{seen:?}");
}

#[test]
fn one_process_is_shown_and_with_f_what_it_starts() {
    let shell = |follow: &[&str]| {
        let mut child = Command::new("sh");
        child.args(["-c", "read go; (cat /etc/shadow; true) >/dev/null; read go"]).stdin(Stdio::piped());
        let mut child = child.args::<[&str; 0], _>([]).spawn().unwrap();
        let id = child.id().to_string();
        let running = Running::start(&[&["-v", "-p", &id], follow].concat());
        use std::io::Write;
        child.stdin.as_mut().unwrap().write_all(b"go\n").unwrap();
        std::thread::sleep(Duration::from_millis(500));
        let seen = running.end();
        let _ = child.kill();
        let _ = child.wait();
        seen
    };
    let alone = shell(&[]);
    assert!(of(&alone, "comm").contains(&"sh") && !of(&alone, "comm").contains(&"cat"), "{alone:?}");
    let followed = shell(&["-f"]);
    assert!(of(&followed, "comm").contains(&"cat"), "{followed:?}");
    let run = root(&["capwrap", "trace", "-p", "4194000"]).run();
    run.refused(&["no process 4194000"]);
}

#[test]
fn a_cgroup_is_shown_with_what_is_below_it() {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let mount = mounts.lines().find(|line| line.contains(" - cgroup2 ")).map(|line| line.split(' ').nth(4).unwrap());
    let Some(mount) = mount else {
        root(&["capwrap", "trace", "--cgroup", "/x"]).run().refused(&["no cgroup v2"]);
        return;
    };
    let id = "0123456789abcdef".repeat(4);
    let outer = format!("{mount}/capwrap-tests-{}", std::process::id());
    let inner = format!("{outer}/docker-{id}.scope");
    std::fs::create_dir_all(&inner).unwrap();
    let inside =
        format!("echo $$ > {inner}/cgroup.procs; exec setpriv --reuid {MEMBER} --clear-groups cat /etc/shadow");
    for scope in [["--cgroup", outer.as_str()], ["--container", "0123456789ab"]] {
        let running = Running::start(&scope);
        let _ = root(&["sh", "-c", &inside]).run();
        denied_read();
        let seen = running.end();
        assert_eq!(of(&seen, "comm").iter().filter(|comm| **comm == "cat").count(), 2, "{scope:?} {seen:?}");
    }
    root(&["capwrap", "trace", "--container", "ffffffff"]).run().refused(&["no running container"]);
    root(&["capwrap", "trace", "--cgroup", "/none/such"]).run().refused(&["cannot find the cgroup"]);
    std::fs::remove_dir(&inner).unwrap();
    std::fs::remove_dir(&outer).unwrap();
}

#[test]
fn denied_checks_and_single_capabilities_can_be_chosen() {
    let read = ["--user", MEMBER, "cat", "/etc/shadow"];
    let one = trace(&[&["-c", "dac_override"], &read[..]].concat());
    assert_eq!(of(&one, "capability"), ["cap_dac_override"]);
    // Root is denied nothing here, so there may be no check at all.
    assert!(trace(&["--denied", "cat", "/etc/shadow"]).iter().all(|check| check["verdict"] == "denied"));
    root(&["capwrap", "trace", "-c", "cap_sysadmin", "true"]).run().refused(&["cap_sys_admin"]);
}

#[test]
fn the_stack_of_a_program_names_its_functions_although_it_has_ended() {
    let is_open = |check: &Value| {
        let first = &check["user_stack"][0];
        let says = |key: &str, word: &str| first[key].as_str().is_some_and(|text| text.contains(word));
        says("file", "libc") && says("function", "open") && first["offset"].as_u64().is_some_and(|offset| offset > 0)
    };
    // The kernel reads a file's build id only if its first page is in memory at that moment.
    let mut seen = Vec::new();
    let named = (0..5).any(|_| {
        seen = trace(&["--user-stack", "--user", MEMBER, "cat", "/etc/shadow"]);
        seen.iter().any(is_open)
    });
    assert!(named, "{seen:?}");
    assert!(trace(&["cat", "/etc/shadow"]).iter().all(|check| check.get("user_stack").is_none()));
}

#[test]
fn the_stack_names_the_kernels_functions() {
    let seen = trace(&["--stack", "--user", MEMBER, "cat", "/etc/shadow"]);
    let stack = seen[0]["stack"].as_array().unwrap();
    assert!(stack.iter().any(|function| function == "generic_permission"), "{stack:?}");
}

#[test]
fn each_check_is_shown_once_and_counted() {
    let script = "for i in 1 2 3 4 5; do cat /etc/shadow; done";
    let words = ["capwrap", "trace", "--user", MEMBER];
    let unique = root(&[&words[..], &["--unique", "sh", "-c", script]].concat()).run();
    let lines: Vec<&str> = unique.stdout.lines().filter(|line| line.contains("cap_dac_override")).collect();
    // The check, its count and the total.
    assert_eq!(lines.len(), 3, "{unique:?}");
    let counted: Vec<&str> = lines[1].split_whitespace().collect();
    assert_eq!(counted[..3], ["cap_dac_override", "0", "5"]);
    let summary = root(&[&words[..], &["--summary", "sh", "-c", script]].concat()).run();
    assert_eq!(summary.stdout.lines().filter(|line| line.contains("cap_dac_override")).count(), 2, "{summary:?}");
}

#[test]
fn the_status_of_the_command_is_that_of_the_trace() {
    assert_eq!(root(&["capwrap", "trace", "sh", "-c", "exit 9"]).run().code, 9);
    assert_eq!(root(&["capwrap", "trace", "sh", "-c", "kill -TERM $$"]).run().code, 128 + 15);
    assert_eq!(root(&["capwrap", "trace", "no-such-command"]).run().code, 127);
}

#[test]
fn a_misspelt_option_is_no_command() {
    root(&["capwrap", "trace", "--dennied"]).run().refused(&["--dennied"]);
}

#[test]
fn a_trace_of_processes_ends_with_them() {
    let began = Instant::now();
    // The process has no parent here, so it is gone as soon as it ends.
    let script = "capwrap trace --for 60s -p $(sh -c 'sleep 4 >/dev/null & echo $!')";
    assert!(root(&["sh", "-c", script]).run().ok());
    assert!(began.elapsed() < Duration::from_secs(30));
}

#[test]
fn a_reader_that_has_had_enough_ends_it() {
    let script = "capwrap trace -v --for 60s | head -n 1 >/dev/null; echo ${PIPESTATUS:-done}";
    let began = Instant::now();
    let noise = std::thread::spawn(|| {
        for _ in 0..20 {
            denied_read();
            std::thread::sleep(Duration::from_millis(300));
        }
    });
    assert!(root(&["sh", "-c", script]).run().ok());
    assert!(began.elapsed() < Duration::from_secs(30));
    noise.join().unwrap();
}

#[test]
fn two_hundred_thousand_checks_lose_none() {
    // One process opens a file again and again, faster than a loop of a shell could.
    let script =
        "import os\nfor i in range(100000):\n  try: os.open('/etc/shadow', os.O_RDONLY)\n  except OSError: pass";
    let run = root(&["capwrap", "trace", "--json", "--user", MEMBER, "python3", "-c", script]).run();
    assert!(run.ok() && !run.stderr.contains("lost"), "{}", run.stderr);
    let denied = run.stdout.lines().filter(|line| line.contains("\"openat\"") && line.contains("\"denied\"")).count();
    assert!(denied >= 200_000, "{denied}");
}

#[test]
fn without_root_the_learners_policy_allows_it() {
    user(STRANGER, &["capwrap", "trace", "true"]).run().refused(&["tracing takes root"]);
}

#[test]
fn lines_are_as_wide_as_the_terminal_and_have_no_colours_in_a_file() {
    let piped = root(&["capwrap", "trace", "--user", MEMBER, "cat", "/etc/shadow"]).run();
    assert!(!piped.stdout.contains('\x1b') && piped.stdout.contains("/usr/bin/cat"), "{piped:?}");
    for width in ["80", "120"] {
        let read = "sh -c 'cat /etc/shadow 2>/dev/null'";
        let script = format!("stty rows 24 cols {width}; capwrap trace --color never --user {MEMBER} {read}");
        let run = root(&["script", "-qec", &script, "/dev/null"]).run();
        let limit: usize = width.parse().unwrap();
        // script(1) types a NUL when its own input ends, and the command's terminal echoes it.
        let shown = run.stdout.replace("^@", "");
        assert!(shown.lines().all(|line| line.trim_end().chars().count() <= limit), "{run:?}");
        assert!(run.stdout.contains("cap_dac_override"), "{run:?}");
    }
}

#[test]
fn an_interrupt_ends_a_trace_in_the_background_of_a_script() {
    // A shell without job control starts background jobs with SIGINT ignored.
    let script = "capwrap trace --json > /dev/null & sleep 2; kill -INT $!; wait $!";
    let run = root(&["timeout", "20", "sh", "-c", script]).run();
    assert!(run.ok(), "{run:?}");
}

#[test]
fn a_trace_into_a_file_leaves_standard_output_to_the_command() {
    let folder = Folder::new();
    let file = folder.path("trace");
    let words = ["capwrap", "trace", "--json", "--user", MEMBER, "--output", &file];
    let run = root(&[&words[..], &["sh", "-c", "cat /etc/shadow 2>/dev/null; echo printed"]].concat()).run();
    assert_eq!(run.stdout, "printed\n", "{run:?}");
    let written = objects(&std::fs::read_to_string(&file).unwrap());
    assert!(of(&written, "capability").contains(&"cap_dac_read_search"), "{written:?}");
    let link = folder.path("link");
    std::os::unix::fs::symlink(&file, &link).unwrap();
    root(&["capwrap", "trace", "--output", &link, "true"]).run().refused(&["symbolic link"]);
}

#[test]
fn a_summary_ends_with_the_total_of_each_capability() {
    let script = "cat /etc/shadow; head /etc/shadow; true";
    let run = root(&["capwrap", "trace", "--user", MEMBER, "--summary", "sh", "-c", script]).run();
    let totals: Vec<&str> = run.stdout.lines().skip_while(|line| !line.starts_with("TOTAL")).collect();
    let read: Vec<&str> = totals.iter().filter(|line| line.starts_with("cap_dac_read_search")).copied().collect();
    assert!(read.len() == 1 && read[0].split_whitespace().collect::<Vec<_>>()[1..] == ["0", "2"], "{run:?}");
}
