//! Attacks of a user in whose directories root's verbs read or write: the owner whom a policy names, and who plants
//! something in the tool's place, or a link where a verb writes.

use capwrap_tests::*;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// No verb takes so long here if nothing makes it wait.
const PATIENCE: &str = "30";

/// Runs capwrap as root, and fails if it waits for something.
#[track_caller]
fn unstalled(words: &[&str]) -> Run {
    let run = root(&[&["timeout", PATIENCE, CAPWRAP], words].concat()).run();
    assert!(run.code != 124 && run.code < 128, "{words:?} stalled or died: {run:?}");
    run
}

fn in_home(home: &InHome, name: &str) -> String {
    home.0.join(name).to_str().unwrap().to_owned()
}

/// A policy that lets the member own the tool and pins a digest, so that every verb has a reason to read it.
fn of_member(tool: &str, more: &str) -> Policy {
    let pinned = "0".repeat(64);
    Policy::new(&format!(
        "schema = 1\nsummary = \"s\"\n[tool]\npath = \"{tool}\"\nowner = \"{MEMBER}\"\nscript = true\n\
         sha256 = \"{pinned}\"\n[allow]\ngroups = [\"capwrap\"]\n[[grant]]\ncaps = \"net_raw\"\nwhy = \"w\"\n{more}"
    ))
}

/// The digest of a file that only root can read, and its first words.
fn secret() -> [String; 2] {
    let sum = root(&["sha256sum", "/etc/shadow"]).run().stdout;
    let text = fs::read_to_string("/etc/shadow").unwrap();
    [sum.split(' ').next().unwrap().to_owned(), text.lines().next().unwrap().to_owned()]
}

/// Runs every verb that has something to do with the tool. None may wait, or show what is in the secret file.
#[track_caller]
fn every_verb(policy: &Policy, tool: &str, secret: &[String; 2], plant: &str) {
    let name = policy.name.as_str();
    let path = policy.path.to_str().unwrap();
    let verbs: [&[&str]; 17] = [
        &["verify", name],
        &["verify", name, "--json", "--verbose"],
        &["verify", tool],
        &["verify", "--fix", name],
        &["lint", name],
        &["lint", path],
        &["explain", name],
        &["explain", "--json", name],
        &["--explain", name],
        &["list", "--all", "--json"],
        &["diff", name, "none"],
        &["export", name, "--to", "setcap"],
        &["doctor"],
        &["--learn", "--user", MEMBER, "--policy", name, "--write", "--for", "5s", tool],
        &["enable", name],
        &["enable", name, "--pin"],
        &[name],
    ];
    for words in verbs {
        let start = Instant::now();
        let run = unstalled(words);
        let took = start.elapsed();
        assert!(took < Duration::from_secs(15), "{plant}: {words:?} took {took:?}");
        for text in secret {
            assert!(!run.stdout.contains(text) && !run.stderr.contains(text), "{plant}: {words:?}: {run:?}");
        }
        assert!(!run.stderr.contains("panicked"), "{plant}: {words:?}: {run:?}");
    }
    let text = fs::read_to_string(&policy.path).unwrap();
    assert!(!text.contains(&secret[0]), "{plant}: {text}");
}

#[test]
fn whatever_the_owner_puts_in_the_tools_place_no_verb_waits_for_it_or_reads_what_the_owner_may_not() {
    let home = InHome::new(MEMBER);
    let secret = secret();
    let tool = in_home(&home, "tool");
    let policy = of_member(&tool, "");
    let place = Path::new(&tool);
    let plants: [(&str, &str); 9] = [
        ("a FIFO", "mkfifo tool"),
        ("a directory", "mkdir tool"),
        ("a link to /etc/shadow", "ln -s /etc/shadow tool"),
        ("a link to a FIFO", "mkfifo pipe; ln -s pipe tool"),
        ("a link to an endless device", "ln -s /dev/zero tool"),
        ("a link to a terminal", "ln -s /dev/tty tool"),
        ("a link to itself", "ln -s tool tool"),
        ("a sparse file of 8 TiB", "truncate -s 8T tool; chmod 0755 tool"),
        ("a socket", "python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"tool\")'"),
    ];
    for (plant, command) in plants {
        let planted = user(MEMBER, &["sh", "-c", command]).dir(&home.0).run();
        assert!(planted.ok() && place.symlink_metadata().is_ok(), "{plant}: {planted:?}");
        every_verb(&policy, &tool, &secret, plant);
        let pinned = unstalled(&["enable", &policy.name, "--pin"]);
        assert!(pinned.code == 125 && pinned.stderr.starts_with("capwrap: "), "{plant}: {pinned:?}");
        root(&["sh", "-c", "rm -rf tool pipe"]).dir(&home.0).run();
    }
    // Only root can make a device, and the owner can put no link before it that helps.
    assert!(root(&["mknod", &tool, "c", "1", "5"]).run().ok());
    every_verb(&policy, &tool, &secret, "a device");
    fs::remove_file(place).unwrap();
    // A file that is whole and the owner's is still verified and pinned.
    home.tool(MEMBER);
    assert!(unstalled(&["enable", &policy.name, "--pin"]).ok());
    let verified = unstalled(&["verify", &policy.name]);
    assert!(verified.ok(), "{verified:?}");
}

