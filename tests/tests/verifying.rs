//! `capwrap verify`.

use capwrap_tests::*;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

fn verify(arguments: &[&str]) -> Run {
    root(&[&[CAPWRAP, "verify"], arguments].concat()).run()
}

/// The lines of the first subject: name, judgement, and value with text.
fn lines(run: &Run) -> Vec<(String, String, String)> {
    let object: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:?}"));
    assert_eq!(object["schema"], 1);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let lines = object["subjects"][0]["lines"].as_array().unwrap().iter();
    lines
        .map(|line| {
            (text(&line["name"]), text(&line["judgement"]), text(&line["value"]) + ": " + &text(&line["means"]))
        })
        .collect()
}

fn problems(run: &Run) -> Vec<(String, String)> {
    lines(run)
        .into_iter()
        .filter(|(_, judgement, _)| judgement == "problem")
        .map(|(name, _, said)| (name, said))
        .collect()
}

/// Asserts that there is a problem of this name with these words.
#[track_caller]
fn has_problem(run: &Run, name: &str, said: &str) {
    let problems = problems(run);
    assert!(problems.iter().any(|(own, words)| own == name && words.contains(said)), "no {name}: {said}: {problems:?}");
}

#[test]
fn what_is_as_its_policy_says_is_reported_in_a_line_and_ends_with_0() {
    let room = Folder::new();
    let tool = room.copy(WITNESS, "tool");
    let policy = Policy::tool(&tool, "net_raw", "");
    let run = verify(&[&policy.name]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:?}");
    assert!(run.stdout.contains(&format!("{}  {tool}", policy.name)), "{run:?}");
    assert!(run.stdout.ends_with("everything matches the policies: ✗ 0 problems, ! 0 notes\n"), "{run:?}");
}

#[test]
fn what_a_launch_would_be_refused_for_is_reported_with_its_hint() {
    let room = Folder::new();
    let tool = room.copy(WITNESS, "tool");
    let policy = Policy::tool(&tool, "net_raw", "");
    let check = |name: &str, said: &str, spoil: &str, hint: &str| {
        assert!(root(&["/bin/sh", "-c", &spoil.replace('@', &tool)]).run().ok());
        let run = verify(&[&tool, "--json"]);
        assert_eq!(run.code, 1, "{run:?}");
        has_problem(&run, name, said);
        // The report agrees with the launcher.
        let launch = capwrap(&[&policy.name]).run();
        assert!(matches!(launch.code, 125 | 126), "{spoil}: {launch:?}");
        assert!(root(&["/bin/sh", "-c", &hint.replace('@', &tool)]).run().ok());
        assert_eq!(verify(&[&tool]).code, 0);
    };
    check(
        "capabilities",
        "cap_net_raw=ep: the file has cap_net_raw=ep, so what the tool starts would not have cap_net_raw",
        "setcap cap_net_raw=ep @",
        "setcap -r @",
    );
    check("mode", "4755: the file is setuid or setgid", "chmod 4755 @", "chmod 0755 @");
    check("mode", "0775: others than its owner can write it", "chmod 0775 @", "chmod 0755 @");
    check("owner", "uid 1: the policy says root", "chown 1 @", "chown 0 @");
    check("place", "everybody can write", "chmod 0777 $(dirname @)", "chmod 0755 $(dirname @)");
    check("script", "it is a script", "cp @ @.real; printf '#!/bin/sh\\n' > @", "mv @.real @");
}

#[test]
fn a_digest_that_is_not_the_pinned_one_is_reported() {
    let room = Folder::new();
    let tool = room.copy(WITNESS, "tool");
    let policy = Policy::new(&format!(
        "schema = 1\ntool = {{ path = \"{tool}\", sha256 = \"{}\" }}\nallow = {{ groups = [\"capwrap\"] }}\n",
        "0".repeat(64)
    ));
    has_problem(&verify(&[&policy.name, "--json"]), "sha256", "the policy pins 000");
}

