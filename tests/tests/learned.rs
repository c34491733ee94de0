//! What `capwrap --learn --write` writes launches its program the first time, or `--write` refuses and says why.

use capwrap_tests::*;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

/// Learns from a command of the member's, and writes.
fn learn(name: &PolicyName, options: &[&str], command: &[&str]) -> Run {
    let words = [&["--learn", "--user", MEMBER, "--write", "--policy", &name.0], options, &["--"], command].concat();
    root(&[&[CAPWRAP], &*words].concat()).run()
}

/// A folder with a file that only root can read, and whose words are `the secret`.
fn room() -> (Folder, String) {
    let room = Folder::new();
    let secret = room.path("secret");
    fs::write(&secret, "the secret\n").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    (room, secret)
}

/// An executable file with these words.
fn script(room: &Folder, name: &str, text: &str) -> String {
    let file = room.path(name);
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    file
}

/// Learns from a command, enables what is written, and launches it as the member. Both runs must succeed and print
/// these words. Returns the policy.
#[track_caller]
fn launches(name: &PolicyName, command: &[&str], words: &str) -> String {
    let run = learn(name, &[], command);
    assert!(run.ok() && (run.stdout.contains(words) || run.stderr.contains(words)), "{run:?}");
    let text = fs::read_to_string(name.written()).unwrap();
    assert!(!Path::new(&name.enabled()).exists(), "it is not enabled by learning");
    let run = root(&[CAPWRAP, "enable", &name.0]).run();
    assert!(run.ok() && !run.stdout.contains("will refuse"), "{run:?}");
    let run = capwrap(&[&[&*name.0], &command[1..]].concat()).run();
    assert!(run.ok() && (run.stdout.contains(words) || run.stderr.contains(words)), "{run:?}\n{text}");
    text
}

#[track_caller]
fn says(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.lines().any(|one| one.starts_with(line)), "{line}:\n{text}");
    }
}

#[test]
fn a_program_that_starts_nothing_is_launched_alone_and_by_the_user_it_was_learned_for() {
    let (_room, secret) = room();
    let name = PolicyName::new("learned-alone");
    let text = launches(&name, &["/usr/bin/cat", &secret], "the secret");
    says(&text, &["path   = \"/usr/bin/cat\"", "sha256 = ", "caps = [\"cap_dac_read_search\"]", "children = \"none\""]);
    says(&text, &[&format!("users = [\"{MEMBER}\"]")]);
    assert!(!text.contains("groups"), "{text}");
}

#[test]
fn a_command_that_needs_nothing_gets_a_policy_that_grants_nothing() {
    let name = PolicyName::new("learned-nothing");
    for command in [&["/usr/bin/true"][..], &["/bin/ls", "/"], &["/bin/bash", "-c", "for i in {1..300}; do (:); done"]]
    {
        let text = launches(&name, command, "");
        assert!(!text.contains("[[grant]]"), "{text}");
        name.remove();
    }
}

#[test]
fn a_link_stays_the_link_that_was_called() {
    let (room, secret) = room();
    let name = PolicyName::new("learned-link");
    let applet = room.path("cat");
    symlink("/usr/bin/busybox", &applet).unwrap();
    let text = launches(&name, &[&applet, &secret], "the secret");
    says(&text, &[&format!("path   = \"{applet}\"")]);
    name.remove();
    let text = launches(&name, &["/usr/sbin/modprobe", "--showconfig"], "");
    says(&text, &["path   = \"/usr/sbin/modprobe\""]);
}

#[test]
fn the_python_of_a_virtual_environment_stays_in_it() {
    let (room, secret) = room();
    let name = PolicyName::new("learned-venv");
    fs::create_dir_all(room.path("venv/bin")).unwrap();
    fs::write(room.path("venv/pyvenv.cfg"), "home = /usr/bin\n").unwrap();
    let python = room.path("venv/bin/python3");
    symlink("/usr/bin/python3", &python).unwrap();
    let code = "import sys; print(sys.prefix, open(sys.argv[1]).read())";
    let text = launches(&name, &[&python, "-c", code, &secret], &format!("{} the secret", room.path("venv")));
    says(&text, &[&format!("path   = \"{python}\""), "children = \"none\""]);
}