/// The kernel lets an opener of such a file wait for its holder, by default for 45 seconds (fcntl(2), "Leases").
#[test]
fn no_verb_waits_for_an_owner_who_holds_a_lease_on_the_tool() {
    let home = InHome::new(MEMBER);
    let tool = home.tool(MEMBER);
    let policy = of_member(&tool, "");
    let script = "import fcntl, signal, sys, time\n\
        signal.signal(signal.SIGIO, signal.SIG_IGN)\n\
        file = open(sys.argv[1], 'r+')\n\
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)\n\
        print('held', flush=True)\n\
        time.sleep(600)\n";
    let holder = || Holder::new(&["python3", "-c", script, &tool]);
    for words in [&["verify", &policy.name][..], &["lint", &policy.name], &["enable", &policy.name, "--pin"]] {
        let _held = holder();
        let start = Instant::now();
        unstalled(words);
        assert!(start.elapsed() < Duration::from_secs(15), "{words:?} took {:?}", start.elapsed());
    }
}

/// A process of the member's, which is killed when this is dropped.
struct Holder(Child);

impl Holder {
    fn new(words: &[&str]) -> Self {
        let mut child = user(MEMBER, words).command().stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "held\n");
        Self(child)
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_tool_that_its_owner_swaps_again_and_again_stalls_nothing_and_shows_nothing() {
    let home = InHome::new(MEMBER);
    let tool = home.tool(MEMBER);
    let secret = secret();
    let policy = of_member(&tool, "");
    fs::rename(&tool, in_home(&home, "real")).unwrap();
    assert!(user(MEMBER, &["mkfifo", &in_home(&home, "pipe")]).run().ok());
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // A rename replaces the tool in one step, as the owner can.
            let names = ["/etc/shadow", "real", "pipe", "/dev/zero"];
            for (number, target) in names.iter().cycle().enumerate() {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let beside = in_home(&home, "beside");
                let _ = fs::remove_file(&beside);
                if number % 8 == 1 { fs::hard_link(in_home(&home, "real"), &beside) } else { symlink(target, &beside) }
                    .unwrap();
                fs::rename(&beside, &tool).unwrap();
            }
        });
        let end = Instant::now() + Duration::from_secs(20);
        let verbs: [&[&str]; 4] = [
            &["verify", &policy.name],
            &["enable", &policy.name, "--pin"],
            &["lint", &policy.name],
            &["verify", &tool],
        ];
        let runs: Vec<Run> = verbs.into_iter().cycle().take_while(|_| Instant::now() < end).map(unstalled).collect();
        stop.store(true, Ordering::Relaxed);
        let shown = runs.iter().find(|run| secret.iter().any(|text| format!("{run:?}").contains(text)));
        assert!(shown.is_none(), "{shown:?}");
        assert!(runs.len() > 20, "{}", runs.len());
    });
    assert!(!fs::read_to_string(&policy.path).unwrap().contains(&secret[0]));
}

