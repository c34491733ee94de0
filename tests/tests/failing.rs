//! For every system call that the launcher makes between start and exec, a run in which it fails. In no run may the
//! tool start in another way than was decided, and every refusal must be reported.

use capwrap_tests::recorder::{Running, SOCKET, on_an_empty_disk};
use capwrap_tests::*;
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The errors of the failing calls: not permitted, broken, not found, unknown to the kernel, invalid.
const ERRORS: [&str; 5] = ["EPERM", "EIO", "ENOENT", "ENOSYS", "EINVAL"];

/// Calls that the C library makes before main. If one of them matters and fails, the library itself ends the process,
/// with its own message or by a signal.
const BEFORE_MAIN: [&str; 12] = [
    "access",
    "arch_prctl",
    "brk",
    "getrandom",
    "mmap",
    "mprotect",
    "poll",
    "prlimit64",
    "readlink",
    "rseq",
    "set_robust_list",
    "set_tid_address",
];

/// Errors that are answers and no failures. A process that may open uprobes gets EINVAL for a uprobe on no file, and
/// the probe asks just this.
const ANSWERS: [(&str, &str); 1] = [("perf_event_open", "EINVAL")];

/// strace itself changes to the user, so that the launcher starts with its file capabilities. A traced program gets
/// them only if its tracer could have them too (ptrace(2)). With `-D` the launcher has the place of strace, which leads
/// a session here: root's own command needs one.
fn strace(who: &str) -> Vec<&str> {
    let own_session: &[&str] = if who == "root" { &["setsid", "strace", "-D"] } else { &["strace"] };
    [own_session, &["-qq", "-u", who]].concat()
}

fn traced(who: &str, options: &[&str], arguments: &[&str]) -> Run {
    let mut words = strace(who);
    words.extend(options);
    words.push(CAPWRAP);
    words.extend(arguments);
    root(&words).env("LANG", "C").env("LD_PRELOAD", "").env("KEPT", "kept").run()
}

/// The number of times that each call is made before the tool runs.
fn calls(who: &str, arguments: &[&str]) -> BTreeMap<String, usize> {
    let log = format!("/tmp/capwrap-calls-{}-{who}-{}", std::process::id(), arguments.join("-").replace('/', "-"));
    let run = root(&[&strace(who)[..], &["-o", &log, CAPWRAP], arguments].concat()).env("KEPT", "kept").run();
    assert!(run.ok(), "{run:?}");
    let text = std::fs::read_to_string(&log).unwrap();
    std::fs::remove_file(&log).unwrap();
    let mut calls = BTreeMap::new();
    // The first line is strace's own execve of the launcher.
    for line in text.lines().skip(1) {
        let Some((name, _)) = line.split_once('(') else { continue };
        // An old strace shows the number of a young call, and injects nothing into it. statmount(2) is such a call, and
        // the tests of confining let it fail by a filter.
        if name.starts_with("syscall_") {
            continue;
        }
        *calls.entry(name.to_owned()).or_insert(0) += 1;
        // The one that tries the filter fails.
        if name == "execveat" && !line.contains(" = -1 ") {
            return calls;
        }
    }
    panic!("the launcher did not execute anything: {text}");
}

/// The output of a run of the tool, without what differs from run to run.
fn shown(run: &Run) -> String {
    let without_numbers = |line: &str| match line.split_once(":[") {
        Some((kind, _)) if line.starts_with("fd ") => kind.to_owned(),
        _ => line.to_owned(),
    };
    run.stdout.lines().map(without_numbers).collect::<Vec<_>>().join("\n")
}

fn every_failure_is_a_refusal_or_changes_nothing(who: &str, policy: &Policy) {
    every_failure_of(who, &["--reason", "test", &policy.name, "argument"]);
}