#[test]
fn the_mark_of_inheritable_delivery_and_file_capabilities_of_a_policys_own_are_compared() {
    let room = Folder::new();
    let tool = room.copy(WITNESS, "tool");
    let policy = Policy::tool(&tool, "net_raw", "[exec]\ndeliver = \"inheritable\"\n");
    has_problem(&verify(&[&policy.name, "--json"]), "capabilities", "none: inheritable delivery needs cap_net_raw=ei");
    assert!(root(&["setcap", "cap_net_raw,cap_bpf=ei", &tool]).run().ok());
    has_problem(
        &verify(&[&policy.name, "--json"]),
        "capabilities",
        "cap_net_raw,cap_bpf=ei: inheritable delivery needs",
    );
    assert!(root(&["setcap", "cap_net_raw=ei", &tool]).run().ok());
    assert_eq!(verify(&[&policy.name]).code, 0);
    drop(policy);
    let policy = Policy::tool(&tool, "", "[file]\ncaps = \"cap_net_raw=ep cap_net_admin+ei\"\n");
    assert!(root(&["setcap", "-r", &tool]).run().ok());
    assert_eq!(verify(&[&policy.name]).code, 0, "what a launch takes is right, too");
    assert!(root(&["setcap", "cap_net_raw=ei", &tool]).run().ok());
    has_problem(&verify(&[&policy.name, "--json"]), "capabilities", "cap_net_raw=ei: the policy's [file] says");
    assert!(root(&["setcap", "cap_net_raw=ep cap_net_admin+ei", &tool]).run().ok());
    assert_eq!(verify(&[&policy.name]).code, 0);
}

#[test]
fn a_policy_that_has_ended_or_names_nobody_is_reported() {
    let room = Folder::new();
    let tool = room.copy(WITNESS, "tool");
    let policy = Policy::new(&format!(
        "schema = 1\ntool = {{ path = \"{tool}\" }}\n[allow]\ngroups = [\"no-such-group\"]\nusers = [\"root\"]\nuntil = 2020-01-01T00:00:00Z\n"
    ));
    let run = verify(&[&policy.name, "--json"]);
    has_problem(&run, "allow", "group no-such-group: there is none of that name");
    has_problem(&run, "until", "2020-01-01T00:00:00Z: has passed");
}

#[test]
fn a_policy_file_that_counts_for_nothing_is_reported_with_its_line() {
    let policy = Policy::new("schema = 1\nnonsense = 2\n");
    has_problem(&verify(&[&policy.name, "--json"]), "policy", "line 2:1: unknown key `nonsense`");
    let policy = Policy::witness("net_raw", "");
    fs::set_permissions(&policy.path, PermissionsExt::from_mode(0o666)).unwrap();
    has_problem(&verify(&[&policy.name, "--json"]), "policy", "mode 0666: others can write it");
    fs::set_permissions(&policy.path, PermissionsExt::from_mode(0o600)).unwrap();
    has_problem(&verify(&[&policy.name, "--json"]), "policy", "not everybody can read it");
}

#[test]
fn a_copy_that_keeps_its_rights_is_reported() {
    let room = Folder::new();
    let tool = room.copy(WITNESS, "tool");
    let old = room.copy(WITNESS, "tool.old");
    let policy = Policy::tool(&tool, "net_raw", "");
    assert_eq!(verify(&[&policy.name]).code, 0, "a copy without rights is nobody's business");
    assert!(root(&["setcap", "cap_net_raw=ep", &old]).run().ok());
    has_problem(&verify(&[&policy.name, "--json"]), "copy", "another version of the file keeps its rights");
}

#[test]
fn a_file_that_no_policy_speaks_of_is_shown_as_getcap_shows_it_and_judged() {
    let room = Folder::new();
    let tool = room.copy(WITNESS, "odd\nname");
    assert!(root(&["setcap", "cap_setuid,cap_net_raw=ep cap_bpf+ei", &tool]).run().ok());
    let run = verify(&[&tool]);
    assert_eq!(run.code, 1);
    for part in ["odd\\u{a}name\n", "cap_bpf=ei cap_setuid,cap_net_raw+ep: ", "can become root: cap_setuid"] {
        assert!(run.stdout.contains(part), "{part}: {run:?}");
    }
    assert_eq!(verify(&[&room.copy(WITNESS, "plain")]).code, 0);
}

