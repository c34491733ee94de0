//! Tools whose files have capabilities of their own: they get exactly the decision, or capwrap refuses to launch them.

use capwrap_tests::*;
use std::fs;

const ALONE: &str = "[exec]\nchildren = \"none\"";

/// A copy of the witness with these file capabilities, in setcap's notation.
fn marked(folder: &Folder, capabilities: &str) -> String {
    let tool = folder.copy(WITNESS, "marked");
    setcap(&[capabilities], &tool);
    tool
}

fn setcap(words: &[&str], tool: &str) {
    let run = root(&[&["setcap"], words, &[tool]].concat()).run();
    assert!(run.ok(), "{run:?}");
}

/// The text in one line, wherever it was wrapped.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The kernel's rule for every combination of permitted, inheritable, ambient and bounding set, of file capabilities, of
/// no_new_privs, and of users.
#[test]
fn the_rule_of_exec_says_what_the_kernel_does() {
    let folder = Folder::new();
    let tool = folder.copy(WITNESS, "marked");
    for (members, count) in [("1", 660), ("2", 6216)] {
        let run = root(&[WITNESS, "exec-rule", &tool, members]).run();
        assert_eq!(run.stdout, format!("{count} of {count} as the rule says\n"), "{run:?}");
    }
}

#[test]
fn a_tool_whose_file_has_exactly_the_grant_gets_exactly_the_grant() {
    let folder = Folder::new();
    let tool = folder.copy(WITNESS, "marked");
    let policy = Policy::tool(&tool, "cap_net_raw", ALONE);
    let [raw, none] = [mask("net_raw"), 0];
    for capabilities in ["cap_net_raw=ep", "cap_net_raw=ei", "cap_net_raw=eip", "cap_net_raw,cap_syslog=eip"] {
        setcap(&[capabilities], &tool);
        for call in [capwrap(&[&policy.name]), root(&[CAPWRAP, &policy.name])] {
            let said = call.run().witness();
            assert_eq!(said.sets(), [raw, raw, raw, none], "{capabilities}");
            assert_eq!((said.get("NoNewPrivs"), said.get("Seccomp")), ("1", "2"), "{capabilities}");
        }
        assert_eq!(capwrap(&[&policy.name]).run().witness().get("AtSecure"), "1");
        let eperm = libc::EPERM;
        for how in ["exec", "spawn"] {
            let run = capwrap(&[&policy.name, how, "/bin/true"]).run();
            assert_eq!(run.stdout, format!("{how} {eperm}\n"), "{run:?}");
        }
        assert_eq!(capwrap(&[&policy.name, "repeat-exec"]).run().stdout, format!("exec {eperm}\n"));
    }
    // Root is confined as ever.
    let said = root(&[CAPWRAP, &policy.name]).run().witness();
    assert_eq!(said.get("Securebits"), "0x3", "noroot, locked");
}

#[test]
fn drop_and_add_are_kept_or_refused_with_what_the_file_gives() {
    let folder = Folder::new();
    let tool = marked(&folder, "cap_net_raw,cap_syslog=ep");
    let more = format!("[optional]\ncaps = [\"cap_net_admin\"]\n{ALONE}");
    let policy = Policy::tool(&tool, "cap_net_raw,cap_syslog", &more);
    // With no_new_privs the file gives no more than the launcher held.
    for (drop, left) in [("syslog", mask("net_raw")), ("syslog,net_raw", 0)] {
        for call in [capwrap(&["--drop", drop, &policy.name]), root(&[CAPWRAP, "--drop", drop, &policy.name])] {
            assert_eq!(call.run().witness().sets(), [left, left, left, 0], "{drop}");
        }
    }
    capwrap(&["--add", "net_admin", &policy.name]).run().refused_with(
        126,
        &[
            "the file has cap_net_raw,cap_syslog=ep, with which exec would give the tool cap_net_raw,cap_syslog, and the \
           policy decided cap_net_admin,cap_net_raw,cap_syslog",
        ],
    );
    for (capabilities, given) in [
        ("cap_net_raw=ep", "the tool cap_net_raw, and the policy decided cap_net_raw,cap_syslog"),
        ("cap_net_raw,cap_syslog=p", "the tool cap_net_raw,cap_syslog permitted and none effective, and the policy"),
        ("cap_chown=ep", "the tool none, and the policy decided cap_net_raw,cap_syslog"),
        ("=", "the tool none, and the policy decided cap_net_raw,cap_syslog"),
    ] {
        setcap(&[capabilities], &tool);
        capwrap(&[&policy.name]).run().refused_with(126, &[given]);
        root(&[CAPWRAP, &policy.name]).run().refused_with(126, &[given]);
        let explained = capwrap(&["--explain", &policy.name]).run();
        assert!(explained.code == 125 && explained.stdout.contains("refused: "), "{explained:?}");
    }
}