#[test]
fn a_script_is_launched_as_one_and_finds_what_lies_beside_it() {
    let (room, secret) = room();
    let name = PolicyName::new("learned-script");
    fs::write(room.path("beside"), "beside it\n").unwrap();
    let read = "while read -r line; do echo \"$line\"; done";
    for (file, text, children) in [
        ("sh", format!("#!/bin/sh\n{read} < \"${{0%/*}}/beside\"\n{read} < \"$1\"\n"), "none"),
        ("bash", "#!/bin/bash\ncat \"$(dirname \"$0\")/beside\" \"$1\"\n".to_owned(), "any"),
        (
            "python",
            "#!/usr/bin/python3\nimport os, sys\n\
             print(open(os.path.join(os.path.dirname(__file__), 'beside')).read(), open(sys.argv[1]).read())\n"
                .to_owned(),
            "none",
        ),
        (
            "env-python",
            "#!/usr/bin/env python3\nimport os, sys\n\
             print(open(os.path.join(os.path.dirname(sys.argv[0]), 'beside')).read(), open(sys.argv[1]).read())\n"
                .to_owned(),
            "any",
        ),
        (
            "perl",
            "#!/usr/bin/perl\nuse FindBin;\nopen F, \"$FindBin::Bin/beside\" or die; print <F>;\n\
             open F, shift or die; print <F>;\n"
                .to_owned(),
            "none",
        ),
    ] {
        let file = script(&room, file, &text);
        let run = learn(&name, &[], &[&file, &secret]);
        assert!(run.ok() && run.stdout.contains("beside it"), "{run:?}");
        let text = launches(&name, &[&file, &secret], "the secret");
        says(&text, &["script = true", &format!("children = \"{children}\"")]);
        assert!(!text.contains("sha256"), "{text}");
        let run = capwrap(&[&name.0, &secret]).run();
        assert!(run.stdout.contains("beside it"), "{run:?}");
        name.remove();
    }
}

#[test]
fn a_program_that_executes_another_one_or_itself_again_may_do_so_when_it_is_launched() {
    let (room, secret) = room();
    let name = PolicyName::new("learned-execs");
    let spawn = script(
        &room,
        "spawn.py",
        "import multiprocessing, sys\ndef read(path): print(open(path).read(), flush=True)\n\
         if __name__ == '__main__':\n    multiprocessing.set_start_method('spawn')\n    \
         one = multiprocessing.Process(target=read, args=(sys.argv[1],))\n    one.start()\n    one.join()\n    \
         sys.exit(one.exitcode)\n",
    );
    let again = "unless ($ENV{AGAIN}) { $ENV{AGAIN} = 1; exec $^X, '-e', 'open F, shift or die; print <F>', $ARGV[0] }";
    let child = "import subprocess, sys; \
                 sys.exit(subprocess.run([sys.executable, '-c', 'import sys; print(open(sys.argv[1]).read())', \
                 sys.argv[1]]).returncode)";
    for command in [
        &["/usr/bin/nice", "/usr/bin/cat", &secret][..],
        &["/usr/bin/ionice", "-c3", "/usr/bin/cat", &secret],
        &["/usr/bin/timeout", "9", "/usr/bin/cat", &secret],
        &["/usr/bin/env", "cat", &secret],
        &["/usr/bin/perl", "-e", again, &secret],
        &["/usr/bin/python3", "-c", child, &secret],
        &["/usr/bin/python3", &spawn, &secret],
        &["/bin/sh", "-c", "cat \"$0\" && true", &secret],
    ] {
        let text = launches(&name, command, "the secret");
        says(&text, &["children = \"any\""]);
        name.remove();
    }
}

#[test]
fn sshd_finds_the_absolute_path_that_it_demands_in_its_name() {
    let room = Folder::new();
    let name = PolicyName::new("learned-sshd");
    let key = room.path("key");
    assert!(root(&["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", &key]).run().ok());
    fs::create_dir_all("/run/sshd").unwrap();
    let run = learn(&name, &[], &["sshd", "-t", "-f", "/dev/null", "-h", &key]);
    assert!(run.ok(), "{run:?}");
    name.remove();
    launches(&name, &["/usr/sbin/sshd", "-t", "-f", "/dev/null", "-h", &key], "");
}

#[test]
fn a_policy_says_what_its_tool_finds_in_argv_0() {
    let sh = |more: &str| Policy::tool("/bin/sh", "", more);
    let print = |policy: &Policy| capwrap(&[&policy.name, "-c", "tr '\\0' ' ' < /proc/$$/cmdline"]).run();
    let by_path = print(&sh(""));
    assert!(by_path.stdout.starts_with("/bin/sh -c"), "{by_path:?}");
    let policy = sh("[exec]\nargv0 = \"name\"");
    let by_name = print(&policy);
    assert!(by_name.stdout.starts_with(&format!("{} -c", policy.name)), "{by_name:?}");
    let explained = capwrap(&["--explain", &policy.name]).run();
    assert!(explained.stdout.contains("argv[0] is the policy's name"), "{explained:?}");
}