#[test]
fn a_link_to_a_tool_is_verified_as_the_tool() {
    let room = Folder::new();
    let tool = room.copy(WITNESS, "tool");
    let link = room.path("link");
    symlink(&tool, &link).unwrap();
    let policy = Policy::tool(&link, "net_raw", "");
    for path in [&tool, &link] {
        let run = verify(&[path]);
        assert!(run.ok() && run.stdout.contains(&policy.name), "{run:?}");
    }
}

#[test]
fn fix_sets_right_what_it_can_and_says_each_change() {
    let room = Folder::new();
    let tool = room.copy(WITNESS, "tool");
    let text = format!(
        "schema = 1\ntool = {{ path = \"{tool}\", group = \"#0\" }}\nallow = {{ users = [\"{MEMBER}\"] }}\n\
         grant = [{{ caps = \"net_raw\" }}]\n[exec]\ndeliver = \"inheritable\"\n"
    );
    let policy = Policy::new(&text);
    chown(&tool, None, Some(1)).unwrap();
    fs::set_permissions(&tool, PermissionsExt::from_mode(0o4755)).unwrap();
    fs::set_permissions(&policy.path, PermissionsExt::from_mode(0o600)).unwrap();
    let run = verify(&[&policy.name, "--fix"]);
    assert_eq!(run.code, 0, "{run:?}");
    for part in ["group 0 (was 1)", "mode 0755 (was 4755)", "cap_net_raw=ei (was none)", "mode 0644 (was 0600)"] {
        assert!(run.stdout.contains(part), "{part}: {run:?}");
    }
    assert!(capwrap(&[&policy.name]).run().ok());
    assert!(!verify(&[&policy.name, "--fix"]).stdout.contains("fixed"), "nothing is left to set right");
}

#[test]
fn fix_changes_nothing_where_others_can_put_another_file() {
    let room = Folder::new();
    let tool = room.copy(WITNESS, "tool");
    let policy = Policy::tool(&tool, "net_raw", "");
    assert!(root(&["setcap", "cap_net_raw=ep", &tool]).run().ok());
    let folder = std::path::Path::new(&tool).parent().unwrap();
    fs::set_permissions(folder, PermissionsExt::from_mode(0o777)).unwrap();
    let run = verify(&[&policy.name, "--fix"]);
    assert_eq!(run.code, 2, "{run:?}");
    assert!(run.stderr.contains("left as it is: others can put another file in its place"), "{run:?}");
    assert!(root(&["getcap", &tool]).run().stdout.contains("cap_net_raw=ep"));
}

/// If only its owner and mode were corrected, the file would be trusted, with whatever others wrote or can still write.
#[test]
fn fix_makes_nothing_trusted_that_others_could_have_written() {
    let room = Folder::new();
    let tool = room.copy(WITNESS, "tool");
    let policy = Policy::tool(&tool, "net_raw", "[exec]\ndeliver = \"inheritable\"\n");
    let file = policy.path.to_str().unwrap().to_owned();
    for (path, mode, owner, shown) in [
        (&file, 0o666, 0, "read what it says, then: chmod 0644"),
        (&file, 0o644, 1, "read what it says, then: chown root"),
        (&tool, 0o775, 0, "check what it is, then run: chmod 0755"),
        (&tool, 0o755, 1, "check what it is, then run: chown 0"),
    ] {
        chown(path, Some(owner), None).unwrap();
        fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
        let run = verify(&[&policy.name, "--fix"]);
        assert_eq!(run.code, 1, "{shown}: {run:?}");
        assert!(run.stdout.contains(shown) && !run.stdout.contains(&format!("fixed: {path}")), "{shown}: {run:?}");
        let about = fs::metadata(path).unwrap();
        assert_eq!((about.uid(), about.permissions().mode() & 0o7777), (owner, mode), "{shown}");
        assert_eq!(root(&["getcap", path]).run().stdout, "", "{shown}");
        chown(path, Some(0), None).unwrap();
        fs::set_permissions(path, PermissionsExt::from_mode(if path == &file { 0o644 } else { 0o755 })).unwrap();
    }
    // Its capabilities are removed all the same, once whoever runs it knows who loses what.
    let policy = Policy::tool(&tool, "net_raw", "");
    fs::set_permissions(&tool, PermissionsExt::from_mode(0o775)).unwrap();
    assert!(root(&["setcap", "cap_net_raw=ep", &tool]).run().ok());
    let run = verify(&[&policy.name, "--fix"]);
    assert!(run.stdout.contains("everybody would lose cap_net_raw, until its package is upgraded"), "{run:?}");
    assert!(run.stdout.contains(&format!("install -D -m 0755 {tool} /usr/local/libexec/tool")), "{run:?}");
    assert_eq!(root(&["getcap", &tool]).run().stdout, format!("{tool} cap_net_raw=ep\n"));
    verify(&[&policy.name, "--fix", "--yes"]);
    assert_eq!(root(&["getcap", &tool]).run().stdout, "");
}

