//! `capwrap --learn`: what it observes, what it concludes, and what it leaves unchanged.

use capwrap_tests::*;
use serde_json::Value;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// Runs learn as root, for the member.
fn learn(words: &[&str]) -> Run {
    root(&[&["capwrap", "--learn", "--user", MEMBER], words].concat()).run()
}

/// The profile that --json prints.
fn profile(words: &[&str]) -> Value {
    let run = learn(&[&["--json"], words].concat());
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:?}"))
}

fn needed(profile: &Value) -> Vec<&str> {
    profile["needed"].as_array().expect("a list").iter().map(|name| name.as_str().expect("a name")).collect()
}

#[test]
fn reading_a_file_of_roots_takes_cap_dac_read_search_and_nothing_else() {
    let profile = profile(&["cat", "/etc/shadow"]);
    assert_eq!(needed(&profile), ["cap_dac_read_search"]);
    let run = &profile["runs"][0];
    assert_eq!(run["user"]["name"], MEMBER);
    assert_eq!(run["exit"]["code"], 0);
    let check = run["checks"].as_array().unwrap().iter().find(|check| check["class"] == "needed").unwrap();
    assert_eq!(check["executable"], "/usr/bin/cat");
    assert_eq!(check["system_call"], "openat");
    assert!(check["call_site"].as_array().unwrap().iter().any(|name| name == "generic_permission"), "{check}");
    assert!(run["lost"].as_object().unwrap().values().all(|times| times == 0), "{}", run["lost"]);
}

#[test]
fn a_command_that_needs_nothing_is_learned_to_need_nothing() {
    assert!(needed(&profile(&["true"])).is_empty());
}

#[test]
fn the_status_of_the_command_is_that_of_learning() {
    assert_eq!(learn(&["sh", "-c", "exit 7"]).code, 7);
    assert_eq!(learn(&["sh", "-c", "kill -KILL $$"]).code, 128 + 9);
    assert_eq!(learn(&["sh", "-c", "kill -TERM $$"]).code, 128 + 15);
}

#[test]
fn a_command_that_cannot_be_run_is_said_as_a_shell_says_it() {
    learn(&["no-such-command"]).refused_with(127, &["no-such-command"]);
    learn(&["/etc/passwd"]).refused_with(126, &["/etc/passwd"]);
}

#[test]
fn a_program_that_looks_at_its_name_finds_it() {
    let folder = Folder::new();
    let link = folder.path("name-of-a-link");
    std::os::unix::fs::symlink("/bin/sh", &link).unwrap();
    let run = learn(&[&link, "-c", "echo $0"]);
    assert!(run.stdout.starts_with(&link), "{run:?}");
}

#[test]
fn with_json_the_output_of_the_command_goes_to_standard_error() {
    let run = learn(&["--json", "echo", "of the command"]);
    assert!(run.stderr.contains("of the command"), "{run:?}");
    assert!(!run.stdout.contains("of the command\n"), "{run:?}");
    assert!(serde_json::from_str::<Value>(&run.stdout).is_ok(), "{run:?}");
}

#[test]
fn what_is_learned_and_written_is_enough_for_the_member() {
    let name = PolicyName::new("learn-written");
    let run = learn(&["--write", "--policy", &name.0, "cat", "/etc/shadow"]);
    assert!(run.ok() && run.stdout.contains("+caps = [\"cap_dac_read_search\"]"), "{run:?}");
    assert!(root(&["capwrap", "enable", &name.0]).run().ok());
    let run = capwrap(&[&name.0, "/etc/shadow"]).run();
    assert!(run.ok() && run.stdout.contains("root:"), "{run:?}");
    let again = learn(&["--policy", &name.0, "cat", "/etc/shadow"]);
    assert!(again.stdout.contains("needs no change"), "{again:?}");
    let evidence = std::fs::read_to_string(name.evidence()).unwrap();
    assert_eq!(needed(&serde_json::from_str(&evidence).unwrap()), ["cap_dac_read_search"]);
}

#[test]
fn a_policy_that_is_written_is_noted_where_the_tool_would_take_code_from_its_caller() {
    let name = PolicyName::new("learn-code");
    let text = "schema = 1\ntool = { path = \"/usr/bin/cat\" }\nallow = { groups = [\"capwrap\"] }\n\
                exec = { env = { keep = [\"LD_PRELOAD\"] } }\n";
    std::fs::write(name.enabled(), text).unwrap();
    let run = learn(&["--write", "--policy", &name.0, "cat", "/etc/shadow"]);
    let note = "note: line 4: capwrap never passes the caller's LD_PRELOAD: it is a variable of the dynamic loader";
    assert!(run.ok() && run.stderr.contains(note), "{run:?}");
}

