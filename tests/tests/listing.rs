//! `capwrap list`: shows who may run which tools.

use capwrap_tests::*;
use serde_json::Value;
use std::fs;

fn names(call: Call) -> Vec<String> {
    let run = call.arg("--names").run();
    assert!(run.ok(), "{run:?}");
    run.stdout.lines().map(str::to_owned).collect()
}

#[test]
fn a_member_sees_what_the_group_may_run_and_a_stranger_does_not() {
    let policy = Policy::witness("cap_net_raw", "");
    assert!(names(capwrap(&["list"])).contains(&policy.name));
    assert!(!names(user(STRANGER, &[CAPWRAP, "list"])).contains(&policy.name));
    assert!(names(user(STRANGER, &[CAPWRAP, "list", "--all"])).contains(&policy.name));
    assert!(names(root(&[CAPWRAP, "list"])).contains(&policy.name));
}

#[test]
fn what_is_listed_can_be_run_and_what_has_expired_is_not_listed() {
    let reason = Policy::witness("cap_net_raw", "reason = true");
    let expired = Policy::witness("cap_net_raw", "until = 2020-01-01T00:00:00Z");
    let listed = names(capwrap(&["list"]));
    assert!(listed.contains(&reason.name) && !listed.contains(&expired.name), "{listed:?}");
    assert!(capwrap(&["--reason", "a test", &reason.name]).run().ok());
    capwrap(&[&expired.name]).run().refused(&["expired"]);
    let page = capwrap(&["list", "--all"]).run().stdout;
    assert!(page.contains("allows group capwrap, until 2020-01-01T00:00:00Z: expired"), "{page}");
    assert!(page.contains("allows group capwrap, with --reason"), "{page}");
}

#[test]
fn json_shows_what_a_launch_passes() {
    let policy = Policy::witness(
        "cap_net_raw",
        "[[grant]]\ncaps = [\"cap_bpf\"]\nwhen = { arg = \"-b\" }\n[optional]\ncaps = [\"cap_kill\"]",
    );
    let run = capwrap(&["list", "--json"]).run();
    let object: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((&object["schema"], &object["caller"]["name"]), (&1.into(), &MEMBER.into()));
    let tool = object["tools"].as_array().unwrap().iter().find(|tool| tool["name"] == policy.name.as_str()).unwrap();
    assert_eq!(tool["path"], WITNESS);
    assert_eq!(tool["allowed_by"], "group capwrap");
    assert_eq!(tool["always"], serde_json::json!(["cap_net_raw"]));
    assert_eq!(tool["grants"], serde_json::json!(["cap_net_raw", "cap_bpf"]));
    assert_eq!(tool["optional"], serde_json::json!(["cap_kill"]));
    assert_eq!(capwrap(&[&policy.name]).run().witness().sets()[2], mask("net_raw"));
}

#[test]
fn a_broken_policy_is_reported_and_hides_no_other() {
    let broken = Policy::new("schema = 1\nnonsense\n");
    let good = Policy::tool("/nowhere/tool", "cap_net_raw", "");
    let run = capwrap(&["list"]).run();
    assert!(run.ok() && run.stderr.contains(&format!("policy {} cannot be used", broken.name)), "{run:?}");
    assert!(run.stdout.contains(&format!("! {}", good.name)) && run.stdout.contains("not installed"), "{run:?}");
    assert!(!run.stdout.contains(&broken.name), "{run:?}");
}

#[test]
fn a_shipped_policy_is_available_until_it_is_enabled() {
    in_own_mounts(|| {
        cover("/etc/capwrap");
        fs::create_dir(POLICIES).unwrap();
        assert!(names(capwrap(&["list", "--available"])).contains(&"tcpdump".to_owned()));
        let page = capwrap(&["list", "--available"]).run().stdout;
        assert!(page.contains("sudo capwrap enable tcpdump"), "{page}");
        assert!(capwrap(&["list"]).run().stdout.contains("No enabled policy lets capwrap-member run anything."));
        let text = fs::read_to_string("/usr/local/share/capwrap/policies/tcpdump.toml").unwrap();
        let _policy = Policy::named("tcpdump", &text);
        assert!(!names(capwrap(&["list", "--available"])).contains(&"tcpdump".to_owned()));
        assert_eq!(names(capwrap(&["list", "--all"])), ["tcpdump"]);
    });
}

