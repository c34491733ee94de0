//! What `capwrap grant` allows for a time ends at its instant, and leaves nothing behind.

use capwrap_tests::systemd::Systemd;
use capwrap_tests::*;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

const NAME: &str = "tcpdump";
const LOCAL: &str = "/etc/capwrap/policies/tcpdump.toml";
const DISABLED: &str = "/etc/capwrap/disabled/tcpdump.toml";
const LAUNCH: [&str; 3] = [CAPWRAP, NAME, "--version"];

fn on_an_own_installation<T: Send>(test: impl FnOnce() -> T + Send) -> T {
    in_own_mounts(|| {
        own_installation();
        test()
    })
}

fn grant(user: &str, length: &str, more: &[&str]) -> Run {
    root(&[&[CAPWRAP, "grant", NAME, "--user", user, "--for", length], more].concat()).run()
}

fn revoke(words: &[&str]) -> Run {
    root(&[&[CAPWRAP, "revoke"], words].concat()).run()
}

fn policy() -> String {
    fs::read_to_string(LOCAL).unwrap()
}

/// Sets the end of every temporary grant to one that has passed.
fn end_all() {
    let ended = |line: &str| if line.starts_with("until") { "until = 2001-01-01T00:00:00Z" } else { line }.to_owned();
    put(Path::new(LOCAL), policy().lines().map(|line| ended(line) + "\n").collect::<String>());
}

#[test]
fn a_grant_enables_a_policy_for_one_user_alone_and_ends_by_the_clock() {
    on_an_own_installation(|| {
        let run = grant(STRANGER, "2s", &["--reason", "ticket 7"]);
        let said = done(&run);
        assert!(said.contains(&format!("allowed  user {STRANGER} until ")), "{said}");
        assert!(said.contains("in place of group capwrap\n") && said.contains("now has cap_"), "{said}");
        assert!(policy().contains("reason = \"ticket 7\"") && policy().contains("by = \""), "{}", policy());
        let run = user(STRANGER, &LAUNCH).run();
        assert!(run.ok() && run.stderr.is_empty() || run.stdout.contains("tcpdump"), "{run:?}");
        user(MEMBER, &LAUNCH).run().refused(&["you are not among them"]);
        let began = Instant::now();
        while user(STRANGER, &LAUNCH).run().ok() {
            assert!(began.elapsed() < Duration::from_secs(20), "the grant does not end");
            std::thread::sleep(Duration::from_millis(100));
        }
        user(STRANGER, &LAUNCH).run().refused(&[
            "what you were granted ended at ",
            &format!("capwrap grant tcpdump --user {STRANGER} --for 2h"),
        ]);
    });
}

#[test]
fn a_grant_can_end_at_an_instant_and_the_same_again_changes_nothing() {
    on_an_own_installation(|| {
        let until = |end: &str| {
            root(&[CAPWRAP, "grant", NAME, "--user", STRANGER, "--until", end, "--reason", "ticket 7"]).run()
        };
        done(&until("2099-01-31T12:00+01:00"));
        let once = policy();
        assert!(once.contains("until = 2099-01-31T11:00:00Z"), "{once}");
        assert!(user(STRANGER, &LAUNCH).run().ok());
        done(&until("2099-01-31T11:00:00.5Z"));
        assert_eq!(policy(), once);
        until("2001-01-31").refused(&["2001-01-3", "has passed"]);
        assert!(until("2h").stderr.contains("is no date"));
        let both = root(&[CAPWRAP, "grant", NAME, "--user", STRANGER, "--for", "2h", "--until", "2099-01-31"]).run();
        assert!(both.stderr.contains("cannot be used with"), "{both:?}");
        assert_eq!(policy(), once);
    });
}