/// The launcher checks each directory on the way, from one link to the next, and verify does the same.
#[test]
fn fix_follows_no_link_that_others_could_have_put_there() {
    let room = Folder::new();
    let (begin, middle, secret) = (room.path("begin"), room.path("middle"), room.path("secret"));
    for folder in [&begin, &middle] {
        fs::create_dir(folder).unwrap();
    }
    fs::write(&secret, "secret").unwrap();
    fs::set_permissions(&secret, PermissionsExt::from_mode(0o600)).unwrap();
    symlink(&secret, format!("{middle}/tool")).unwrap();
    symlink(format!("{middle}/tool"), format!("{begin}/tool")).unwrap();
    fs::set_permissions(&middle, PermissionsExt::from_mode(0o777)).unwrap();
    let text = format!(
        "schema = 1\ntool = {{ path = \"{begin}/tool\", mode = \"0755\", script = true }}\n\
         allow = {{ users = [\"{MEMBER}\"] }}\ngrant = [{{ caps = \"net_raw\" }}]\n[exec]\ndeliver = \"inheritable\"\n"
    );
    let policy = Policy::new(&text);
    has_problem(&verify(&[&policy.name, "--json"]), "place", &format!("everybody can write {middle}"));
    let run = verify(&[&policy.name, "--fix"]);
    assert_eq!(run.code, 2, "{run:?}");
    assert_eq!(fs::metadata(&secret).unwrap().permissions().mode() & 0o7777, 0o600, "{run:?}");
    assert_eq!(root(&["getcap", &secret]).run().stdout, "", "{run:?}");
    assert!(!capwrap(&[&policy.name]).run().ok());
}

#[test]
fn fix_is_for_root_alone_and_looking_is_for_everybody() {
    let run = user(STRANGER, &[CAPWRAP, "verify", "--fix"]).run();
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("hint: sudo capwrap verify --fix"), "{run:?}");
    let policy = Policy::witness("net_raw", "");
    let run = user(STRANGER, &[CAPWRAP, "verify", &policy.name]).run();
    assert_eq!(run.code, 0, "{run:?}");
}

#[test]
fn what_cannot_be_checked_is_reported_and_ends_with_2() {
    let room = Folder::new();
    let hidden = room.copy(WITNESS, "hidden");
    fs::set_permissions(std::path::Path::new(&hidden).parent().unwrap(), PermissionsExt::from_mode(0o700)).unwrap();
    let run = user(STRANGER, &[CAPWRAP, "verify", &hidden]).run();
    assert_eq!(run.code, 2, "{run:?}");
    assert!(run.stdout.contains("cannot be checked: permission denied"), "{run:?}");
    let run = verify(&["/no/such/file"]);
    assert_eq!(run.code, 2, "{run:?}");
    let run = verify(&["no-such-policy"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("no policy for \"no-such-policy\" is enabled\nhint: "), "{run:?}");
}

#[test]
fn the_metrics_are_in_the_format_of_node_exporter() {
    let room = Folder::new();
    let file = room.path("capwrap.prom");
    let policy = Policy::witness("net_raw", "");
    assert!(verify(&[&policy.name, "--prometheus", &file]).ok());
    let text = fs::read_to_string(&file).unwrap();
    assert!(
        text.contains(&format!("capwrap_verify_problems{{kind=\"policy\",name=\"{}\"}} 0\n", policy.name)),
        "{text}"
    );
    assert!(text.contains("\ncapwrap_verify_complete 1\n"), "{text}");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o644);
}