#[test]
fn a_policy_keeps_its_comments_and_shows_what_no_run_needed() {
    let name = PolicyName::new("learn-refined");
    let text = "# ours\nschema = 1\n\n[tool]\npath = \"/usr/bin/cat\" # the one\n\n[allow]\ngroups = [\"capwrap\"]\n\n\
                # for sockets\n[[grant]]\ncaps = [\"cap_net_raw\"]\n";
    std::fs::write(name.enabled(), text).unwrap();
    let run = learn(&["--write", "--policy", &name.0, "cat", "/etc/shadow"]);
    assert!(run.stdout.contains("cap_net_raw: granted, and not needed in one run"), "{run:?}");
    let written = std::fs::read_to_string(name.enabled()).unwrap();
    assert!(written.starts_with(text), "{written}");
    assert!(written.contains("caps = [\"cap_dac_read_search\"]"), "{written}");
    let again = learn(&["--write", "--policy", &name.0, "cat", "/etc/shadow"]);
    assert!(again.stdout.contains("not needed in 2 runs"), "{again:?}");
    assert_eq!(std::fs::read_to_string(name.enabled()).unwrap(), written);
}

#[test]
fn a_proof_takes_from_the_policy_what_is_needless() {
    let name = PolicyName::new("learn-proven");
    let text = "schema = 1\ntool = { path = \"/usr/bin/cat\" }\nallow = { groups = [\"capwrap\"] }\n\n\
                [[grant]]\ncaps = [\"cap_net_raw\", \"cap_dac_read_search\"]\n";
    std::fs::write(name.enabled(), text).unwrap();
    let run = learn(&["--write", "--minimize", "--policy", &name.0, "cat", "/etc/shadow"]);
    assert!(run.ok(), "{run:?}");
    let written = std::fs::read_to_string(name.enabled()).unwrap();
    assert!(written.contains("caps = [\"cap_dac_read_search\"]") && !written.contains("net_raw"), "{written}");
}

#[test]
fn what_one_run_shows_changes_nothing_for_another_kernel_and_is_granted_for_this_one() {
    let name = PolicyName::new("learn-elsewhere");
    let text = "schema = 1\ntool = { path = \"/usr/bin/cat\" }\nallow = { groups = [\"capwrap\"] }\n\n\
                [[grant]]\ncaps = [\"cap_net_raw\"]\nwhen = { kernel_has = \"cap_bpf\" }\n\n\
                [[grant]]\ncaps = [\"cap_sys_admin\"]\nwhen = { kernel = \"<4.0\" }\n";
    std::fs::write(name.enabled(), text).unwrap();
    let run = learn(&["--write", "--minimize", "--policy", &name.0, "cat", "/etc/shadow"]);
    assert!(run.ok(), "{run:?}");
    assert!(run.stderr.contains("cap_net_raw: not needed here, and left: "), "{run:?}");
    let written = std::fs::read_to_string(name.enabled()).unwrap();
    let circumstances = "caps   = [\"cap_dac_read_search\"]\nwhen   = { kernel_has = \"cap_bpf\" }\n\
                         unless = { kernel = \"<4.0\" }\n";
    assert!(written.starts_with(text) && written.contains(circumstances), "{written}");
}

#[test]
fn a_program_that_sets_or_reads_its_own_sets_is_named_and_nothing_is_called_removable() {
    let name = PolicyName::new("learn-own-sets");
    let text = "schema = 1\ntool = { path = \"/usr/sbin/capsh\" }\nallow = { groups = [\"capwrap\"] }\n\n\
                [[grant]]\ncaps = [\"cap_net_raw\"]\n";
    std::fs::write(name.enabled(), text).unwrap();
    let of = |arguments: &[&str]| learn(&[&["--policy", &name.0, "capsh"], arguments].concat()).stdout;
    let own = of(&["--caps=cap_bpf=ep"]);
    assert!(own.contains("own sets   set and read by /usr/sbin/capsh") && !own.contains("removable"), "{own}");
    assert!(own.contains("possible   cap_setpcap,cap_bpf: "), "it named one: {own}");
    let read = of(&["--print"]);
    assert!(read.contains("own sets   read by /usr/sbin/capsh") && !read.contains("removable"), "{read}");
    let plain = of(&["--decode=1"]);
    assert!(!plain.contains("own sets") && plain.contains("removable  cap_net_raw"), "{plain}");
}

#[test]
fn a_policy_that_cannot_be_written_is_shown_and_stays_as_it_was() {
    let name = PolicyName::new("learn-unwritable");
    in_own_mounts(|| {
        let on = |words: &[&str]| assert!(root(words).run().ok(), "{words:?}");
        on(&["mount", "--bind", POLICIES, POLICIES]);
        on(&["mount", "-o", "remount,bind,ro", POLICIES]);
        let run = learn(&["--write", "--policy", &name.0, "cat", "/etc/shadow"]);
        assert_eq!(run.code, 125, "{run:?}");
        assert!(run.stdout.contains("+caps = [\"cap_dac_read_search\"]"), "{run:?}");
        assert!(run.stderr.contains("cannot write") && run.stderr.contains("Read-only"), "{run:?}");
        let ours = |entry: &std::fs::DirEntry| entry.file_name().to_string_lossy().contains(&name.0);
        let left: Vec<_> = std::fs::read_dir(POLICIES).unwrap().map(Result::unwrap).filter(ours).collect();
        assert!(left.is_empty(), "{left:?}");
    });
}