/// A digest takes its time, and whoever waits for it must not keep others from disabling a policy.
#[test]
fn the_lock_is_free_while_a_verb_reads_the_tool_of_a_user() {
    let home = InHome::new(MEMBER);
    let tool = in_home(&home, "tool");
    assert!(user(MEMBER, &["sh", "-c", &format!("truncate -s 200M {tool}; chmod 0755 {tool}")]).run().ok());
    let policy = of_member(&tool, "");
    for words in [&["enable", &policy.name, "--pin"][..], &["verify", "--fix", &policy.name]] {
        let mut verb = root(&[&[CAPWRAP], words].concat()).command().stdout(Stdio::null()).spawn().unwrap();
        let (mut free, mut held) = (0, 0);
        while verb.try_wait().unwrap().is_none() {
            let run = root(&["flock", "--nonblock", "/etc/capwrap/lock", "true"]).run();
            *if run.ok() { &mut free } else { &mut held } += 1;
            std::thread::sleep(Duration::from_millis(20));
        }
        verb.wait().unwrap();
        assert!(free >= 3 && held <= free / 2, "{words:?}: the lock was free {free} times and held {held} times");
    }
}

#[test]
fn a_digest_has_a_limit_that_is_named() {
    let home = InHome::new(MEMBER);
    let tool = in_home(&home, "tool");
    assert!(user(MEMBER, &["sh", "-c", &format!("truncate -s 2G {tool}; chmod 0755 {tool}")]).run().ok());
    let policy = of_member(&tool, "");
    let said = "it is larger than 1 GiB, and capwrap computes the SHA-256 of no larger file";
    unstalled(&["enable", &policy.name, "--pin"]).refused(&[&format!("cannot pin {tool}"), &said.to_lowercase()]);
    capwrap(&[&policy.name]).run().refused(&[&format!("cannot read {tool}"), said]);
    let verified = unstalled(&["verify", &policy.name]);
    assert!(verified.code == 2 && verified.stdout.contains("larger than 1"), "{verified:?}");
}

/// The verbs that write a file where the caller says, each with the output in this directory, as `OUT`.
const WRITERS: [&str; 4] = [
    "export tcpdump --to systemd --output OUT",
    "merge profile.json --output OUT",
    "verify --prometheus OUT",
    "--learn --output OUT true",
];

/// Runs a writer in a directory, in a shell that first runs `before` with the process id that capwrap will have.
fn write(folder: &Path, before: &str, writer: &str, out: &str) -> Run {
    let command = format!("{before}\nexec {CAPWRAP} {}", writer.replace("OUT", out));
    root(&["sh", "-c", &command]).dir(folder).run()
}

/// A profile for `merge`, and a file of root's in a place of root's.
fn victim(room: &Folder) -> PathBuf {
    let victim = room.0.join("victim");
    fs::write(&victim, "root's").unwrap();
    victim
}

#[test]
fn no_link_under_a_name_that_others_can_guess_is_written_through_and_nothing_is_left_behind() {
    let room = Folder::new();
    let victim = victim(&room);
    for writer in WRITERS {
        let home = InHome::new(STRANGER);
        assert!(root(&["sh", "-c", &format!("{CAPWRAP} --learn --json true > profile.json")]).dir(&home.0).run().ok());
        // The names that writers commonly use, and those that capwrap has used.
        let plant = format!(
            "for name in .out.$$ .out.new .out.tmp out.tmp out.new .capwrap-$$ .capwrap; do \
             setpriv --reuid {STRANGER} --regid {STRANGER} --clear-groups ln -s {} $name; done",
            victim.display()
        );
        let before = |home: &InHome| fs::read_dir(&home.0).unwrap().count();
        let run = write(&home.0, &plant, writer, "out");
        assert!(run.code <= 2, "{writer}: {run:?}");
        let out = home.0.join("out");
        let about = out.symlink_metadata().unwrap_or_else(|error| panic!("{writer}: {error}: {run:?}"));
        assert!(about.is_file() && about.uid() == 0 && about.len() > 0, "{writer}: {run:?}");
        assert_eq!(before(&home), 9, "{writer}: the links, the profile and the output are all that is there");
        assert_eq!(fs::read_to_string(&victim).unwrap(), "root's", "{writer}");
    }
}

