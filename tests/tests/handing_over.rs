//! The tool holds exactly the decided capabilities when it runs, whichever way they are delivered.

use capwrap_tests::*;

#[test]
fn the_tool_holds_exactly_the_grant_in_all_four_sets() {
    let policy = Policy::witness("cap_net_raw,cap_checkpoint_restore", "");
    let said = capwrap(&[&policy.name]).run().witness();
    assert_eq!(said.sets(), [mask("net_raw,checkpoint_restore"); 4]);
    assert_eq!(said.get("NoNewPrivs"), "1");
    assert_eq!(said.get("AtSecure"), "0");
}

#[test]
fn a_policy_without_grants_hands_over_nothing() {
    let policy = Policy::witness("", "");
    assert_eq!(capwrap(&[&policy.name]).run().witness().sets(), [0; 4]);
}

#[test]
fn every_capability_that_the_kernel_knows_can_be_passed_alone() {
    for capability in capwrap_core::Capability::all() {
        let policy = Policy::witness(capability.name(), "");
        let run = capwrap(&[&policy.name]).run();
        if capability == capwrap_core::Capability::SYS_RESOURCE && !run.ok() {
            // If the bounding set lacks the capability, nobody can have it, and the error says so.
            run.refused(&["cap_sys_resource", "bounding set"]);
            continue;
        }
        assert_eq!(run.witness().sets(), [mask(capability.name()); 4], "{capability}");
    }
}

#[test]
fn the_tool_runs_under_its_own_name_and_arguments_reach_it_untouched() {
    let policy = Policy::witness("cap_net_raw", "");
    let said = capwrap(&[&policy.name, "--mode", "x", "-h", "--", "--explain", ""]).run().witness();
    assert_eq!(said.get("Name"), "witness");
    assert_eq!(said.get("exe"), WITNESS);
    let argv: Vec<&str> = (0..7).map(|at| said.get(&format!("argv{at}"))).collect();
    assert_eq!(argv, [WITNESS, "--mode", "x", "-h", "--", "--explain", ""]);
}

#[test]
fn arguments_that_are_not_utf_8_reach_the_tool_untouched() {
    use std::os::unix::ffi::OsStrExt;
    let policy = Policy::witness("cap_net_raw", "");
    let odd = std::ffi::OsStr::from_bytes(b"\xff\xfe\n\x01");
    let said = capwrap(&[&policy.name]).arg(odd).run().witness();
    assert_eq!(said.get("argv1"), "\\xff\\xfe\\n\\x01");
}

#[test]
fn drop_hands_over_less_and_add_only_what_is_optional() {
    let policy = Policy::witness("cap_net_raw,cap_net_admin", "[optional]\ncaps = [\"cap_syslog\"]");
    let with = |options: &[&str]| capwrap(&[options, &[&policy.name]].concat()).run();
    assert_eq!(with(&["--drop", "net_admin"]).witness().sets()[2], mask("net_raw"));
    assert_eq!(with(&["--drop", "net_admin", "--drop", "CAP_NET_RAW"]).witness().sets()[2], 0);
    assert_eq!(with(&["--add", "cap_syslog"]).witness().sets()[2], mask("net_raw,net_admin,syslog"));
    with(&["--add", "cap_sys_admin,syslog"]).refused(&["cannot add cap_sys_admin", "--add cap_syslog"]);
    with(&["--drop", "cap_nonsense"]).refused(&["--drop", "cap_nonsense"]);
}

/// A container as far as the kernel shows it: another PID namespace.
const CONTAINER: [&str; 4] = ["unshare", "--pid", "--fork", "--kill-child"];

#[test]
fn the_container_variables_stand_for_the_options() {
    let policy = Policy::witness("cap_net_raw,cap_net_admin", "[optional]\ncaps = [\"cap_syslog\"]");
    let with = |name: &str, value: &str| capwrap(&[&policy.name]).env(name, value).under(&CONTAINER).run();
    assert_eq!(with("CAPWRAP_DROP", "net_raw").witness().sets()[2], mask("net_admin"));
    let added = with("CAPWRAP_ADD", "syslog").witness();
    assert_eq!(added.sets()[2], mask("net_raw,net_admin,syslog"));
    assert_eq!(added.env("CAPWRAP_ADD"), None, "it reached the tool");
    with("CAPWRAP_ADD", "sys_admin").refused(&["cannot add cap_sys_admin"]);
    with("CAPWRAP_BYPASS", "1").refused(&["--bypass is for root alone"]);
    with("CAPWRAP_BYPASS", "yes").refused(&["CAPWRAP_BYPASS"]);
    assert_eq!(with("CAPWRAP_BYPASS", "0").witness().sets()[2], mask("net_raw,net_admin"));
}

