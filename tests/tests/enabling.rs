//! `capwrap enable` and `capwrap disable` with several names change all of them or none.

use capwrap_tests::*;
use std::fs;
use std::path::Path;

const SHIPPED: &str = "/usr/local/share/capwrap/policies";

fn on_an_own_installation<T: Send>(test: impl FnOnce() -> T + Send) -> T {
    in_own_mounts(|| {
        own_installation();
        // The shipped policies are this test's own.
        let policies: Vec<(String, String)> = ["tcpdump", "strace", "dmesg"]
            .map(|name| (name.to_owned(), fs::read_to_string(format!("{SHIPPED}/{name}.toml")).unwrap()))
            .to_vec();
        cover(SHIPPED);
        for (name, text) in policies {
            put(Path::new(&format!("{SHIPPED}/{name}.toml")), text);
        }
        test()
    })
}

fn enabled() -> Vec<String> {
    let run = root(&[CAPWRAP, "list", "--all", "--names"]).run();
    done(&run).lines().map(str::to_owned).collect()
}

fn enable_all(words: &[&str]) -> Run {
    root(&[&[CAPWRAP, "enable"], words].concat()).run()
}

#[test]
fn several_policies_are_enabled_at_once_for_the_same_user() {
    on_an_own_installation(|| {
        let run = enable_all(&["tcpdump", "dmesg", "tcpdump", "--user", MEMBER]);
        let said = done(&run);
        assert_eq!(said.matches("tcpdump: ").count(), 1, "{said}");
        // The launcher's file is changed once, when all policies are there.
        assert_eq!(said.matches("now has cap_").count(), 1, "{said}");
        assert_eq!(enabled(), ["dmesg", "tcpdump"]);
        let carried = carried(CAPWRAP);
        assert!(carried.contains("cap_net_raw") && carried.contains("cap_syslog"), "{carried}");
        assert!(capwrap(&["dmesg"]).run().ok());
        user(STRANGER, &[CAPWRAP, "dmesg"]).run().refused(&["you are not among them"]);
    });
}

#[test]
fn if_one_of_several_cannot_be_enabled_none_is() {
    on_an_own_installation(|| {
        put(Path::new(&format!("{SHIPPED}/strace.toml")), "schema = 1\nnonsense\n");
        for (words, because) in [
            (&["tcpdump", "no-such-policy", "dmesg"][..], "no policy for \"no-such-policy\""),
            (&["tcpdump", "strace"], "strace.toml: line 2: not TOML"),
            (&["tcpdump", "dmesg", "--user", "no-such-user"], "no user \"no-such-user\""),
            (&["tcpdump", "dmesg", "--path", "/usr/bin/tcpdump"], "--path is about one policy"),
            (&["tcpdump", "dmesg", "--update"], "--update is about one policy"),
        ] {
            enable_all(words).refused(&[because]);
            assert_eq!(enabled(), Vec::<String>::new(), "{words:?}");
            assert_eq!(carried(CAPWRAP), "", "{words:?}");
        }
        let run = enable_all(&["tcpdump", "no-such-policy", "dmesg"]);
        assert!(run.stderr.contains("none of tcpdump, no-such-policy, dmesg is enabled or changed"), "{run:?}");
    });
}

#[test]
fn what_cannot_be_written_is_named_with_what_was_done_before_it() {
    on_an_own_installation(|| {
        // A folder in the place of the second policy can be checked over, and no file can take its place.
        done(&enable_all(&["strace"]));
        done(&root(&[CAPWRAP, "disable", "strace"]).run());
        let run = root(&[
            "bash",
            "-c",
            &format!(
                "mount -t tmpfs -o size=16k none {POLICIES} && chmod 755 {POLICIES} && \
             printf '# %16000s\\n' x >> /etc/capwrap/disabled/strace.toml && {CAPWRAP} enable dmesg strace tcpdump"
            ),
        ])
        .run();
        assert_eq!(run.code, 125, "{run:?}");
        assert!(run.stderr.contains("strace: ") && run.stderr.contains("done before it: dmesg"), "{run:?}");
        assert!(run.stderr.contains("not done after it: tcpdump\nhint: capwrap enable strace tcpdump"), "{run:?}");
        assert_eq!(enabled(), ["dmesg"]);
        assert!(carried(CAPWRAP).contains("cap_syslog"), "{}", carried(CAPWRAP));
    });
}

#[test]
fn several_policies_are_disabled_at_once_or_none_is() {
    on_an_own_installation(|| {
        done(&enable_all(&["tcpdump", "dmesg", "strace"]));
        let disable = |words: &[&str]| root(&[&[CAPWRAP, "disable"], words].concat()).run();
        let run = disable(&["tcpdump", "dmseg", "strace"]);
        run.refused(&["no policy for \"dmseg\" is enabled; none of tcpdump, dmseg, strace is disabled"]);
        assert!(run.stderr.contains("hint: did you mean dmesg?"), "{run:?}");
        assert_eq!(enabled(), ["dmesg", "strace", "tcpdump"]);
        let run = disable(&["tcpdump", "strace", "tcpdump"]);
        let said = done(&run);
        assert_eq!(said.matches("tcpdump: disabled; kept as").count(), 1, "{said}");
        assert_eq!(enabled(), ["dmesg"]);
        assert!(
            !carried(CAPWRAP).contains("cap_net_raw") && carried(CAPWRAP).contains("cap_syslog"),
            "{}",
            carried(CAPWRAP)
        );
    });
}