#[test]
fn what_has_ended_goes_with_its_capabilities_and_the_policy_that_was_enabled_for_it() {
    on_an_own_installation(|| {
        done(&grant(STRANGER, "1h", &[]));
        done(&revoke(&["--ended"]));
        assert!(user(STRANGER, &LAUNCH).run().ok(), "a grant that holds was taken out");
        end_all();
        let run = root(&[CAPWRAP, "verify", NAME]).run();
        assert!(run.stdout.contains("capwrap revoke --ended") && run.stdout.contains("(ended)"), "{run:?}");
        let run = root(&[CAPWRAP, "enable"]).run();
        assert!(done(&run).contains("hint: capwrap revoke --ended"), "{run:?}");
        let run = revoke(&["--ended"]);
        assert!(done(&run).contains("disabled, as it was before the grant\n"), "{run:?}");
        assert!(run.stdout.contains("now has no capabilities"), "{run:?}");
        assert_eq!(carried(CAPWRAP), "");
        assert!(!Path::new(LOCAL).exists() && !Path::new(DISABLED).exists());
        user(STRANGER, &LAUNCH).run().refused(&["no policy for \"tcpdump\" is enabled"]);
    });
}

#[test]
fn a_policy_that_was_changed_meanwhile_is_kept_for_root_alone() {
    on_an_own_installation(|| {
        done(&grant(STRANGER, "1h", &[]));
        put(Path::new(LOCAL), policy() + "\n[container]\npid = \"host\"\n");
        let run = revoke(&[NAME, "--user", STRANGER]);
        assert!(done(&run).contains("kept, for root alone, as /etc/capwrap/disabled/tcpdump.toml"), "{run:?}");
        let kept = fs::read_to_string(DISABLED).unwrap();
        assert!(kept.contains("users = [\"root\"]") && kept.contains("[container]"), "{kept}");
        assert!(!kept.contains("temporary"), "{kept}");
        done(&root(&[CAPWRAP, "enable", NAME, "--user", MEMBER]).run());
        assert!(user(MEMBER, &LAUNCH).run().ok());
    });
}

#[test]
fn a_grant_comes_on_top_of_an_enabled_policy_and_its_end_leaves_that_as_it_was() {
    on_an_own_installation(|| {
        done(&root(&[CAPWRAP, "enable", NAME, "--user", MEMBER]).run());
        let before = policy();
        done(&grant(STRANGER, "30m", &[]));
        // The later one takes the place of the first, and what a person granted twice ends once.
        done(&grant(STRANGER, "1h", &[]));
        assert_eq!(policy().matches("[[allow.temporary]]").count(), 1, "{}", policy());
        for name in [MEMBER, STRANGER] {
            assert!(user(name, &LAUNCH).run().ok(), "{name}");
        }
        let listed = user(STRANGER, &[CAPWRAP, "list"]).run();
        assert!(listed.stdout.contains(" more)\n"), "{listed:?}");
        let explained = user(STRANGER, &[CAPWRAP, "explain", NAME]).run();
        assert!(explained.stdout.contains(" more)\n"), "{explained:?}");
        let updated = root(&[CAPWRAP, "enable", NAME, "--update", "--yes"]).run();
        assert!(done(&updated).contains("unchanged"), "{updated:?}");
        done(&revoke(&[NAME, "--user", STRANGER]));
        assert_eq!(policy(), before);
        user(STRANGER, &LAUNCH).run().refused(&["you are not among them"]);
        assert!(user(MEMBER, &LAUNCH).run().ok());
    });
}

#[test]
fn a_revocation_ends_each_entry_of_the_user_and_says_who_may_still() {
    on_an_own_installation(|| {
        let id = root(&["id", "-u", STRANGER]).run().stdout.trim().to_owned();
        done(&grant(STRANGER, "1h", &[]));
        done(&grant(&format!("#{id}"), "1h", &[]));
        let entry = "\n[[allow.temporary]]\nuser = \"capwrap-gone\"\nuntil = 2099-01-01T00:00:00Z\n";
        put(Path::new(LOCAL), policy() + entry);
        assert_eq!(policy().matches("[[allow.temporary]]").count(), 3, "{}", policy());
        // A user who is gone has a name in the policy alone.
        done(&revoke(&[NAME, "--user", "capwrap-gone"]));
        done(&revoke(&[NAME, "--user", STRANGER]));
        user(STRANGER, &LAUNCH).run().refused(&["no policy"]);
        done(&root(&[CAPWRAP, "enable", NAME, "--group", "capwrap"]).run());
        done(&grant(MEMBER, "1h", &[]));
        let run = revoke(&[NAME, "--user", MEMBER]);
        assert!(done(&run).contains(&format!("{MEMBER} may still run tcpdump, as group capwrap")), "{run:?}");
        assert!(user(MEMBER, &LAUNCH).run().ok());
    });
}