#[test]
fn ambient_delivery_to_children_is_not_lost_in_silence() {
    let folder = Folder::new();
    let tool = marked(&folder, "cap_net_raw=ep");
    for more in ["", "[exec]\nno_new_privs = false"] {
        let policy = Policy::tool(&tool, "cap_net_raw", more);
        let said = "what the tool starts would not have cap_net_raw";
        capwrap(&[&policy.name]).run().refused_with(126, &["the file has cap_net_raw=ep, so", said]);
        // With nothing to inherit, nothing is lost; without no_new_privs, the file gives what it has.
        let dropped = capwrap(&["--drop", "net_raw", &policy.name]).run();
        match more {
            "" => assert_eq!(dropped.witness().sets(), [0; 4]),
            _ => dropped.refused_with(126, &["the tool cap_net_raw, and the policy decided none"]),
        }
    }
}

#[test]
fn a_lowered_bounding_set_leads_to_exactly_the_decision_or_to_a_refusal() {
    let folder = Folder::new();
    let tool = marked(&folder, "cap_net_raw,cap_syslog=ep");
    let policy = Policy::tool(&tool, "cap_net_raw", ALONE);
    let bounded = |keep: &str| {
        let set = format!("-all,{keep}");
        root(&[
            "setpriv",
            "--bounding-set",
            &set,
            "--reuid",
            MEMBER,
            "--regid",
            MEMBER,
            "--init-groups",
            CAPWRAP,
            &policy.name,
        ])
        .run()
    };
    // The launcher's own file permits everything here, and has no effective bit.
    assert_eq!(bounded("+net_raw,+syslog").witness().sets()[1..], [mask("net_raw"), mask("net_raw"), 0]);
    bounded("+net_raw").refused_with(126, &["with which exec fails, as the bounding set lacks cap_syslog"]);
    bounded("+syslog").refused(&["cap_net_raw", "bounding set"]);
    setcap(&["cap_net_raw=ep"], &tool);
    assert_eq!(bounded("+net_raw").witness().sets()[1..], [mask("net_raw"), mask("net_raw"), 0]);
    // The policy's own bounding set is reckoned with, too.
    let reduced = Policy::tool(&tool, "cap_net_raw", &format!("{ALONE}\nbounding = \"drop\""));
    let said = capwrap(&[&reduced.name]).run().witness();
    assert_eq!(
        (said.sets()[1..].to_vec(), said.bounding()),
        (vec![mask("net_raw"), mask("net_raw"), 0], mask("net_raw"))
    );
    setcap(&["cap_net_raw,cap_syslog=ep"], &tool);
    capwrap(&[&reduced.name]).run().refused_with(126, &["the bounding set lacks cap_syslog"]);
}