#[test]
fn a_link_in_the_place_of_the_output_or_on_the_way_to_it_is_refused() {
    let room = Folder::new();
    let victim = victim(&room);
    let home = InHome::new(STRANGER);
    assert!(root(&["sh", "-c", &format!("{CAPWRAP} --learn --json true > profile.json")]).dir(&home.0).run().ok());
    let planted = format!("ln -s {} out; ln -s {} way; mkfifo pipe", victim.display(), room.0.display());
    assert!(user(STRANGER, &["sh", "-c", &planted]).dir(&home.0).run().ok());
    for writer in WRITERS {
        for (out, said) in [
            ("out", "it is a symbolic link, which capwrap neither follows nor replaces"),
            ("way/victim", "another user could have put the link there that leads to it"),
            ("way/new", "another user could have put the link there that leads to it"),
            ("pipe", "it is no regular file"),
            ("/dev/null", "it is no regular file"),
        ] {
            let run = write(&home.0, "", writer, out);
            assert!(run.code != 0 && run.stderr.contains(said), "{writer} to {out}: {run:?}");
        }
    }
    assert_eq!(fs::read_to_string(&victim).unwrap(), "root's");
    assert!(!room.0.join("new").exists());
    assert!(home.0.join("out").is_symlink() && home.0.join("pipe").symlink_metadata().unwrap().file_type().is_fifo());
    assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    // The hint names the file that was meant.
    let run = write(&home.0, "", WRITERS[1], "way/new");
    assert!(run.stderr.ends_with(&format!("name it so: {}/new\n", room.0.display())), "{run:?}");
}

/// A directory in which a write fails keeps what was there.
#[test]
fn a_write_that_fails_leaves_what_was_there_and_nothing_else() {
    let room = Folder::new();
    let folder = room.path("full");
    fs::create_dir(&folder).unwrap();
    in_own_mounts(|| {
        assert!(root(&["mount", "-t", "tmpfs", "-o", "size=8k,mode=755", "none", &folder]).run().ok());
        let out = format!("{folder}/out");
        fs::write(&out, "before").unwrap();
        fs::write(format!("{folder}/filler"), [0; 4096]).unwrap();
        let run = root(&[CAPWRAP, "export", "tcpdump", "--to", "systemd", "--output", &out]).run();
        assert!(run.code == 125 && run.stderr.contains("No space left"), "{run:?}");
        assert_eq!(fs::read_to_string(&out).unwrap(), "before");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
    });
}

/// A shell command that would be run if a name were pasted without quotes.
const HOSTILE: [&str; 8] =
    ["; touch pwned", "a b", "it's", "\"quoted\"", "$(touch pwned)", "`touch pwned`", "-rf", "& touch pwned #"];

/// Every hint that verify, lint, enable and a launch print about a tool, with the launcher's other words.
fn hints(policy: &Policy) -> Vec<String> {
    let verify = root(&[CAPWRAP, "verify", "--json", "--verbose", &policy.name]).run();
    let lint = root(&[CAPWRAP, "lint", "--json", &policy.name]).run();
    let mut hints = Vec::new();
    for run in [&verify, &lint] {
        let object: serde_json::Value =
            serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:?}"));
        collect(&object, &mut hints);
    }
    for run in [capwrap(&[&policy.name]).run(), root(&[CAPWRAP, "enable", &policy.name]).run()] {
        let lines = format!("{}{}", run.stdout, run.stderr);
        hints.extend(lines.lines().filter_map(|line| Some(line.split_once("hint: ")?.1.to_owned())));
    }
    hints
}

fn collect(value: &serde_json::Value, hints: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(object) => {
            for (key, value) in object {
                match value.as_str() {
                    Some(text) if key == "hint" => hints.push(text.to_owned()),
                    _ => collect(value, hints),
                }
            }
        }
        serde_json::Value::Array(list) => list.iter().for_each(|value| collect(value, hints)),
        _ => {}
    }
}

/// The command in a hint: what follows `run: ` or, if the hint begins with a command's name, all of it.
fn command(hint: &str) -> Option<&str> {
    let words = ["chmod ", "chown ", "chgrp ", "setcap ", "rm "];
    let command = hint.rsplit_once("run: ").map_or(hint, |(_, command)| command);
    let command = command.strip_prefix("join its group, or: ").unwrap_or(command);
    words.iter().any(|word| command.starts_with(word)).then_some(command)
}