/// If an administrator changes the policy while the command runs, that version counts, and not the one read before.
#[test]
fn a_policy_that_was_changed_meanwhile_is_left_as_it_is() {
    let name = PolicyName::new("learn-meanwhile");
    let text = "schema = 1\ntool = { path = \"/bin/sh\" }\nallow = { groups = [\"capwrap\"] }\n";
    std::fs::write(name.enabled(), text).unwrap();
    let others = [Some(text.replace("groups = [\"capwrap\"]", "users = [\"root\"]")), None];
    for other in others {
        std::fs::write(name.enabled(), text).unwrap();
        let run = std::thread::scope(|scope| {
            let command = ["--write", "--policy", &name.0, "sh", "-c", "sleep 6; cat /etc/shadow > /dev/null"];
            let learning = scope.spawn(move || learn(&command));
            std::thread::sleep(std::time::Duration::from_millis(3_000));
            match &other {
                Some(other) => put(std::path::Path::new(&name.enabled()), other),
                None => std::fs::remove_file(name.enabled()).unwrap(),
            }
            learning.join().unwrap()
        });
        assert_eq!(run.code, 125, "{run:?}");
        assert!(run.stderr.contains("was changed while") && run.stderr.contains("hint: run it again"), "{run:?}");
        assert_eq!(std::fs::read_to_string(name.enabled()).ok(), other);
        assert!(std::fs::exists(name.evidence()).unwrap());
    }
}

#[test]
fn a_damaged_profile_beside_the_policy_is_reported_and_kept() {
    let name = PolicyName::new("learn-damaged");
    std::fs::write(name.evidence(), "{\"schema\": 1, ").unwrap();
    let run = learn(&["--write", "--policy", &name.0, "true"]);
    assert_eq!(run.code, 125, "{run:?}");
    assert!(run.stderr.contains("profile.json: no profile"), "{run:?}");
    assert!(run.stdout.is_empty(), "{run:?}");
    assert_eq!(std::fs::read_to_string(name.evidence()).unwrap(), "{\"schema\": 1, ");
}

#[test]
fn minimizing_ends_with_a_set_from_which_nothing_can_be_taken() {
    // The shell reads a file that it can do without, and one that it needs.
    let script = "cat /etc/gshadow >/dev/null 2>&1; cat /etc/shadow >/dev/null && echo read";
    let plain = profile(&["sh", "-c", script]);
    assert_eq!(needed(&plain), ["cap_dac_read_search"]);
    let proven = profile(&["--minimize", "sh", "-c", script]);
    assert_eq!(needed(&proven), ["cap_dac_read_search"]);
    let proven = profile(&["--minimize", "sh", "-c", "cat /etc/shadow >/dev/null 2>&1; echo done"]);
    assert!(needed(&proven).is_empty(), "{proven}");
    assert_eq!(proven["runs"][0]["minimized"]["removed"], serde_json::json!(["cap_dac_read_search"]));
}

#[test]
fn minimizing_ends_what_a_run_leaves_behind() {
    let began = std::time::Instant::now();
    let run = learn(&["--json", "--minimize", "sh", "-c", "sleep 600 & cat /etc/shadow > /dev/null && echo read"]);
    let profile: serde_json::Value =
        serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:?}"));
    assert_eq!(needed(&profile), ["cap_dac_read_search"]);
    assert!(run.stderr.matches("of its processes still run; they are ended").count() == 1, "{run:?}");
    assert!(began.elapsed() < std::time::Duration::from_secs(120), "{run:?}");
}

#[test]
fn minimizing_learns_what_is_asked_for_instead() {
    // ionice asks for cap_sys_admin first, but cap_sys_nice is enough too (block/ioprio.c).
    let proven = profile(&["--minimize", "ionice", "-c", "realtime", "true"]);
    assert_eq!(needed(&proven), ["cap_sys_nice"]);
}

#[test]
fn a_check_of_ones_own_judges_each_run() {
    let judged = |check: &str| profile(&["--minimize", "--check", check, "cat", "/etc/shadow", "/etc/passwd"]);
    // The command prints /etc/passwd in any case, whose first line begins in the same way.
    assert!(needed(&judged("grep -q ^root:x:")).is_empty());
    assert_eq!(needed(&judged("test \"$CAPWRAP_STATUS\" = 0")), ["cap_dac_read_search"]);
}