/// A script whose digest is pinned is read by descriptor, so that the content that was checked is what runs.
#[test]
fn a_pinned_script_and_a_script_of_a_users_are_read_by_descriptor_and_others_by_their_path() {
    let room = Folder::new();
    let file = script(&room, "script", "#!/bin/sh\necho \"$0\"\n");
    let pin = root(&["sha256sum", &file]).run().stdout[..64].to_owned();
    let policy = |more: &str| {
        Policy::new(&format!(
            "schema = 1\nallow = {{ groups = [\"capwrap\"] }}\n[tool]\npath = \"{file}\"\nscript = true\n{more}\n"
        ))
    };
    let shown = |policy: &Policy| capwrap(&[&policy.name]).run().stdout;
    assert_eq!(shown(&policy("")).trim(), file);
    let pinned = shown(&policy(&format!("sha256 = \"{pin}\"")));
    assert!(pinned.starts_with("/dev/fd/"), "{pinned}");
    assert!(root(&["chown", MEMBER, &file]).run().ok());
    let of_member = shown(&policy(&format!("owner = \"{MEMBER}\"")));
    assert!(of_member.starts_with("/dev/fd/"), "{of_member}");
}

#[test]
fn a_policy_that_a_later_run_contradicts_is_corrected_if_it_was_learned_and_refused_if_somebody_wrote_it() {
    let (_room, secret) = room();
    let name = PolicyName::new("learned-corrected");
    let text = launches(&name, &["/bin/bash", "-c", "read line < $0; echo $line", &secret], "the secret");
    says(&text, &["children = \"none\""]);
    let starting = ["/bin/bash", "-c", "cat $0; true", &secret];
    let run = learn(&name, &[], &starting);
    assert!(run.ok() && run.stderr.contains("is changed;"), "{run:?}");
    let text = fs::read_to_string(name.enabled()).unwrap();
    says(&text, &["children = \"any\""]);
    let run = capwrap(&[&[&*name.0], &starting[1..]].concat()).run();
    assert!(run.ok() && run.stdout.contains("the secret"), "{run:?}");

    let written = text.replace("children = \"any\"", "children = \"none\" # it must not\n#");
    fs::write(name.enabled(), &written).unwrap();
    let run = learn(&name, &[], &starting);
    assert_eq!(run.code, 125, "{run:?}");
    for said in ["forbids it to start other programs", "hint: if it must, set children = \"any\""] {
        assert!(run.stderr.contains(said), "{run:?}");
    }
    assert_eq!(fs::read_to_string(name.enabled()).unwrap(), written);
}

#[test]
fn a_failed_run_is_called_one_and_writes_nothing_unless_that_is_accepted() {
    let name = PolicyName::new("learned-failed");
    let command = ["/bin/sh", "-c", "echo must be root >&2; exit 3"];
    let run = learn(&name, &[], &command);
    assert_eq!(run.code, 125, "{run:?}");
    assert!(run.stdout.contains("failed     it ended with status 3"), "{run:?}");
    assert!(run.stdout.contains("it may want uid 0"), "{run:?}");
    assert!(run.stderr.contains("the run failed (it ended with status 3)") && run.stderr.contains("--accept-failure"));
    assert!(!name.exists());
    let killed = learn(&name, &[], &["/bin/sh", "-c", "kill -9 $$"]);
    assert!(killed.code == 125 && killed.stdout.contains("failed     signal 9 killed it"), "{killed:?}");
    assert!(!name.exists());

    let run = learn(&name, &["--accept-failure"], &command);
    assert!(run.code == 3 && Path::new(&name.written()).exists(), "{run:?}");
    let profile: Value = serde_json::from_str(&fs::read_to_string(name.evidence()).unwrap()).unwrap();
    assert_eq!(profile["runs"][0]["failed"], true);
    name.remove();
    // A command that was asked to end did not fail.
    let run = learn(&name, &["--for", "1s"], &["/bin/sleep", "60"]);
    assert!(run.stderr.contains("is written") && !run.stdout.contains("\nfailed "), "{run:?}");
}

#[test]
fn a_tool_that_others_could_replace_gets_no_policy_and_the_hint_says_where_it_belongs() {
    let name = PolicyName::new("learned-place");
    let home = InHome::new(MEMBER);
    let tool = home.0.join("tool");
    fs::copy("/bin/cat", &tool).unwrap();
    home.own(&tool, MEMBER);
    let run = learn(&name, &[], &[tool.to_str().unwrap(), "/etc/shadow"]);
    run.refused(&["capwrap would refuse to launch", "hint: copy it to where only root writes"]);
    let link = home.0.join("link");
    symlink("/bin/cat", &link).unwrap();
    let run = learn(&name, &[], &[link.to_str().unwrap(), "/etc/shadow"]);
    run.refused(&["capwrap would refuse to launch", "learn from that path"]);
    assert!(!name.exists());
    // Without --write it is a note, and the report is there.
    let run = root(&[CAPWRAP, "--learn", "--user", MEMBER, "--policy", &name.0, tool.to_str().unwrap(), "/etc/shadow"]);
    let run = run.run();
    assert!(run.ok() && run.stdout.contains("cap_dac_read_search"), "{run:?}");
    assert!(run.stderr.contains("capwrap would refuse to launch it"), "{run:?}");
}