fn every_failure_of(who: &str, arguments: &[&str]) {
    let decided = traced(who, &[], arguments);
    assert!(decided.ok(), "{decided:?}");
    let decided = shown(&decided);
    // The way of injecting errors changes nothing by itself.
    let unharmed =
        traced(who, &["-o", "/dev/null", "-e", "trace=openat", "-e", "inject=openat:error=EPERM:when=9999"], arguments);
    assert_eq!(shown(&unharmed), decided);
    let mut cases = Vec::new();
    for (call, count) in calls(who, arguments) {
        for at in 1..=count {
            for error in ERRORS.into_iter().filter(|error| !ANSWERS.contains(&(&call, error))) {
                cases.push((call.clone(), at, error));
            }
        }
    }
    let (next, refused, wrong) = (AtomicUsize::new(0), AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some((call, at, error)) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let inject = format!("inject={call}:error={error}:when={at}");
                    let trace = format!("trace={call}");
                    let run = traced(who, &["-o", "/dev/null", "-e", &trace, "-e", &inject], arguments);
                    let is_same = run.ok() && shown(&run) == decided;
                    let said = run.stderr.lines().next().is_some_and(|line| line.starts_with("capwrap: "));
                    let is_refused = run.stdout.is_empty() && [125, 126, 127].contains(&run.code) && said;
                    // A refusal writes to standard error last. If that write fails, no message can say so.
                    let is_library = run.stdout.is_empty() && BEFORE_MAIN.contains(&call.as_str()) && run.code != 0;
                    if is_refused {
                        refused.fetch_add(1, Ordering::Relaxed);
                    } else if !is_same && !is_library {
                        let said = format!("{call} number {at} failing with {error}: {run:?}");
                        wrong.lock().unwrap().push((call, *at, said));
                    }
                }
            });
        }
    });
    // A scope's preset reads directories in which other tests make and remove files. What is beyond the calls that the
    // launcher makes by now was the tool's own.
    let now = calls(who, arguments);
    let is_launchers = |(call, at, _): &(&String, usize, String)| now.get(*call).is_some_and(|count| at <= count);
    let wrong: Vec<String> =
        wrong.into_inner().unwrap().into_iter().filter(is_launchers).map(|(_, _, said)| said).collect();
    let refused = refused.into_inner();
    println!("{}: {} failing calls, {refused} refusals", arguments.join(" "), cases.len());
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert!(
        refused * 2 > cases.len(),
        "only {refused} of {} failures were refused: is anything injected?",
        cases.len()
    );
}

#[test]
fn no_failing_call_makes_an_ambient_launch_differ() {
    let policy = Policy::witness(
        "cap_net_raw,cap_perfmon,cap_dac_read_search",
        "reason = true\n[exec]\nchildren = \"none\"\nbounding = \"drop\"\nenv = { keep = [\"KEPT\"] }\nlimits = { nofile = 64 }\n\
         [[grant]]\ncaps = [\"cap_syslog\"]\nwhen = { sysctl = { \"kernel.ostype\" = \"Linux\" } }\n\
         [[grant]]\ncaps = [\"cap_chown\"]\nwhen = { probe = \"perf_uprobe_needs_sys_admin\" }\n\
         [[grant]]\ncaps = [\"cap_sys_admin\"]\nwhen = { kernel_lacks = \"cap_bpf\" }\n\
         [[demand]]\nreadable = \"/root\"\nwhy = \"cap_dac_read_search is effective while the kernel is asked\"\n\
         [[demand]]\nwritable = \"/etc/passwd\"\nwhy = \"it is not\"\n",
    );
    assert!(root(&[CAPWRAP, "enable", &policy.name, "--pin"]).run().ok());
    every_failure_is_a_refusal_or_changes_nothing(MEMBER, &policy);
}

#[test]
fn no_failing_call_makes_a_launch_with_scopes_differ() {
    let policy = Policy::witness(
        "cap_perfmon",
        "reason = true\n[exec]\nchildren = \"none\"\n\
         [[grant]]\ncaps = [\"cap_net_raw\"]\nthrough = \"socket:raw-icmp\"\n\
         [[grant]]\ncaps = [\"cap_sys_admin\"]\nthrough = \"perf_event_open\"\n\
         [[grant]]\ncaps = [\"cap_net_admin\"]\nthrough = \"netlink:route\"\n\
         [[grant]]\ncaps = [\"cap_dac_read_search\"]\nbeneath = \"/var/log\"\n\
         [[grant]]\ncaps = [\"cap_net_bind_service\"]\nports = \"tcp/443\"\n\
         [scope]\npreset = \"none\"\nreadable = \"/proc\"\n",
    );
    every_failure_is_a_refusal_or_changes_nothing(MEMBER, &policy);
}