#[test]
fn a_tool_on_a_nosuid_mount_is_reported() {
    in_own_mounts(|| {
        let room = Folder::new();
        let tool = room.copy(WITNESS, "tool");
        let folder = std::path::Path::new(&tool).parent().unwrap().to_str().unwrap().to_owned();
        assert!(root(&["mount", "--bind", &folder, &folder]).run().ok());
        assert!(root(&["mount", "-o", "remount,bind,nosuid", &folder]).run().ok());
        let policy = Policy::tool(&tool, "net_raw", "");
        has_problem(&verify(&[&policy.name, "--json"]), "mount", "nosuid");
        assert!(root(&["umount", &folder]).run().ok());
    });
}

/// A policy for which lint reports nothing. `tool` is more text for `[tool]`, `more` is more text for the policy.
fn sound(path: &str, tool: &str, more: &str) -> Policy {
    Policy::new(&format!(
        "schema = 1\nsummary = \"s\"\n[tool]\npath = \"{path}\"\n{tool}\n[allow]\ngroups = [\"capwrap\"]\n\
         [[grant]]\ncaps = \"net_raw\"\nwhy = \"w\"\n{more}"
    ))
}

/// What lint reports of an enabled policy, each as `code: message`, with its help.
fn linted(policy: &Policy) -> Vec<(String, String)> {
    let run = root(&[CAPWRAP, "lint", "--json", &policy.name]).run();
    let object: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:?}"));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let found = object["files"][0]["found"].as_array().unwrap().iter();
    found.map(|one| (text(&one["code"]) + ": " + &text(&one["message"]), text(&one["hint"]))).collect()
}

/// Asserts that the launcher, verify, lint and enable all accept the tool.
#[track_caller]
fn accepted_by_all(policy: &Policy) {
    let enabled = root(&[CAPWRAP, "enable", &policy.name]).run();
    assert!(enabled.ok() && !enabled.stdout.contains("refuse"), "{enabled:?}");
    let launch = capwrap(&[&policy.name]).run();
    assert_eq!(launch.witness().sets()[2], mask("net_raw"));
    let run = verify(&[&policy.name, "--json"]);
    assert_eq!((run.code, problems(&run)), (0, Vec::new()));
    assert_eq!(linted(policy), []);
}

/// Asserts that the launcher, verify, lint and enable all refuse the tool. The arguments are the words of the launcher,
/// lint and enable, then the name and the words of verify's line. None of their hints has the last words.
#[track_caller]
fn refused_by_all(policy: &Policy, said: &str, (name, verified): (&str, &str), never: &str) {
    let launch = capwrap(&[&policy.name]).run();
    launch.refused_with(126, &[said]);
    let lint = linted(policy);
    let has = |code: &str| lint.iter().any(|(found, _)| found.starts_with(code) && found.contains(said));
    assert!(has("refused-tool: ") || has("writable-place: "), "{said}: {lint:?}");
    let enabled = root(&[CAPWRAP, "enable", &policy.name]).run();
    let noted = |line: &str| line.contains("note     capwrap will refuse to launch it: ") && line.contains(said);
    assert!(enabled.stdout.lines().any(noted), "{said}: {enabled:?}");
    let run = verify(&[&policy.name, "--json"]);
    has_problem(&run, name, verified);
    let hints = format!("{}{lint:?}{}{}", launch.stderr, enabled.stdout, run.stdout);
    assert!(never.is_empty() || !hints.contains(never), "{never}: {hints}");
}

#[test]
fn a_tool_in_its_owners_home_is_accepted_by_launch_verify_lint_and_enable_alike() {
    let home = InHome::new(MEMBER);
    let tool = home.tool(MEMBER);
    let owner = format!("owner = \"{MEMBER}\"");
    accepted_by_all(&sound(&tool, &owner, ""));
    accepted_by_all(&sound(&tool, &owner, "[exec]\ndeliver = \"inheritable\"\n"));
}

