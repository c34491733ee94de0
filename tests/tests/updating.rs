//! What was changed in a shipped policy reaches the policy that was made from it, and what was changed here stays.

use capwrap_tests::*;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

const NAME: &str = "tcpdump";
const SHIPPED: &str = "/usr/local/share/capwrap/policies/tcpdump.toml";
const LOCAL: &str = "/etc/capwrap/policies/tcpdump.toml";
const COPY: &str = "/etc/capwrap/shipped/tcpdump.toml";

/// Runs a test where no policy is enabled and the shipped policies can be changed.
fn with_shipped_policies<T: Send>(test: impl FnOnce() -> T + Send) -> T {
    in_own_mounts(|| {
        own_installation();
        let text = read(SHIPPED);
        cover(Path::new(SHIPPED).parent().unwrap().to_str().unwrap());
        put(Path::new(SHIPPED), text);
        test()
    })
}

/// Changes a file that root alone can write.
#[track_caller]
fn edit(path: &str, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{path}: {from}");
    put(path.as_ref(), text.replace(from, to));
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap()
}

fn enabled(options: &[&str]) -> Run {
    root(&[&[CAPWRAP, "enable", NAME], options].concat()).run()
}

/// What verify says, which must have succeeded, in one line.
#[track_caller]
fn verified() -> String {
    in_one_line(done(&root(&[CAPWRAP, "verify", "--verbose", NAME]).run()))
}

fn in_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Asserts that the update was not made, although something was printed.
#[track_caller]
fn not_made(run: &Run, words: &[&str]) {
    assert!(run.code == 125 && words.iter().all(|word| run.stderr.contains(word)), "{words:?}: {run:?}");
}

#[test]
fn an_update_brings_what_was_shipped_since_and_keeps_what_was_changed_here() {
    with_shipped_policies(|| {
        let first = read(SHIPPED);
        let run = enabled(&["--user", MEMBER]);
        assert!(done(&run).contains("in place of group capwrap"), "{run:?}");
        assert_eq!(read(COPY), first);
        let copy = fs::metadata(COPY).unwrap();
        assert_eq!((copy.uid(), copy.permissions().mode() & 0o7777), (0, 0o644));
        let said = verified();
        assert!(said.contains("nothing is missing here that the shipped policy has"), "{said}");

        // Changed here: the path, a grant of our own, a comment.
        edit(LOCAL, "[\"/usr/bin/tcpdump\", \"/usr/sbin/tcpdump\"]", "\"/usr/local/lib/capwrap-tests/witness\"");
        edit(LOCAL, "[exec]\n", "# Ours alone.\n[[grant]]\ncaps = [\"cap_kill\"]\nwhy  = \"ours\"\n\n[exec]\n");
        let said = verified();
        assert!(said.contains("nothing is missing here"), "{said}");

        // A newer version is shipped: a grant less, another reason, a new key, somebody else allowed.
        let chown =
            &first[first.find("# Measured: without this").unwrap()..first.find("# Not granted by default").unwrap()];
        edit(SHIPPED, chown, "");
        edit(SHIPPED, "open a packet socket", "open packet sockets");
        edit(SHIPPED, "[exec]\nchildren = \"none\"", "[exec]\nchildren = \"none\"\nno_new_privs = true");
        edit(SHIPPED, "groups = [\"capwrap\"]", "groups = [\"capwrap\", \"adm\"]");
        let said = verified();
        assert!(said.contains("the shipped policy has changed since this one was made from it"), "{said}");
        assert!(said.contains("hint: capwrap enable tcpdump --update"), "{said}");
        // It is information: nothing is wrong with what is enabled, and anybody can ask.
        let run = user(STRANGER, &[CAPWRAP, "verify", NAME]).run();
        assert!(in_one_line(done(&run)).contains("the shipped policy has changed"), "{run:?}");
        let run = enabled(&[]);
        assert!(done(&run).contains("note     the shipped policy has changed since"), "{run:?}");

        // Without --yes the change is shown, and nothing is changed.
        let before = read(LOCAL);
        let run = enabled(&["--update"]);
        not_made(&run, &["not updated yet", "hint: capwrap enable tcpdump --update --yes"]);
        assert!(
            run.stdout.contains("\n-why  = \"open a packet socket\"\n+why  = \"open packet sockets\"\n"),
            "{run:?}"
        );
        assert!(run.stdout.contains("\n-caps = [\"cap_chown\"]\n"), "{run:?}");
        assert_eq!((read(LOCAL), read(COPY)), (before.clone(), first.clone()));

        let run = enabled(&["--update", "--yes"]);
        let said = done(&run);
        assert!(said.contains(&format!("{LOCAL} (updated from {SHIPPED})")), "{run:?}");
        assert!(said.contains("[allow]: the shipped policy has changed it, and it stays as it is here"), "{run:?}");
        assert!(said.contains(&format!("  allowed  user {MEMBER}\n")), "{run:?}");
        let expected = before
            .replace(chown, "")
            .replace("open a packet socket", "open packet sockets")
            .replace("[exec]\nchildren = \"none\"", "[exec]\nchildren = \"none\"\nno_new_privs = true");
        assert_eq!(read(LOCAL), expected);
        assert_eq!(read(COPY), read(SHIPPED));
        // The launcher has what the updated policy needs, and launches by it.
        assert!(carried(CAPWRAP).contains("cap_kill"), "{}", carried(CAPWRAP));
        assert_eq!(capwrap(&[NAME]).run().witness().sets(), [mask("cap_net_raw,cap_kill"); 4]);
        let said = verified();
        assert!(said.contains("nothing is missing here"), "{said}");
        // A second update has nothing to do.
        let run = enabled(&["--update"]);
        assert!(done(&run).contains(&format!("{LOCAL} (unchanged)")), "{run:?}");
    });
}