#[test]
fn a_second_run_confirms_what_seemed_needed_and_finds_what_was_only_possible() {
    let without = profile(&["--confirm", "cat", "/etc/shadow"]);
    assert_eq!(needed(&without), ["cap_dac_read_search"]);
    assert_eq!(without["runs"][0]["confirmed"]["runs"], 1);
    // A check also shows what was asked for and is not needed.
    let judged = |check: &str| profile(&["--confirm", "--check", check, "cat", "/etc/shadow", "/etc/passwd"]);
    assert!(needed(&judged("grep -q ^root:x:")).is_empty());
    assert_eq!(needed(&judged("test \"$CAPWRAP_STATUS\" = 0")), ["cap_dac_read_search"]);
    // Most programs open the file again without O_NOATIME. This one does not. Its name is in no table.
    let folder = Folder::new();
    let insists = &[folder.copy("/usr/bin/dd", "insists"), "if=/etc/passwd".to_owned(), "iflag=noatime".to_owned()];
    let insists: Vec<&str> = insists.iter().map(String::as_str).collect();
    assert!(needed(&profile(&insists)).is_empty());
    assert_eq!(needed(&profile(&[&["--confirm"], &insists[..]].concat())), ["cap_fowner"]);
}

#[test]
fn what_a_run_leaves_behind_is_undone_before_the_next() {
    let folder = Folder::new();
    let made = &folder.path("made");
    // Nobody but root may write in the folder, and a second mkdir fails.
    let check = format!("test -d {made}");
    let run = |words: &[&str]| profile(&[&["--minimize", "--check", &check], words, &["mkdir", made]].concat());
    let reset = format!("rmdir {made} 2>/dev/null; true");
    assert_eq!(needed(&run(&["--reset", &reset])), ["cap_dac_override"]);
    // A service that the reset starts again is no process of the next run, which neither waits for it nor ends it.
    let service = folder.path("service");
    let starts = format!("{reset}; test -e {service} || {{ sleep 1000 >/dev/null 2>&1 & echo $! > {service}; }}");
    assert_eq!(needed(&run(&["--reset", &starts])), ["cap_dac_override"]);
    let started = std::fs::read_to_string(&service).unwrap();
    assert!(root(&["kill", started.trim()]).run().code == 0, "the learner ended it");
    // A run without the capability makes nothing, so that there is nothing to undo.
    let strict = format!("rmdir {made}");
    let command = [CAPWRAP, "--learn", "--json", "--user", MEMBER, "--minimize", "--reset", &strict, "mkdir", made];
    let run = root(&command).run();
    assert!(run.code == 125 && run.stderr.contains("as in --reset 'CMD || true'"), "{run:?}");
}

#[test]
fn what_no_check_shows_is_proven_and_every_smallest_set_is_named() {
    let reads = "import re; held = int(re.search('CapEff:\\s+(\\w+)', open('/proc/self/status').read())[1], 16); print('yes' if held >> 30 & 1 else 'no')";
    assert!(needed(&profile(&["python3", "-c", reads])).is_empty());
    assert_eq!(needed(&profile(&["--minimize", "python3", "-c", reads])), ["cap_audit_control"]);
    let either = "import os; [open(f'/proc/sys/kernel/{n}').read() for n in ['ostype']]; open('/etc/shadow').read(); print('read')";
    let proven = profile(&["--minimize", "python3", "-c", either]);
    assert_eq!(needed(&proven), ["cap_dac_read_search"]);
    assert_eq!(proven["runs"][0]["minimized"]["alternatives"], serde_json::json!([["cap_dac_override"]]));
}

#[test]
fn root_too_has_only_what_is_left_to_it_while_it_is_minimized() {
    let words = ["capwrap", "--learn", "--json", "--user", "root", "--minimize"];
    let script = "import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)";
    let run = root(&[&words[..], &["python3", "-c", script]].concat()).run();
    let profile: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:?}"));
    assert_eq!(needed(&profile), ["cap_net_raw"]);
}

#[test]
fn a_misspelt_option_is_no_command() {
    learn(&["--wirte", "true"]).refused(&["--wirte"]);
}

#[test]
fn a_flaky_command_is_refused() {
    let run = learn(&["--minimize", "sh", "-c", "cat /proc/sys/kernel/random/uuid"]);
    run.refused(&["prints something new in each run", "--check"]);
    let flaky = "test -e /tmp/capwrap-flaky && rm /tmp/capwrap-flaky || { touch /tmp/capwrap-flaky; exit 3; }";
    let _ = std::fs::remove_file("/tmp/capwrap-flaky");
    learn(&["--minimize", "sh", "-c", flaky]).refused(&["flaky"]);
    let _ = std::fs::remove_file("/tmp/capwrap-flaky");
    let run = learn(&["--minimize", "--check", "false", "true"]);
    run.refused(&["the check fails"]);
}

#[test]
fn a_daemon_left_behind_is_learned_from_too() {
    let script = "(setsid sh -c 'sleep 0.5; cat /etc/shadow >/dev/null' &) ; exit 3";
    let run = learn(&["--json", "sh", "-c", script]);
    assert_eq!(run.code, 3, "{run:?}");
    assert_eq!(needed(&serde_json::from_str(&run.stdout).unwrap()), ["cap_dac_read_search"]);
}