#[test]
fn what_the_machine_cannot_give_is_reported_and_is_in_no_policy() {
    let (_room, secret) = room();
    let name = PolicyName::new("learned-beyond");
    let bounded = ["/usr/bin/setpriv", "--bounding-set", "-dac_read_search,-dac_override,-kill"];
    let learn = [CAPWRAP, "--learn", "--user", MEMBER, "--write", "--accept-failure", "--policy", &name.0, "--"];
    let run = root(&[&bounded[..], &learn, &["/usr/bin/cat", &secret]].concat()).run();
    assert!(run.stdout.contains("not here   cap_dac_read_search: refused"), "{run:?}");
    let text = fs::read_to_string(name.written()).unwrap();
    assert!(!text.contains("[[grant]]"), "{text}");
}

#[test]
fn a_number_that_no_account_has_is_a_user_to_learn_for() {
    let name = PolicyName::new("learned-number");
    let run = root(&[CAPWRAP, "--learn", "--user", "12345", "--write", "--policy", &name.0, "/usr/bin/id"]).run();
    assert!(run.ok() && run.stdout.contains("uid=12345 gid=12345 groups=12345\n"), "{run:?}");
    says(&fs::read_to_string(name.written()).unwrap(), &["users = [\"#12345\"]"]);
    let profile: Value = serde_json::from_str(&fs::read_to_string(name.evidence()).unwrap()).unwrap();
    assert_eq!(profile["runs"][0]["user"], serde_json::json!({ "name": null, "uid": 12345 }));
    assert_eq!(profile["runs"][0]["execs"], 0);
}

/// Learns from a Python program with `options`, enables what is written, and launches the program by it. Returns the
/// policy.
#[track_caller]
fn learns_scope(name: &PolicyName, options: &[&str], program: &str) -> String {
    let run = learn(name, options, &["/usr/bin/python3", "-c", program]);
    assert!(run.ok(), "{run:?}");
    let text = fs::read_to_string(name.written()).unwrap();
    let run = root(&[CAPWRAP, "enable", &name.0]).run();
    assert!(run.ok() && !run.stdout.contains("will refuse"), "{run:?}\n{text}");
    let run = capwrap(&[&name.0, "-c", program]).run();
    assert!(run.ok() && run.stdout.contains("done"), "{run:?}\n{text}");
    text
}

/// What the same tool attempts by the policy must fail with EPERM.
#[track_caller]
fn is_closed(name: &PolicyName, attempt: &str) {
    let program = format!(
        "import ctypes, socket\nlibc = ctypes.CDLL(None, use_errno=True)\ntry:\n  ok = ({attempt}) != -1\n  \
         error = ctypes.get_errno()\nexcept OSError as e:\n  ok, error = False, e.errno\nprint('ok' if ok else error)"
    );
    let run = capwrap(&[&name.0, "-c", &program]).run();
    assert!(run.ok() && run.stdout.trim() == "1", "{attempt}: {run:?}");
}

#[test]
fn a_learned_scope_launches_its_tool_and_closes_what_no_run_used() {
    let name = PolicyName::new("learned-doors");
    let raw = "import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, 1); print('done')";
    let text = learns_scope(&name, &["--scope", "calls"], raw);
    says(&text, &["through = [\"socket:raw-icmp\"]", "enforce = \"required\""]);
    for attempt in
        ["socket.socket(socket.AF_PACKET, socket.SOCK_RAW)", "socket.socket(socket.AF_INET, socket.SOCK_RAW, 6)"]
    {
        is_closed(&name, attempt);
    }
    let name = PolicyName::new("learned-host");
    let program = "import socket; socket.sethostname(socket.gethostname()); print('done')";
    let text = learns_scope(&name, &["--scope", "calls"], program);
    says(&text, &["through = [\"sethostname\"]"]);
    for attempt in ["libc.unshare(0x20000)", "libc.mount(b'none', b'/mnt', b'tmpfs', 0, None)", "libc.swapoff(b'/')"] {
        is_closed(&name, attempt);
    }
}