#[test]
fn a_printed_command_changes_the_named_file_and_nothing_else_whatever_its_name_is() {
    for name in HOSTILE {
        for in_folder in [false, true] {
            let room = Folder::new();
            let elsewhere = Folder::new();
            let folder = if in_folder { room.0.join(name) } else { room.0.clone() };
            if in_folder {
                fs::create_dir(&folder).unwrap();
            }
            let tool = if in_folder { folder.join("tool") } else { folder.join(name) };
            fs::copy(WITNESS, &tool).unwrap();
            let other = elsewhere.path("other");
            fs::write(&other, "").unwrap();
            let escaped = tool.to_str().unwrap().replace('\\', "\\\\").replace('"', "\\\"");
            let policy = Policy::tool(&escaped, "net_raw", "");
            let mut ran = 0;
            // Each fault has its own command, and after it the next fault is the first.
            for _ in 0..6 {
                if ran == 0 {
                    fs::set_permissions(&tool, PermissionsExt::from_mode(0o4777)).unwrap();
                }
                let hints = hints(&policy);
                let Some(line) = hints.iter().find_map(|hint| command(hint)) else { break };
                let run = root(&["sh", "-c", line]).dir(&elsewhere.0).run();
                assert!(run.ok(), "{name}: {line}: {run:?}");
                ran += 1;
            }
            assert!(ran >= 1, "{name}: no command was printed");
            assert!(!elsewhere.0.join("pwned").exists() && !Path::new("/pwned").exists(), "{name}: a command ran");
            assert_eq!(fs::read_dir(&elsewhere.0).unwrap().count(), 1, "{name}");
            let launch = capwrap(&[&policy.name]).run();
            assert_eq!(launch.witness().sets()[2], mask("net_raw"), "{name}: {launch:?}");
            assert_eq!(fs::metadata(&tool).unwrap().mode() & 0o7777, 0o755, "{name}");
        }
    }
}

