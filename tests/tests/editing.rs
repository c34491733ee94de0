//! `capwrap edit` changes nothing until what was written is checked, shown and confirmed.

use capwrap_tests::*;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

const NAME: &str = "tcpdump";
const LOCAL: &str = "/etc/capwrap/policies/tcpdump.toml";

fn on_an_own_installation<T: Send>(test: impl FnOnce(&Folder) -> T + Send) -> T {
    in_own_mounts(|| {
        own_installation();
        done(&root(&[CAPWRAP, "enable", NAME, "--user", MEMBER]).run());
        test(&Folder::new())
    })
}

fn policy() -> String {
    fs::read_to_string(LOCAL).unwrap()
}

/// An editor of root's: a script of sh's that gets the file as its last argument.
fn editor(folder: &Folder, script: &str) -> String {
    let path = folder.path("editor");
    put(Path::new(&path), format!("#!/bin/sh\n{script}\n"));
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    path
}

/// Edits on a terminal of its own, on which this is typed ahead. The exit code of the verb is the last line.
fn edit(name: &str, variables: &[(&str, &str)], typed: &str) -> String {
    let words = format!("{CAPWRAP} edit {name}; echo exit $?");
    let call = root(&["script", "-qec", &words, "/dev/null"]).env("NO_COLOR", "1");
    let call = variables.iter().fold(call, |call, (name, value)| call.env(name, value));
    let mut child = call.command().stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
    Run::of(&child.wait_with_output().unwrap()).stdout.replace('\r', "")
}

fn copies() -> Vec<String> {
    let entries = fs::read_dir("/run").unwrap().map(|entry| entry.unwrap().path().display().to_string());
    entries.filter(|path| path.starts_with("/run/capwrap-edit-")).collect()
}

#[test]
fn what_is_edited_is_shown_and_enabled_when_it_is_confirmed() {
    on_an_own_installation(|folder| {
        let before = policy();
        let script =
            format!("stat -c 'copy %a %U' \"$1\" \"${{1%/*}}\"; sed -i 's/\"{MEMBER}\"/\"{STRANGER}\"/' \"$1\"");
        let path = editor(folder, &script);
        let shown = edit(NAME, &[("EDITOR", &path)], "?\ny\n");
        assert!(shown.contains("copy 600 root\ncopy 700 root\n"), "{shown}");
        for line in [
            format!("- allowed  user {MEMBER}\n"),
            format!("+ allowed  user {STRANGER}\n"),
            format!("-users = [\"{MEMBER}\"]"),
            "  grants   cap_net_raw\n".to_owned(),
        ] {
            assert!(shown.contains(&line), "{line}: {shown}");
        }
        // What is no answer is asked again.
        assert_eq!(shown.matches("What now? (y) enable it, (e) edit again, (x) exit").count(), 2, "{shown}");
        assert!(shown.contains("(changed in place)") && shown.ends_with("exit 0\n"), "{shown}");
        assert_eq!(policy(), before.replace(MEMBER, STRANGER));
        assert!(user(STRANGER, &[CAPWRAP, NAME, "--version"]).run().stdout.contains("tcpdump"));
        assert_eq!(copies(), [""; 0]);
    });
}

#[test]
fn a_file_takes_the_place_of_the_policy_and_what_was_granted_for_a_time_stays() {
    on_an_own_installation(|folder| {
        let file = folder.path("new.toml");
        let from = |name: &str| root(&[CAPWRAP, "edit", name, "--from", &file]).run();
        let before = policy();
        put(Path::new(&file), &before);
        assert_eq!(done(&from(NAME)), "tcpdump: unchanged\n");
        done(&root(&[CAPWRAP, "grant", NAME, "--user", STRANGER, "--for", "1h", "--reason", "ticket 7"]).run());
        let granted = policy();
        assert_eq!(done(&from(NAME)), "tcpdump: unchanged\n");
        assert_eq!(policy(), granted);

        let new = before.replace(MEMBER, "root");
        put(Path::new(&file), &new);
        let run = from(NAME);
        assert!(done(&run).contains("+users = [\"root\"]"), "{run:?}");
        assert_eq!(policy(), granted.replace(MEMBER, "root"));
        assert!(user(STRANGER, &[CAPWRAP, NAME, "--version"]).run().ok());
        user(MEMBER, &[CAPWRAP, NAME, "--version"]).run().refused(&["you are not among them"]);

        // What lint speaks against, or what another user could have written, changes nothing.
        let now = policy();
        for text in [new.replace("cap_net_raw", "cap_net_rwa"), new.replace("cap_net_raw", "cap_sys_admin")] {
            put(Path::new(&file), &text);
            let run = from(NAME);
            assert!(run.code == 125 && run.stderr.contains("the policy tcpdump is as it was"), "{run:?}");
            assert!(run.stderr.contains("# lint: allow CODE: why"), "{run:?}");
        }
        put(Path::new(&file), &new);
        fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
        let run = from(NAME);
        assert!(run.code == 125 && run.stderr.contains("new.toml"), "{run:?}");
        assert_eq!(policy(), now);
        assert_eq!(user(MEMBER, &[CAPWRAP, "edit", NAME, "--from", &file]).run().code, 125);

        // It can be the first policy of its name.
        let own = Path::new("/etc/capwrap/policies/t-own.toml");
        fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
        done(&from("t-own"));
        assert_eq!(fs::read_to_string(own).unwrap(), new);
        assert_eq!(done(&from("t-own")), "t-own: unchanged\n");
    });
}