/// Not even where a file says that this is a container, as in a virtual machine that was made from an image.
#[test]
fn outside_a_container_a_variable_that_stands_for_an_option_is_refused() {
    let policy = Policy::witness("cap_net_raw", "[optional]\ncaps = [\"cap_syslog\"]");
    let bypassed = root(&[CAPWRAP, &policy.name]).env("CAPWRAP_BYPASS", "1").env("container", "podman").run();
    bypassed.refused(&["CAPWRAP_BYPASS is set, and this is no container", "unset CAPWRAP_BYPASS, or use --bypass"]);
    for (name, value) in [("CAPWRAP_ADD", "syslog"), ("CAPWRAP_DROP", "net_raw")] {
        let run = capwrap(&[&policy.name]).env(name, value).run();
        run.refused(&[&format!("{name} is set, and this is no container")]);
        let explained = capwrap(&["explain", "--json", &policy.name]).env(name, value).run();
        explained.refused(&[&format!("{name} is set, and this is no container")]);
    }
    for (name, value) in [("CAPWRAP_ADD", ""), ("CAPWRAP_DROP", ""), ("CAPWRAP_BYPASS", ""), ("CAPWRAP_BYPASS", "0")] {
        assert_eq!(root(&[CAPWRAP, &policy.name]).env(name, value).run().witness().sets(), [mask("net_raw"); 4]);
    }
}

#[test]
fn a_mode_is_chosen_by_arguments_or_by_name() {
    let policy = Policy::witness(
        "cap_bpf",
        "[[grant]]\nmode = \"pcapng\"\ncaps = [\"cap_net_admin\"]\nwhen = { option = [\"-m\"], value = [\"pcapng\"] }",
    );
    let with = |words: &[&str]| capwrap(words).run();
    assert_eq!(with(&[&policy.name]).witness().sets()[2], mask("bpf"));
    assert_eq!(with(&[&policy.name, "-m", "pcapng"]).witness().sets()[2], mask("bpf,net_admin"));
    assert_eq!(with(&["--mode", "pcapng", &policy.name]).witness().sets()[2], mask("bpf,net_admin"));
    with(&["--mode", "pcapgn", &policy.name]).refused(&["no such mode", "--mode pcapng"]);
}

#[test]
fn inheritable_delivery_gives_the_marked_tool_its_grant_and_its_children_nothing() {
    let folder = Folder::new();
    let tool = folder.copy(WITNESS, "marked");
    assert!(root(&["setcap", "cap_net_raw=ei", &tool]).run().ok());
    let policy = Policy::tool(&tool, "cap_net_raw", "[exec]\ndeliver = \"inheritable\"");
    let said = capwrap(&[&policy.name]).run().witness();
    assert_eq!(said.sets(), [mask("net_raw"), mask("net_raw"), mask("net_raw"), 0]);
    assert_eq!((said.get("AtSecure"), said.get("NoNewPrivs")), ("1", "1"));
    let child = capwrap(&[&policy.name, "exec", WITNESS]).run().witness();
    assert_eq!(child.sets()[1..], [0, 0, 0], "a child has them");
    assert_eq!(user(MEMBER, &[&tool]).run().witness().sets()[1..], [0, 0, 0], "without capwrap it has them");
}

#[test]
fn inheritable_delivery_reaches_roots_tool_alone_and_drop_still_sheds() {
    let folder = Folder::new();
    let tool = folder.copy(WITNESS, "marked");
    assert!(root(&["setcap", "cap_net_raw,cap_syslog=ei", &tool]).run().ok());
    let policy = Policy::tool(&tool, "cap_net_raw,cap_syslog", "[exec]\ndeliver = \"inheritable\"\nchildren = \"any\"");
    for call in [root(&[CAPWRAP, &policy.name]), capwrap(&[&policy.name])] {
        assert_eq!(call.run().witness().sets()[1..], [mask("net_raw,syslog"), mask("net_raw,syslog"), 0]);
    }
    for call in [root(&[CAPWRAP, "--drop", "syslog", &policy.name]), capwrap(&["--drop", "syslog", &policy.name])] {
        assert_eq!(call.run().witness().sets(), [mask("net_raw"), mask("net_raw"), mask("net_raw"), 0]);
    }
    let child = root(&[CAPWRAP, &policy.name, "exec", WITNESS]).run().witness();
    assert_eq!(child.sets()[1..], [0, 0, 0], "a child of uid 0 has them");
}