#[test]
fn every_process_of_a_fork_storm_is_counted() {
    let script = "i=0; while [ $i -lt 1000 ]; do (:) ; i=$((i+1)); done";
    let profile = profile(&["sh", "-c", script]);
    assert_eq!(profile["runs"][0]["processes"], 1001);
}

#[test]
fn two_runs_at_once_do_not_disturb_each_other() {
    let one = std::thread::spawn(|| needed(&profile(&["sh", "-c", "sleep 0.3; cat /etc/shadow; sleep 0.3"])).len());
    let two = std::thread::spawn(|| needed(&profile(&["sh", "-c", "sleep 0.3; cat /etc/passwd; sleep 0.3"])).len());
    assert_eq!((one.join().unwrap(), two.join().unwrap()), (1, 0));
}

/// A copy of chown with the setuid bit, and a command that starts it for a file of root's.
fn setuid_chown(folder: &Folder) -> String {
    let file = folder.path("file");
    std::fs::write(&file, "").unwrap();
    let chown = folder.copy("/usr/bin/chown", "setuid-chown");
    assert!(root(&["chmod", "4755", &chown]).run().ok());
    format!("{chown} {MEMBER} {file}")
}

#[test]
fn under_no_new_privs_a_setuid_program_needs_what_every_other_needs() {
    let folder = Folder::new();
    let run = learn(&["--json", "sh", "-c", &setuid_chown(&folder)]);
    assert!(run.ok() && run.stderr.contains("which no_new_privs withholds"), "{run:?}");
    assert_eq!(needed(&serde_json::from_str(&run.stdout).unwrap()), ["cap_chown"], "{run:?}");
}

#[test]
fn what_a_setuid_program_does_with_its_privileges_is_not_learned() {
    let folder = Folder::new();
    let shell = folder.copy("/bin/sh", "shell");
    let _policy = Policy::named(
        "t-new-privileges",
        &format!(
            "schema = 1\ntool = {{ path = \"{shell}\" }}\nallow = {{ users = [\"{MEMBER}\"] }}\n\
             exec = {{ no_new_privs = false }}\n"
        ),
    );
    let run = learn(&["--json", "--policy", "t-new-privileges", &shell, "-c", &setuid_chown(&folder)]);
    assert!(run.ok() && run.stderr.contains("what it does with them is not learned"), "{run:?}");
    assert!(needed(&serde_json::from_str(&run.stdout).unwrap()).is_empty(), "{run:?}");
}

/// The needs that are learned from a Python script that changes its ids.
fn needed_by_ids(script: &str) -> Value {
    profile(&["python3", "-c", &format!("import os\n{script}")])["needed"].clone()
}

#[test]
fn a_change_of_the_real_or_of_the_saved_id_alone_needs_the_capability() {
    assert_eq!(needed_by_ids("os.setresuid(1, -1, -1)"), serde_json::json!(["cap_setuid"]));
    assert_eq!(needed_by_ids("os.setresuid(-1, -1, 1)"), serde_json::json!(["cap_setuid"]));
    assert_eq!(needed_by_ids("os.setresgid(1, -1, -1)"), serde_json::json!(["cap_setgid"]));
    assert_eq!(needed_by_ids("os.setresgid(-1, -1, 1)"), serde_json::json!(["cap_setgid"]));
    assert_eq!(needed_by_ids("os.setresuid(*os.getresuid()); os.setuid(os.getuid())"), serde_json::json!([]));
}

#[test]
fn the_ids_of_who_mounted_an_overlay_are_not_taken_for_those_of_a_command_that_uses_it() {
    use nix::mount::{MsFlags, mount};
    let folder = Folder::new();
    let [lower, upper, work, merged] = ["lower", "upper", "work", "merged"].map(|name| folder.path(name));
    in_own_mounts(|| {
        cover(&folder.path("."));
        for directory in [&lower, &upper, &work, &merged] {
            std::fs::create_dir(directory).unwrap();
        }
        let options = format!("lowerdir={lower},upperdir={upper},workdir={work}");
        mount(Some("overlay"), merged.as_str(), Some("overlay"), MsFlags::empty(), Some(options.as_str())).unwrap();
        assert!(root(&["chown", MEMBER, &merged]).run().ok());
        let script = format!("open('{merged}/file', 'w').write('text'); os.setuid(os.getuid())");
        assert_eq!(needed_by_ids(&script), serde_json::json!([]));
    });
}

#[test]
fn after_the_given_time_the_command_is_ended_and_the_result_shown() {
    let began = Instant::now();
    let run = learn(&["--json", "--for", "1s", "sleep", "60"]);
    assert!(began.elapsed() < Duration::from_secs(20));
    assert_eq!(run.code, 128 + 2, "{run:?}");
    assert!(serde_json::from_str::<Value>(&run.stdout).is_ok(), "{run:?}");
    // A command that does not end is signalled three times.
    let run = learn(&["--json", "--for", "1s", "sh", "-c", "trap '' INT TERM; while :; do sleep 1; done"]);
    assert_eq!(run.code, 128 + 9, "{run:?}");
}

