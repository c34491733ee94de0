//! Names and texts of others' making, in every place that capwrap reads, and every verb that could show them: nothing
//! that acts on a terminal, hides or reorders text, or forges a line comes out.

use capwrap_core::text::hidden::is_hidden;
use capwrap_tests::*;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A C1 control, a direction override, an ANSI sequence, a newline, a tab, a carriage return, isolates and marks of
/// direction, zero-width and other invisible characters, a tag, a variation selector, quotes and a backslash. A line
/// that begins with FORGED is a forged one. The first 15 bytes alone, which are the name of a process, are hostile too.
const HOSTILE: &str = "\u{9b}1m\u{202e}\x1b[2J\nFORGED\t\r\x07\x7f\u{85}\u{61c}\u{200e}\u{200f}\u{202a}\u{2066}\u{2069}\u{ad}\
    \u{200b}\u{200d}\u{2060}\u{2028}\u{feff}\u{e0041}\u{fe0f}\u{3164}'\"\\$(id)";

/// The same as a string of TOML and of JSON.
fn in_quotes(text: &str) -> String {
    let escaped = text.chars().map(|c| match c {
        '"' | '\\' => format!("\\{c}"),
        c if is_hidden(c) && u32::from(c) > 0xffff => c.to_string(),
        c if is_hidden(c) => format!("\\u{:04x}", u32::from(c)),
        c => c.to_string(),
    });
    format!("\"{}\"", escaped.collect::<String>())
}

/// What TOML and YAML let stand in a comment.
fn in_comment() -> String {
    HOSTILE.chars().filter(|c| !c.is_control()).collect()
}