#[test]
fn inheritable_delivery_refuses_a_tool_that_is_not_marked_for_it() {
    let folder = Folder::new();
    let tool = folder.copy(WITNESS, "marked");
    let policy = Policy::tool(&tool, "cap_net_raw,cap_syslog", "[exec]\ndeliver = \"inheritable\"");
    capwrap(&[&policy.name]).run().refused_with(
        126,
        &["no file capabilities, which inheritable delivery needs", "setcap 'cap_net_raw,cap_syslog=ei'"],
    );
    let needs = "and inheritable delivery of cap_net_raw,cap_syslog needs other file capabilities";
    for (wrong, gives) in [
        ("cap_net_raw=ei", "would give the tool cap_net_raw,"),
        ("cap_net_raw,cap_syslog=i", "would give the tool cap_net_raw,cap_syslog permitted and none effective,"),
        ("cap_net_raw=eip", "would give the tool cap_net_raw,"),
    ] {
        assert!(root(&["setcap", wrong, &tool]).run().ok());
        capwrap(&[&policy.name]).run().refused_with(126, &[gives, needs]);
    }
}

#[test]
fn enable_marks_the_tool_of_inheritable_delivery_and_disable_takes_the_mark_away() {
    let folder = Folder::new();
    let tool = folder.copy(WITNESS, "marked");
    let policy = Policy::tool(&tool, "cap_net_raw", "[exec]\ndeliver = \"inheritable\"");
    let marked = || root(&["getcap", &tool]).run().stdout;
    assert!(root(&[CAPWRAP, "enable", &policy.name]).run().ok());
    assert!(marked().contains("cap_net_raw=ei"), "{}", marked());
    assert_eq!(capwrap(&[&policy.name]).run().witness().sets()[2], mask("net_raw"));
    assert!(root(&[CAPWRAP, "disable", &policy.name]).run().ok());
    assert_eq!(marked(), "");
    let _ = std::fs::remove_file(format!("/etc/capwrap/disabled/{}.toml", policy.name));
}

#[test]
fn with_ambient_delivery_children_have_the_grant_too() {
    let policy = Policy::witness("cap_net_raw", "");
    assert_eq!(capwrap(&[&policy.name, "exec", WITNESS]).run().witness().sets()[2], mask("net_raw"));
}

#[test]
fn with_children_none_the_tool_starts_no_other_program() {
    let policy = Policy::witness("cap_net_raw", "[exec]\nchildren = \"none\"");
    let said = capwrap(&[&policy.name]).run().witness();
    assert_eq!((said.sets()[2], said.get("Seccomp")), (mask("net_raw"), "2"));
    let eperm = libc::EPERM;
    for how in ["exec", "spawn"] {
        let run = capwrap(&[&policy.name, how, "/bin/true"]).run();
        assert_eq!(run.stdout, format!("{how} {eperm}\n"), "{run:?}");
    }
    // A process that does not know the launcher's number gains nothing by a call of the same form.
    assert_eq!(capwrap(&[&policy.name, "repeat-exec"]).run().stdout, format!("exec {eperm}\n"));
}

#[test]
fn with_children_when_unprivileged_no_launch_has_both_a_capability_and_another_program() {
    let policy = Policy::new(&format!(
        "schema = 1\n[tool]\npath = \"{WITNESS}\"\n[allow]\ngroups = [\"capwrap\"]\n\
         [[grant]]\ncaps = \"cap_net_raw\"\nwhen = {{ arg = \"-p\" }}\n\
         [optional]\ncaps = \"cap_syslog\"\n\
         [exec]\nchildren = \"when-unprivileged\"\n"
    ));
    let name = policy.name.as_str();
    let eperm = format!("exec {}\n", libc::EPERM);
    for (before, arguments, passed) in [
        (&[][..], &["exec", WITNESS][..], ""),
        (&[], &["exec", WITNESS, "-p"], "net_raw"),
        (&["--drop", "cap_net_raw"], &["exec", WITNESS, "-p"], ""),
        (&["--add", "cap_syslog"], &["exec", WITNESS], "syslog"),
        (&["--drop", "cap_net_raw", "--add", "cap_syslog"], &["exec", WITNESS, "-p"], "syslog"),
        (&["--drop", "cap_net_raw,cap_syslog", "--add", "cap_syslog"], &["exec", WITNESS, "-p"], ""),
    ] {
        let run = capwrap(&[before, &[name], arguments].concat()).run();
        let explained = capwrap(&[&["--explain"], before, &[name], arguments].concat()).run().stdout;
        if passed.is_empty() {
            assert_eq!(run.witness().sets(), [0; 4], "{before:?} {arguments:?}: {run:?}");
            assert!(explained.contains("may start other programs, because"), "{explained}");
        } else {
            assert_eq!(run.stdout, eperm, "{before:?} {arguments:?}: {run:?}");
            assert!(explained.contains("starts no other program"), "{explained}");
        }
    }
}