#[test]
fn an_interrupt_ends_the_command_and_the_result_is_shown() {
    let learner = root(&["capwrap", "--learn", "--json", "--user", MEMBER, "sh", "-c"])
        .arg("trap 'cat /etc/shadow; exit 4' INT; echo ready; while :; do sleep 0.1; done");
    let child =
        learner.command().stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(2));
    assert!(root(&["kill", "-INT", &child.id().to_string()]).run().ok());
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(4),
        "{:?} {}",
        output.status.signal(),
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(needed(&serde_json::from_slice(&output.stdout).unwrap()), ["cap_dac_read_search"]);
}

/// Only one test at a time may enable the learner's policy.
static LEARNER: std::sync::Mutex<()> = std::sync::Mutex::new(());

#[test]
fn a_member_of_the_learners_policy_learns_what_is_denied() {
    let _alone = LEARNER.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let refused = user(MEMBER, &["capwrap", "--learn", "true"]).run();
    refused.refused(&["takes root", "capwrap enable capwrap-learn"]);
    let _learner = enable("capwrap-learn", &["--user", MEMBER]);
    let run = user(MEMBER, &["capwrap", "--learn", "--json", "cat", "/etc/shadow"]).run();
    assert_eq!(run.code, 1, "{run:?}");
    let profile: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:?}"));
    // Both capabilities were refused, and the narrow one is enough.
    assert_eq!(needed(&profile), ["cap_dac_read_search"]);
    assert!(profile["runs"][0]["held"].as_array().unwrap().is_empty());
    user(STRANGER, &["capwrap", "--learn", "true"]).run().refused(&["may not run capwrap-learn"]);
}

#[test]
fn what_the_learner_holds_reaches_nothing_that_it_starts() {
    let _alone = LEARNER.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let _learner = enable("capwrap-learn", &["--user", MEMBER]);
    let status = ["grep", "-E", "^Cap(Inh|Prm|Eff|Amb)", "/proc/self/status"];
    let nothing = |run: &Run, out: &str| {
        let sets: Vec<&str> =
            out.lines().filter_map(|line| line.strip_prefix("Cap")?.split_whitespace().nth(1)).collect();
        assert!(sets.len() == 4 && sets.iter().all(|set| *set == "0000000000000000"), "{run:?}");
    };
    for verb in [&["--learn"][..], &["trace"]] {
        let run = user(MEMBER, &[&["capwrap"], verb, &status].concat()).run();
        nothing(&run, &run.stdout);
    }
    // Verbs that are not for users, and verbs that need no rights, hold none.
    let helper = ["capwrap", "capwrap-learn", "become", "--hold=c000000000", "--"];
    let script = format!("{} & sleep 1; kill -CONT $!; wait $!", [&helper[..], &status].concat().join(" "));
    let run = user(MEMBER, &["sh", "-c", &script]).run();
    assert!(!run.stdout.contains("c000000000"), "{run:?}");
    let refused = user(MEMBER, &["capwrap", "--learn", "--minimize", "--check", "true", "true"]).run();
    refused.refused(&["only root can use --minimize"]);
    user(MEMBER, &["capwrap", "--learn", "--write", "true"]).run().refused(&["only root can use --write"]);
}

#[test]
fn a_setuid_tool_gets_no_policy() {
    let folder = Folder::new();
    let tool = folder.copy("/usr/bin/true", "setuid-true");
    assert!(root(&["chmod", "4755", &tool]).run().ok());
    let name = PolicyName::new("learn-setuid");
    learn(&["--write", "--policy", &name.0, &tool]).refused(&["setuid"]);
    assert!(!Path::new(&name.written()).exists());
}

#[test]
fn a_member_learns_with_what_the_commands_policy_grants() {
    let _alone = LEARNER.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let _learner = enable("capwrap-learn", &["--user", MEMBER]);
    let policy = Policy::tool("/usr/bin/cat", "cap_dac_read_search", "");
    let run = user(MEMBER, &["capwrap", "--learn", "--json", "--policy", &policy.name, "cat", "/etc/shadow"]).run();
    assert!(run.ok() && run.stderr.contains("root:"), "{}", run.stderr);
    let profile: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(needed(&profile), ["cap_dac_read_search"]);
    assert_eq!(profile["runs"][0]["held"], serde_json::json!(["cap_dac_read_search"]));
    // The launcher's own preparations do not count as the command's.
    let executables = profile["runs"][0]["executables"].as_array().unwrap();
    assert_eq!(executables, &[serde_json::json!("/usr/bin/cat")]);
}