#[test]
fn what_both_changed_is_named_and_nothing_is_changed_until_a_side_is_taken() {
    with_shipped_policies(|| {
        assert!(enabled(&[]).ok());
        edit(LOCAL, "children = \"none\"", "children = \"any\" # for our scripts");
        edit(SHIPPED, "children = \"none\"", "children = \"when-unprivileged\"");
        edit(SHIPPED, "open a packet socket", "open packet sockets");
        let (local, copy) = (read(LOCAL), read(COPY));
        for options in [&["--update"][..], &["--update", "--yes"]] {
            let run = enabled(options);
            not_made(&run, &["tcpdump is not updated: 1 part differs", "both changed them", "--take local"]);
            assert!(run.stdout.contains("tcpdump: [exec] children is not the same"), "{run:?}");
            assert!(run.stdout.contains("here     \"any\"\n  shipped  \"when-unprivileged\""), "{run:?}");
            assert_eq!((read(LOCAL), read(COPY)), (local.clone(), copy.clone()));
        }
        let updated = local.replace("open a packet socket", "open packet sockets");
        let run = enabled(&["--update", "--take", "shipped"]);
        not_made(&run, &["hint: capwrap enable tcpdump --update --take shipped --yes"]);
        let run = enabled(&["--update", "--take", "local", "--yes"]);
        assert!(done(&run).contains("[exec] children: it stays as it is here"), "{run:?}");
        assert_eq!(read(LOCAL), updated);
        // What was decided is not asked again.
        let said = verified();
        assert!(said.contains("nothing is missing here"), "{said}");
        assert!(enabled(&["--update"]).ok());
    });
}

#[test]
fn a_policy_without_a_copy_is_compared_with_what_is_shipped_part_by_part() {
    with_shipped_policies(|| {
        assert!(enabled(&["--group", "adm"]).ok());
        fs::remove_file(COPY).unwrap();
        // Who may run which file says nothing about an older version.
        let said = verified();
        assert!(said.contains("nothing is missing here"), "{said}");
        edit(SHIPPED, "open a packet socket", "open packet sockets");
        let said = verified();
        assert!(said.contains("no copy shows which of them changed"), "{said}");
        not_made(
            &enabled(&["--update", "--yes"]),
            &["2 parts differ", "no copy was kept", "--take local, or --take shipped"],
        );
        let run = enabled(&["--update", "--take", "shipped", "--yes"]);
        assert!(done(&run).contains("allowed  group adm"), "{run:?}");
        assert!(read(LOCAL).contains("open packet sockets"), "{}", read(LOCAL));
        assert_eq!(read(COPY), read(SHIPPED));
        // The other way: what is here is meant so.
        fs::remove_file(COPY).unwrap();
        edit(LOCAL, "open packet sockets", "our reason");
        let before = read(LOCAL);
        assert!(enabled(&["--update", "--take", "local"]).ok());
        assert_eq!((read(LOCAL), read(COPY)), (before, read(SHIPPED)));
        assert!(verified().contains("nothing is missing here"));
    });
}

#[test]
fn a_disabled_policy_keeps_its_copy_and_its_text() {
    with_shipped_policies(|| {
        assert!(enabled(&["--group", "adm"]).ok());
        let copy = read(COPY);
        edit(SHIPPED, "open a packet socket", "open packet sockets");
        assert!(root(&[CAPWRAP, "disable", NAME]).run().ok());
        assert_eq!(read(COPY), copy);
        // Nobody counts the copy as a policy.
        let listed = root(&[CAPWRAP, "list", "--all", "--names"]).run();
        assert_eq!(done(&listed), "", "{listed:?}");
        // Enabling it again takes the administrator's text. It is not enabled, so whom one names is whom it allows.
        let run = enabled(&["--user", MEMBER]);
        let said = format!("  allowed  user {MEMBER}\n           in place of group adm\n");
        assert!(done(&run).contains(&said), "{run:?}");
        assert!(run.stdout.contains("the shipped policy has changed since"), "{run:?}");
        let run = enabled(&["--user", MEMBER, "--group", "adm"]);
        let said = format!("added: group adm\n           allowed already: user {MEMBER}\n");
        assert!(done(&run).contains(&said), "{run:?}");
        assert_eq!(read(COPY), copy);
    });
}

#[test]
fn there_is_nothing_to_update_without_a_policy_here_or_a_shipped_one() {
    with_shipped_policies(|| {
        enabled(&["--update"]).refused(&["nothing to update", "hint: capwrap enable tcpdump"]);
        let own = Policy::named("own-tool", "schema = 1\ntool = { path = \"/t\" }\nallow = { users = [\"root\"] }\n");
        root(&[CAPWRAP, "enable", &own.name, "--update"]).run().refused(&["nothing to update from", "own-tool"]);
        root(&[CAPWRAP, "enable", NAME, "--take", "local"]).run().refused(&["--update"]);
        // A copy that others could have written is not believed.
        assert!(enabled(&[]).ok());
        fs::set_permissions(COPY, fs::Permissions::from_mode(0o666)).unwrap();
        enabled(&["--update"]).refused(&["cannot trust", COPY]);
        let run = enabled(&[]);
        assert!(done(&run).contains("whether a newer policy is shipped could not be checked"), "{run:?}");
    });
}