#[test]
fn a_dropped_bounding_set_is_no_more_than_the_grant() {
    let policy = Policy::witness("cap_net_raw", "[exec]\nbounding = \"drop\"");
    let said = capwrap(&[&policy.name]).run().witness();
    assert_eq!((said.bounding(), said.sets()), (mask("net_raw"), [mask("net_raw"); 4]));
    let kept = Policy::witness("cap_net_raw", "");
    assert_ne!(capwrap(&[&kept.name]).run().witness().bounding(), mask("net_raw"));
}

#[test]
fn a_policy_can_leave_no_new_privs_off() {
    let policy = Policy::witness("cap_net_raw", "[exec]\nno_new_privs = false");
    let said = capwrap(&[&policy.name]).run().witness();
    assert_eq!((said.get("NoNewPrivs"), said.sets()), ("0", [mask("net_raw"); 4]));
}

#[test]
fn root_gets_the_same_decision_and_cannot_gain_more() {
    let policy = Policy::witness("cap_net_raw", "[exec]\nno_new_privs = false");
    let said = root(&[CAPWRAP, &policy.name]).run().witness();
    assert_eq!(said.sets(), [mask("net_raw"); 4]);
    assert_eq!(said.get("Securebits"), "0x3", "noroot, locked");
    let child = root(&[CAPWRAP, &policy.name, "exec", WITNESS]).run().witness();
    assert_eq!(child.sets(), [mask("net_raw"); 4], "a child of uid 0 has more");
}

#[test]
fn a_containers_root_gets_the_decision_where_its_bounding_set_is_no_more_than_that() {
    let policy = Policy::witness("cap_net_raw", "");
    // The process has no file capabilities, uid 0 and no cap_setpcap, as `docker run --cap-drop=all --cap-add=NET_RAW`
    // gives.
    let contained = |bounding: &str| {
        let keep = bounding
            .split(',')
            .map(|name| format!("+{}", name.trim_start_matches("cap_")))
            .collect::<Vec<_>>()
            .join(",");
        root(&["setpriv", "--bounding-set", &format!("-all,{keep}"), "--inh-caps", "-all", "--", CAPWRAP, &policy.name])
            .run()
    };
    let said = contained("cap_net_raw").witness();
    assert_eq!((said.sets(), said.get("Securebits")), ([mask("net_raw"); 4], "0x0"));
    contained("cap_net_raw,cap_chown").refused(&["cap_setpcap", "uid 0 gains nothing at exec"]);
    contained("cap_chown").refused(&["cap_net_raw", "bounding set", "--cap-add=NET_RAW"]);
    assert_eq!(contained("cap_net_raw,cap_chown,cap_setpcap").witness().sets(), [mask("net_raw"); 4]);
}

#[test]
fn bypass_keeps_all_that_root_has_with_a_loud_warning() {
    let policy = Policy::witness("cap_net_raw", "");
    let run = root(&[CAPWRAP, "--bypass", &policy.name]).run();
    assert!(run.stderr.contains("WARNING: --bypass"), "{run:?}");
    assert_ne!(run.witness().sets()[2] & mask("sys_admin"), 0);
    let by_variable = root(&[CAPWRAP, &policy.name]).env("CAPWRAP_BYPASS", "1").under(&CONTAINER).run();
    assert!(by_variable.stderr.contains("WARNING: --bypass"), "{by_variable:?}");
    capwrap(&["--bypass", &policy.name]).run().refused(&["--bypass is for root alone"]);
}

#[test]
fn the_exit_code_and_the_death_of_the_tool_are_its_own() {
    let policy = Policy::tool("/bin/sh", "cap_net_raw", "");
    assert_eq!(capwrap(&[&policy.name, "-c", "exit 42"]).run().code, 42);
    assert_eq!(capwrap(&[&policy.name, "-c", "kill -TERM $$"]).run().code, 128 + libc::SIGTERM);
}

#[test]
fn the_first_path_that_exists_is_run() {
    let policy = Policy::new(&format!(
        "schema = 1\n[tool]\npath = [\"/nonexistent/witness\", \"/etc/passwd/witness\", \"{WITNESS}\", \"/bin/false\"]\n[allow]\ngroups = [\"capwrap\"]\n"
    ));
    capwrap(&[&policy.name]).run().witness();
}
