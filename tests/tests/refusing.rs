//! Bad input leads to one clear line with a hint and the right exit code, and nothing is run.

use capwrap_tests::*;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

fn chmod(path: &str, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn chown(path: &str, owner: &str) {
    assert!(root(&["chown", owner, path]).run().ok());
}

#[test]
fn a_tool_without_a_policy_is_refused_with_the_command_that_finds_one_out() {
    capwrap(&["no-such-tool"]).run().refused(&["no policy for \"no-such-tool\"", "capwrap --learn no-such-tool"]);
}

#[test]
fn a_shipped_policy_that_is_not_enabled_is_named_with_the_command_that_enables_it() {
    capwrap(&["tracee"]).run().refused(&["no policy for \"tracee\" is enabled", "capwrap enable tracee"]);
    // What it would grant is what the list says.
    let list = capwrap(&["list", "--shipped", "dmesg", "--json"]).run();
    let list: serde_json::Value = serde_json::from_str(&list.stdout).unwrap();
    let grants = list["tools"][0]["grants"].as_array().unwrap();
    assert_eq!(grants, &["cap_syslog"]);
    for words in [&["dmesg"][..], &["dmesg", "--follow"], &["--explain", "dmesg"], &["--", "dmesg"]] {
        capwrap(words).run().refused(&["one is shipped, and grants cap_syslog\nhint: an administrator can run"]);
    }
}

#[test]
fn a_tool_that_is_better_run_another_way_is_refused_with_that_way() {
    capwrap(&["smartctl", "-a"])
        .run()
        .refused(&["no policy for \"smartctl\" is enabled, and none is shipped. ", "hint: "]);
    // The policy is called by another name than the program that it runs.
    capwrap(&["capwrap-advisor"]).run().refused(&["did you mean `capwrap capwrap-learn`, which runs capwrap-advisor?"]);
}

#[test]
fn without_the_advisor_a_tool_without_a_policy_is_refused_all_the_same() {
    in_own_mounts(|| {
        cover("/usr/local/libexec/capwrap");
        capwrap(&["dmesg"]).run().refused(&["no policy for \"dmesg\" is enabled\nhint: look for a shipped one"]);
    });
}

#[test]
fn what_says_more_about_a_tool_without_a_policy_has_no_capability() {
    in_own_mounts(|| {
        let folder = "/usr/local/libexec/capwrap";
        let shows = fs::read(WITNESS).unwrap();
        cover(folder);
        fs::write(format!("{folder}/capwrap-advisor"), shows).unwrap();
        chmod(&format!("{folder}/capwrap-advisor"), 0o755);
        let witness = capwrap(&["no-such-tool", "argument"]).run().witness();
        assert_eq!(witness.sets(), [0, 0, 0, 0]);
        assert_eq!((witness.get("argv1"), witness.get("argv2")), ("without-policy", "no-such-tool"));
    });
}

#[test]
fn a_tool_is_never_named_by_a_path() {
    capwrap(&["/usr/bin/id"]).run().refused(&["is a path", "hint: capwrap id"]);
    capwrap(&["../../etc/passwd"]).run().refused(&["is a path"]);
    for name in [".hidden", "a b", "a\nb", "é", ""] {
        capwrap(&[name]).run().refused(&["no name of a tool"]);
    }
    capwrap(&[]).run().refused(&["no tool named", "capwrap --help"]);
}

#[test]
fn an_unknown_option_is_refused_and_not_taken_for_a_tool() {
    capwrap(&["--bogus", "tcpdump"]).run().refused(&["--bogus", "capwrap --help"]);
    capwrap(&["--drop"]).run().refused(&["--drop"]);
    capwrap(&["--explain", "enable"]).run().refused(&["`enable` is a verb", "capwrap -- enable"]);
}

#[test]
fn a_tool_with_the_name_of_a_verb_is_run_after_two_dashes() {
    let _policy =
        Policy::named("merge", &format!("schema = 1\n[tool]\npath = \"{WITNESS}\"\n[allow]\ngroups = [\"capwrap\"]\n"));
    assert_eq!(capwrap(&["--", "merge", "x"]).run().witness().get("argv1"), "x");
}

#[test]
fn a_policy_that_is_not_roots_or_that_others_can_write_is_refused() {
    let policy = Policy::witness("cap_net_raw", "");
    let path = policy.path.to_str().unwrap();
    chown(path, MEMBER);
    capwrap(&[&policy.name]).run().refused(&["cannot trust policy", path, "not to root", "hint: chown 0"]);
    chown(path, "root");
    for mode in [0o664, 0o646] {
        chmod(path, mode);
        capwrap(&[&policy.name]).run().refused(&[
            "cannot trust policy",
            path,
            "can be written by others",
            "hint: chmod go-w",
        ]);
    }
    chmod(path, 0o600);
    capwrap(&[&policy.name]).run().refused(&["cannot trust policy", path, "Permission denied"]);
    chmod(path, 0o644);
    assert!(capwrap(&[&policy.name]).run().ok());
}

#[test]
fn a_policy_behind_a_link_is_trusted_only_as_far_as_the_whole_way_to_it() {
    let folder = Folder::new();
    let text = format!("schema = 1\n[tool]\npath = \"{WITNESS}\"\n[allow]\ngroups = [\"capwrap\"]\n");
    let target = folder.path("policy.toml");
    fs::write(&target, text).unwrap();
    let link = format!("{POLICIES}/t-link-{}.toml", std::process::id());
    symlink(&target, &link).unwrap();
    let name = format!("t-link-{}", std::process::id());
    let safe = capwrap(&[&name]).run();
    chmod(folder.0.to_str().unwrap(), 0o777);
    let unsafe_folder = capwrap(&[&name]).run();
    chmod(folder.0.to_str().unwrap(), 0o755);
    fs::remove_file(&link).unwrap();
    symlink(&link, &link).unwrap();
    let loops = capwrap(&[&name]).run();
    fs::remove_file(&link).unwrap();
    assert!(safe.ok(), "{safe:?}");
    unsafe_folder.refused(&["can be written by others", folder.0.to_str().unwrap()]);
    loops.refused(&["Too many symbolic links"]);
}

#[test]
fn a_policy_that_is_no_regular_file_is_refused() {
    let name = format!("t-folder-{}", std::process::id());
    let path = format!("{POLICIES}/{name}.toml");
    fs::create_dir(&path).unwrap();
    let folder = capwrap(&[&name]).run();
    fs::remove_dir(&path).unwrap();
    assert!(root(&["mkfifo", "-m", "0644", &path]).run().ok());
    let pipe = capwrap(&[&name]).run();
    fs::remove_file(&path).unwrap();
    folder.refused(&["no regular file"]);
    pipe.refused(&["no regular file"]);
}

#[test]
fn a_fault_in_a_policy_is_shown_with_file_line_column_the_line_and_the_nearest_name() {
    let good = format!("schema = 1\n[tool]\npath = \"{WITNESS}\"\n[allow]\ngroups = [\"capwrap\"]\n");
    for (text, words) in [
        ("schema = 1\n[tool\n".to_owned(), &[".toml:2:6: not TOML", "`[tool`"][..]),
        (
            good.replace("groups", "group"),
            &[".toml:5:1: unknown key `group` in [allow]", "`group = [\"capwrap\"]`", "hint: write `groups`"],
        ),
        (
            good.clone() + "[[grant]]\ncaps = [\"cap_net_rwa\"]\n",
            &[".toml:7:9: unknown capability \"cap_net_rwa\"", "hint: write \"cap_net_raw\""],
        ),
        (
            good.clone() + "[[grant]]\ncaps = [\"bpf\"]\nwhen = { kernel_hsa = \"bpf\" }\n",
            &[".toml:8:10: unknown key `kernel_hsa` in when", "hint: write `kernel_has`"],
        ),
        (
            good.clone() + "[[grant]]\ncaps = [\"bpf\"]\nwhen = { probe = \"nonsense\" }\n",
            &["unknown probe \"nonsense\"", "perf_uprobe_needs_sys_admin"],
        ),
        (good.clone() + "[[grant]]\nwhy = \"x\"\n", &[".toml:6:1: [[grant]] without `caps`"]),
        (good.replace(WITNESS, "bin/witness"), &[".toml:3:8: a relative path", "hint: write the path from / on"]),
        (good.replace("groups = [\"capwrap\"]", ""), &["nobody is allowed", "groups = [\"capwrap\"]"]),
        (good.replace("schema = 1", ""), &["no `schema`", "hint: write `schema = 1`"]),
        (
            good.clone() + "[exec]\nchildren = \"noone\"\n",
            &["unknown value of `children` \"noone\"", "hint: write \"none\""],
        ),
        (good.clone() + "[exec]\nchildren = \"none\"\nno_new_privs = false\n", &["seccomp", "leave no_new_privs out"]),
        (
            good.clone() + "[exec]\nlimits = { memlok = 1 }\n",
            &["unknown key `memlok` in limits", "hint: write `memlock`"],
        ),
        (good.clone() + "[exec]\nenv = { keep = [\"A=B\"] }\n", &["no name of an environment variable"]),
        (
            good.replace("groups = ", "until = \"2027-01-31\"\ngroups = "),
            &["`until` wants a date and time", "without quotes"],
        ),
        (good.replace("groups = ", "until = 2027-01-31\ngroups = "), &["names no instant"]),
    ] {
        let policy = Policy::new(&text);
        capwrap(&[&policy.name]).run().refused(words);
    }
}

/// A policy of a later schema has keys that this one does not know, and the error is not about those.
#[test]
fn a_policy_of_another_schema_is_refused_by_the_launcher_and_by_lint_with_what_to_do() {
    let text = |schema: &str| {
        format!("schema = {schema}\nnew-key = true\n[tool]\npath = \"{WITNESS}\"\n[allow]\ngroups = [\"capwrap\"]\n")
    };
    let huge = "9".repeat(400);
    for schema in ["2", "99", "9223372036854775807", &huge] {
        let policy = Policy::new(&text(schema));
        let words = [".toml:1:10: ", "this schema is of a later capwrap: this one reads schema 1", "hint: install"];
        capwrap(&[&policy.name]).run().refused(&words);
        let run = capwrap(&["lint", &policy.name]).run();
        assert!(run.code == 1 && run.stdout.contains(words[1]), "{run:?}");
        assert_eq!(capwrap(&["explain", &policy.name]).run().code, 125);
    }
    for (schema, what) in [
        ("0", "there is no such schema: this capwrap reads schema 1"),
        ("-1", "there is no such schema"),
        ("\"1\"", "`schema` is not a whole number"),
        ("1.0", "`schema` is not a whole number"),
        ("true", "`schema` is not a whole number"),
        ("[1]", "`schema` is not a whole number"),
    ] {
        let policy = Policy::new(&text(schema));
        capwrap(&[&policy.name]).run().refused(&[".toml:1:10: ", what, "hint: write `schema = 1`"]);
    }
    // What has the right schema is judged by its keys.
    let policy = Policy::new(&text("1"));
    capwrap(&[&policy.name]).run().refused(&[".toml:2:1: unknown key `new-key`"]);
}

#[test]
fn a_policy_that_is_larger_than_64_kib_or_not_utf_8_is_refused() {
    let good = format!("schema = 1\n[tool]\npath = \"{WITNESS}\"\n[allow]\ngroups = [\"capwrap\"]\n");
    let pad = |length: usize| format!("{good}#{}", "x".repeat(length - good.len() - 1));
    let largest = Policy::new(&pad(64 * 1024));
    assert!(capwrap(&[&largest.name]).run().ok());
    let too_large = Policy::new(&pad(64 * 1024 + 1));
    capwrap(&[&too_large.name]).run().refused(&["larger than 64 KiB"]);
    let odd = Policy::new("");
    fs::write(&odd.path, b"schema = 1\nsummary = \"\xff\"\n").unwrap();
    capwrap(&[&odd.name]).run().refused(&["is not UTF-8"]);
}

#[test]
fn who_is_not_allowed_is_refused_with_the_command_that_would_allow() {
    let policy = Policy::witness("cap_net_raw", "");
    let run = user(STRANGER, &[CAPWRAP, &policy.name]).run();
    run.refused(&[
        STRANGER,
        "its policy allows group capwrap",
        &format!("capwrap enable {} --user {STRANGER}", policy.name),
    ]);
}

#[test]
fn membership_counts_as_the_session_has_it_and_who_joined_since_is_asked_to_log_in_again() {
    let policy = Policy::witness("cap_net_raw", "");
    let before_joining =
        root(&["setpriv", "--reuid", MEMBER, "--regid", MEMBER, "--clear-groups", CAPWRAP, &policy.name]).run();
    before_joining.refused(&["log in again", "newgrp capwrap"]);
}

#[test]
fn an_expired_policy_is_refused() {
    let expired = Policy::witness("cap_net_raw", "until = 2020-01-01T00:00:00Z");
    capwrap(&[&expired.name]).run().refused(&["expired", "later `until`"]);
    root(&[CAPWRAP, &expired.name]).run().refused(&["expired"]);
    let valid = Policy::witness("cap_net_raw", "until = 2999-01-01T00:00:00+01:00");
    assert!(capwrap(&[&valid.name]).run().ok());
}

#[test]
fn a_demanded_reason_must_be_given() {
    let policy = Policy::witness("cap_net_raw", "reason = true");
    capwrap(&[&policy.name]).run().refused(&["demands a reason", "--reason TEXT"]);
    capwrap(&["--reason", " ", &policy.name]).run().refused(&["demands a reason"]);
    assert!(capwrap(&["--reason", "ticket 7", &policy.name]).run().ok());
    assert!(capwrap(&["--reason", &"x".repeat(4096), &policy.name]).run().ok());
    capwrap(&["--reason", &"x".repeat(4097), &policy.name]).run().refused(&["--reason has 4097 bytes", "hint: "]);
}

#[test]
fn a_tool_that_is_missing_is_127() {
    let policy = Policy::tool("/usr/local/bin/no-such-thing", "cap_net_raw", "");
    capwrap(&[&policy.name]).run().refused_with(127, &["/usr/local/bin/no-such-thing does not exist", "--path"]);
}

#[test]
fn a_tool_that_cannot_be_run_is_126() {
    let folder = Folder::new();
    let path = folder.copy(WITNESS, "tool");
    let policy = Policy::tool(&path, "cap_net_raw", "");
    let refused = |words: &[&str]| capwrap(&[&policy.name]).run().refused_with(126, words);

    chmod(&path, 0o644);
    refused(&["may not execute it", "chmod a+x"]);
    chmod(&path, 0o711);
    refused(&["Permission denied"]);
    for mode in [0o4755, 0o2755] {
        chmod(&path, mode);
        refused(&["setuid or setgid", "chmod ug-s"]);
    }
    chmod(&path, 0o775);
    refused(&["can be written by others", "chmod go-w"]);
    chmod(&path, 0o755);
    chown(&path, MEMBER);
    refused(&["not to root", "chown 0"]);
    chown(&path, "root");
    assert!(root(&["setcap", "cap_net_raw=ep", &path]).run().ok());
    refused(&["the file has cap_net_raw=ep, so what the tool starts would not have cap_net_raw", "setcap -r"]);
    assert!(root(&["setcap", "-r", &path]).run().ok());
    chmod(folder.0.to_str().unwrap(), 0o1777);
    refused(&["can be written by others", folder.0.to_str().unwrap()]);
    chmod(folder.0.to_str().unwrap(), 0o755);
    assert!(capwrap(&[&policy.name]).run().ok());

    fs::write(&path, "#!/bin/sh\necho run\n").unwrap();
    refused(&["it is a script", "script = true"]);
    fs::write(&path, "\x7fELF but not really").unwrap();
    refused(&["Exec format error"]);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    refused(&["no regular file"]);
}

#[test]
fn a_tool_behind_an_access_list_that_lets_others_write_is_refused() {
    let folder = Folder::new();
    let path = folder.copy(WITNESS, "tool");
    let policy = Policy::tool(&path, "cap_net_raw", "");
    assert!(root(&["setfacl", "-m", &format!("u:{STRANGER}:rwx"), &path]).run().ok());
    capwrap(&[&policy.name]).run().refused_with(126, &["can be written by others"]);
}

#[test]
fn a_tool_on_a_nosuid_or_noexec_mount_is_refused() {
    for option in ["nosuid", "noexec"] {
        let folder = Folder::new();
        let mounted = folder.0.to_str().unwrap().to_owned();
        assert!(root(&["mount", "-t", "tmpfs", "-o", &format!("{option},mode=755"), "none", &mounted]).run().ok());
        let path = folder.copy(WITNESS, "tool");
        let policy = Policy::tool(&path, "cap_net_raw", "");
        let run = capwrap(&[&policy.name]).run();
        assert!(root(&["umount", &mounted]).run().ok());
        run.refused_with(126, &[&format!("mounted {option}")]);
    }
}

#[test]
fn a_tool_with_another_digest_than_the_pinned_one_is_refused() {
    let folder = Folder::new();
    let path = folder.copy(WITNESS, "tool");
    let policy = Policy::tool(&path, "cap_net_raw", "");
    assert!(root(&[CAPWRAP, "enable", &policy.name, "--pin"]).run().ok());
    assert!(capwrap(&[&policy.name]).run().ok());
    let mut bytes = fs::read(&path).unwrap();
    bytes.push(0);
    fs::write(&path, bytes).unwrap();
    capwrap(&[&policy.name]).run().refused_with(126, &["its SHA-256 is", "the policy pins", "--pin"]);
}

#[test]
fn a_tool_looser_than_its_policy_is_refused_and_a_stricter_one_is_not() {
    let folder = Folder::new();
    let path = folder.copy(WITNESS, "tool");
    let text = format!(
        "schema = 1\ntool = {{ path = \"{path}\", group = \"capwrap\", mode = \"0750\" }}\nallow = {{ groups = [\"capwrap\"] }}\n"
    );
    let policy = Policy::new(&text);
    capwrap(&[&policy.name]).run().refused_with(126, &["its group is 0", "chgrp capwrap"]);
    chown(&path, "root:capwrap");
    capwrap(&[&policy.name]).run().refused_with(126, &["its mode 0755 is looser than the policy's 0750", "chmod 0750"]);
    for mode in [0o750, 0o550] {
        chmod(&path, mode);
        assert!(capwrap(&[&policy.name]).run().ok(), "{mode:o}");
    }
}

#[test]
fn a_tool_of_another_owner_runs_only_where_the_policy_names_that_owner() {
    let folder = Folder::new();
    let path = folder.copy(WITNESS, "tool");
    chown(&path, STRANGER);
    let unnamed = Policy::tool(&path, "cap_net_raw", "");
    capwrap(&[&unnamed.name]).run().refused_with(126, &["not to root"]);
    let named = Policy::new(&format!(
        "schema = 1\ntool = {{ path = \"{path}\", owner = \"{STRANGER}\" }}\nallow = {{ groups = [\"capwrap\"] }}\n"
    ));
    let said = capwrap(&[&named.name]).run().witness();
    assert_eq!((said.get("exe"), said.get("Name")), (path.as_str(), "tool"));
}

#[test]
fn what_the_kernel_or_the_circumstances_withhold_is_named_with_its_cause() {
    let folder = Folder::new();
    let policy = Policy::witness("cap_net_raw,cap_syslog", "");
    let less = folder.launcher("cap_net_raw=p");
    user(MEMBER, &[&less, &policy.name])
        .run()
        .refused(&["cap_syslog: capwrap's own file does not carry it", "capwrap enable"]);
    capwrap(&[&policy.name])
        .under(&["setpriv", "--bounding-set", "-syslog"])
        .run()
        .refused(&["cap_syslog: the bounding set of this process lacks it", "--cap-add=SYSLOG"]);
}

#[test]
fn a_script_runs_only_where_the_policy_says_so_and_its_interpreter_is_roots() {
    let folder = Folder::new();
    let path = folder.path("script");
    let policy = Policy::new(&format!(
        "schema = 1\ntool = {{ path = \"{path}\", script = true }}\nallow = {{ groups = [\"capwrap\"] }}\ngrant = [{{ caps = [\"cap_net_raw\"] }}]\n"
    ));
    fs::write(&path, format!("#!{WITNESS}\n")).unwrap();
    chmod(&path, 0o755);
    let said = capwrap(&[&policy.name, "x"]).run().witness();
    assert_eq!(said.sets(), [mask("net_raw"); 4]);
    let interpreter = folder.copy(WITNESS, "interpreter");
    chown(&interpreter, MEMBER);
    fs::write(&path, format!("#! {interpreter} -x\n")).unwrap();
    capwrap(&[&policy.name]).run().refused_with(126, &["its interpreter", "not to root"]);
    fs::write(&path, "#!interpreter\n").unwrap();
    capwrap(&[&policy.name]).run().refused_with(126, &["no absolute path"]);
}

#[test]
fn an_escape_sequence_in_a_scripts_interpreter_is_printed_escaped() {
    let folder = Folder::new();
    let path = folder.path("script");
    let policy = Policy::new(&format!(
        "schema = 1\ntool = {{ path = \"{path}\", script = true }}\nallow = {{ groups = [\"capwrap\"] }}\ngrant = [{{ caps = [\"cap_net_raw\"] }}]\n"
    ));
    // The name erases the screen, and has a C1 control, an override of the text direction and an Arabic letter mark.
    fs::write(&path, "#!/nowhere/\x1b[2J\u{9b}1A\u{202e}\u{61c}x\n").unwrap();
    chmod(&path, 0o755);
    let shown = r"/nowhere/\u{1b}[2J\u{9b}1A\u{202e}\u{61c}x";
    let launch = capwrap(&[&policy.name]).run();
    launch.refused_with(126, &["its interpreter", shown]);
    let explained = capwrap(&["--explain", &policy.name]).run();
    for text in [&launch.stderr, &explained.stdout] {
        assert!(!text.contains(['\x1b', '\u{9b}', '\u{202e}', '\u{61c}']), "{text:?}");
    }
}

#[test]
fn a_verb_that_needs_root_says_so() {
    capwrap(&["enable", "tcpdump"]).run().refused(&["only root", "hint: sudo capwrap enable tcpdump"]);
    capwrap(&["disable", "tcpdump"]).run().refused(&["only root"]);
}

#[test]
fn the_first_help_has_every_verb() {
    let help = capwrap(&["help"]).run().stdout;
    let verbs =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).map_while(|line| line.split_whitespace().next());
    let first = capwrap(&["--help"]).run().stdout;
    let listed =
        |verb: &str| first.lines().any(|line| line.trim().trim_start_matches("--").split(' ').next() == Some(verb));
    let lacking: Vec<&str> = verbs.filter(|verb| !listed(verb)).collect();
    assert!(lacking.is_empty() && listed("history"), "{lacking:?}");
}