#[track_caller]
fn harmless(what: &str, bytes: &[u8]) {
    let text = std::str::from_utf8(bytes).unwrap_or_else(|error| panic!("{what}: {error}: {bytes:?}"));
    let is_found = |(at, c): &(usize, char)| is_hidden(*c) && (*c != '\n' || text[at + 1..].starts_with("FORGED"));
    if let Some((at, c)) = text.char_indices().find(is_found) {
        let from = (0..=at.saturating_sub(200)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        panic!("{what}: {c:?} in {:?}", &text[from..]);
    }
}

/// A folder, a tool and a policy with hostile names and texts, all of them valid.
struct Planted {
    _folder: Folder,
    directory: PathBuf,
    tool: PathBuf,
    policy: Policy,
    process: Child,
}

impl Planted {
    fn new() -> Self {
        let folder = Folder::new();
        let directory = folder.0.join(OsStr::new(HOSTILE));
        fs::create_dir(&directory).unwrap();
        let tool = directory.join(OsStr::new(HOSTILE));
        fs::copy("/usr/bin/sleep", &tool).unwrap();
        fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).unwrap();
        let (path, text) = (in_quotes(tool.to_str().unwrap()), in_quotes(HOSTILE));
        let policy = Policy::new(&format!(
            "# {comment}\nschema = 1\nsummary = {text}\n\n[tool]\npath = {path} # {comment}\n\n\
             [allow]\nusers = [\"{MEMBER}\"]\n\n\
             [[grant]]\ncaps = [\"cap_net_raw\"]\nwhy = {text}\n\n[optional]\ncaps = [\"cap_syslog\"]\nwhy = {text}\n\n\
             [exec]\nenv = {{ set = {{ A = {text} }} }}\n",
            comment = in_comment(),
        ));
        // A process whose name and arguments are hostile, with a capability, so that `caps` shows it.
        let process = Command::new("/usr/bin/setpriv")
            .args(["--inh-caps=+net_raw", "--ambient-caps=+net_raw", "--"])
            .arg(&tool)
            .arg("600")
            .arg0("setpriv")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let name = format!("/proc/{}/comm", process.id());
        while fs::read(&name).unwrap().starts_with(b"hostile_names") || fs::read(&name).unwrap().starts_with(b"setpriv")
        {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        Self { _folder: folder, directory, tool, policy, process }
    }

    /// A file in the hostile folder, with a hostile name.
    fn file(&self, ending: &str, bytes: &[u8]) -> PathBuf {
        let mut name = OsString::from(HOSTILE);
        name.push(ending);
        let path = self.directory.join(name);
        fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Planted {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Whether the name must be seen in the output. If not, it may be, for it does not belong to it.
#[derive(Clone, Copy, PartialEq)]
enum Seen {
    Shown,
    Perhaps,
}
use Seen::{Perhaps, Shown};

/// Runs the verb and checks all that it prints.
#[track_caller]
fn check(seen: Seen, who: &str, words: &[OsString]) {
    let call = words.iter().fold(user(who, &[CAPWRAP]), |call, word| call.arg(word));
    let output = call.command().stdin(Stdio::null()).output().unwrap();
    let what = format!("{words:?}");
    harmless(&format!("{what}: stdout"), &output.stdout);
    harmless(&format!("{what}: stderr"), &output.stderr);
    let all = [output.stdout.as_slice(), &output.stderr].concat();
    // A part of the name that is harmless alone. Of a process and of an argument that clap refuses, no more is shown.
    let is_seen = all.windows(3).any(|window| window == b"[2J");
    assert!(seen == Perhaps || is_seen, "{what}: the name is not there: {}", String::from_utf8_lossy(&all));
}

/// The words of a command.
macro_rules! words {
    ($($word:expr),* $(,)?) => { [$(OsString::from(AsRef::<OsStr>::as_ref(&$word))),*] };
}

macro_rules! check {
    ($seen:expr, $who:expr, $($word:expr),+ $(,)?) => { check($seen, $who, &words![$($word),+]) };
}

fn joined(parts: &[&OsStr]) -> OsString {
    parts.iter().fold(OsString::new(), |mut whole, part| {
        whole.push(part);
        whole
    })
}

/// The words, and `more` behind the first.
fn with(more: &[&str], words: &[OsString]) -> Vec<OsString> {
    let mut all = words.to_vec();
    all.splice(1..1, more.iter().map(OsString::from));
    all
}

#[test]
fn nothing_hostile_in_a_launch_reaches_the_terminal() {
    let planted = Planted::new();
    let name = planted.policy.name.as_str();
    let not_utf8 = OsString::from_vec(b"FORGED\xff\xfe\x1b[2J".to_vec());
    for word in [OsStr::new(HOSTILE), &not_utf8] {
        check!(Shown, MEMBER, word);
        check!(Shown, MEMBER, "--", word);
        check!(Shown, MEMBER, joined(&[OsStr::new("./"), word]));
        check!(Shown, MEMBER, "--mode", word, name);
        check!(Shown, MEMBER, "--drop", word, name);
        check!(Shown, MEMBER, "--add", word, name);
        check!(Perhaps, MEMBER, "--reason", word, "--explain", name);
        check!(Perhaps, STRANGER, "--reason", word, name, word);
        check!(Shown, MEMBER, joined(&[OsStr::new("--"), word]));
        check!(Shown, MEMBER, "--explain", name, word);
        check!(Shown, MEMBER, "explain", name, word);
        check!(Shown, MEMBER, "explain", "--json", name, word);
    }
    check!(Shown, MEMBER, "--explain", name);
    // The tool is not as it should be, and the refusal and its hint name it.
    fs::set_permissions(&planted.tool, fs::Permissions::from_mode(0o777)).unwrap();
    check!(Shown, MEMBER, name);
    check!(Shown, MEMBER, "--explain", name);
    fs::set_permissions(&planted.tool, fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(&planted.directory, fs::Permissions::from_mode(0o777)).unwrap();
    check!(Shown, MEMBER, name);
    check!(Shown, MEMBER, "--explain", name);
}

#[test]
fn nothing_hostile_in_policies_tools_and_arguments_comes_out_of_a_verb() {
    let planted = Planted::new();
    let name = planted.policy.name.as_str();
    let (tool, directory) = (&planted.tool, &planted.directory);
    let process = planted.process.id().to_string();
    for json in [&[][..], &["--json"]] {
        let both = |seen: Seen, words: &[OsString]| {
            check(seen, "root", &with(json, words));
            check(Perhaps, MEMBER, &with(json, words));
        };
        both(Shown, &words!["explain", name]);
        both(Shown, &words!["list", "--all"]);
        both(Shown, &words!["verify", "-v", name]);
        both(Shown, &words!["verify", tool]);
        both(Perhaps, &words!["verify", "--scan", directory]);
        both(Shown, &words!["verify", HOSTILE]);
        both(Perhaps, &words!["lint", planted.policy.path]);
        both(Perhaps, &words!["doctor"]);
        both(Shown, &words!["diff", tool, planted.policy.path]);
        both(Shown, &words!["diff", format!("pid:{process}"), planted.policy.path]);
        for kind in ["mask:", "pid:", "unit:", "policy:", "", "/no/such/"] {
            both(Shown, &words!["diff", format!("{kind}{HOSTILE}"), "mask:0"]);
        }
        for words in [
            &words!["caps", "show", process][..],
            &words!["caps", "show", "--threads", process],
            &words!["caps", "show", "--all"],
        ] {
            check(Shown, "root", &[words, &json.iter().map(OsString::from).collect::<Vec<_>>()].concat());
        }
        for verb in ["mask", "show", "describe", "--"] {
            both(Perhaps, &words!["caps", verb, HOSTILE]);
        }
    }
    // The tool's faults, each with its hint.
    for mode in [0o777, 0o4755] {
        fs::set_permissions(tool, fs::Permissions::from_mode(mode)).unwrap();
        check!(Shown, "root", "verify", name);
        check!(Shown, "root", "verify", "--json", name);
    }
    assert!(root(&["setcap", "cap_net_raw=ep"]).arg(tool).run().ok());
    for json in [&[][..], &["--json"]] {
        check(Shown, "root", &with(json, &words!["verify", "--scan", directory]));
        check(Shown, "root", &with(json, &words!["diff", "mask:0", tool]));
    }
    let metrics = planted.file(".prom", b"");
    check!(Perhaps, "root", "verify", "--prometheus", metrics, "--scan", directory);
    harmless("metrics", &fs::read(&metrics).unwrap());
    check!(Shown, "root", "verify", "--prometheus", directory.join("none").join(HOSTILE), name);
    check!(Shown, "root", "verify", "--fix", name);
    for words in [["enable", HOSTILE], ["disable", HOSTILE], ["completions", HOSTILE], [HOSTILE, "x"]] {
        check!(Shown, "root", words[0], words[1]);
    }
    check!(Perhaps, "root", "help", HOSTILE);
    check!(Shown, "root", "enable", "ping", "--path", tool, "--user", HOSTILE);
    check!(Shown, "root", "enable", "ping", "--group", HOSTILE);
}

#[test]
fn nothing_hostile_in_an_export_comes_out_unquoted() {
    let planted = Planted::new();
    let name = planted.policy.name.as_str();
    for target in ["systemd", "docker", "podman", "compose", "kubernetes", "oci", "setcap", "nixos"] {
        check!(Perhaps, MEMBER, "export", "--to", target, name);
    }
    // These two have escapes for what the policy says, and say it.
    for target in ["systemd", "oci"] {
        check!(Shown, MEMBER, "export", "--to", target, name);
    }
    check!(Shown, MEMBER, "export", "--to", HOSTILE, name);
    check!(Shown, MEMBER, "export", "--to", "oci", HOSTILE);
    let output = planted.file(".json", b"");
    check!(Perhaps, "root", "export", "--to", "oci", name, "--output", output);
    harmless("the export", &fs::read(&output).unwrap());
}

#[test]
fn nothing_hostile_in_a_file_that_a_verb_reads_comes_out() {
    let planted = Planted::new();
    let name = planted.policy.name.as_str();
    let (text, comment) = (in_quotes(HOSTILE), in_comment());
    let policy = &planted.policy.path;
    // Broken policies: in the syntax, in a key, in a value, in a name, and what is no text.
    for broken in [
        format!("schema = 1\n{comment}"),
        format!("schema = 1\n{text} = 1\n"),
        format!("schema = 1\n[tool]\npath = \"/x\"\nowner = {text}\n[allow]\nusers = [\"root\"]\n"),
        format!(
            "schema = 1\ntool = {{ path = \"/x\" }}\nallow = {{ users = [\"root\"] }}\ngrant = [{{ caps = [{text}] }}]\n"
        ),
        format!("schema = 1\n{HOSTILE}"),
    ] {
        let file = planted.file(".toml", broken.as_bytes());
        for json in [false, true] {
            check!(Shown, MEMBER, "lint", if json { "--json" } else { "--text-only" }, file);
        }
        check!(Shown, MEMBER, "explain", file);
        check!(Shown, MEMBER, "export", "--to", "oci", file);
        check!(Shown, MEMBER, "diff", file, "mask:0");
        let enabled = Policy::new(&broken);
        check!(Shown, "root", &enabled.name);
        check!(Shown, "root", "verify", &enabled.name);
        check!(Shown, "root", "verify", "--json", &enabled.name);
        check!(Perhaps, "root", "list");
        check!(Perhaps, "root", "list", "--json");
        check!(Shown, "root", "doctor");
        check!(Shown, "root", "doctor", "--json");
    }
    let bytes = planted.file(".bytes", b"FORGED\xff\x1b[2J");
    for words in [["lint", "--text-only"], ["explain", "--json"], ["merge", "--"]] {
        check!(Shown, MEMBER, words[0], words[1], bytes);
    }
    for facts in [
        format!("{text} = 1\n"),
        format!("kernel = {text}\n"),
        format!("kernel = \"6.1\"\n[sysctl]\n{text} = {text}\n"),
        format!("kernel = \"6.1\"\n[probe]\n{text} = true\n"),
    ] {
        let file = planted.file(".facts", facts.as_bytes());
        check!(Shown, MEMBER, "explain", "--facts", file, name);
        check!(Shown, MEMBER, "explain", "--json", "--facts", file, name);
    }
    let unit = format!("[Service]\nUser={}\nAmbientCapabilities=CAP_NET_RAW {comment}\nNonsense{comment}\n", comment);
    let pod = format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{ name: {text} }}\nspec:\n  containers:\n  - name: {text}\n    \
         securityContext: {{ capabilities: {{ add: [{text}] }} }}\n"
    );
    let compose = format!("services:\n  {text}:\n    image: {text}\n    user: {text}\n    cap_add: [{text}]\n");
    let oci = format!(
        "{{\"ociVersion\": {text}, \"process\": {{\"args\": [{text}], \"capabilities\": {{\"bounding\": [{text}]}}}}}}"
    );
    let run = format!("docker run --user {text} --cap-add {text} {text}\n");
    let inspect =
        format!("[{{\"Name\": {text}, \"Config\": {{\"User\": {text}}}, \"HostConfig\": {{\"CapAdd\": [{text}]}}}}]");
    let files =
        [(".service", unit), (".yaml", pod), (".yml", compose), (".json", oci), (".sh", run), (".inspect", inspect)];
    for (ending, content) in files {
        let file = planted.file(ending, content.as_bytes());
        for json in [&[][..], &["--json"]] {
            let part = joined(&[file.as_os_str(), OsStr::new("#"), OsStr::new(HOSTILE)]);
            for operand in [file.as_os_str(), &part] {
                check(Shown, MEMBER, &with(json, &words!["diff", operand, policy]));
            }
        }
    }
}

#[test]
fn nothing_hostile_in_what_is_learned_or_traced_comes_out() {
    let planted = Planted::new();
    let name = planted.policy.name.as_str();
    let tool = &planted.tool;
    // Without a policy that names it already, a path that a reader cannot see makes none.
    let before: Vec<PathBuf> = policies();
    for more in [&[][..], &["--write"], &["--json"]] {
        let words = with(more, &words!["learn", "--user", MEMBER, "--policy", "t-none", tool, "0"]);
        let call = words.iter().fold(root(&[CAPWRAP]), |call, word| call.arg(word));
        call.run().refused(&["cannot make a policy for", "FORGED", "invisible"]);
    }
    assert_eq!(policies(), before);
    // With one, the profile and the policy that are written have no raw character either.
    let profile = planted.file(".profile", b"");
    check!(Shown, "root", "learn", "--user", MEMBER, "--policy", name, "--write", "-v", "--output", profile, tool, "0");
    harmless("the profile", &fs::read(&profile).unwrap());
    check!(Shown, "root", "learn", "--user", MEMBER, "--policy", name, "--json", tool, "0");
    check!(Shown, MEMBER, "merge", profile);
    let merged = planted.file(".merged", b"");
    check!(Perhaps, "root", "merge", profile, "--output", merged);
    harmless("the merged profile", &fs::read(&merged).unwrap());
    check!(Shown, MEMBER, "merge", planted.file(".none", format!("{{{}: 1}}", in_quotes(HOSTILE)).as_bytes()));
    check!(Shown, MEMBER, "merge", planted.directory.join("none"));
    // A policy for a shell that starts the hostile tool: the evidence names it.
    let shell = Policy::tool("/usr/bin/dash", "cap_net_raw", "");
    let script = "\"$0\" \"$1\" 2>/dev/null; cat /etc/shadow >/dev/null";
    let cat = planted.directory.join(format!("{HOSTILE}cat"));
    fs::copy("/usr/bin/cat", &cat).unwrap();
    fs::set_permissions(&cat, fs::Permissions::from_mode(0o755)).unwrap();
    let learn = words!["learn", "--user", MEMBER, "--policy", shell.name, "--write", "-v", "/usr/bin/dash"];
    check(Shown, "root", &[&learn[..], &words!["-c", script, cat, "/etc/shadow"]].concat());
    let written = fs::read_to_string(&shell.path).unwrap();
    assert!(written.contains("FORGED"), "{written}");
    harmless("the learned policy", written.as_bytes());
    let evidence = shell.path.with_extension("profile.json");
    harmless("its evidence", &fs::read(&evidence).unwrap());
    fs::remove_file(evidence).unwrap();
    let _ = fs::remove_file(planted.policy.path.with_extension("profile.json"));
    for more in [&[][..], &["--json"], &["--summary"], &["--summary", "--json"], &["--unique", "--stack"]] {
        check(Shown, "root", &with(more, &words!["trace", "-v", cat, "/dev/null"]));
    }
    for option in ["--pid", "--cgroup", "--container"] {
        check!(Shown, "root", "trace", option, HOSTILE);
    }
    for option in ["--capability", "--user", "--for"] {
        check!(Shown, "root", "trace", option, HOSTILE, "true");
    }
    for option in ["--user", "--policy", "--for", "--back-end"] {
        check!(Shown, "root", "learn", option, HOSTILE, "true");
    }
    check!(Shown, "root", "learn", "--output", planted.directory.join("none").join(HOSTILE), "true");
    check!(Shown, "root", "learn", HOSTILE);
    check!(Shown, "root", "trace", "--", HOSTILE);
}

fn policies() -> Vec<PathBuf> {
    fs::read_dir(POLICIES).unwrap().map(|entry| entry.unwrap().path()).filter(|path| is_of_learning(path)).collect()
}

fn is_of_learning(path: &Path) -> bool {
    path.as_os_str().as_bytes().windows(6).any(|window| window == b"t-none")
}

#[test]
fn a_hint_for_a_hostile_path_is_the_same_path_when_it_is_pasted() {
    let planted = Planted::new();
    fs::set_permissions(&planted.tool, fs::Permissions::from_mode(0o777)).unwrap();
    let lint = root(&[CAPWRAP, "lint", "--text-only"]).arg(&planted.policy.path).run();
    assert!(!lint.stdout.contains("error["), "what is planted must be valid: {lint:?}");
    let run = capwrap(&[&planted.policy.name]).run();
    let hint = run.stderr.lines().find_map(|line| line.strip_prefix("hint: ")).unwrap_or_else(|| panic!("{run:?}"));
    assert!(hint.contains("$'") && hint.contains("chmod"), "{hint}");
    let pasted = root(&["bash", "-c", hint]).run();
    assert!(pasted.ok(), "{hint}: {pasted:?}");
    assert_eq!(fs::metadata(&planted.tool).unwrap().permissions().mode() & 0o7777, 0o755, "{hint}");
}