#[test]
fn scopes_are_left_out_with_the_reason_and_without_the_option_only_named() {
    let name = PolicyName::new("learned-no-scope");
    let (_room, secret) = room();
    let run = learn(&name, &["--scope", "calls"], &["/usr/bin/cat", &secret]);
    assert!(run.ok() && run.stdout.contains("no scope   cap_dac_read_search: "), "{run:?}");
    let text = fs::read_to_string(name.written()).unwrap();
    assert!(!text.contains("through") && !text.contains("[scope]"), "{text}");
    let name = PolicyName::new("learned-named");
    let raw = "import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)";
    let run = learn(&name, &[], &["/usr/bin/python3", "-c", raw]);
    assert!(run.stdout.contains("possible: cap_net_raw through socket:raw-icmp; --scope calls writes it"), "{run:?}");
    assert!(!fs::read_to_string(name.written()).unwrap().contains("through"));
}

#[test]
fn a_proof_under_scopes_keeps_those_under_which_the_command_works() {
    let name = PolicyName::new("learned-proof");
    // A clone3(2) of no structure is not noted, because programs do without it; this one prints what it says.
    let process = "import ctypes, socket; socket.sethostname(socket.gethostname()); libc = ctypes.CDLL(None, use_errno=True)\n\
                   libc.syscall(435, None, 0); print('done', ctypes.get_errno())";
    let proof = &["--scope", "calls", "--minimize"];
    let text = learns_scope(&name, proof, process);
    assert!(text.contains("cap_sys_admin") && !text.contains("through"), "{text}");
    // A later run without a proof does not propose what a proof refuted.
    let run = learn(&name, &["--scope", "calls"], &["/usr/bin/python3", "-c", process]);
    assert!(run.stdout.contains("no scope   cap_sys_admin: a run under its scope did not work"), "{run:?}");

    // What works alone is kept: a rule on the root directory itself would open everything.
    let (name, closed) = (PolicyName::new("learned-part"), ClosedFolder::new("/srv", "part"));
    let lists = format!(
        "import os, socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, 1); os.listdir('/')\n\
         print(open({:?}).read(), 'done')",
        closed.file("a")
    );
    let text = learns_scope(&name, &["--scope", "all", "--minimize"], &lists);
    assert!(text.contains("cap_dac_read_search") && !text.contains("beneath"), "{text}");
    says(&text, &["through = [\"socket:raw-icmp\"]"]);
    let scopes = proven_scopes(&name);
    assert_eq!(scopes["works"], serde_json::json!([{ "capability": "cap_net_raw", "through": ["socket:raw-icmp"] }]));
    assert_eq!((&scopes["fails"], &scopes["runs"]), (&serde_json::json!(["cap_dac_read_search"]), &6.into()));
}

/// What the first run of a profile has of its proof under scopes.
fn proven_scopes(name: &PolicyName) -> Value {
    let profile: Value = serde_json::from_str(&fs::read_to_string(name.evidence()).unwrap()).unwrap();
    profile["runs"][0]["scopes"].clone()
}

/// Nobody needs a capability to remove a message queue of their own, and a scope of cap_sys_admin refuses it. The programs do
/// it where the run that was watched first did not: with few capabilities, or where there is no clone3(2).
#[test]
fn a_proof_widens_a_scope_by_what_the_command_does_under_it() {
    let does = |condition: &str, what: &str| {
        format!(
            "import ctypes, os, socket; libc = ctypes.CDLL(None, use_errno=True)\n\
             socket.sethostname(socket.gethostname())\nsocket.socket(socket.AF_INET, socket.SOCK_RAW, 1)\n\
             held = [line for line in open('/proc/self/status') if line.startswith('CapEff')][0].count('f')\n\
             has_clone3 = libc.syscall(435, None, 0) == -1 and ctypes.get_errno() != 38\n\
             if {condition}: {what}\nprint('done')"
        )
    };
    let removes = "assert libc.msgctl(libc.msgget(0, 0o1600), 0, 0) == 0";
    let proof = &["--scope", "calls", "--minimize"];
    // One run under the scope, one or two that are watched, and one under what is wider.
    for (name, condition, runs) in [("few", "held < 5", 3), ("no-clone3", "not has_clone3", 4)] {
        let name = PolicyName::new(&format!("learned-{name}"));
        let text = learns_scope(&name, proof, &does(condition, removes));
        says(&text, &["through = [\"msgctl\", \"sethostname\"]", "through = [\"socket:raw-icmp\"]"]);
        let scopes = proven_scopes(&name);
        assert_eq!((scopes["works"].as_array().unwrap().len(), &scopes["runs"]), (2, &runs.into()), "{scopes}");
        is_closed(&name, "libc.unshare(0x20000)");
    }
    // What would leave everything open is no scope.
    let loads = "assert libc.syscall(BPF, 5, None, 0) == -1 and ctypes.get_errno() == 7"
        .replace("BPF", if cfg!(target_arch = "x86_64") { "321" } else { "280" });
    let name = PolicyName::new("learned-wide");
    let run = learn(&name, proof, &["/usr/bin/python3", "-c", &does("held < 5", &loads)]);
    let why = "no scope   cap_sys_admin: it uses `bpf:program`, which leaves everything: ";
    assert!(run.ok() && run.stdout.contains(why), "{run:?}");
    let text = fs::read_to_string(name.written()).unwrap();
    assert_eq!(text.matches("through").count(), 1, "{text}");
    says(&text, &["through = [\"socket:raw-icmp\"]"]);
    assert_eq!(proven_scopes(&name)["fails"], serde_json::json!([]));
}