#[test]
fn no_failing_call_makes_an_inheritable_launch_differ() {
    let folder = Folder::new();
    let tool = folder.copy(WITNESS, "marked");
    assert!(root(&["setcap", "cap_net_raw=ei", &tool]).run().ok());
    let policy = Policy::tool(&tool, "cap_net_raw", "[exec]\ndeliver = \"inheritable\"");
    every_failure_is_a_refusal_or_changes_nothing(MEMBER, &policy);
}

#[test]
fn no_failing_call_makes_roots_launch_differ() {
    let policy = Policy::witness("cap_net_raw", "[exec]\nno_new_privs = false");
    every_failure_is_a_refusal_or_changes_nothing("root", &policy);
}

#[test]
fn no_failing_call_makes_a_run_as_another_user_differ() {
    let user = nix::unistd::User::from_name(MEMBER).unwrap().unwrap();
    let group = nix::unistd::Group::from_name("capwrap").unwrap().unwrap();
    let ids = format!("{},{},{}", user.uid, user.gid, group.gid);
    let words = ["--run", "--file", WITNESS, "--caps", "cap_net_raw", "--ids", &ids, "--", "witness"];
    every_failure_of("root", &words);
}

#[test]
fn no_failing_call_makes_a_launch_with_a_demanded_record_differ() {
    let policy = Policy::witness("cap_net_raw", "reason = true\naudit = \"required\"");
    on_an_empty_disk("64m", || {
        let _recorder = Running::start(&[], SOCKET);
        every_failure_is_a_refusal_or_changes_nothing(MEMBER, &policy);
    });
}

#[test]
fn a_kernel_that_only_says_that_it_changed_the_group_is_not_believed() {
    let policy = Policy::witness("cap_net_raw", "audit = \"required\"");
    on_an_empty_disk("8m", || {
        let _recorder = Running::start(&[], SOCKET);
        let log = format!("/tmp/capwrap-groups-{}", std::process::id());
        assert!(traced(MEMBER, &["-o", &log, "-e", "trace=setresgid,connect,execveat"], &[&policy.name]).ok());
        let text = std::fs::read_to_string(&log).unwrap();
        let _ = std::fs::remove_file(&log);
        // Set aside, taken, connected, dropped; and nothing but the journal and the tool behind that.
        let calls: Vec<&str> = text.lines().filter_map(|line| line.split_once('(')).map(|(call, _)| call).collect();
        assert_eq!(calls[..4], ["setresgid", "setresgid", "connect", "setresgid"], "{text}");
        assert!(calls[4..].iter().all(|call| *call != "setresgid"), "{text}");
        for at in 1..=3 {
            let inject = format!("inject=setresgid:retval=0:when={at}");
            let run = traced(MEMBER, &["-o", "/dev/null", "-e", "trace=setresgid", "-e", &inject], &[&policy.name]);
            assert!(
                run.code == 125 && run.stdout.is_empty() && run.stderr.contains("group of the recorder"),
                "{at} {run:?}"
            );
        }
        // The verbs do not get the group either.
        let words = ["-o", "/dev/null", "-e", "trace=setresgid", "-e", "inject=setresgid:retval=0:when=2"];
        let run = traced(MEMBER, &words, &["list"]);
        assert!(run.code == 125 && run.stdout.is_empty() && run.stderr.contains("drop the group"), "{run:?}");
    });
}

#[test]
fn a_kernel_that_only_says_that_it_changed_the_user_is_not_believed() {
    let user = nix::unistd::User::from_name(MEMBER).unwrap().unwrap();
    let ids = format!("{},{}", user.uid, user.gid);
    let words = ["--run", "--file", WITNESS, "--ids", &ids, "--", "witness"];
    for call in ["setgroups", "setresgid", "setresuid"] {
        let (trace, inject) = (format!("trace={call}"), format!("inject={call}:retval=0"));
        let run = traced("root", &["-o", "/dev/null", "-e", &trace, "-e", &inject], &words);
        // The first change of groups is that of the recorder's group.
        let set_aside = call == "setresgid" && std::fs::metadata(CAPWRAP).unwrap().mode() & 0o2000 != 0;
        run.refused(&[if set_aside {
            "set the group of the recorder aside"
        } else {
            "the kernel did not change the user"
        }]);
    }
    assert!(traced("root", &["-o", "/dev/null"], &words).ok());
}