#[test]
fn a_containers_root_gets_exactly_the_decision_from_a_file_too() {
    let folder = Folder::new();
    let tool = marked(&folder, "cap_net_raw=ep");
    let policy = Policy::tool(&tool, "cap_net_raw", ALONE);
    let contained = || {
        root(&["setpriv", "--bounding-set", "-all,+net_raw", "--inh-caps", "-all", "--", CAPWRAP, &policy.name]).run()
    };
    let said = contained().witness();
    assert_eq!((said.sets()[1..].to_vec(), said.get("Securebits")), (vec![mask("net_raw"), mask("net_raw"), 0], "0x0"));
    setcap(&["cap_syslog=ep"], &tool);
    contained().refused_with(126, &["the bounding set lacks cap_syslog"]);
}

#[test]
fn what_the_caller_has_inheritable_or_forbids_changes_nothing() {
    let folder = Folder::new();
    let tool = marked(&folder, "cap_net_raw,cap_chown=eip");
    let policy = Policy::tool(&tool, "cap_net_raw", ALONE);
    let as_member = |options: &[&str]| {
        root(
            &[&["setpriv", "--reuid", MEMBER, "--regid", MEMBER, "--init-groups"], options, &[CAPWRAP, &policy.name]]
                .concat(),
        )
        .run()
    };
    for options in [&["--inh-caps", "+chown,+syslog"][..], &["--inh-caps", "+chown", "--ambient-caps", "+chown"]] {
        let raw = mask("net_raw");
        assert_eq!(as_member(options).witness().sets(), [raw, raw, raw, 0], "{options:?}");
    }
    user(MEMBER, &["setpriv", "--no-new-privs", CAPWRAP, &policy.name]).run().refused(&["the caller set no_new_privs"]);
    // Where the launcher holds the grant all the same, no_new_privs takes nothing away.
    assert_eq!(as_member(&["--no-new-privs"]).witness().sets()[1..], [mask("net_raw"), mask("net_raw"), 0]);
}

#[test]
fn an_attribute_of_another_user_namespace_counts_for_nothing() {
    let folder = Folder::new();
    let tool = folder.copy(WITNESS, "marked");
    let run = root(&["setcap", "-n", "1000", "cap_chown=ep", &tool]).run();
    assert!(run.ok() && carried(&tool) == "cap_chown=ep [rootid=1000]", "{run:?}");
    for more in ["", ALONE] {
        let policy = Policy::tool(&tool, "cap_net_raw", more);
        assert_eq!(capwrap(&[&policy.name]).run().witness().sets(), [mask("net_raw"); 4]);
        assert_eq!(root(&[CAPWRAP, "verify", &policy.name]).run().code, 0);
    }
    let run = root(&["setcap", "-n", "1000", "cap_net_raw=ei", &tool]).run();
    assert!(run.ok(), "{run:?}");
    let policy = Policy::tool(&tool, "cap_net_raw", "[exec]\ndeliver = \"inheritable\"");
    capwrap(&[&policy.name]).run().refused_with(126, &["inheritable delivery needs"]);
}

#[test]
fn an_interpreter_with_privileges_of_its_own_is_refused() {
    let folder = Folder::new();
    let interpreter = marked(&folder, "cap_syslog=ep");
    let script = folder.path("script");
    fs::write(&script, format!("#!{interpreter}\n")).unwrap();
    assert!(root(&["chmod", "755", &script]).run().ok());
    let policy = Policy::new(&format!(
        "schema = 1\ntool = {{ path = \"{script}\", script = true }}\nallow = {{ groups = [\"capwrap\"] }}\n\
         grant = [{{ caps = [\"cap_net_raw\"] }}]\nexec = {{ no_new_privs = false }}\n"
    ));
    let refused = |why: &str| {
        let why = format!("its interpreter {interpreter}: {why}");
        capwrap(&[&policy.name]).run().refused_with(126, &[&why]);
        let verified = root(&[CAPWRAP, "verify", &policy.name]).run();
        assert!(verified.code == 1 && words(&verified.stdout).contains(&why), "{verified:?}");
    };
    refused("the file has cap_syslog=ep");
    setcap(&["-r"], &interpreter);
    assert_eq!(capwrap(&[&policy.name]).run().witness().sets(), [mask("net_raw"); 4]);
    assert!(root(&["chmod", "4755", &interpreter]).run().ok());
    refused("the file is setuid");
    assert!(root(&["chmod", "755", &interpreter]).run().ok());
    setcap(&["cap_net_raw=ep"], &script);
    capwrap(&[&policy.name]).run().refused_with(126, &["to which file capabilities do not apply"]);
}