#[test]
fn a_proof_widens_a_scope_by_the_file_that_the_command_opens_under_it() {
    let (name, closed, other) =
        (PolicyName::new("learned-wider"), ClosedFolder::new("/srv", "wider"), ClosedFolder::new("/srv", "unread"));
    let program = format!(
        "held = [line for line in open('/proc/self/status') if line.startswith('CapEff')][0].count('f')\n\
         open({:?}).read()\nif held < 5: open({:?}).read()\nprint('done')",
        closed.file("a"),
        other.file("b")
    );
    let text = learns_scope(&name, &["--scope", "all", "--minimize"], &program);
    says(&text, &[&format!("beneath = [\"{}/b\", \"{}/a\"]", other.0, closed.0)]);
    is_out_of_reach(&name, "os.open('/etc/shadow', os.O_RDONLY)");
}

#[test]
fn calls_that_need_no_capability_stay_open_where_they_were_watched() {
    let name = PolicyName::new("learned-watched");
    // A queue of one's own can be removed without a capability, in a thread and in a child too.
    let program = "import ctypes, os, socket, threading; libc = ctypes.CDLL(None)\n\
                   def removes(): print('removed', libc.msgctl(libc.msgget(0, 0o1600), 0, 0), flush=True)\n\
                   socket.sethostname(socket.gethostname())\n\
                   thread = threading.Thread(target=removes); thread.start(); thread.join()\n\
                   if os.fork() == 0: removes(); os._exit(7)\n\
                   print('done', os.waitstatus_to_exitcode(os.wait()[1]))\n\
                   try: os.wait()\nexcept ChildProcessError: print('alone')";
    let text = learns_scope(&name, &["--scope", "calls"], program);
    says(&text, &["through = [\"msgctl\", \"sethostname\"]"]);
    let run = capwrap(&[&name.0, "-c", program]).run();
    assert_eq!(run.stdout, "removed 0\nremoved 0\ndone 7\nalone\n", "{run:?}");
    let learned = learn(&name, &["--scope", "calls"], &["/usr/bin/python3", "-c", program]);
    assert!(learned.stdout.starts_with("removed 0\nremoved 0\ndone 7\nalone\n"), "{learned:?}");
    is_closed(&name, "libc.unshare(0x20000)");

    let name = PolicyName::new("learned-refused");
    let traced = "import ctypes, socket; socket.sethostname(socket.gethostname()); \
                  print('done', ctypes.CDLL(None).ptrace(0, 0, 0, 0))";
    let run = learn(&name, &["--scope", "calls"], &["/usr/bin/python3", "-c", traced]);
    assert!(run.stdout.contains("no scope   cap_sys_admin: it calls ptrace, which every scope refuses"), "{run:?}");
}

#[test]
fn a_namespace_by_clone3_stays_open_for_the_clone_that_follows_it() {
    let name = PolicyName::new("learned-clone3");
    // The structure begins with the flags, here CLONE_NEWUTS, and its fifth word is SIGCHLD.
    let program = "import ctypes, os, socket; libc = ctypes.CDLL(None, use_errno=True)\n\
                   socket.sethostname(socket.gethostname())\n\
                   words = (ctypes.c_uint64 * 8)(0x4000000, 0, 0, 0, 17, 0, 0, 0)\n\
                   child = libc.syscall(435, words, 64)\n\
                   if child < 0 and ctypes.get_errno() == 38: child = libc.syscall(CLONE, 0x4000011, 0, 0, 0, 0)\n\
                   if child == 0: os._exit(0)\n\
                   os.waitpid(child, 0); print('done')";
    let program = program.replace("CLONE", if cfg!(target_arch = "x86_64") { "56" } else { "220" });
    let text = learns_scope(&name, &["--scope", "calls"], &program);
    says(&text, &["through = [\"clone\", \"sethostname\"]"]);
    is_closed(&name, "libc.unshare(0x20000)");
}