#[test]
fn a_tool_in_the_home_of_somebody_else_is_refused_by_all_and_nobody_is_to_give_the_home_away() {
    let home = InHome::new(MEMBER);
    let tool = home.tool(MEMBER);
    let refused = |policy: &Policy, said: &str, verified: &str| {
        refused_by_all(policy, said, ("place", verified), "chown");
        let launch = capwrap(&[&policy.name]).run();
        launch.refused_with(126, &["hint: install it where root owns every directory, or name its owner in [tool]"]);
    };
    let place = format!("/home/{MEMBER} belongs to uid ");
    refused(&sound(&tool, "", ""), &place, &place);
    refused(&sound(&tool, &format!("owner = \"{STRANGER}\""), ""), &place, &place);
}

#[test]
fn a_tool_that_is_unfit_to_run_is_refused_by_launch_verify_lint_and_enable_alike() {
    let (room, home) = (Folder::new(), InHome::new(MEMBER));
    let owner = format!("owner = \"{MEMBER}\"");
    for (tool, rules) in [(room.copy(WITNESS, "tool"), ""), (home.tool(MEMBER), &*owner)] {
        let policy = sound(&tool, rules, "");
        // No command for root changes anything where another user can put a link.
        let never = |command: &str| {
            if rules.is_empty() { String::new() } else { format!("hint: {command} {tool}") }
        };
        accepted_by_all(&policy);
        for (mode, said, verified, command) in [
            (0o4755, "the file is setuid or setgid (mode 4755)", "4755: the file is setuid or setgid", "chmod ug-s"),
            (0o2755, "the file is setuid or setgid (mode 2755)", "2755: the file is setuid or setgid", "chmod ug-s"),
            (0o775, "can be written by others", "0775: others than its owner can write it", "chmod go-w"),
            (0o644, "users may not execute it (mode 0644)", "0644: users may not execute it", "chmod a+x"),
        ] {
            fs::set_permissions(&tool, PermissionsExt::from_mode(mode)).unwrap();
            refused_by_all(&policy, said, ("mode", verified), &never(command));
        }
        fs::set_permissions(&tool, PermissionsExt::from_mode(0o755)).unwrap();
        assert!(root(&["setcap", "cap_net_raw=ep", &tool]).run().ok());
        let said = "the file has cap_net_raw=ep, so what the tool starts would not have cap_net_raw";
        let verified = "cap_net_raw=ep: the file has cap_net_raw=ep, so what the tool starts";
        refused_by_all(&policy, said, ("capabilities", verified), &never("setcap -r"));
        assert!(root(&["setcap", "-r", &tool]).run().ok());
        fs::write(&tool, "#!sh\n").unwrap();
        refused_by_all(&policy, "it is a script", ("script", "it is a script"), "");
        let scripted = sound(&tool, &format!("{rules}\nscript = true"), "[exec]\nchildren = \"none\"\n");
        let relative = "its interpreter \"sh\" is no absolute path";
        refused_by_all(&scripted, relative, ("script", relative), "");
    }
}

/// The owner of a home chooses where its links lead.
#[test]
fn enable_gives_file_capabilities_to_no_file_that_the_owner_of_a_home_chose() {
    let (room, home) = (Folder::new(), InHome::new(MEMBER));
    let target = room.copy(WITNESS, "target");
    let link = home.0.join("tool").to_str().unwrap().to_owned();
    symlink(&target, &link).unwrap();
    let policy = sound(&link, &format!("owner = \"{MEMBER}\""), "[exec]\ndeliver = \"inheritable\"\n");
    let run = root(&[CAPWRAP, "enable", &policy.name]).run();
    assert!(run.code == 125 && run.stderr.contains("a file of root's that uid"), "{run:?}");
    assert_eq!(root(&["getcap", &target]).run().stdout, "");
    fs::set_permissions(&target, PermissionsExt::from_mode(0o4755)).unwrap();
    let ambient = sound(&link, &format!("owner = \"{MEMBER}\""), "");
    let launch = capwrap(&[&ambient.name]).run();
    launch.refused_with(126, &["setuid or setgid"]);
    assert!(!launch.stderr.contains("hint"), "{launch:?}");
}
