//! Scopes by system calls: what a tool with `through` can do, and what it cannot, however it tries.

use capwrap_tests::*;
use std::process::Stdio;

/// A policy for the tool of attempts, with grants of its own.
fn attempts(folder: &Folder, grants: &str) -> Policy {
    let tool = folder.copy(env!("CARGO_BIN_EXE_attempts"), "attempts");
    Policy::new(&format!("schema = 1\n\n[tool]\npath = \"{tool}\"\n\n[allow]\ngroups = [\"capwrap\"]\n\n{grants}\n"))
}

fn grant(caps: &str, keys: &str) -> String {
    format!("[[grant]]\ncaps = [{caps:?}]\n{keys}\n")
}

/// What the tool said to the attempts, without and with a scope.
#[track_caller]
fn compare(caps: &str, through: &str, expected: &[(&str, &str, &str)]) {
    compare_with_ring(None, caps, through, expected);
}

/// The same with an io_uring of this kind that the caller leaves open.
#[track_caller]
fn compare_with_ring(kind: Option<&str>, caps: &str, through: &str, expected: &[(&str, &str, &str)]) {
    let folder = Folder::new();
    // What the caller says about the ring.
    let exec = if kind.is_some() { "[exec]\nenv = { keep = [\"RING\"] }\n" } else { "" };
    let free = attempts(&folder, &grant(caps, exec));
    let scoped = attempts(&folder, &grant(caps, &format!("through = {through}\n{exec}")));
    let names: Vec<&str> = expected.iter().map(|(name, ..)| *name).collect();
    let said = |policy: &Policy| {
        let launch = [&[CAPWRAP, policy.name.as_str()], &names[..]].concat();
        let caller = folder.path("attempts");
        let ring = kind.map_or(Vec::new(), |kind| vec![caller.as_str(), "--ring", kind]);
        let run = user(MEMBER, &[ring, launch].concat()).run();
        assert!(run.ok(), "{run:?}");
        run.stdout.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let line = |name: &str, answer: &str| format!("{name}: {answer}");
    let without: Vec<_> = expected.iter().map(|(name, without, _)| line(name, without)).collect();
    let with: Vec<_> = expected.iter().map(|(name, _, with)| line(name, with)).collect();
    assert_eq!((said(&free), said(&scoped)), (without, with), "{caps} through {through}");
}

#[test]
fn cap_sys_admin_through_perf_event_open_counts_and_does_not_mount() {
    compare(
        "cap_sys_admin",
        "\"perf_event_open\"",
        &[
            ("fork", "ok", "ok"),
            ("thread", "ok", "ok"),
            ("exec", "ok", "ok"),
            ("open", "ok", "ok"),
            ("size-of-pipe", "ok", "ok"),
            ("open-tree", "ok", "ok"),
            ("perf", "ok", "ok"),
            ("perf-enable", "ok", "ok"),
            ("bpf-map", "ok", "EPERM"),
            ("bpf-next-program", "ok", "EPERM"),
            ("bpf-program", "ok", "EPERM"),
            ("mount", "ok", "EPERM"),
            ("fsopen", "ok", "EPERM"),
            ("clone-tree", "ok", "EPERM"),
            ("unshare", "ok", "EPERM"),
            ("clone-uts", "ok", "EPERM"),
            ("clone3-uts", "ok", "ENOSYS"),
            ("setns", "ok", "EPERM"),
            ("hostname", "ok", "EPERM"),
            ("swapoff", "ENOENT", "EPERM"),
            ("fanotify", "ok", "EPERM"),
            ("freeze", "EOPNOTSUPP", "EPERM"),
            ("attribute", "ENOENT", "EPERM"),
            ("ring", "ok", "EPERM"),
            ("ring-of-others", "EBADF", "EPERM"),
            ("new-call", "ENOSYS", "ENOSYS"),
            ("trace", "ok", "EPERM"),
            ("read-memory", "ok", "EPERM"),
            ("take-descriptor", "ok", "EPERM"),
        ],
    );
}

#[test]
fn cap_sys_admin_that_looks_at_bpf_loads_nothing() {
    compare(
        "cap_sys_admin",
        "\"bpf:look\"",
        &[
            ("bpf-next-program", "ok", "ok"),
            ("bpf-map", "ok", "EPERM"),
            ("bpf-program", "ok", "EPERM"),
            ("perf", "ok", "EPERM"),
            ("mount", "ok", "EPERM"),
        ],
    );
}

#[test]
fn cap_net_raw_for_icmp_gets_replies_and_no_packet_of_others() {
    let no_x32 = if cfg!(target_arch = "x86_64") { "ended by SIGSYS" } else { "ENOSYS" };
    compare(
        "cap_net_raw",
        "\"socket:raw-icmp\"",
        &[
            ("icmp", "ok", "ok"),
            ("icmp6", "ok", "ok"),
            ("udp", "ok", "ok"),
            ("reuse", "ok", "ok"),
            ("packet", "ok", "EPERM"),
            ("packet-cloexec", "ok", "EPERM"),
            ("packet-old", "ok", "EPERM"),
            ("packet-high-argument", "ok", "EPERM"),
            ("packet-by-ring", "ok", "EPERM"),
            ("packet-x32", "ENOSYS", no_x32),
            ("tcp", "ok", "EPERM"),
            ("tcp6", "ok", "EPERM"),
            ("any", "ok", "EPERM"),
            ("own-header", "ok", "EPERM"),
            ("own-header6", "ok", "EPERM"),
            ("own-header6-raw", "ok", "EPERM"),
            ("clone3-uts", "EPERM", "ENOSYS"),
        ],
    );
}

/// What a ring does, it does with the rights of whoever enters it, or of whoever set it up if a thread polls it. A tool can
/// map one without a system call that the filter sees.
#[test]
fn a_ring_of_the_callers_does_nothing_for_the_tool_past_its_scope() {
    let icmp = "\"socket:raw-icmp\"";
    let expected = [
        ("ring-left-open", "EBADF", "EBADF"),
        ("packet-by-ring-passed", "ok", "EPERM"),
        ("lend-to-ring-passed", "ok", "EPERM"),
    ];
    compare_with_ring(Some("plain"), "cap_net_raw", icmp, &expected);
    let expected = [
        ("socket-by-polled-ring", "ok", "ok"),
        ("packet-by-polled-ring", "EPERM", "EPERM"),
        ("wake-ring-passed", "ok", "EPERM"),
        ("lend-to-ring-passed", "ok", "EPERM"),
    ];
    compare_with_ring(Some("polled"), "cap_net_raw", icmp, &expected);
    // Where paths are confined, the tool gets nothing that no path leads to.
    let folder = Folder::new();
    let policy = attempts(&folder, &grant("cap_dac_read_search", "beneath = \"/var/log\""));
    for kind in ["plain", "polled"] {
        let caller = folder.path("attempts");
        let run = user(MEMBER, &[&caller, "--ring", kind, CAPWRAP, &policy.name, "open"]).run();
        run.refused(&["standard input", "names a file alone"]);
    }
}

/// The kernel truncates the number (arch/x86/entry/common.c), or takes it for none: in neither case is the call made.
#[cfg(target_arch = "x86_64")]
#[test]
fn no_number_of_another_kind_is_past_the_filter() {
    let folder = Folder::new();
    let policy = attempts(&folder, &grant("cap_net_raw", "through = \"socket:raw-icmp\""));
    let run = capwrap(&[&policy.name, "packet-high-number", "packet-i386"]).run();
    assert!(run.ok(), "{run:?}");
    for line in run.stdout.lines() {
        let (name, answer) = line.split_once(": ").unwrap();
        assert!(["EPERM", "ENOSYS", "ended by SIGSYS"].contains(&answer), "{name}: {answer}");
    }
    assert!(run.stdout.contains("packet-i386: ended by SIGSYS") || !has_i386(), "{run:?}");
}

#[cfg(target_arch = "x86_64")]
fn has_i386() -> bool {
    let run = root(&[env!("CARGO_BIN_EXE_attempts"), "packet-i386"]).run();
    run.stdout.contains(": ok")
}

#[test]
fn a_door_with_a_parameter_opens_that_value_alone() {
    compare(
        "cap_mknod",
        "\"mknod:1:3\"",
        &[("make-null", "ok", "ok"), ("make-memory", "ok", "EPERM"), ("make-pipe", "ok", "ok")],
    );
    let mut sleeper = root(&["sleep", "100"]).command().stdin(Stdio::null()).spawn().unwrap();
    let folder = Folder::new();
    let policy = attempts(
        &folder,
        &format!(
            "{}[exec]\nenv = {{ set = {{ TARGET = \"{}\" }} }}\n",
            grant("cap_kill", "through = \"kill:HUP\""),
            sleeper.id()
        ),
    );
    let run = capwrap(&[&policy.name, "terminate"]).run();
    assert_eq!(run.stdout, "terminate: EPERM\n", "{run:?}");
    assert!(sleeper.try_wait().unwrap().is_none());
    let run = capwrap(&[&policy.name, "hang-up"]).run();
    assert_eq!(run.stdout, "hang-up: ok\n", "{run:?}");
    let _ = sleeper.wait();
}

/// The user's own shell has no scope. If the tool could write its memory, the shell would act for the tool.
#[test]
fn a_tool_with_a_scope_does_not_reach_the_users_other_processes() {
    let folder = Folder::new();
    let mut sleeper = user(MEMBER, &["sleep", "100"]).command().stdin(Stdio::null()).spawn().unwrap();
    let pid = sleeper.id();
    // env(1) and setpriv(1) become the sleeper.
    let is_there = || std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "sleep\n");
    while !is_there() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let with = |keys: &str| {
        let exec = format!("[exec]\nenv = {{ set = {{ TARGET = \"{pid}\" }} }}\n");
        let policy = attempts(&folder, &format!("{}{exec}", grant("cap_net_raw", keys)));
        let run = capwrap(&[&policy.name, "memory-of-others", "descriptor-of-others", "trace-of-others"]).run();
        run.stdout.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let free = with("");
    let scoped = with("through = \"socket:raw-icmp\"");
    sleeper.kill().unwrap();
    let _ = sleeper.wait();
    assert_eq!(free, ["memory-of-others: ok", "descriptor-of-others: ok", "trace-of-others: ok"]);
    assert_eq!(scoped, ["memory-of-others: EACCES", "descriptor-of-others: EPERM", "trace-of-others: EPERM"]);
}

#[test]
fn cap_syslog_that_reads_changes_nothing() {
    compare("cap_syslog", "\"syslog:read\"", &[("read-log", "ok", "ok"), ("clear-log", "ok", "EPERM")]);
}

/// Each of these asks for the capability in a call that is about something else most of the time. A kernel may lack what it
/// is about, and the tool without a scope then gets another answer than success.
#[test]
fn a_capability_counts_in_no_part_of_a_call_that_no_door_names() {
    for (caps, scope, names) in [
        ("cap_net_admin", "through = \"netlink:route\"", &["ipsec", "ipsec6", "line-discipline"][..]),
        ("cap_net_raw", "through = \"socket:packet\"", &["old-headers6"]),
        ("cap_net_bind_service", "ports = \"tcp/443\"", &["smc"]),
        ("cap_sys_rawio", "through = \"iopl\"", &["block"]),
    ] {
        let folder = Folder::new();
        let said = |keys: &str| {
            let policy = attempts(&folder, &grant(caps, keys));
            capwrap(&[&[policy.name.as_str()], names].concat()).run().stdout
        };
        assert_eq!(said(scope), names.iter().map(|name| format!("{name}: EPERM\n")).collect::<String>(), "{caps}");
        let free = said("");
        assert!(!free.contains("EPERM") && free.lines().count() == names.len(), "{caps}: {free}");
    }
}

#[test]
fn a_scope_and_a_tool_without_children_hold_together() {
    let folder = Folder::new();
    let policy = attempts(
        &folder,
        &format!("{}[exec]\nchildren = \"none\"\n", grant("cap_sys_admin", "through = \"perf_event_open\"")),
    );
    let run = capwrap(&[&policy.name, "perf", "exec", "mount"]).run();
    assert_eq!(run.stdout, "perf: ok\nexec: EPERM\nmount: EPERM\n", "{run:?}");
    let status = capwrap(&[&policy.name]).run();
    assert!(status.ok(), "{status:?}");
}

#[test]
fn a_grant_without_scope_beside_one_with_it_wins() {
    let folder = Folder::new();
    let both =
        grant("cap_sys_admin", "through = \"perf_event_open\"") + &grant("cap_sys_admin", "when = { arg = \"mount\" }");
    let policy = attempts(&folder, &both);
    let run = capwrap(&[&policy.name, "perf", "mount"]).run();
    assert_eq!(run.stdout, "perf: ok\nmount: ok\n", "{run:?}");
    let run = capwrap(&[&policy.name, "perf", "fsopen"]).run();
    assert_eq!(run.stdout, "perf: ok\nfsopen: EPERM\n", "{run:?}");
}

#[test]
fn a_kernel_that_only_says_that_it_took_the_filter_is_not_believed() {
    let folder = Folder::new();
    let policy = attempts(&folder, &grant("cap_sys_admin", "through = \"perf_event_open\""));
    let traced = |inject: &str| {
        let words = ["strace", "-qq", "-u", MEMBER, "-o", "/dev/null", "-e", "trace=seccomp", "-e", inject, CAPWRAP];
        root(&[&words[..], &[&policy.name, "open"]].concat()).run()
    };
    traced("inject=seccomp:retval=0").refused(&["the kernel did not install the filter behind the scopes"]);
    traced("inject=seccomp:error=ENOSYS").refused(&["cannot install the filter behind the scopes"]);
    assert_eq!(traced("inject=seccomp:error=EIO:when=9").stdout, "open: ok\n");
}
