//! What a tool needs besides capabilities: reported where it does not hold, for whom it does not hold, and never
//! enforced.

use capwrap_tests::*;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::sync::atomic::{AtomicU32, Ordering};

/// A demand as a policy writes it.
fn demand(lines: &str) -> String {
    format!("[[demand]]\n{lines}\nwhy = \"the test says so\"\nhint = \"do what the test says\"\n")
}

/// A directory of root's with this mode, which is removed when the folder is dropped.
fn directory(folder: &Folder, name: &str, mode: u32) -> String {
    let path = folder.path(name);
    fs::create_dir(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path
}

/// Launches the witness by this policy, which must run with its capabilities whatever is demanded, and returns what was
/// printed on standard error.
#[track_caller]
fn notes(who: &str, policy: &Policy, caps: &str, arguments: &[&str]) -> String {
    let words = [&[CAPWRAP, &policy.name], arguments].concat();
    let run = if who == "root" { root(&words).run() } else { user(who, &words).run() };
    assert_eq!(run.witness().sets(), [mask(caps); 4], "{run:?}");
    run.stderr
}

#[track_caller]
fn noted(policy: &Policy, caps: &str, what: &str) {
    let expected = format!("capwrap: note: {}: {what}; the test says so\nhint: do what the test says\n", policy.name);
    assert_eq!(notes(MEMBER, policy, caps, &[]), expected);
}

#[test]
fn a_directory_that_the_user_cannot_write_is_noted_and_the_tool_runs() {
    let folder = Folder::new();
    let closed = directory(&folder, "closed", 0o755);
    let shared = directory(&folder, "shared", 0o1777);
    let missing = folder.path("missing");
    for (path, said) in
        [(&closed, Some("permission denied")), (&missing, Some("no such file or directory")), (&shared, None)]
    {
        let policy = Policy::witness("cap_net_raw", &demand(&format!("writable = \"{path}\"")));
        match said {
            Some(said) => noted(&policy, "cap_net_raw", &format!("{path} is not writable: {said}")),
            None => assert_eq!(notes(MEMBER, &policy, "cap_net_raw", &[]), ""),
        }
    }
    // Root alone, without a capability that overrides modes, owns the directory.
    let policy = Policy::witness("cap_net_raw", &demand(&format!("writable = \"{closed}\"")));
    assert_eq!(notes("root", &policy, "cap_net_raw", &[]), "");
}

#[test]
fn a_group_of_the_user_counts_and_a_directory_must_be_entered_too() {
    let folder = Folder::new();
    let group = nix::unistd::Group::from_name("capwrap").unwrap().unwrap().gid.as_raw();
    for (mode, is_writable) in [(0o770, true), (0o760, false), (0o750, false)] {
        let path = directory(&folder, &format!("{mode:o}"), mode);
        chown(&path, Some(0), Some(group)).unwrap();
        let policy = Policy::witness("cap_net_raw", &demand(&format!("writable = \"{path}\"")));
        assert_eq!(notes(MEMBER, &policy, "cap_net_raw", &[]).is_empty(), is_writable, "{mode:o}");
    }
}

#[test]
fn a_file_and_a_link_to_it_are_judged_as_the_tool_would_find_them() {
    let folder = Folder::new();
    let (open, closed, link) = (folder.path("open"), folder.path("closed"), folder.path("link"));
    for (path, mode) in [(&open, 0o644), (&closed, 0o600)] {
        fs::write(path, "").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    symlink(&closed, &link).unwrap();
    let with = |path: &str| Policy::witness("cap_net_raw", &demand(&format!("readable = \"{path}\"")));
    assert_eq!(notes(MEMBER, &with(&open), "cap_net_raw", &[]), "");
    for path in [&closed, &link] {
        noted(&with(path), "cap_net_raw", &format!("{path} is not readable: permission denied"));
    }
    // A path below a file leads nowhere.
    let below = format!("{open}/x");
    noted(&with(&below), "cap_net_raw", &format!("{below} is not readable: not a directory"));
}

#[test]
fn what_the_tool_gets_decides_and_nothing_of_it_stays_effective() {
    let folder = Folder::new();
    let secret = directory(&folder, "secret", 0o700);
    let readable = demand(&format!("readable = \"{secret}\""));
    let writable = demand(&format!("writable = \"{secret}\""));
    // `notes` also checks every set of the tool.
    for caps in ["cap_dac_read_search", "cap_dac_override", "cap_dac_read_search,cap_net_raw"] {
        assert_eq!(notes(MEMBER, &Policy::witness(caps, &readable), caps, &[]), "", "{caps}");
    }
    let policy = Policy::witness("cap_dac_read_search", &writable);
    noted(&policy, "cap_dac_read_search", &format!("{secret} is not writable: permission denied"));
    assert_eq!(notes(MEMBER, &Policy::witness("cap_dac_override", &writable), "cap_dac_override", &[]), "");
    // What the caller drops does not help the tool.
    let policy = Policy::witness("cap_dac_read_search,cap_net_raw", &readable);
    let run = capwrap(&["--drop", "cap_dac_read_search", &policy.name]).run();
    assert_eq!(run.witness().sets(), [mask("cap_net_raw"); 4], "{run:?}");
    assert!(run.stderr.contains(&format!("{secret} is not readable: permission denied")), "{run:?}");
    // A tool that has dropped its capabilities by then is asked about without them.
    let dropped = demand(&format!("readable = \"{secret}\"\nunprivileged = true"));
    let policy = Policy::witness("cap_dac_read_search", &dropped);
    noted(&policy, "cap_dac_read_search", &format!("{secret} is not readable: permission denied"));
    // The filter behind children = "none" does not stop the question.
    let policy = Policy::witness("cap_net_raw", &format!("[exec]\nchildren = \"none\"\n{readable}"));
    noted(&policy, "cap_net_raw", &format!("{secret} is not readable: permission denied"));
}

#[test]
fn a_demand_of_uid_0_holds_for_root_alone() {
    let policy = Policy::witness("cap_net_raw", &demand("uid0 = true"));
    noted(&policy, "cap_net_raw", "the tool does not run as uid 0");
    assert_eq!(notes("root", &policy, "cap_net_raw", &[]), "");
}

#[test]
fn a_file_system_is_known_by_its_type() {
    let mounted = |kind: &str, path: &str| {
        let lines = demand(&format!("mounted = {{ type = \"{kind}\", path = \"{path}\" }}"));
        Policy::witness("cap_net_raw", &lines)
    };
    assert_eq!(notes(MEMBER, &mounted("proc", "/proc"), "cap_net_raw", &[]), "");
    noted(&mounted("bpf", "/proc"), "cap_net_raw", "/proc lies on proc and not on bpf");
}

#[test]
fn only_what_is_demanded_for_these_arguments_is_noted() {
    let lines = "uid0 = true\nwhen = { subcommand = \"run\" }\nunless = { option = [\"-a\", \"--all\"] }";
    let policy = Policy::witness("cap_net_raw", &demand(lines));
    assert!(notes(MEMBER, &policy, "cap_net_raw", &["run"]).contains("uid 0"));
    for arguments in [&[][..], &["stop"], &["run", "-a"], &["run", "--all"]] {
        assert_eq!(notes(MEMBER, &policy, "cap_net_raw", arguments), "", "{arguments:?}");
    }
}

/// autofs waits for a process to mount something, and FUSE for one to answer. Both are made here with nobody behind
/// them, so a question about a path in them would never end.
#[test]
fn nothing_is_asked_of_a_file_system_that_a_process_answers_for() {
    let folder = Folder::new();
    let (dead, policy) = (directory(&folder, "dead", 0o755), folder.path("dead/x"));
    let policy = Policy::witness("cap_net_raw", &demand(&format!("readable = \"{policy}\"")));
    let script = format!(
        "exec 7<>/dev/fuse; mount -t fuse -o fd=7,rootmode=40000,user_id=0,group_id=0,allow_other dead {dead} || exit 77; \
         grep -q ' {dead} .* fuse ' /proc/self/mountinfo || exit 77; \
         exec timeout 20 setpriv --reuid {MEMBER} --regid {MEMBER} --init-groups {CAPWRAP} {}",
        policy.name
    );
    let run = root(&["unshare", "--mount", "sh", "-c", &script]).run();
    assert_ne!(run.code, 77, "no FUSE here: {run:?}");
    assert_eq!(run.witness().sets(), [mask("cap_net_raw"); 4], "{run:?}");
    assert_eq!(run.stderr, "");
}

#[test]
fn a_kernel_or_a_filter_that_does_not_know_the_question_says_nothing() {
    let folder = Folder::new();
    let closed = directory(&folder, "closed", 0o700);
    let policy = Policy::witness("cap_net_raw", &demand(&format!("readable = \"{closed}\"")));
    for error in ["ENOSYS", "EPERM"] {
        // The launcher asks once more whether it may execute the tool; only the question about the demand fails here.
        let inject = format!("inject=faccessat2:error={error}");
        let traced = ["strace", "-qq", "-u", MEMBER, "-o", "/dev/null", "-P", &format!("{closed}/."), "-e", &inject];
        let run = root(&[&traced[..], &[CAPWRAP, &policy.name]].concat()).run();
        assert_eq!(run.witness().sets(), [mask("cap_net_raw"); 4], "{run:?}");
        // strace itself says how it reads the path.
        assert!(!run.stderr.contains("capwrap: "), "{error}: {run:?}");
    }
}

/// The number of system calls of a launch, before the tool runs.
fn calls(policy: &Policy) -> usize {
    let log = format!("/tmp/capwrap-demanding-{}-{}", std::process::id(), policy.name);
    let run = root(&["strace", "-qq", "-u", MEMBER, "-o", &log, CAPWRAP, &policy.name]).run();
    assert!(run.ok(), "{run:?}");
    let text = fs::read_to_string(&log).unwrap();
    fs::remove_file(&log).unwrap();
    assert!(!text.contains("/proc/self/mountinfo") || fs::read_to_string(&policy.path).unwrap().contains("demand"));
    text.lines().skip(1).position(|line| line.starts_with("execveat(")).unwrap()
}

#[test]
fn a_policy_without_demands_costs_no_system_call() {
    let plain = calls(&Policy::witness("cap_net_raw", ""));
    let unasked = demand("readable = \"/etc\"\nwhen = { arg = \"never\" }");
    let skipped = calls(&Policy::witness("cap_net_raw", &unasked));
    assert_eq!(skipped, plain, "a demand whose conditions do not hold");
    let asked = calls(&Policy::witness("cap_net_raw", &demand("readable = \"/etc\"")));
    assert!(asked > plain && asked < plain + 20, "{asked} and {plain}");
}

#[test]
fn explain_shows_what_is_demanded_and_whether_it_holds_for_the_caller() {
    let folder = Folder::new();
    let secret = directory(&folder, "secret", 0o700);
    let lines =
        demand(&format!("readable = \"{secret}\"")) + &demand("mounted = { type = \"proc\", path = \"/proc\" }");
    let policy = Policy::witness("cap_dac_read_search", &lines);
    let of = |caller: &str, words: &[&str]| user(caller, &[&[CAPWRAP], words].concat()).run();
    let shown = of(MEMBER, &["--explain", &policy.name]);
    assert!(shown.ok(), "{shown:?}");
    let section = shown.stdout.split("needed besides capabilities\n").nth(1).unwrap();
    let expected = [secret.as_str(), "is readable", "holds", "the test says so", "/proc lies on proc"];
    assert!(expected.iter().all(|words| section.contains(words)), "{section}");
    assert!(!section.contains("does not hold") && !section.contains("hint:"), "{section}");
    // Nothing becomes effective for somebody who may not run the tool.
    let shown = of(STRANGER, &["--explain", &policy.name]);
    assert!(shown.code == 125 && shown.stdout.contains("does not hold"), "{shown:?}");
    let json = of(MEMBER, &["explain", "--json", &policy.name]);
    let value: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    let demands = value["demands"].as_array().unwrap();
    assert_eq!(demands.len(), 2, "{value}");
    // Only the launcher holds what the tool gets.
    assert_eq!((&demands[0]["needs"], &demands[0]["holds"]), (&"readable".into(), &serde_json::Value::Null));
    assert!(demands[0]["because"].as_str().unwrap().contains("cap_dac_read_search"), "{value}");
    assert_eq!((&demands[1]["file_system"], &demands[1]["holds"]), (&"proc".into(), &true.into()));
    let there = of(MEMBER, &["explain", "--json", "--kernel", "6.1", &policy.name]);
    let value: serde_json::Value = serde_json::from_str(&there.stdout).unwrap();
    assert_eq!(value["demands"][1]["holds"], serde_json::Value::Null, "{value}");
}

/// A policy whose tool wants a directory, and that directory, which is removed when it is dropped.
struct Wanting {
    policy: Policy,
    directory: String,
    conf: String,
}

impl Wanting {
    fn new(caps: &str, mode: &str, more: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let directory = format!("/run/capwrap-demanding-{}-{number}", std::process::id());
        let lines =
            format!("writable = \"{directory}/a\"\nprepare = {{ directory = \"{directory}/a\", mode = \"{mode}\" }}");
        let policy = Policy::witness(caps, &(more.to_owned() + &demand(&lines)));
        let conf = format!("/etc/tmpfiles.d/capwrap-{}.conf", policy.name);
        Self { policy, directory, conf }
    }

    fn enable(&self, options: &[&str]) -> Run {
        root(&[&[CAPWRAP, "enable", &self.policy.name], options].concat()).run()
    }

    fn disable(&self) -> Run {
        let run = root(&[CAPWRAP, "disable", &self.policy.name]).run();
        let _ = fs::remove_file(format!("/etc/capwrap/disabled/{}.toml", self.policy.name));
        run
    }

    fn exists(&self) -> bool {
        fs::metadata(&self.directory).is_ok()
    }
}

impl Drop for Wanting {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.conf);
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn stat(path: &str) -> String {
    done(&root(&["stat", "--format", "%U:%G %a", path]).run()).trim().to_owned()
}

#[test]
fn a_directory_is_shown_made_on_demand_and_taken_back() {
    let wanting = Wanting::new("cap_net_raw", "0770", "");
    let (name, conf, directory) = (&wanting.policy.name, &wanting.conf, format!("{}/a", wanting.directory));
    let line = format!("d {directory} 0770 root capwrap -");
    let shown = wanting.enable(&[]);
    assert!(done(&shown).contains(&format!("--prepare would make {line}")), "{shown:?}");
    assert!(shown.stdout.contains(&format!("{directory} is not writable: no such file or directory")), "{shown:?}");
    assert!(!wanting.exists() && fs::metadata(conf).is_err(), "nothing is made without --prepare");
    let made = wanting.enable(&["--prepare"]);
    assert!(done(&made).contains(&format!("--prepare makes {line}")), "{made:?}");
    assert!(fs::read_to_string(conf).unwrap().lines().any(|one| one == line));
    assert_eq!((stat(&wanting.directory), stat(&directory)), ("root:root 755".into(), "root:capwrap 770".into()));
    assert_eq!(notes(MEMBER, &wanting.policy, "cap_net_raw", &[]), "");
    // A second time there is nothing to do.
    let again = wanting.enable(&["--prepare"]);
    assert!(!done(&again).contains("prepare"), "{again:?}");
    assert!(again.stdout.contains("is writable: holds for capwrap-member"), "{again:?}");
    let verified = root(&[CAPWRAP, "verify", name, "--verbose"]).run();
    assert!(done(&verified).contains("holds for capwrap-member"), "{verified:?}");
    // What a member left there stays, with its directory, and is named.
    let left = format!("{directory}/left");
    done(&user(MEMBER, &["touch", &left]).run());
    let disabled = wanting.disable();
    assert!(done(&disabled).contains(&format!("{directory}: it is not empty")), "{disabled:?}");
    assert!(disabled.stdout.contains(&format!("removed  {conf}")) && fs::metadata(conf).is_err(), "{disabled:?}");
    assert!(fs::metadata(&left).is_ok());
}

#[test]
fn what_is_empty_is_taken_back_as_a_whole_and_what_was_there_before_stays() {
    for was_there in [false, true] {
        let wanting = Wanting::new("cap_net_raw", if was_there { "0750" } else { "0770" }, "");
        if was_there {
            done(&root(&["install", "-d", "-m", "0755", &wanting.directory]).run());
        }
        done(&wanting.enable(&["--prepare"]));
        let disabled = wanting.disable();
        assert!(done(&disabled).contains(&format!("removed  {}/a", wanting.directory)), "{disabled:?}");
        assert_eq!(wanting.exists(), was_there, "{disabled:?}");
    }
}

#[test]
fn nothing_is_prepared_that_a_member_could_turn_against_others() {
    let refused = |caps: &str, mode: &str, more: &str, words: &[&str]| {
        let wanting = Wanting::new(caps, mode, more);
        wanting.enable(&["--prepare"]).refused(words);
        assert!(!wanting.exists() && fs::metadata(&wanting.conf).is_err());
        wanting.enable(&[])
    };
    let shown = refused("cap_dac_override", "0770", "", &["could put links there", "cap_dac_override"]);
    assert!(shown.ok() && shown.stdout.contains("could put links there"), "{shown:?}");
    // The policy need not grant it to this caller, or at once.
    refused("cap_net_raw", "0770", "[optional]\ncaps = [\"cap_dac_override\"]\n", &["could put links there"]);
    let wanting = Wanting::new("cap_dac_read_search", "0770", "");
    let run = wanting.enable(&["--prepare"]);
    assert!(done(&run).contains("can put links into") && wanting.exists(), "{run:?}");
    wanting.disable();
    let wanting = Wanting::new("cap_dac_override", "0750", "");
    assert!(wanting.enable(&["--prepare"]).ok() && wanting.exists());
    wanting.disable();
}

#[test]
fn a_directory_of_others_is_neither_changed_nor_made() {
    let wanting = Wanting::new("cap_net_raw", "0770", "");
    // It is there, for something else.
    let directory = format!("{}/a", wanting.directory);
    done(&root(&["install", "-d", "-m", "0711", &directory]).run());
    let run = wanting.enable(&["--prepare"]);
    run.refused(&["it exists", "mode 0711", "capwrap did not make it"]);
    assert_eq!(stat(&directory), "root:root 711");
    // A stranger could put a link in its place.
    fs::remove_dir(&directory).unwrap();
    done(&root(&["chown", STRANGER, &wanting.directory]).run());
    wanting.enable(&["--prepare"]).refused(&["others than root can put something into"]);
    assert!(fs::metadata(&directory).is_err() && fs::metadata(&wanting.conf).is_err());
    let plain = Policy::witness("cap_net_raw", "");
    root(&[CAPWRAP, "enable", &plain.name, "--prepare"]).run().refused(&["names a directory to prepare"]);
}

#[test]
fn a_machine_without_systemd_makes_the_same_directory() {
    let wanting = Wanting::new("cap_net_raw", "0770", "");
    let name = &wanting.policy.name;
    let folder = Folder::new();
    let over = directory(&folder, "over", 0o755);
    let script = format!(
        "mount -t tmpfs over {over} && mkdir {over}/upper {over}/work && \
         mount -t overlay -o lowerdir=/usr/bin,upperdir={over}/upper,workdir={over}/work over /usr/bin && \
         rm -f /usr/bin/systemd-tmpfiles && {CAPWRAP} enable {name} --prepare"
    );
    let run = root(&["unshare", "--mount", "/bin/sh", "-c", &script]).run();
    assert!(run.ok(), "{run:?}");
    assert_eq!(stat(&format!("{}/a", wanting.directory)), "root:capwrap 770");
    wanting.disable();
    assert!(!wanting.exists());
}

#[test]
fn list_doctor_and_verify_say_what_is_demanded_and_for_whom_it_holds() {
    let folder = Folder::new();
    let closed = directory(&folder, "closed", 0o755);
    let lines = demand(&format!("writable = \"{closed}\"")) + &demand("uid0 = true\nwhen = { arg = \"sometimes\" }");
    let policy = Policy::witness("cap_net_raw", &lines);
    let name = &policy.name;
    let list = capwrap(&["list"]).env("COLUMNS", "400").run();
    let needs = format!("needs: {closed} is writable: does not hold: {closed} is not writable: permission denied");
    assert!(done(&list).split_whitespace().collect::<Vec<_>>().join(" ").contains(&needs), "{list:?}");
    let json: serde_json::Value = serde_json::from_str(&capwrap(&["list", "--json"]).run().stdout).unwrap();
    let tool = json["tools"].as_array().unwrap().iter().find(|tool| tool["name"] == name.as_str()).unwrap();
    let holds: Vec<_> = tool["demands"].as_array().unwrap().iter().map(|one| one["holds"].clone()).collect();
    assert_eq!(holds, [false, false]);
    let verified = root(&[CAPWRAP, "verify", "--json", name]).run();
    let json: serde_json::Value = serde_json::from_str(done(&verified)).unwrap();
    let lines = json["subjects"][0]["lines"].as_array().unwrap();
    let demands: Vec<_> = lines.iter().filter(|line| line["name"] == "demand").collect();
    assert_eq!(demands.len(), 2, "{json}");
    for line in demands {
        assert_eq!((&line["judgement"], &line["hint"]), (&"note".into(), &"do what the test says".into()));
        assert!(line["means"].as_str().unwrap().contains("does not hold for capwrap-member: "), "{line}");
    }
    let doctor = root(&[CAPWRAP, "doctor", "--json"]).run();
    assert!(doctor.stdout.contains(&format!("demand of {name}")), "{doctor:?}");
}