#[test]
fn a_learner_whose_policy_hands_over_too_little_says_so_and_starts_no_other() {
    let _alone = LEARNER.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    for (grant, lacking) in [("caps = [\"cap_bpf\"]", "takes cap_perfmon"), ("", "takes cap_bpf and cap_perfmon")] {
        let grant = if grant.is_empty() { String::new() } else { format!("[[grant]]\n{grant}\n") };
        let _policy = Policy::named(
            "capwrap-learn",
            &format!(
                "schema = 1\ntool = {{ path = \"/usr/local/libexec/capwrap/capwrap-advisor\" }}\n\
                 allow = {{ users = [\"{MEMBER}\"] }}\nexec = {{ no_new_privs = false }}\n{grant}"
            ),
        );
        for verb in ["--learn", "trace"] {
            let run = user(MEMBER, &["timeout", "20", "capwrap", verb, "true"]).run();
            run.refused(&["the policy capwrap-learn grants too little", lacking, "hint: capwrap explain"]);
        }
    }
}

#[test]
fn without_the_rights_for_the_probe_it_says_which_are_missing() {
    let run = root(&["setpriv", "--bounding-set", "-bpf,-perfmon,-sys_admin", "--inh-caps", "-all"]);
    let run = run.arg("capwrap").arg("--learn").arg("--user").arg(MEMBER).arg("true").run();
    run.refused(&["cap_bpf and cap_perfmon", "not held here"]);
    let run = root(&["unshare", "-Ur", "capwrap", "--learn", "--user", "root", "true"]).run();
    assert!(run.code == 125 && run.stderr.contains("cannot be loaded in a user namespace"), "{run:?}");
}

#[test]
fn a_back_end_that_this_kernel_refuses_is_named_with_the_reason() {
    let run = learn(&["--back-end", "fexit", "true"]);
    if !run.ok() {
        run.refused(&["fexit"]);
    }
}

#[test]
fn profiles_are_joined_whatever_their_order() {
    let folder = Folder::new();
    let (one, two) = (folder.path("one.json"), folder.path("two.json"));
    assert!(learn(&["--output", &one, "cat", "/etc/shadow"]).ok());
    assert!(learn(&["--output", &two, "true"]).ok());
    let merge = |files: &[&str]| {
        let run = root(&[&["capwrap", "merge"], files].concat()).run();
        assert!(run.ok(), "{run:?}");
        run.stdout
    };
    assert_eq!(merge(&[&one, &two]), merge(&[&two, &one, &one]));
    assert_eq!(merge(&[&one, &one]), merge(&[&one]));
    let both: Value = serde_json::from_str(&merge(&[&one, &two])).unwrap();
    assert_eq!(needed(&both), ["cap_dac_read_search"]);
    assert_eq!(both["runs"].as_array().unwrap().len(), 2);
    root(&["capwrap", "merge", "/etc/passwd"]).run().refused(&["/etc/passwd"]);
}

#[test]
fn the_tables_fit_narrow_and_wide_terminals_and_are_plain_when_piped() {
    let run = learn(&["-v", "cat", "/etc/shadow"]);
    assert!(!run.stdout.contains('\x1b'), "{run:?}");
    for width in ["80", "120"] {
        let script = format!("stty rows 24 cols {width}; capwrap --learn -v --user {MEMBER} cat /etc/hostname");
        let run = root(&["script", "-qec", &script, "/dev/null"]).run();
        let widest = run.stdout.lines().map(|line| without_colour(line).chars().count()).max().unwrap_or(0);
        let limit: usize = width.parse().unwrap();
        // The text of the policy in the diff keeps its own width.
        assert!(widest <= limit.max(90), "{widest} of {width}: {run:?}");
        assert!(run.stdout.contains('\x1b'), "{run:?}");
    }
}

fn without_colour(line: &str) -> String {
    let mut plain = String::new();
    let mut rest = line;
    while let Some(at) = rest.find('\x1b') {
        plain += &rest[..at];
        rest = rest[at..].split_once('m').map_or("", |(_, rest)| rest);
    }
    plain + rest.trim_end()
}

#[test]
fn every_program_that_ships_is_where_the_learner_looks() {
    assert!(Path::new("/usr/local/libexec/capwrap/capwrap-advisor").exists());
    assert!(Path::new("/usr/local/share/capwrap/policies/capwrap-learn.toml").exists());
}