#[test]
fn what_cannot_be_granted_or_revoked_is_refused_and_changes_nothing() {
    on_an_own_installation(|| {
        revoke(&[NAME, "--user", MEMBER]).refused(&["no policy for \"tcpdump\" is enabled"]);
        for (user, length, words) in [
            (MEMBER, "2", "2h"),
            (MEMBER, "0s", "2h"),
            (MEMBER, "99999999d", "beyond the calendar"),
            ("no-such-user", "2h", "no user \"no-such-user\""),
        ] {
            grant(user, length, &[]).refused(&[words]);
        }
        root(&[CAPWRAP, "grant", "tcpdmp", "--user", MEMBER, "--for", "2h"]).run().refused(&["tcpdump"]);
        user(MEMBER, &[CAPWRAP, "grant", NAME, "--user", MEMBER, "--for", "2h"]).run().refused(&["only root"]);
        assert!(!Path::new(LOCAL).exists());
        done(&root(&[CAPWRAP, "enable", NAME, "--user", MEMBER]).run());
        let before = policy();
        revoke(&[NAME, "--user", MEMBER]).refused(&["for good", LOCAL]);
        revoke(&[NAME, "--user", STRANGER]).refused(&["nothing was granted to"]);
        revoke(&[NAME]).refused(&["--user"]);
        revoke(&[]).refused(&["NAME"]);
        assert_eq!(policy(), before);
    });
}

#[test]
fn under_systemd_a_timer_takes_out_what_has_ended_and_stops() {
    on_an_own_installation(|| {
        let packaged = |name: &str| {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging/systemd");
            fs::read_to_string(Path::new(folder).join(name)).unwrap()
        };
        // The timer of the test does not wait for a full minute.
        let timer =
            packaged("capwrap-revoke.timer").replace("minutely", "*:*:*").replace("AccuracySec=10s", "AccuracySec=1s");
        let timer = timer.replace("[Unit]\n", "[Unit]\nDefaultDependencies=no\n");
        let service = packaged("capwrap-revoke.service").replace("[Unit]\n", "[Unit]\nDefaultDependencies=no\n");
        let targets = "[Unit]\nDefaultDependencies=no\n";
        let systemd = Systemd::start(&[
            ("capwrap-revoke.timer", &timer),
            ("capwrap-revoke.service", &service),
            ("timers.target", targets),
        ]);
        let words = [CAPWRAP, "grant", NAME, "--user", STRANGER, "--for", "3s"];
        let run = systemd.run(&words);
        assert!(!done(&run).contains("note     no systemd"), "{run:?}");
        assert_eq!(systemd.show("capwrap-revoke.timer", "ActiveState"), "active", "{run:?}");
        let began = Instant::now();
        while Path::new(LOCAL).exists() {
            let show = || systemd.run(&["systemctl", "status", "capwrap-revoke.service"]);
            assert!(began.elapsed() < Duration::from_secs(40), "{:?}", show());
            std::thread::sleep(Duration::from_millis(200));
        }
        while systemd.show("capwrap-revoke.timer", "ActiveState") != "inactive" {
            assert!(began.elapsed() < Duration::from_secs(60), "the timer goes on");
            std::thread::sleep(Duration::from_millis(200));
        }
        assert_eq!(systemd.show("capwrap-revoke.service", "Result"), "success");
        assert_eq!(carried(CAPWRAP), "");
    });
}