#[test]
fn what_everybody_can_use_without_capwrap_is_bound_to_no_demand_of_the_policy() {
    let folder = Folder::new();
    let tool = marked(&folder, "cap_net_raw=ep");
    let policy = Policy::tool(&tool, "cap_net_raw", &format!("reason = true\n{ALONE}"));
    let call = || capwrap(&["--reason", "a test", &policy.name]).run();
    let said = "everybody may execute the file and has cap_net_raw=ep without capwrap";
    call().refused_with(126, &[said, "reason = true would bind nobody"]);
    for verb in ["verify", "lint", "enable"] {
        let run = root(&[CAPWRAP, verb, &policy.name]).run();
        assert!(words(&run.stdout).contains(said), "{verb}: {run:?}");
    }
    assert!(root(&["chgrp", "capwrap", &tool]).run().ok() && root(&["chmod", "0750", &tool]).run().ok());
    // chown(2) removed them.
    setcap(&["cap_net_raw=ep"], &tool);
    assert_eq!(call().witness().sets()[1..], [mask("net_raw"), mask("net_raw"), 0]);
    let said = "whoever may execute the file has cap_net_raw without capwrap, through the file";
    for verb in ["verify", "lint", "enable"] {
        let run = root(&[CAPWRAP, verb, &policy.name]).run();
        assert!(words(&run.stdout).contains(said), "{verb}: {run:?}");
    }
}

#[test]
fn file_capabilities_that_exec_ignores_are_said_to_be_ignored() {
    let folder = Folder::new();
    let script = folder.path("script");
    std::fs::write(&script, "#!/bin/sh\nexec /bin/grep CapPrm /proc/self/status\n").unwrap();
    assert!(root(&["chmod", "0755", &script]).run().ok());
    let tool = folder.copy("/bin/grep", "tool");
    for file in [&script, &tool] {
        assert!(root(&["setcap", "cap_kill=ep", file]).run().ok());
    }
    let nosuid = |words: &str| {
        let mount = format!("mount --bind {0} {0} && mount -o remount,bind,nosuid {0} && {words}", folder.0.display());
        root(&["unshare", "--mount", "sh", "-c", &mount]).run()
    };
    // The kernel is asked first: neither gives anything, and without the mount's option the tool does.
    let holds = |run: Run| run.stdout.contains("0000000000000020");
    let shows = [tool.as_str(), "CapPrm", "/proc/self/status"];
    assert!(holds(user(STRANGER, &shows).run()) && !holds(user(STRANGER, &[&script]).run()));
    assert!(!holds(nosuid(&format!("setpriv --reuid {STRANGER} --clear-groups {}", shows.join(" ")))));
    for (run, why) in [
        (root(&[CAPWRAP, "verify", &script]).run(), "it is a #! script"),
        (nosuid(&format!("{CAPWRAP} verify {tool}")), "its mount is nosuid"),
        (root(&[CAPWRAP, "diff", "none", &script]).run(), "it is a #! script"),
        (nosuid(&format!("{CAPWRAP} diff none {tool}")), "its mount is nosuid"),
    ] {
        let said = run.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(why) && !said.contains("whoever may execute it"), "{run:?}");
    }
    let run = root(&[CAPWRAP, "diff", "none", &script]).run();
    assert!(run.ok(), "what is ignored is no difference from none: {run:?}");
    let run = root(&[CAPWRAP, "diff", "cap_kill", &tool]).run();
    assert!(run.ok(), "{run:?}");
}