#[test]
fn a_mistake_changes_nothing_and_can_be_edited_again() {
    on_an_own_installation(|folder| {
        let before = policy();
        // The first time the editor breaks the text, the second time it corrects what it finds.
        let script =
            "if grep -q cap_net_rwa \"$1\"; then sed -i s/cap_net_rwa/cap_net_raw/ \"$1\"; echo '# again' >> \"$1\"
            else sed -i s/cap_net_raw/cap_net_rwa/ \"$1\"; fi";
        let path = editor(folder, script);
        for (typed, ends) in [("x\n", "exit 0\n"), ("", "exit 0\n"), ("y\nQ\n", "exit 0\n")] {
            let shown = edit(NAME, &[("EDITOR", &path)], typed);
            assert!(shown.contains("cap_net_rwa") && shown.contains("(e) edit again, (x) exit, and"), "{shown}");
            assert!(!shown.contains("(y)") && !shown.contains("(Q)"), "{shown}");
            assert!(shown.contains("the policy tcpdump is as it was") && shown.ends_with(ends), "{shown}");
            assert_eq!(policy(), before);
        }
        let shown = edit(NAME, &[("EDITOR", &path)], "e\ny\n");
        assert!(shown.contains("(y) enable it") && shown.ends_with("exit 0\n"), "{shown}");
        assert_eq!(policy(), format!("{before}# again\n"));
        assert_eq!(copies(), [""; 0]);
    });
}

#[test]
fn what_lint_warns_of_is_enabled_by_a_capital_letter_alone() {
    on_an_own_installation(|folder| {
        let path = editor(folder, "printf '\n[[grant]]\ncaps = [\"cap_sys_admin\"]\n' >> \"$1\"");
        let before = policy();
        let shown = edit(NAME, &[("EDITOR", &path)], "y\nx\n");
        assert!(shown.contains("warning") && shown.contains("(Q) enable it with these warnings"), "{shown}");
        assert_eq!((policy(), shown.contains("+ grants ")), (before, true), "{shown}");
        let shown = edit(NAME, &[("EDITOR", &path)], "Q\n");
        assert!(policy().contains("cap_sys_admin") && carried(CAPWRAP).contains("cap_sys_admin"), "{shown}");
    });
}

#[test]
fn an_editor_that_fails_or_changes_nothing_changes_nothing() {
    on_an_own_installation(|folder| {
        let before = policy();
        for (script, said) in [
            ("true", "tcpdump: unchanged"),
            ("echo '# more' >> \"$1\"; exit 3", "failed (exit status: 3)"),
            ("echo '# more' >> \"$1\"; kill -9 $$", "failed (signal: 9 (SIGKILL))"),
            ("rm \"$1\"", "cannot"),
            ("head -c 100000 /dev/zero | tr '\\0' '#' > \"$1\"", "larger than"),
            ("printf '\\377' >> \"$1\"", "UTF-8"),
        ] {
            let shown = edit(NAME, &[("EDITOR", &editor(folder, script))], "y\n");
            assert!(shown.contains(said), "{script}: {shown}");
            assert!(shown.ends_with(if script == "true" { "exit 0\n" } else { "exit 125\n" }), "{script}: {shown}");
            assert_eq!(policy(), before, "{script}");
        }
        assert_eq!(copies(), [""; 0]);
    });
}

#[test]
fn a_policy_that_was_changed_meanwhile_is_left_and_what_was_written_is_kept() {
    on_an_own_installation(|folder| {
        let elsewhere = policy() + "# theirs\n";
        put(Path::new(&folder.path("theirs")), &elsewhere);
        let script = format!("echo '# mine' >> \"$1\"; cp {} {LOCAL}", folder.path("theirs"));
        let shown = edit(NAME, &[("EDITOR", &editor(folder, &script))], "x\n");
        assert!(shown.contains("somebody changed the policy tcpdump while you edited it"), "{shown}");
        assert_eq!(policy(), elsewhere);
        // It is changed while the question waits.
        let path = editor(folder, "echo '# mine' >> \"$1\"");
        let words = format!("{CAPWRAP} edit {NAME}; echo exit $?");
        let call = root(&["script", "-qec", &words, "/dev/null"]).env("EDITOR", &path);
        let mut child = call.command().stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut keyboard = child.stdin.take().unwrap();
        std::thread::sleep(std::time::Duration::from_secs(3));
        put(Path::new(LOCAL), elsewhere.clone() + "# and more\n");
        keyboard.write_all(b"y\n").unwrap();
        let shown = Run::of(&child.wait_with_output().unwrap()).stdout.replace('\r', "");
        assert!(shown.contains("somebody changed the policy") && shown.ends_with("exit 125\n"), "{shown}");
        assert_eq!(policy(), elsewhere.clone() + "# and more\n");
        let [kept] = &copies()[..] else { panic!("{:?}", copies()) };
        assert_eq!(fs::read_to_string(format!("{kept}/tcpdump.toml")).unwrap(), elsewhere + "# mine\n");
        assert!(shown.contains(&format!("hint: what you wrote is in {kept}/tcpdump.toml")), "{shown}");
        fs::remove_dir_all(kept).unwrap();
    });
}