#[cfg(target_arch = "x86_64")]
#[test]
fn calls_of_32_bit_code_are_no_surprise_under_a_scope() {
    // mov eax, 20 (getpid); int 0x80; ret
    let foreign = "import ctypes, mmap, socket; socket.sethostname(socket.gethostname())\n\
                   code = mmap.mmap(-1, 4096, prot=7); code.write(bytes.fromhex('b814000000cd80c3'))\n\
                   at = ctypes.addressof(ctypes.c_char.from_buffer(code))\n\
                   print('done', ctypes.CFUNCTYPE(ctypes.c_int)(at)() > 0)";
    let name = PolicyName::new("learned-foreign");
    let run = learn(&name, &["--scope", "calls"], &["/usr/bin/python3", "-c", foreign]);
    assert!(run.stdout.starts_with("done True\n"), "{run:?}");
    let said = "no scope   cap_sys_admin: it makes calls by the numbers of another architecture";
    assert!(run.stdout.contains(said), "{run:?}");
}

#[test]
fn a_watcher_that_is_killed_is_told_and_its_part_of_the_calls_is_not_taken_for_all() {
    let name = PolicyName::new("learned-killed");
    let kills = "import ctypes, os, socket; socket.sethostname(socket.gethostname()); libc = ctypes.CDLL(None)\n\
                 for process in filter(str.isdigit, os.listdir('/proc')):\n\
                 \x20   try: files = [os.readlink(f'/proc/{process}/fd/{file}') for file in os.listdir(f'/proc/{process}/fd')]\n\
                 \x20   except OSError: continue\n\
                 \x20   mine = int(open(f'/proc/{process}/stat').read().split()[3]) == os.getppid()\n\
                 \x20   if mine and 'anon_inode:seccomp notify' in files: os.kill(int(process), 9)\n\
                 print('done', libc.msgctl(-1, 0, 0))";
    let run = learn(&name, &["--scope", "calls"], &["/usr/bin/python3", "-c", kills]);
    assert!(run.ok(), "{run:?}");
    assert!(run.stderr.contains("what watched its system calls ended before the command did"), "{run:?}");
    let profile: Value = serde_json::from_str(&fs::read_to_string(name.evidence()).unwrap()).unwrap();
    assert_eq!(profile["runs"][0]["watched"], Value::Null);
}

#[test]
fn a_server_gets_the_port_that_it_bound_and_no_other() {
    let name = PolicyName::new("learned-port");
    let binds = |port: u16, kind: &str| {
        format!(
            "import socket; socket.socket(socket.AF_INET, socket.{kind}).bind(('127.0.0.1', {port})); print('done')"
        )
    };
    let text = learns_scope(&name, &["--scope", "all"], &binds(443, "SOCK_STREAM"));
    says(&text, &["ports = [\"tcp/443\"]"]);
    for port in [22, 80, 444] {
        let run = capwrap(&[&name.0, "-c", &binds(port, "SOCK_STREAM")]).run();
        assert!(!run.ok() && run.stderr.contains("PermissionError: [Errno 13]"), "{port}: {run:?}");
    }
    let name = PolicyName::new("learned-datagrams");
    let run = learn(&name, &["--scope", "all"], &["/usr/bin/python3", "-c", &binds(443, "SOCK_DGRAM")]);
    assert!(run.stdout.contains("port 443 of protocol 17, and Landlock confines TCP alone"), "{run:?}");
}

/// What the same tool attempts by the policy must fail with EACCES.
#[track_caller]
fn is_out_of_reach(name: &PolicyName, attempt: &str) {
    let run = capwrap(&[&name.0, "-c", &format!("import os; {attempt}")]).run();
    assert!(!run.ok() && run.stderr.contains("PermissionError: [Errno 13]"), "{attempt}: {run:?}");
}

#[test]
fn a_reader_gets_the_files_that_it_read_and_not_the_passwords() {
    let (name, closed, other) =
        (PolicyName::new("learned-read"), ClosedFolder::new("/srv", "read"), ClosedFolder::new("/srv", "other"));
    let (file, unread) = (closed.file("a"), other.file("b"));
    let text = learns_scope(&name, &["--scope", "all"], &format!("open({file:?}).read(); print('done')"));
    says(&text, &[&format!("beneath = [{file:?}]"), "caps    = [\"cap_dac_read_search\"]"]);
    for path in ["/etc/shadow", "/root", &unread, &closed.file("c")] {
        is_out_of_reach(&name, &format!("os.open({path:?}, os.O_RDONLY)"));
    }
    // The profile keeps what was used, and whether the user may use it without a capability.
    let profile: Value = serde_json::from_str(&fs::read_to_string(name.evidence()).unwrap()).unwrap();
    let places = profile["runs"][0]["places"].as_array().unwrap();
    let place = serde_json::json!({ "access": "read", "path": file, "needs_capability": true });
    assert!(places.contains(&place), "{places:?}");
    // Another run needs another file.
    let more = format!("open({unread:?}).read(); print('done')");
    let run = learn(&name, &["--scope", "all"], &["/usr/bin/python3", "-c", &more]);
    assert!(run.stderr.contains("the policy's scope of cap_dac_read_search gets wider: beneath "), "{run:?}");
    let text = fs::read_to_string(format!("/etc/capwrap/policies/{}.toml", name.0)).unwrap();
    says(&text, &[&format!("beneath = [{file:?}]"), &format!("beneath = [{unread:?}]")]);
    let run = capwrap(&[&name.0, "-c", &more]).run();
    assert!(run.ok() && run.stdout.contains("done"), "{run:?}\n{text}");
    is_out_of_reach(&name, "os.open('/etc/shadow', os.O_RDONLY)");
}

