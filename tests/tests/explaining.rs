//! `capwrap explain`: there is one decision and one format, for this machine and for others.

use capwrap_tests::*;
use serde_json::Value;
use std::fs;

/// Conditions of every kind that a file of facts can answer, and one condition that it cannot.
const GRANTS: &str = r#"[[grant]]
caps = ["cap_bpf"]
when = { kernel_has = "cap_bpf" }
why = "load programs"

[[grant]]
caps = ["cap_sys_admin"]
when = { kernel_lacks = "cap_bpf" }

[[grant]]
caps = ["cap_syslog"]
when = { sysctl = { "kernel.dmesg_restrict" = ">=0" } }

[[grant]]
caps = ["cap_chown"]
when = { sysctl = { "kernel.nothing" = "1" } }

[[grant]]
mode = "write"
caps = ["cap_fowner"]
when = { option = "-w", value = "-" }

[optional]
caps = ["cap_kill"]
"#;

fn policy() -> Policy {
    Policy::witness("cap_net_raw", GRANTS)
}

/// A file that is removed when it is dropped.
struct File(String);

impl File {
    fn new(name: &str, text: &str) -> Self {
        let path = format!("/tmp/capwrap-{}-{name}", std::process::id());
        fs::write(&path, text).unwrap();
        Self(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn json(call: Call) -> Value {
    let run = call.run();
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:?}"))
}

/// The sections about capabilities, without the lines about the machine.
fn sections(page: &str) -> &str {
    let from = page.find("\ngranted\n").unwrap_or_else(|| panic!("{page}"));
    &page[from..]
}

#[test]
fn the_verb_and_the_option_print_the_same_and_end_the_same() {
    let policy = policy();
    let name = policy.name.as_str();
    for options in [&[][..], &["--mode", "write"], &["--drop", "net_raw"], &["--add", "kill", "--drop", "cap_bpf"]] {
        for arguments in [&[][..], &["-w", "-"], &["--", "-w"], &["--json", "--kernel", "5.4"]] {
            for who in [MEMBER, STRANGER] {
                let verb = user(who, &[&[CAPWRAP, "explain"], options, &[name], arguments].concat()).run();
                let option = user(who, &[&[CAPWRAP, "--explain"], options, &[name], arguments].concat()).run();
                assert!(option.stdout.contains("\ngranted\n"), "{option:?}");
                assert_eq!(verb.stdout, option.stdout, "{options:?} {arguments:?}");
                assert_eq!((verb.code, verb.stderr), (option.code, option.stderr));
                assert_eq!(verb.code, if who == MEMBER { 0 } else { 125 });
            }
        }
    }
}

#[test]
fn the_doctors_facts_of_this_machine_give_the_launchers_decision() {
    let policy = policy();
    let facts = File::new("doctor", &user(MEMBER, &[CAPWRAP, "doctor", "--json"]).run().stdout);
    // The doctor reports only settings that a shipped policy asks for.
    let setting = |page: &str| page.replace("kernel.nothing 1: the kernel has no kernel.nothing", "…");
    for arguments in [&[][..], &["-w", "-"], &["-w"]] {
        let here = capwrap(&[&["explain", &policy.name], arguments].concat()).run();
        let there = capwrap(&[&["explain", "--facts", &facts.0, &policy.name], arguments].concat()).run();
        assert_eq!((here.code, there.code), (0, 0), "{there:?}");
        let here = setting(sections(&here.stdout));
        let withheld = "  cap_chown\n      line 24: sysctl …\n";
        assert!(here.contains(withheld), "{here}");
        let unknown = "\nundecided\n  cap_chown\n      line 24: depends on sysctl kernel.nothing 1\n";
        assert_eq!(format!("{}{unknown}", here.replace(withheld, "")), sections(&there.stdout));
    }
}

#[test]
fn json_here_says_what_the_launcher_says() {
    let policy = policy();
    for arguments in [&[][..], &["-w", "-"]] {
        let object = json(capwrap(&[&["explain", "--json", "--add", "kill", &policy.name], arguments].concat()));
        let said = capwrap(&[&["--add", "kill", &policy.name], arguments].concat()).run().witness();
        let passed: Vec<&str> = object["passed"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
        assert_eq!(mask(&passed.join(",")), said.sets()[2], "{object}");
        assert_eq!(
            (&object["schema"], &object["would_run"], &object["machine"]),
            (&1.into(), &true.into(), &"this".into())
        );
        let bpf = object["granted"].as_array().unwrap().iter().find(|one| one["capabilities"][0] == "cap_bpf").unwrap();
        assert_eq!(bpf["conditions"][0]["condition"], "kernel_has cap_bpf");
        assert_eq!(bpf["conditions"][0]["fact"], "the kernel knows cap_bpf");
        assert_eq!((bpf["line"].as_u64(), bpf["why"].as_str()), (Some(11), Some("load programs")));
    }
    let refused = user(STRANGER, &[CAPWRAP, "explain", "--json", &policy.name]).run();
    assert_eq!(refused.code, 125);
    assert!(refused.stdout.contains("\"would_run\": false"), "{refused:?}");
}

#[test]
fn an_older_kernel_is_granted_what_it_was_written_for() {
    let policy = policy();
    let passed = |kernel: &str| {
        let object = json(capwrap(&["explain", "--kernel", kernel, "--json", &policy.name]));
        object["passed"].as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(passed("5.4"), ["cap_net_raw", "cap_sys_admin"]);
    assert_eq!(passed("5.8"), ["cap_net_raw", "cap_bpf"]);
    let page = capwrap(&["explain", "--kernel", "5.4", &policy.name]).run().stdout;
    for words in ["last capability is cap_audit_read", "depends on sysctl kernel.dmesg_restrict >=0", "undecided"] {
        assert!(page.contains(words), "{page}");
    }
}

#[test]
fn a_scope_is_explained_as_the_named_kernel_would_enforce_it() {
    let scopes = "reason = true\n[[grant]]\ncaps = \"net_admin\"\nthrough = \"netlink:route\"\n\
                  [[grant]]\ncaps = \"net_bind_service\"\nports = \"tcp/443\"\n[scope]\nenforce = ";
    let (required, lenient) = (
        Policy::witness("cap_kill", &format!("{scopes}\"required\"\n")),
        Policy::witness("cap_kill", &format!("{scopes}\"if-possible\"\n")),
    );
    let no_landlock = "this kernel has no Landlock, so `beneath` and `ports` confine nothing";
    let no_ports = "Landlock has ABI 2 here, so `ports` confines nothing";
    for (kernel, gap) in [("4.19", no_landlock), ("5.4", no_landlock), ("5.10", no_landlock), ("6.1", no_ports)] {
        let run = |policy: &Policy| root(&[CAPWRAP, "explain", "--kernel", kernel, "--json", &policy.name]).run();
        let (refused, takes) = (run(&required), run(&lenient));
        assert!(refused.code == 125 && refused.stdout.contains(&format!("refused: {gap}")), "{kernel}: {refused:?}");
        assert!(
            takes.ok() && takes.stdout.contains(gap) && !takes.stdout.contains(&format!("refused: {gap}")),
            "{kernel}: {takes:?}"
        );
        let leaks = takes.stdout.contains("cap_net_admin can be used through files beneath /proc");
        assert_eq!(leaks, gap == no_landlock, "{kernel}: {takes:?}");
    }
    assert!(root(&[CAPWRAP, "explain", "--kernel", "6.12", &required.name]).run().ok());
}

#[test]
fn a_backported_capability_is_known_where_the_file_says_so() {
    let policy = policy();
    let facts = File::new("rhel8.toml", "kernel = \"4.18.0-553.el8\"\nlast_capability = 39\n");
    let object = json(capwrap(&["explain", "--json", "--facts", &facts.0, &policy.name]));
    assert_eq!(object["last_capability"], 39);
    assert_eq!(object["passed"], serde_json::json!(["cap_net_raw", "cap_bpf"]));
}

#[test]
fn a_fleet_is_explained_one_machine_after_the_other_and_one_that_lacks_something_fails_it() {
    let policy = Policy::witness("cap_net_raw,cap_bpf", "");
    let old = File::new("old.toml", "kernel = \"5.4\"\n");
    let new = File::new("new.json", "{\"kernel\": \"6.1\"}");
    let call = |more: &[&str]| {
        capwrap(&[&["explain", "--facts", &new.0, "--facts", &old.0], more, &[policy.name.as_str()]].concat())
    };
    let run = call(&[]).run();
    assert_eq!(run.code, 125);
    assert!(run.stdout.contains(&new.0) && run.stdout.contains(&old.0), "{run:?}");
    assert!(run.stdout.contains("missing there\n  cap_bpf\n      this kernel does not know it"), "{run:?}");
    let object = json(call(&["--json"]));
    let machines: Vec<bool> =
        object["machines"].as_array().unwrap().iter().map(|one| one["would_run"].as_bool().unwrap()).collect();
    assert_eq!(machines, [true, false]);
    assert_eq!(object["schema"], 1);
}

#[test]
fn a_session_without_new_privileges_is_said_so_in_the_same_words_for_people_and_programs() {
    let policy = Policy::witness("cap_net_raw", "");
    let call = |words: &[&str]| {
        user(MEMBER, &[&[CAPWRAP, "explain"], words, &[policy.name.as_str()]].concat()).under(&[
            "/usr/bin/setpriv",
            "--no-new-privs",
            "--",
        ])
    };
    let run = call(&[]).run();
    assert_eq!(run.code, 125);
    let page = run.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    let object = json(call(&["--json"]));
    assert_eq!(object["missing"][0]["capabilities"], serde_json::json!(["cap_net_raw"]));
    for words in [object["missing"][0]["why"].as_str().unwrap(), object["missing"][0]["hint"].as_str().unwrap()] {
        assert!(words.contains("no_new_privs") || words.contains("NoNewPrivileges="), "{words}");
        assert!(page.contains(words), "{words}: {page}");
    }
}

#[test]
fn what_follows_the_tool_is_the_tools() {
    let policy = policy();
    let object = json(capwrap(&["explain", "--json", &policy.name, "-w", "--", "--kernel", "-h", ""]));
    assert_eq!(object["arguments"], serde_json::json!(["-w", "--", "--kernel", "-h", ""]));
    assert_eq!(object["machine"], "this");
}

#[test]
fn a_policy_that_is_not_enabled_is_explained_as_if_it_were() {
    let name = "tcpdump";
    in_own_mounts(|| {
        cover("/etc/capwrap");
        let run = capwrap(&["explain", name]).run();
        assert!(run.stdout.contains("enabled   no; explained as if it were"), "{run:?}");
        let path = format!("/usr/local/share/capwrap/policies/{name}.toml");
        let by_path = capwrap(&["explain", &path]).run();
        assert_eq!((by_path.code, by_path.stdout), (run.code, run.stdout));
    });
}

#[test]
fn what_cannot_be_read_or_meant_is_one_line_and_a_hint() {
    let policy = policy();
    let name = policy.name.as_str();
    let broken = File::new("broken.toml", "kernel 5\n");
    let strange = File::new("strange.toml", "kernal = \"5.4\"\n");
    for (words, said) in [
        (&["no-such-tool"][..], &["no policy for", "hint:"][..]),
        (&["tcpdmp"], &["no policy for", "hint:", "did you mean tcpdump?"]),
        (&["--kernel", "six", name], &["no release of a kernel", "--kernel 5.4"]),
        (&["--facts", "/nowhere", name], &["cannot read the facts in /nowhere", "no such file"]),
        (&["--facts", "/etc", name], &["cannot read the facts in /etc"]),
        (&["--facts", &broken.0, name], &["neither JSON nor TOML: line 1", "doctor --json"]),
        (&["--facts", &strange.0, name], &["\"kernal\" means nothing, kernel does"]),
        (&["--kernel", "5.4", "--mode", "wirte", name], &["no such mode", "--mode write"]),
        (&["--kernel", "5.4", "--add", "bpf", name], &["cannot add cap_bpf", "--add cap_kill"]),
        (&["--drop", "cap_nonsense", name], &["--drop", "cap_nonsense"]),
        (&["--kernel", "5.4", "a\nb"], &["no name"]),
        (&[], &["TOOL"]),
    ] {
        capwrap(&[&["explain"], words].concat()).run().refused(said);
    }
}

#[test]
fn colours_change_no_word() {
    let policy = policy();
    for options in [&[][..], &["--kernel", "5.4"]] {
        let run =
            |color: &str| capwrap(&[&["explain", "--color", color], options, &[policy.name.as_str()]].concat()).run();
        let (plain, painted) = (run("never"), run("always"));
        assert!(painted.stdout.contains("\x1b[1mgranted\x1b[0m") && !plain.stdout.contains('\x1b'), "{painted:?}");
        let mut words = painted.stdout;
        for code in ["0", "1", "31", "32", "33"] {
            words = words.replace(&format!("\x1b[{code}m"), "");
        }
        assert_eq!(words, plain.stdout);
    }
}

/// Creates an interface with a dot in its name, in a network namespace of the thread. If this kernel cannot create one,
/// it prints so and returns `None`.
fn interface_with_a_dot() -> Option<&'static str> {
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
    let name = "cw.7";
    let made = ["dummy", "veth"].iter().any(|kind| root(&["ip", "link", "add", "name", name, "type", kind]).run().ok());
    if !made {
        eprintln!("skipped: this kernel makes neither dummy nor veth interfaces");
        return None;
    }
    // Only this interface has the value 2.
    fs::write(format!("/proc/sys/net/ipv4/conf/{name}/rp_filter"), "2").unwrap();
    Some(name)
}

#[test]
fn a_setting_of_an_interface_with_a_dot_is_the_same_fact_at_a_launch_and_for_every_verb() {
    let policy = Policy::witness(
        "",
        "[[grant]]\ncaps = \"cap_kill\"\nwhen = { sysctl = { \"net.ipv4.conf.cw/7.rp_filter\" = \"2\" } }\n\
         [[grant]]\ncaps = \"cap_chown\"\nwhen = { sysctl = { \"net/ipv4/conf/cw.7/rp_filter\" = \"2\" } }\n",
    );
    let name = policy.name.as_str();
    let both = serde_json::json!(["cap_chown", "cap_kill"]);
    in_own_mounts(|| {
        if interface_with_a_dot().is_none() {
            return;
        }
        assert_eq!(capwrap(&[name]).run().witness().sets()[2], mask("cap_chown,cap_kill"));
        let page = capwrap(&["explain", name]).run();
        assert!(page.stdout.contains("net.ipv4.conf.cw/7.rp_filter is 2"), "{page:?}");
        assert!(page.stdout.contains("net/ipv4/conf/cw.7/rp_filter is 2"), "{page:?}");
        assert_eq!(json(capwrap(&["explain", "--json", name]))["passed"], both);
        let script = capwrap(&["export", "--to", "setcap", name]).run();
        assert!(script.stdout.contains("net.ipv4.conf.cw/7.rp_filter = 2"), "{script:?}");
        // The doctor sees that a launch would need both.
        let less = ["/usr/bin/setpriv", "--bounding-set", "-kill,-chown", "--"];
        let works = json(user(MEMBER, &[CAPWRAP, "doctor", "--json"]).under(&less))["works"].to_string();
        assert!(works.contains(&format!("{name}: the bounding set lacks cap_chown,cap_kill")), "{works}");
        // Learning sees this too: it reports both as granted and not needed.
        let learned = root(&[CAPWRAP, "--learn", "--user", MEMBER, "--policy", name, "--", WITNESS]).run();
        let removable = learned.stdout.lines().chain(learned.stderr.lines()).find(|line| line.starts_with("removable"));
        assert!(removable.is_some_and(|line| line.contains("cap_chown,cap_kill")), "{learned:?}");
    });
}

#[test]
fn a_setting_that_cannot_be_read_stops_the_launch_and_every_verb_alike() {
    // Only root may read the first setting. Nobody can read a setting below a file.
    for setting in ["kernel.cad_pid", "kernel.ostype.x"] {
        let policy = Policy::witness(
            "cap_kill",
            &format!("[[grant]]\ncaps = \"cap_chown\"\nwhen = {{ sysctl = {{ \"{setting}\" = \"1\" }} }}\n"),
        );
        let name = policy.name.as_str();
        let path = policy.path.to_str().unwrap();
        let said = format!("cannot read the setting {setting}");
        for words in [&[name][..], &["explain", name], &["explain", "--json", name], &["explain", path]] {
            capwrap(words).run().refused(&[&said]);
        }
        let script = capwrap(&["export", "--to", "setcap", name]).run();
        assert!(!script.ok() && script.stderr.contains(&said), "{script:?}");
        let list = capwrap(&["list"]).run();
        assert!(!list.stdout.contains(name) && list.stderr.contains(&said), "{list:?}");
        let doctor = json(user(MEMBER, &[CAPWRAP, "doctor", "--json"]));
        assert!(doctor["works"].to_string().contains(&format!("{name}: {said}")), "{doctor}");
        assert!(doctor["facts"].to_string().contains(&said), "{doctor}");
        // This machine does not provide the facts of another machine.
        assert!(capwrap(&["explain", "--kernel", "6.1", name]).run().ok());
    }
}

/// The capabilities that a run of the launcher makes effective.
fn made_effective(who: &str, policy: &Policy) -> (Run, bool) {
    let log = format!("/tmp/capwrap-probe-{}-{who}", std::process::id());
    let strace = ["strace", "-f", "-qq", "-e", "trace=capset,perf_event_open", "-o", &log, "-u", who];
    let run = root(&[&strace[..], &[CAPWRAP, "--explain", &policy.name]].concat()).run();
    let calls = fs::read_to_string(&log).unwrap();
    fs::remove_file(&log).unwrap();
    let (set, probed) = (calls.matches("capset(").count(), calls.contains("perf_event_open("));
    assert!(set > 0, "{calls}");
    let effective = calls.matches("effective=0,").count() < set;
    assert_eq!(effective, probed, "{calls}");
    (run, effective)
}

#[test]
fn who_is_not_authorised_makes_no_capability_effective_by_asking_for_an_explanation() {
    let probe = "[[grant]]\ncaps = [\"cap_sys_admin\"]\nwhen = { probe = \"perf_uprobe_needs_sys_admin\" }\n";
    let policy = Policy::witness("cap_perfmon", probe);
    let (run, effective) = made_effective(STRANGER, &policy);
    assert!(!effective && run.code == 125, "{run:?}");
    let page = run.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "refused: capwrap-stranger may not run",
        "perf_uprobe_needs_sys_admin was not asked: it takes cap_perfmon, and you are not authorised",
        ": depends on probe perf_uprobe_needs_sys_admin",
    ] {
        assert!(page.contains(part), "{part:?} is not in {}", run.stdout);
    }
    // Who is authorised does, around the probe alone.
    let (run, effective) = made_effective(MEMBER, &policy);
    assert!(effective && run.ok() && !run.stdout.contains("not asked"), "{run:?}");
}
