//! `capwrap adopt --sudoers` says what stands for each rule of sudo. What it reads was printed by the real cvtsudoers(1).

use capwrap_tests::packages::PROJECT;
use capwrap_tests::*;
use std::fs;
use std::path::Path;

fn rules() -> String {
    format!("{PROJECT}/tests/sudoers/rules.json")
}

fn adopt(more: &[&str]) -> Run {
    root(&[&[CAPWRAP, "adopt", "--sudoers", &rules()], more].concat()).run()
}

#[test]
fn the_committed_rules_are_what_cvtsudoers_prints() {
    if !Path::new("/usr/bin/cvtsudoers").exists() {
        return;
    }
    let run = root(&["/usr/bin/cvtsudoers", "-f", "json", &format!("{PROJECT}/tests/sudoers/rules")]).run();
    let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(value(done(&run)), value(&fs::read_to_string(rules()).unwrap()));
}

#[test]
fn each_command_of_each_rule_gets_an_answer() {
    let run = adopt(&[]);
    let said = done(&run);
    for line in [
        "capwrap-member, group capwrap may run as root, operator:\n  /usr/bin/tcpdump: the shipped policy tcpdump\n           capwrap enable tcpdump --user capwrap-member --group capwrap\n",
        "/usr/sbin/no-such-tool dev *: no policy is shipped; learn one\n           capwrap --learn --minimize --write --user capwrap-member /usr/sbin/no-such-tool\n",
        "/usr/bin/passwd: not allowed",
        "--user capwrap-member /usr/sbin/other-tool -tulpn\n",
        "a policy cannot exclude anybody, and the rule says not capwrap-stranger\n",
        "ALL: sudo: it is every command, and so root; what the rule excludes",
        "deploy [a-z]*: sudo: it runs as www-data",
        "sudo pins the file: so does --pin",
        "/usr/bin/smartctl -a /dev/*: another way: ",
        "sudoedit /etc/motd: sudo: it edits a file as root",
        "capwrap-member, group capwrap, group #33 may run as root:\n  /usr/sbin/tcpdump: the shipped policy tcpdump\n",
        "/sbin/: sudo: it is every program of a folder",
        "/usr/bin/kill: sudo: it runs as ALL, not root",
        "19 commands: 8 by shipped policies, 3 to learn, 8 by sudo or another way\n",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    // It needs no right, and reads standard input.
    let input = fs::read(rules()).unwrap();
    let piped = user(STRANGER, &[CAPWRAP, "adopt", "--sudoers", "-"]).input(input).run();
    assert_eq!(done(&piped), said);
}

#[test]
fn the_policies_that_can_be_made_are_written_and_can_be_enabled() {
    in_own_mounts(|| {
        own_installation();
        fs::create_dir("/etc/capwrap/disabled").unwrap();
        let run = adopt(&["--write", "/etc/capwrap/disabled"]);
        for (count, why) in
            [(1, "any host"), (1, "any arguments"), (1, "other programs, which NOEXEC"), (1, "no notafter")]
        {
            let note = format!("not written: the policy would allow more than the rule: {why}");
            assert_eq!(done(&run).matches(&note).count(), count, "{why}: {run:?}");
        }
        let mut names: Vec<_> =
            fs::read_dir("/etc/capwrap/disabled").unwrap().map(|file| file.unwrap().file_name()).collect();
        names.sort();
        // The rule for strace excludes somebody, and that for fping a use, which no policy can.
        assert_eq!(names, ["dmesg.toml", "tcpdump.toml"]);
        let text = fs::read_to_string("/etc/capwrap/disabled/dmesg.toml").unwrap();
        assert!(text.contains("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"), "{text}");
        done(&root(&[CAPWRAP, "enable", "tcpdump"]).run());
        assert!(capwrap(&["tcpdump", "--version"]).run().ok());
        user(STRANGER, &[CAPWRAP, "tcpdump", "--version"]).run().refused(&["you are not among them"]);
        let listed = root(&[CAPWRAP, "list", "--all"]).run();
        assert!(listed.stdout.contains("allows user capwrap-member, group capwrap, group #33"), "{listed:?}");
        let before = fs::read_to_string("/etc/capwrap/disabled/dmesg.toml").unwrap();
        let again = adopt(&["--write", "/etc/capwrap/disabled"]);
        assert!(again.code == 125 && again.stderr.contains("dmesg.toml exists, so nothing is written"), "{again:?}");
        assert_eq!(fs::read_to_string("/etc/capwrap/disabled/dmesg.toml").unwrap(), before);
    });
}

#[test]
fn what_is_not_from_cvtsudoers_is_refused() {
    let folder = Folder::new();
    let file = folder.path("rules");
    for (text, because) in [("root ALL=(ALL) ALL\n", "| capwrap adopt --sudoers -"), ("{}", "no User_Specs")] {
        fs::write(&file, text).unwrap();
        root(&[CAPWRAP, "adopt", "--sudoers", &file]).run().refused(&[because]);
    }
    root(&[CAPWRAP, "adopt", "--sudoers", "/nowhere"]).run().refused(&["/nowhere"]);
    root(&[CAPWRAP, "adopt", "--sudoers", &file, "/usr/bin/id"]).run().refused(&["cannot be used with"]);
    root(&[CAPWRAP, "adopt"]).run().refused(&["PATH"]);
}