#[test]
fn a_folder_stands_for_its_files_and_a_proof_shows_that_it_is_enough() {
    let (name, closed, open) =
        (PolicyName::new("learned-folder"), ClosedFolder::new("/srv", "folder"), ClosedFolder::new("/srv", "open"));
    let files = ["a", "b", "c"].map(|name| closed.file(name));
    let listed = open.file("listed");
    for path in [&open.0, &listed] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let reads = format!("import os; [open(one).read() for one in {files:?}]; os.listdir({:?}); print('done')", open.0);
    let text = learns_scope(&name, &["--scope", "all", "--minimize"], &reads);
    says(&text, &[&format!("beneath = [{:?}]", closed.0), &format!("readable = [{:?}]", open.0)]);
    let profile: Value = serde_json::from_str(&fs::read_to_string(name.evidence()).unwrap()).unwrap();
    let works = serde_json::json!([{ "capability": "cap_dac_read_search", "beneath": [closed.0] }]);
    assert_eq!(profile["runs"][0]["scopes"]["works"], works);
    // What the next run reads in the folder is open to it.
    let more = format!("print(open({:?}).read())", closed.file("more"));
    let run = capwrap(&[&name.0, "-c", &more]).run();
    assert!(run.ok() && run.stdout.contains(ClosedFolder::LINE), "{run:?}");
    is_out_of_reach(&name, "os.open('/etc/shadow', os.O_RDONLY)");
}

#[test]
fn a_writer_gets_the_folder_in_which_it_makes_and_removes_files() {
    let (name, closed, other) =
        (PolicyName::new("learned-write"), ClosedFolder::new("/srv", "write"), ClosedFolder::new("/srv", "unwritten"));
    let (room, unwritten) = (&closed.0, other.file("x"));
    let writes = format!(
        "import os; os.chdir({room:?}); open('new', 'w').write('x'); os.rename('new', 'old'); os.mkdir('folder'); \
         os.rmdir('folder'); os.unlink('old'); print('done')"
    );
    let text = learns_scope(&name, &["--scope", "all"], &writes);
    says(&text, &[&format!("beneath = [{room:?}]"), "caps    = [\"cap_dac_override\"]"]);
    for attempt in [
        "open('/etc/shadow', 'a')".to_owned(),
        format!("open({unwritten:?}, 'w')"),
        format!("os.unlink({unwritten:?})"),
        format!("os.rename({unwritten:?}, {room:?} + '/x')"),
        "os.mkdir('/etc/capwrap-tests')".to_owned(),
    ] {
        let run = capwrap(&[&name.0, "-c", &format!("import os; {attempt}")]).run();
        // Landlock answers a move between directories with EXDEV.
        let refused = ["[Errno 13]", "[Errno 18]"].iter().any(|errno| run.stderr.contains(errno));
        assert!(!run.ok() && refused, "{attempt}: {run:?}");
    }
}

#[test]
fn what_lies_in_the_root_directory_is_no_scope_and_is_said() {
    let name = PolicyName::new("learned-root");
    let run =
        learn(&name, &["--scope", "all"], &["/usr/bin/python3", "-c", "import os; os.mkdir('/capwrap-tests-root')"]);
    let _ = fs::remove_dir("/capwrap-tests-root");
    assert!(run.stdout.contains("cap_dac_override: it uses files in the root directory"), "{run:?}");
    // What only lists it gets no rule on everything, and a proof says why it has no scope.
    let (name, closed) = (PolicyName::new("learned-tree"), ClosedFolder::new("/srv", "tree"));
    let lists = format!("import os; os.listdir('/'); print(len(open({:?}).read()))", closed.file("a"));
    let run = learn(&name, &["--scope", "all", "--minimize"], &["/usr/bin/python3", "-c", &lists]);
    assert!(run.stdout.contains("it opens the root directory itself"), "{run:?}");
}