#[test]
fn what_does_not_fit_on_standard_output_is_an_error() {
    for words in [
        "list",
        "caps --json",
        "verify --json",
        "doctor --json",
        "history",
        "report --json",
        "ps --json",
        "help",
        "explain --help",
    ] {
        let call = format!("exec {CAPWRAP} {words}");
        let run = root(&["/bin/sh", "-c", &format!("{call} > /dev/full")]).run();
        assert_eq!(run.code, 125, "{words}: {run:?}");
        assert!(run.stderr.contains("standard output: no space left on device"), "{words}: {run:?}");
        // A reader who stops reading is no error.
        let run = root(&["/bin/bash", "-o", "pipefail", "-c", &format!("({call}) | head -c 1 > /dev/null")]).run();
        assert!(!run.stderr.contains("standard output"), "{words}: {run:?}");
    }
}

#[test]
fn a_misspelt_word_is_answered_with_the_nearest_one_and_the_right_help() {
    for (words, hint) in [
        (&["vrify"][..], "did you mean `capwrap verify`?"),
        (&["witnes"], "find out what it needs with `capwrap --learn witnes`"),
        (&["tcpdmp"], "did you mean `capwrap tcpdump`?"),
        (&["help", "verfy"], "capwrap help verify"),
        (&["help", "tcpdump"], "for a tool, capwrap explain tcpdump; capwrap --help lists the verbs"),
        (&["verify", "--jsn"], "did you mean --json? capwrap help verify has the rest"),
        (&["export", "x", "--to", "foo"], "one of systemd, docker, podman, compose, kubernetes, oci, setcap, nixos"),
        (&["completions", "foo"], "one of bash, zsh, fish; capwrap help completions has the rest"),
        (
            &["export", "x"],
            "--to is one of systemd, docker, podman, compose, kubernetes, oci, setcap, nixos; capwrap help export",
        ),
        (
            &["export", "x", "--to"],
            "one of systemd, docker, podman, compose, kubernetes, oci, setcap, nixos; capwrap help export",
        ),
        (&["completions"], "<SHELL> is one of bash, zsh, fish; capwrap help completions has the rest"),
        (&["caps", "decode"], "capwrap help caps decode"),
        (&["report"], "capwrap report --html FILE for a browser"),
        (&["report", "--html", "-", "--json"], "capwrap report --html report.html --json > report.json"),
        (&["caps", "show", "--jsn"], "did you mean --json? capwrap help caps show has the rest"),
        (&["diff", "none", "all", "--color", "x"], "one of auto, always, never; capwrap help diff has the rest"),
        (&["explain"], "capwrap help explain"),
        (&["diff", "-u", "a", "b"], "capwrap help diff; for the program of this name, capwrap --learn diff"),
    ] {
        let run = capwrap(words).run();
        assert!(run.code == 125 && run.stderr.contains(&format!("hint: {hint}")), "{words:?}: {run:?}");
    }
    let run = capwrap(&["help", "--learn"]).run();
    assert!(run.code == 0 && run.stdout.contains("capwrap --learn [OPTIONS] CMD"), "{run:?}");
}