#[test]
fn a_name_with_hidden_characters_is_pasted_by_their_numbers() {
    for name in ["line\nend", "clear\u{1b}[2J", "turn\u{202e}ed"] {
        let room = Folder::new();
        let tool = room.0.join(name);
        fs::copy(WITNESS, &tool).unwrap();
        fs::set_permissions(&tool, PermissionsExt::from_mode(0o4777)).unwrap();
        let escaped: String = tool.to_str().unwrap().chars().map(escape).collect();
        let policy = Policy::tool(&escaped, "net_raw", "");
        let hints = hints(&policy);
        let commands: Vec<&str> = hints.iter().filter_map(|hint| command(hint)).collect();
        assert!(!commands.is_empty(), "{name:?}: {hints:?}");
        for line in commands {
            assert!(line.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '), "{line:?}");
            // A shell that does not know $'…', as an older dash, finds no file of that name.
            for shell in ["bash", "dash"] {
                let run = root(&[shell, "-c", line]).dir(&room.0).run();
                assert!(run.ok() || shell == "dash", "{line}: {run:?}");
            }
        }
        assert_eq!(fs::read_dir(&room.0).unwrap().count(), 1, "{name:?}");
        assert_eq!(fs::metadata(&tool).unwrap().mode() & 0o7022, 0, "{name:?}");
    }
}

/// A character of a string in a policy.
fn escape(c: char) -> String {
    if c.is_control() || !c.is_ascii() { format!("\\U{:08X}", u32::from(c)) } else { c.to_string() }
}

#[test]
fn a_home_or_a_shared_directory_in_a_tools_place_is_in_no_command() {
    let home = InHome::new(MEMBER);
    let inside = home.tool(MEMBER);
    let home_itself = home.0.to_str().unwrap();
    let shared = Path::new("/tmp").join(format!("capwrap-shared-{}", std::process::id()));
    fs::copy(WITNESS, &shared).unwrap();
    for tool in [home_itself, &format!("/home/{MEMBER}"), &inside, shared.to_str().unwrap(), "/tmp"] {
        let policy = Policy::tool(tool, "net_raw", "");
        let hints = hints(&policy);
        let commands: Vec<&str> = hints.iter().filter_map(|hint| command(hint)).collect();
        assert_eq!(commands, Vec::<&str>::new(), "{tool}");
        assert!(!hints.iter().any(|hint| hint.contains("chown") || hint.contains("go-w /tmp")), "{tool}: {hints:?}");
    }
    fs::remove_file(shared).unwrap();
}

/// Every verb that reads a file whose path it is given, and the words for that path.
fn readers(file: &str) -> Vec<Vec<String>> {
    let verbs: [&[&str]; 10] = [
        &["lint", "FILE"],
        &["lint", "--json", "FILE"],
        &["diff", "FILE", "none"],
        &["diff", "all", "FILE#x"],
        &["export", "FILE", "--to", "docker"],
        &["explain", "FILE"],
        &["explain", "--facts", "FILE", "ping"],
        &["export", "ping", "--to", "docker", "--facts", "FILE"],
        &["merge", "FILE"],
        &["verify", "FILE"],
    ];
    let with = |word: &&str| word.replace("FILE", file);
    verbs.iter().map(|words| words.iter().map(with).collect()).collect()
}

#[test]
fn no_verb_waits_for_a_file_that_it_is_given_or_shows_what_its_owner_may_not_read() {
    let home = InHome::new(MEMBER);
    let secret = secret();
    for plant in [
        "mkfifo file",
        "mkfifo pipe; ln -s pipe file",
        "ln -s /dev/zero file",
        "ln -s /dev/tty file",
        "mkdir file",
        "ln -s file file",
        "ln -s /etc/shadow file",
        "ln -s /etc way; ln -s way/shadow file",
        "python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"file\")'",
    ] {
        assert!(user(MEMBER, &["sh", "-c", plant]).dir(&home.0).run().ok(), "{plant}");
        for words in readers(&in_home(&home, "file")) {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let run = unstalled(&words);
            let may_succeed = words[0] == "verify";
            assert!(may_succeed || run.code != 0, "{plant}: {words:?}: {run:?}");
            for text in &secret {
                assert!(!run.stdout.contains(text) && !run.stderr.contains(text), "{plant}: {words:?}: {run:?}");
            }
        }
        root(&["sh", "-c", "rm -rf file pipe way"]).dir(&home.0).run();
    }
}

#[test]
fn a_file_that_a_compose_file_names_is_read_like_the_file_itself() {
    let home = InHome::new(MEMBER);
    let plant = "printf 'include: [other.yml]\nservices: {a: {image: x, extends: {file: third.yml, service: b}}}\n' > compose.yml";
    assert!(user(MEMBER, &["sh", "-c", plant]).dir(&home.0).run().ok());
    for plant in [
        "mkfifo other.yml third.yml",
        "ln -s /etc/shadow other.yml; ln -s /dev/zero third.yml",
        "sed -i 's|other.yml|/etc/shadow|; s|third.yml|../../../etc/gshadow|' compose.yml",
    ] {
        assert!(user(MEMBER, &["sh", "-c", plant]).dir(&home.0).run().ok(), "{plant}");
        let run = unstalled(&["diff", &in_home(&home, "compose.yml"), "none"]);
        let said = run.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(said.matches("was not read: cannot read ").count(), 2, "{plant}: {run:?}");
        root(&["sh", "-c", "rm -f other.yml third.yml"]).dir(&home.0).run();
    }
}

#[test]
fn what_a_shell_passes_by_a_pipe_or_a_descriptor_is_read() {
    let yaml = "services: {a: {image: x, cap_drop: [all], cap_add: [net_raw]}}";
    for script in [
        format!("capwrap diff <(echo '{yaml}') none"),
        format!("echo '{yaml}' | capwrap diff /dev/stdin none"),
        format!("capwrap diff /dev/stdin none <<< '{yaml}'"),
    ] {
        for who in ["root", MEMBER] {
            let run = user(who, &["timeout", PATIENCE, "bash", "-c", &script]).run();
            assert!(run.code == 1 && run.stdout.contains("1 capability"), "{who}: {script}: {run:?}");
        }
    }
}

#[test]
fn what_others_may_not_read_stays_so_when_it_is_written_again() {
    let room = Folder::new();
    let before = room.path("before");
    assert!(root(&[CAPWRAP, "--learn", "--user", MEMBER, "--output", &before, "true"]).run().ok());
    fs::set_permissions(&before, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(root(&[CAPWRAP, "merge", &before, "--output", &before]).run().ok());
    assert_eq!(fs::metadata(&before).unwrap().mode() & 0o7777, 0o600);
}

#[test]
fn a_policy_is_for_all_who_are_allowed_whatever_roots_umask_is() {
    let policy = Policy::witness("cap_net_raw", "");
    for umask in ["000", "077", "777"] {
        for words in
            [vec!["disable", &policy.name], vec!["enable", &policy.name], vec!["enable", &policy.name, "--pin"]]
        {
            let script = format!("umask {umask}; exec capwrap {}", words.join(" "));
            let run = root(&["sh", "-c", &script]).run();
            assert!(run.ok(), "{script}: {run:?}");
        }
        assert_eq!(fs::metadata(&policy.path).unwrap().mode() & 0o7777, 0o644, "{umask}");
        assert!(capwrap(&[&policy.name]).run().ok(), "{umask}");
    }
}