#[test]
fn the_shipped_policies_are_searched_whether_they_are_enabled_or_not() {
    in_own_mounts(|| {
        own_installation();
        done(&root(&[CAPWRAP, "enable", "dmesg"]).run());
        let object = |word: &[&str]| -> Value {
            let run = capwrap(&[&["list", "--json", "--shipped"], word].concat()).run();
            serde_json::from_str(done(&run)).unwrap()
        };
        let names = |object: &Value| -> Vec<String> {
            object["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
        };
        let all = names(&object(&[]));
        let files = fs::read_dir("/usr/local/share/capwrap/policies").unwrap().count();
        assert_eq!(all.len(), files);
        for (word, name) in [("tcpdu", "tcpdump"), ("CAP_SYSLOG", "dmesg"), ("traffic of the machine", "tcpdump")] {
            let found = names(&object(&[word]));
            assert!(found.contains(&name.to_owned()) && found.len() < all.len(), "{word}: {found:?}");
        }
        let found = object(&["dmesg"]);
        assert_eq!((&found["tools"][0]["enabled"], &found["other_ways"]), (&true.into(), &serde_json::json!([])));
        assert_eq!(object(&["tcpdump"])["tools"][0]["enabled"], false);
        let other = object(&["smartmontools"]);
        assert_eq!((names(&other), &other["other_ways"][0]["name"]), (Vec::new(), &"smartctl".into()));
        let page = capwrap(&["list", "--shipped", "dmesg"]).run();
        let page: Vec<&str> = done(&page).split_whitespace().collect();
        assert!(page.join(" ").starts_with("policy enabled grants here what for dmesg yes "), "{page:?}");
        let page = capwrap(&["list", "--shipped", "smartctl"]).run();
        assert!(done(&page).starts_with("better run another way\n  smartctl  "), "{page:?}");
        let page = capwrap(&["list", "--shipped", "no-such-word"]).run();
        assert!(done(&page).contains("No shipped policy has the word"), "{page:?}");
        capwrap(&["list", "--all", "--shipped"]).run().refused(&["cannot be used with"]);
    });
}

#[test]
fn the_long_list_says_what_grants_and_demands_are_for() {
    let policy = Policy::witness(
        "",
        "[[grant]]\ncaps = [\"cap_bpf\"]\nwhen = { arg = \"-b\" }\nwhy = \"load programs\"\n\
         [[demand]]\nwritable = \"/usr\"\nwhy = \"it keeps its state there\"\nhint = \"choose another folder\"\n\
         [exec]\nchildren = \"none\"",
    );
    let words = |arguments: &[&str]| {
        let run = capwrap(&[&["list"], arguments].concat()).env("COLUMNS", "200").run();
        let page = done(&run).to_owned();
        let own = page.split(&format!("  {}  ", policy.name)).nth(1).unwrap().split("as group capwrap").next().unwrap();
        own.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let long = words(&["--long"]);
    for part in [
        "needs: /usr is writable: does not hold: /usr is not writable: permission denied \
         it keeps its state there; hint: choose another folder",
        "grants cap_bpf where arg -b: load programs",
        "it can start no other program",
        &format!("policy: {POLICIES}/{}.toml", policy.name),
    ] {
        assert!(long.contains(part), "{part}: {long}");
    }
    let short = words(&[]);
    assert!(short.contains("needs: /usr is writable") && !short.contains("load programs"), "{short}");
}

#[test]
fn options_that_contradict_each_other_are_refused() {
    capwrap(&["list", "--all", "--available"]).run().refused(&["cannot be used with"]);
    capwrap(&["list", "--names", "--json"]).run().refused(&["cannot be used with"]);
}