#[test]
fn the_editor_is_the_one_that_sudo_would_take_and_nobody_elses() {
    on_an_own_installation(|folder| {
        let says = |name: &str| {
            let path = folder.path(name);
            put(Path::new(&path), format!("#!/bin/sh\necho this is {name} \"$#\"\n"));
            fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
            path
        };
        let (first, second, third) = (says("first"), says("second"), says("third"));
        let all = [("SUDO_EDITOR", &*first), ("VISUAL", &*second), ("EDITOR", &*third)];
        for (at, name) in ["first", "second", "third"].iter().enumerate() {
            let shown = edit(NAME, &all[at..], "");
            assert!(shown.contains(&format!("this is {name} 1")), "{shown}");
        }
        // The value may have words behind the program, which no shell reads.
        let shown = edit(NAME, &[("EDITOR", &format!("{third} $(id) -n"))], "");
        assert!(shown.contains("this is third 3"), "{shown}");
        let own = tempfile_of(MEMBER);
        for (value, said) in [
            (&*own, "cannot trust"),
            ("./editor", "is a path from a directory that may be anybody's"),
            ("no-such-editor", "there is no such command"),
        ] {
            let shown = edit(NAME, &[("SUDO_EDITOR", value), ("EDITOR", &third)], "");
            assert!(shown.contains("cannot use the editor that SUDO_EDITOR names") && shown.contains(said), "{shown}");
            assert!(!shown.contains("this is") && shown.ends_with("exit 125\n"), "{shown}");
        }
        // The PATH of the user who became root chooses nothing.
        let shown = edit(NAME, &[("EDITOR", "first"), ("PATH", &format!("{}:/usr/bin:/bin", folder.path("")))], "");
        assert!(shown.contains("no such command"), "{shown}");
    });
}

/// An editor that a user could change.
fn tempfile_of(name: &str) -> String {
    let path = format!("/tmp/t-editor-of-{name}");
    let _ = fs::remove_file(&path);
    put(Path::new(&path), "#!/bin/sh\necho this is theirs\n");
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    done(&root(&["chown", name, &path]).run());
    path
}

#[test]
fn an_interrupt_is_the_editors() {
    on_an_own_installation(|folder| {
        let before = policy();
        let path = editor(folder, "trap 'echo interrupted' INT; kill -INT 0; echo '# more' >> \"$1\"");
        let shown = edit(NAME, &[("EDITOR", &path)], "y\n");
        // The whole group of processes got the signal, as when it is typed.
        assert!(shown.contains("interrupted"), "{shown}");
        assert_eq!(policy(), format!("{before}# more\n"), "{shown}");
    });
}

#[test]
fn a_policy_that_is_not_enabled_is_edited_from_its_copy_and_then_enabled() {
    on_an_own_installation(|folder| {
        done(&root(&[CAPWRAP, "disable", NAME]).run());
        fs::remove_file(format!("/etc/capwrap/disabled/{NAME}.toml")).unwrap();
        let path = editor(folder, "sed -i 's/groups = \\[\"capwrap\"\\]/users = [\"root\"]/' \"$1\"");
        let shown = edit(NAME, &[("EDITOR", &path)], "y\n");
        assert!(shown.contains("tcpdump is not enabled; the copy is of /usr/local/share/capwrap/"), "{shown}");
        assert!(shown.contains("- not enabled\n") && shown.contains("+ allowed  user root\n"), "{shown}");
        assert!(Path::new(LOCAL).exists() && shown.ends_with("exit 0\n"), "{shown}");
    });
}

#[test]
fn without_a_terminal_or_without_root_nothing_is_edited() {
    on_an_own_installation(|folder| {
        let path = editor(folder, "echo '# more' >> \"$1\"");
        root(&[CAPWRAP, "edit", NAME]).env("EDITOR", &path).run().refused(&["edit needs a terminal"]);
        user(MEMBER, &[CAPWRAP, "edit", NAME]).env("EDITOR", &path).run().refused(&["only root may do that"]);
        let shown = edit("tcpdmp", &[("EDITOR", &path)], "y\n");
        assert!(shown.contains("no policy for \"tcpdmp\"") && shown.ends_with("exit 125\n"), "{shown}");
    });
}