#[test]
fn what_is_learned_from_another_file_of_the_same_name_changes_no_policy() {
    let room = Folder::new();
    let real = room.copy("/bin/cat", "t-learn-same");
    let name = PolicyName::new("learn-same");
    let _policy = Policy::named(
        &name.0,
        &format!("schema = 1\nsummary = \"s\"\ntool = {{ path = \"{real}\" }}\nallow = {{ users = [\"{MEMBER}\"] }}\n"),
    );
    let before = std::fs::read_to_string(name.enabled()).unwrap();
    let home = InHome::new(MEMBER);
    let planted = home.0.join(&name.0);
    std::fs::copy("/bin/cat", &planted).unwrap();
    home.own(&planted, MEMBER);
    let planted = planted.to_str().unwrap();
    let said = format!("the policy {} is for {real}, and this is {planted}", name.0);
    let at_home = |words: &[&str]| {
        let path = format!("{}:/usr/bin:/bin", home.0.display());
        root(&[&[CAPWRAP, "--learn", "--user", MEMBER], words].concat()).env("PATH", path).dir(&home.0).run()
    };
    let relative = format!("./{}", name.0);
    for command in [planted, &*relative, &*name.0] {
        // Nothing runs if the result could not be written.
        let run = at_home(&["--write", command, "/etc/shadow"]);
        run.refused(&[&said, "it is not changed", "hint: choose another name for this file's policy: --policy NAME"]);
        let run = at_home(&[command, "/etc/shadow"]);
        assert!(run.ok() && run.stdout.contains("cap_dac_read_search"), "{command}: {run:?}");
        assert!(run.stderr.contains(&format!("{said}: no change is proposed")), "{command}: {run:?}");
        assert!(!run.stdout.contains("+++"), "{command}: {run:?}");
        let run = at_home(&["--policy", &name.0, "--write", command, "/etc/shadow"]);
        run.refused(&[&said]);
        // Under a name of its own it would get a policy of its own, which would launch nothing from a home.
        let own = PolicyName::new("learn-own");
        let run = at_home(&["--policy", &own.0, command, "/etc/shadow"]);
        assert!(run.ok() && run.stdout.contains(&format!("= \"{planted}\"")), "{command}: {run:?}");
    }
    assert_eq!(std::fs::read_to_string(name.enabled()).unwrap(), before);
    assert!(!Path::new(&name.evidence()).exists());
}

#[test]
fn a_link_to_the_tool_of_a_policy_is_that_tool_wherever_it_lies() {
    let room = Folder::new();
    let real = room.copy("/bin/cat", "t-learn-link");
    let home = InHome::new(MEMBER);
    for (kind, by_name) in [("symbolic", false), ("hard", false), ("symbolic", true)] {
        let name = PolicyName::new("learn-link");
        let _policy = Policy::named(
            &name.0,
            &format!(
                "schema = 1\nsummary = \"s\"\ntool = {{ path = \"{real}\" }}\nallow = {{ users = [\"{MEMBER}\"] }}\n"
            ),
        );
        let link = match kind {
            "symbolic" => home.0.join(&name.0),
            _ => room.0.join("other").join(&name.0),
        };
        std::fs::create_dir_all(link.parent().unwrap()).unwrap();
        let _ = std::fs::remove_file(&link);
        match kind {
            "symbolic" => std::os::unix::fs::symlink(&real, &link).unwrap(),
            _ => std::fs::hard_link(&real, &link).unwrap(),
        }
        let path = format!("{}:/usr/bin:/bin", link.parent().unwrap().display());
        let command = if by_name { name.0.as_str() } else { link.to_str().unwrap() };
        let words = [CAPWRAP, "--learn", "--user", MEMBER, "--write", command, "/etc/shadow"];
        let run = root(&words).env("PATH", path).run();
        assert!(run.ok(), "{kind}: {run:?}");
        let text = std::fs::read_to_string(name.enabled()).unwrap();
        assert!(text.contains("cap_dac_read_search") && text.contains(&real), "{kind}: {text}");
    }
}

/// The owner of a directory can let a link lead elsewhere between the comparison and the run.
#[test]
fn a_link_that_its_owner_swaps_never_brings_the_needs_of_another_file_into_the_policy() {
    let room = Folder::new();
    let real = room.copy("/bin/cat", "t-learn-swap");
    let home = InHome::new(MEMBER);
    let name = PolicyName::new("learn-swap");
    let policy =
        format!("schema = 1\nsummary = \"s\"\ntool = {{ path = \"{real}\" }}\nallow = {{ users = [\"{MEMBER}\"] }}\n");
    let _policy = Policy::named(&name.0, &policy);
    let file = room.path("file");
    std::fs::write(&file, "").unwrap();
    // The other file needs what cat never does.
    let evil = home.0.join("evil");
    std::fs::copy("/bin/chown", &evil).unwrap();
    home.own(&evil, MEMBER);
    let link = home.0.join(&name.0);
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for target in [real.as_str(), evil.to_str().unwrap()].iter().cycle() {
                if stop.load(std::sync::atomic::Ordering::Relaxed) {
                    break;
                }
                let beside = home.0.join("beside");
                let _ = std::fs::remove_file(&beside);
                std::os::unix::fs::symlink(target, &beside).unwrap();
                std::fs::rename(&beside, &link).unwrap();
            }
        });
        let (mut ran, mut refused) = (0, 0);
        for _ in 0..30 {
            // For chown these are a user and a file; cat fails to open the first.
            let run = learn(&["--write", "--accept-failure", link.to_str().unwrap(), "1", &file]);
            if run.stderr.contains("it is not changed") { refused += 1 } else { ran += 1 }
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(ran > 0 && refused > 0, "{ran} ran and {refused} were refused");
    });
    let text = std::fs::read_to_string(name.enabled()).unwrap();
    assert!(!text.contains("cap_chown"), "{text}");
}
