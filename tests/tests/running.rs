//! `capwrap run`, and what `--learn`, `--minimize` and `trace` start by it: a command of root's that runs as another
//! user gets what is passed to it and nothing else of root's.

use capwrap_tests::*;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

/// `capwrap run` as the member.
fn run(words: &[&str]) -> Call {
    root(&[&["capwrap", "run", "--user", MEMBER], words].concat())
}

/// Each way in which a verb of root's starts a command as the member.
fn each_way() -> Vec<Vec<&'static str>> {
    let as_member = ["--user", MEMBER];
    [
        &["capwrap", "run", "--caps", "cap_net_raw"][..],
        &["capwrap", "--learn"],
        &["capwrap", "--learn", "--json"],
        &["capwrap", "--learn", "--minimize"],
        &["capwrap", "--learn", "--minimize", "--check", "true"],
        &["capwrap", "trace"],
        &["capwrap", "trace", "--json"],
    ]
    .into_iter()
    .map(|words| [words, &as_member].concat())
    .collect()
}

/// A folder that the member can write and everybody can enter.
fn of_the_member() -> Folder {
    let folder = Folder::new();
    let path = PathBuf::from(folder.path(""));
    let (uid, gid) = ids(MEMBER);
    chown(&path, Some(uid), Some(gid)).unwrap();
    folder
}

fn ids(name: &str) -> (u32, u32) {
    let user = nix::unistd::User::from_name(name).unwrap().unwrap();
    (user.uid.as_raw(), user.gid.as_raw())
}

/// Files in the member's home, and nothing of them afterwards.
struct Planted(Vec<PathBuf>);

impl Planted {
    fn new(files: &[(&str, String)]) -> Self {
        let home = nix::unistd::User::from_name(MEMBER).unwrap().unwrap().dir;
        let (uid, gid) = ids(MEMBER);
        let mut paths = Vec::new();
        for (name, text) in files {
            let file = home.join(name);
            for folder in file.ancestors().skip(1).take_while(|folder| **folder != home) {
                fs::create_dir_all(folder).unwrap();
                fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
            }
            fs::write(&file, text).unwrap();
            chown(&file, Some(uid), Some(gid)).unwrap();
            paths.push(file);
        }
        Self(paths)
    }
}

impl Drop for Planted {
    fn drop(&mut self) {
        for file in &self.0 {
            let _ = fs::remove_file(file);
        }
    }
}

#[test]
fn a_command_holds_what_is_named_and_nothing_else() {
    for (caps, words) in [("cap_net_raw", &["--caps", "cap_net_raw"][..]), ("", &[])] {
        for call in [root(&[&["capwrap", "run"], words, &[WITNESS]].concat()), run(&[words, &[WITNESS]].concat())] {
            let seen = call.run().witness();
            assert_eq!(seen.sets(), [mask(caps); 4], "{seen:?}");
        }
    }
}

#[test]
fn a_command_runs_as_the_user_with_the_groups_of_that_user() {
    let expected = user(MEMBER, &["id"]).run().stdout;
    for user in [MEMBER.to_owned(), ids(MEMBER).0.to_string(), format!("#{}", ids(MEMBER).0)] {
        assert_eq!(root(&["capwrap", "run", "--user", &user, "id"]).run().stdout, expected, "{user}");
    }
    assert!(root(&["capwrap", "run", "id", "-u"]).run().stdout == "0\n");
}

#[test]
fn only_root_runs_a_command_by_itself() {
    user(STRANGER, &["capwrap", "run", "--caps", "cap_net_raw", "id"]).run().refused(&["root alone"]);
    user(MEMBER, &["capwrap", "run", "id"]).run().refused(&["root alone"]);
    // What the verb starts is the launcher, which does not believe that it was the verb.
    let words = ["capwrap", "--run", "--file", "/usr/bin/id", "--ids", "0,0", "--", "id"];
    user(MEMBER, &words).run().refused(&["root alone"]);
}

#[test]
fn the_launcher_does_not_share_roots_session_with_another_user() {
    let words = ["capwrap", "--run", "--file", "/usr/bin/id", "--ids", "1,1", "--", "id"];
    root(&words).run().refused(&["would share a session with root", "hint: start it with capwrap run"]);
}

#[test]
fn what_cannot_be_run_is_refused_with_the_reason() {
    run(&["no-such-command"]).run().refused_with(127, &["no-such-command"]);
    run(&["/etc/passwd"]).run().refused_with(126, &["/etc/passwd"]);
    run(&["--caps", "cap_net_rwa", "id"]).run().refused(&["cap_net_rwa", "cap_net_raw is one"]);
    run(&["--policy", "t-run-nowhere", "id"]).run().refused(&["no policy for \"t-run-nowhere\" is enabled"]);
    root(&["capwrap", "run", "--user", "no-such-user", "id"]).run().refused(&["there is no user no-such-user"]);
    root(&["capwrap", "run", "--user", "+0", "id"]).run().refused(&["there is no user +0"]);
    for name in ["../policies/t-everything", "/etc/capwrap/policies/t-everything", "", ".", "; id", "a\nb"] {
        run(&["--policy", name, "id"]).run().refused(&["is no name of a policy"]);
    }
    run(&[]).run().refused(&["CMD"]);
    let folder = of_the_member();
    let tool = folder.copy("/usr/bin/id", "id");
    run(&[&tool]).run().refused_with(126, &["belongs to uid"]);
    assert!(run(&["--any-owner", &tool]).run().ok());
}

#[test]
fn the_status_is_that_of_the_command() {
    assert_eq!(run(&["sh", "-c", "exit 7"]).run().code, 7);
    assert_eq!(run(&["sh", "-c", "kill -TERM $$"]).run().code, 128 + 15);
}

#[test]
fn what_a_user_keeps_at_home_does_not_run_with_what_root_passes() {
    let folder = Folder::new();
    fs::set_permissions(folder.path(""), fs::Permissions::from_mode(0o1777)).unwrap();
    let mark = folder.path("ran");
    let python = fs::read_dir("/usr/lib")
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().into_string().ok())
        .find(|name| name.starts_with("python3."))
        .expect("no python3 is installed");
    let touch = format!("touch {mark}\n");
    let _planted = Planted::new(&[
        (&format!(".local/lib/{python}/site-packages/usercustomize.py"), format!("open({mark:?}, 'w')\n")),
        (".bashrc", touch.clone()),
        (".bash_profile", touch.clone()),
        (".profile", touch.clone()),
        (".bash_logout", touch.clone()),
        (".inputrc", "$include /etc/inputrc\n".to_owned()),
        (".gdbinit", format!("shell touch {mark}\n")),
        (".config/gdb/gdbinit", format!("shell touch {mark}\n")),
        (".vimrc", format!("call system('touch {mark}')\n")),
    ]);
    let mut commands = vec![
        vec!["python3", "-c", "import site"],
        vec!["bash", "-ic", "true"],
        vec!["bash", "-lc", "true"],
        vec!["sh", "-lc", "true"],
    ];
    if Path::new("/usr/bin/gdb").exists() {
        commands.push(vec!["gdb", "-batch"]);
    }
    // What was planted works: the member's own shell runs it.
    assert!(root(&["su", "-", MEMBER, "-c", "true"]).run().ok() && Path::new(&mark).exists());
    fs::remove_file(&mark).unwrap();
    for way in each_way() {
        // With --minimize each command is run many times.
        let commands = if way.contains(&"--minimize") { &commands[..1] } else { &commands };
        for command in commands {
            let run = root(&[&way[..], command].concat()).run();
            assert!(!Path::new(&mark).exists(), "{way:?} {command:?}: {run:?}");
        }
    }
}

#[test]
fn the_home_is_empty_and_the_users_own_and_gone_afterwards() {
    let seen =
        run(&["sh", "-c", "stat -c '%U %a' \"$HOME\"; ls -A \"$HOME\"; touch \"$HOME/x\" && echo \"$HOME\""]).run();
    let lines: Vec<&str> = seen.stdout.lines().collect();
    assert_eq!(lines[0], format!("{MEMBER} 700"), "{seen:?}");
    assert!(lines.len() == 2 && !Path::new(lines[1]).exists(), "{seen:?}");
    let listed = user(MEMBER, &["ls", Path::new(lines[1]).parent().unwrap().to_str().unwrap()]).run();
    assert!(!listed.ok(), "{listed:?}");
}

#[test]
fn no_command_line_tells_the_user_where_the_home_is() {
    let mark = format!("t-home-{}", std::process::id());
    let mut lines = Vec::new();
    // While the probe is loaded, the process that becomes the command waits. On a busy machine one pass over all processes
    // may take longer than that, so it is tried several times.
    for _ in 0..20 {
        let mut learn = root(&["capwrap", "--learn", "--user", MEMBER, "sh", "-c", "exit 0", &mark]).command();
        let mut learn = learn.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while learn.try_wait().unwrap().is_none() {
            for process in fs::read_dir("/proc").unwrap() {
                let line = fs::read(process.unwrap().path().join("cmdline")).unwrap_or_default();
                let line = String::from_utf8_lossy(&line).replace('\0', " ");
                if line.contains(&mark) && line.contains(" --run ") {
                    lines.push(line);
                }
            }
        }
        if !lines.is_empty() {
            break;
        }
    }
    assert!(!lines.is_empty(), "nobody waited");
    assert!(!lines.iter().any(|line| line.contains("/run/capwrap/homes/")), "{lines:?}");
}

#[test]
fn the_user_gets_to_the_home_whatever_roots_umask_is() {
    let script = format!(
        "mount -t tmpfs -o mode=0755 t /run && umask 0777 && \
         capwrap run --user {MEMBER} sh -c 'cd && pwd' && stat -c %a /run/capwrap /run/capwrap/homes"
    );
    let seen = root(&["unshare", "-m", "sh", "-c", &script]).run();
    assert!(seen.ok() && seen.stdout.starts_with("/run/capwrap/homes/"), "{seen:?}");
    assert!(seen.stdout.ends_with("\n755\n711\n"), "{seen:?}");
}

#[test]
fn the_policy_that_is_named_says_what_the_environment_is() {
    let policy = Policy::named(
        "t-run-environment",
        "schema = 1\ntool = { path = \"/usr/bin/id\" }\nallow = { users = [\"root\"] }\n\
         [exec]\nno_new_privs = false\n[exec.limits]\nnofile = 77\n\
         [exec.env]\nkeep = [\"T_KEPT\"]\nset = { HOME = \"/nonexistent\", T_SET = \"1\" }\n",
    );
    let script = "echo $HOME $T_SET $T_KEPT $T_SECRET $(ulimit -n); grep NoNewPrivs /proc/self/status";
    for (options, expected) in [
        (&["--policy", &policy.name][..], "/nonexistent 1 kept 77\nNoNewPrivs:\t0\n"),
        (&["--caps", "cap_net_raw", "--policy", &policy.name], "/nonexistent 1 kept 77\nNoNewPrivs:\t0\n"),
    ] {
        let words = [options, &["sh", "-c", script]].concat();
        let seen = run(&words).env("T_KEPT", "kept").env("T_SECRET", "secret").run();
        assert_eq!(seen.stdout, expected, "{seen:?}");
    }
    let seen = run(&["sh", "-c", "grep NoNewPrivs /proc/self/status"]).run();
    assert_eq!(seen.stdout, "NoNewPrivs:\t1\n");
}

/// sudo can leave HOME as the user's own, and a policy can keep it.
#[test]
fn no_home_in_roots_environment_is_the_commands() {
    let policy = Policy::named(
        "t-run-home",
        "schema = 1\ntool = { path = \"/usr/bin/id\" }\nallow = { users = [\"root\"] }\n\
         [exec.env]\nkeep = [\"HOME\", \"USER\", \"LOGNAME\", \"SHELL\", \"XDG_CONFIG_HOME\", \"PATH\"]\n",
    );
    for options in [&["--policy", &policy.name][..], &["--caps", "cap_net_raw", "--policy", &policy.name]] {
        let words = [options, &["sh", "-c", "echo $HOME $USER $LOGNAME; echo $XDG_CONFIG_HOME $PATH"]].concat();
        let call = run(&words).env("HOME", "/home/t").env("XDG_CONFIG_HOME", "/home/t").env("USER", "root");
        let path = format!("/home/t/bin:{}", std::env::var("PATH").unwrap());
        let seen = call.env("LOGNAME", "root").env("PATH", &path).run();
        assert!(seen.stdout.starts_with("/run/capwrap/homes/"), "{seen:?}");
        assert!(seen.stdout.contains(&format!(" {MEMBER} {MEMBER}\n")) && !seen.stdout.contains("/home/t"), "{seen:?}");
    }
}

/// Starts the words as root with a descriptor of /etc/shadow, a variable, a umask, limits, ignored signals, a nice
/// value and a key of root's own.
fn with_roots_own(words: &[&str]) -> Run {
    let script = "exec 9</etc/shadow; export T_SECRET=secret; umask 000; ulimit -s unlimited 2>/dev/null; ulimit -S -n 64; \
                  ulimit -c unlimited 2>/dev/null; trap '' HUP INT QUIT TERM USR1; renice -n -5 -p $$ > /dev/null; exec \"$@\"";
    let mut words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    words.splice(0..0, ["bash", "-c", script, "bash"].map(String::from));
    let handle = std::thread::spawn(move || {
        // A thread has credentials of its own, and so has what it starts.
        let none: *const libc::c_char = std::ptr::null();
        // SAFETY: KEYCTL_JOIN_SESSION_KEYRING (1) with a null name reads nothing; add_key(2) reads the two strings and
        // five bytes.
        let key = unsafe {
            libc::syscall(libc::SYS_keyctl, 1, none);
            libc::syscall(libc::SYS_add_key, c"user".as_ptr(), c"t-roots-key".as_ptr(), c"value".as_ptr(), 5, -3)
        };
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        (key > 0, root(&words).run())
    });
    let (has_key, run) = handle.join().unwrap();
    assert!(has_key, "no key could be added");
    run
}

#[test]
fn nothing_of_roots_reaches_a_command_of_another_user() {
    let script = "cat <&9 2>/dev/null && echo descriptor; [ -z \"$T_SECRET\" ] || echo variable; umask; \
                  grep -E 'Sig(Ign|Blk)' /proc/self/status; cut -d' ' -f19 /proc/self/stat; grep -c t-roots-key /proc/keys; \
                  ls /proc/self/fd | wc -l; ulimit -c";
    for way in each_way().into_iter().filter(|way| !way.contains(&"--minimize") && !way.contains(&"--json")) {
        let seen = with_roots_own(&[&way[..], &["bash", "-c", script]].concat());
        let expected = ["0022", "SigBlk:\t0000000000000000", "SigIgn:\t0000000000000000", "0", "0"];
        let lines: Vec<&str> = seen.stdout.lines().filter(|line| !line.starts_with("TIME")).collect();
        assert_eq!(&lines[..5], expected, "{way:?}: {seen:?}");
        // ls has its own descriptor of the directory beside the three standard ones.
        assert_eq!(lines[5..7], ["4", "0"], "{way:?}: {seen:?}");
    }
    // The same reaches a command that root starts for root.
    let own = with_roots_own(&["bash", "-c", script]);
    assert!(own.stdout.contains("descriptor") && own.stdout.contains("variable"), "{own:?}");
    assert!(own.stdout.contains("\n-5\n") && !own.stdout.contains("\n0\n"), "{own:?}");
}

#[test]
fn limits_are_those_of_process_1_and_never_more_than_roots() {
    let limits =
        |run: Run| run.stdout.lines().filter(|line| line.starts_with("Max ")).map(str::to_owned).collect::<Vec<_>>();
    let of_init = limits(root(&["cat", "/proc/1/limits"]).run());
    let seen = limits(run(&["cat", "/proc/self/limits"]).run());
    assert_eq!(of_init.len(), seen.len());
    let lowered = limits(
        root(&["prlimit", "--nofile=99:100", "capwrap", "run", "--user", MEMBER, "cat", "/proc/self/limits"]).run(),
    );
    let open_files = |all: &[String], column: usize| -> u64 {
        let line = all.iter().find(|line| line.starts_with("Max open files")).unwrap();
        line.split_whitespace().nth(column).unwrap().parse().unwrap()
    };
    let roots = limits(root(&["cat", "/proc/self/limits"]).run());
    assert_eq!(open_files(&lowered, 4), 100, "{lowered:?}");
    assert_eq!(open_files(&seen, 4), open_files(&of_init, 4).min(open_files(&roots, 4)));
    assert_eq!(open_files(&seen, 3), open_files(&of_init, 3).min(open_files(&seen, 4)));
}

#[test]
fn a_directory_that_the_user_may_not_enter_is_not_the_working_directory() {
    let folder = Folder::new();
    fs::set_permissions(folder.path(""), fs::Permissions::from_mode(0o700)).unwrap();
    let inner = folder.path("inner");
    fs::create_dir(&inner).unwrap();
    fs::write(format!("{inner}/secret"), "of root's").unwrap();
    let seen = run(&["sh", "-c", "pwd; cat secret"]).dir(&inner).run();
    assert!(seen.stdout == "/\n" && seen.stderr.contains("the command begins in /"), "{seen:?}");
    let open = run(&["pwd"]).dir("/usr/share").run();
    assert_eq!((open.stdout.as_str(), open.stderr.as_str()), ("/usr/share\n", ""));
}

/// Runs a script of bash's on a terminal of its own, on which nobody types, and gives what it shows.
fn on_a_terminal(script: &str) -> String {
    typed_on_a_terminal(script, b"")
}

/// Runs a script of bash's on a terminal of its own, on which this is typed after a second.
fn typed_on_a_terminal(script: &str, typed: &'static [u8]) -> String {
    let mut command = root(&["script", "-qec", &format!("bash -c '{script}'"), "/dev/null"]).command();
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut keyboard = child.stdin.take().unwrap();
    let typist = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(1));
        // Who waits for nothing more to be typed has ended.
        let _ = keyboard.write_all(typed);
        keyboard
    });
    let shown = Run::of(&child.wait_with_output().unwrap()).stdout;
    drop(typist.join());
    shown
}

#[test]
fn a_home_is_removed_however_deep_it_is() {
    let script = "import os\nprint(os.environ['HOME'])\nos.chdir(os.environ['HOME'])\n\
                  for _ in range(60000): os.mkdir('d'); os.chdir('d')";
    let run = run(&["python3", "-c", script]).run();
    let home = run.stdout.trim_end();
    assert!(home.starts_with("/run/capwrap/homes/") && !Path::new(home).exists(), "{run:?}");
    assert_eq!(run.stderr, "");
}

#[test]
fn a_signal_to_capwrap_run_is_the_commands() {
    for signal in ["USR1", "TERM", "ALRM"] {
        let script = format!(
            "capwrap run --user {MEMBER} sh -c \"trap 'exit 7' {signal}; echo \\$HOME; while :; do sleep 0.1; done\" & \
             sleep 1; kill -{signal} $!; wait $!"
        );
        let run = root(&["bash", "-c", &script]).run();
        assert_eq!(run.code, 7, "{signal}: {run:?}");
        let home = run.stdout.trim_end();
        assert!(home.starts_with("/run/capwrap/homes/") && !Path::new(home).exists(), "{signal}: {run:?}");
    }
}

#[test]
fn a_command_that_stops_gives_roots_terminal_back_until_it_goes_on() {
    let script = format!(
        "set -m; capwrap run --user {MEMBER} sh -c \"kill -STOP \\$\\$; echo went on\"; echo status $?; \
         stty -a | grep -o -w -e \"-*icanon\"; fg > /dev/null; stty -a | grep -o -w -e \"-*icanon\""
    );
    let shown = on_a_terminal(&script);
    let lines: Vec<&str> = shown.lines().filter(|line| !line.is_empty() && !line.contains("Stopped")).collect();
    // 128 and the number of SIGSTOP.
    assert_eq!(lines, ["status 147", "icanon", "went on", "icanon"], "{shown}");
}

#[test]
fn an_interrupt_typed_for_a_command_whose_input_is_elsewhere_ends_all_of_its_processes() {
    let script = format!(
        "trap : INT; capwrap run --user {MEMBER} sh -c \"sh -c \\\"sleep 3; echo not ended\\\"; true\" < /dev/null; \
         echo status $?; sleep 4"
    );
    let shown = typed_on_a_terminal(&script, b"\x03");
    // The outer shell waits for the inner one in any case, which goes on unless it is interrupted too.
    assert!(shown.contains("status 130") && !shown.contains("not ended"), "{shown}");
}

#[test]
fn what_is_typed_and_not_read_does_not_hold_roots_terminal() {
    static TYPED: [u8; 400_000] = [b'x'; 400_000];
    let began = Instant::now();
    let left_behind = "stty raw -echo; trap \"\" HUP; sleep 25 & sleep 3; exit 7".replace('"', "\\\"");
    let script = format!("capwrap run --user {MEMBER} sh -c \"{left_behind}\"; echo status $?");
    let shown = typed_on_a_terminal(&script, &TYPED);
    assert!(shown.contains("status 7") && began.elapsed() < Duration::from_secs(15), "{:?}: {shown}", began.elapsed());
}

#[test]
fn a_real_time_io_class_of_roots_does_not_reach_the_user() {
    let ask = ["capwrap", "run", "--user", MEMBER, "ionice"];
    assert!(root(&["ionice", "-c1", "ionice"]).run().stdout.starts_with("realtime"));
    let seen = root(&[&["ionice", "-c1"], &ask[..]].concat()).run();
    assert!(seen.stdout.starts_with("none"), "{seen:?}");
    assert_eq!(root(&[&["ionice", "-c3"], &ask[..]].concat()).run().stdout, "idle\n");
}

#[test]
fn a_signal_that_has_no_name_ends_a_command_as_any_other() {
    // The shell of the test gives the status of what a signal ended.
    assert_eq!(run(&["bash", "-c", "kill -36 $$"]).run().code, 128 + 36);
    let learned = root(&["capwrap", "--learn", "--user", MEMBER, "sh", "-c", "(bash -c \"kill -36 \\$\\$\"); exit 7"]);
    let seen = learned.run();
    assert_eq!(seen.code, 7, "{seen:?}");
}

#[test]
fn a_signal_that_root_ignores_does_not_end_the_command() {
    let script = |before: &str, signal: &str| {
        format!(
            "{before} capwrap run --user {MEMBER} sh -c 'sleep 2; echo survived' < /dev/null & sleep 0.7; \
             kill -{signal} $!; wait $!"
        )
    };
    for signal in ["HUP", "INT", "QUIT", "TERM"] {
        let ignoring = root(&["bash", "-c", &script(&format!("trap '' {signal};"), signal)]).run();
        assert_eq!(ignoring.stdout, "survived\n", "{signal}: {ignoring:?}");
    }
    let heeding = root(&["bash", "-c", &script("", "HUP")]).run();
    assert_eq!((heeding.stdout.as_str(), heeding.code), ("", 128 + 1), "{heeding:?}");
}

#[test]
fn a_command_that_never_stops_writing_fills_neither_the_disk_nor_the_memory() {
    let start = std::time::Instant::now();
    let words = ["capwrap", "--learn", "--minimize", "--for", "60s", "--user", MEMBER, "yes"];
    let run = root(&[&["timeout", "50"], &words[..]].concat()).run();
    run.refused(&["more than 64 MiB to standard output", "hint: let it write elsewhere"]);
    assert!(start.elapsed().as_secs() < 30, "{:?}", start.elapsed());
}

#[test]
fn learning_goes_on_where_nobody_reads_its_notes() {
    let script = format!(
        "exec 3>&1; {{ capwrap --learn --user {MEMBER} sh -c 'sleep 4 & exit 7' 2>&1 > /dev/null 3>&-; echo $? >&3; }} | true"
    );
    let seen = root(&["bash", "-c", &script]).run();
    assert_eq!(seen.stdout, "7\n", "{seen:?}");
}

#[test]
fn a_command_cannot_type_into_roots_terminal() {
    let folder = Folder::new();
    let push = folder.path("push.py");
    let text = "import fcntl, termios\nfor fd in (0, 1, 2):\n  for byte in b'typed\\n':\n    try: fcntl.ioctl(fd, termios.TIOCSTI, bytes([byte]))\n    except OSError: pass\n";
    fs::write(&push, text).unwrap();
    let then = "stty -echo; read -r -t 2 line; echo \"got=[$line]\"";
    assert!(on_a_terminal(&format!("python3 {push}; {then}")).contains("got=[typed]"), "the program types nothing");
    for way in each_way() {
        let shown = on_a_terminal(&format!("{} python3 {push} > /dev/null; {then}", way.join(" ")));
        assert!(shown.contains("got=[]"), "{way:?}: {shown}");
    }
}

#[test]
fn a_command_on_a_terminal_has_one_of_its_own() {
    let shown = on_a_terminal(&format!(
        "stty rows 33 cols 99; tty; capwrap run --user {MEMBER} sh -c \"tty; stty size\"; stty -a"
    ));
    let lines: Vec<&str> = shown.lines().collect();
    assert!(lines[0].starts_with("/dev/pts/") && lines[1].starts_with("/dev/pts/"), "{shown}");
    assert_ne!(lines[0], lines[1]);
    assert_eq!(lines[2], "33 99");
    // Afterwards root's terminal is as it was.
    assert!(
        ["icanon", "echo", "opost"].iter().all(|mode| shown.split_whitespace().any(|word| word == *mode)),
        "{shown}"
    );
}

#[test]
fn a_command_without_a_terminal_has_no_session_of_roots() {
    let seen = run(&["sh", "-c", "echo $$ $(cut -d' ' -f6 /proc/self/stat); exec 3<>/dev/tty && echo terminal"]).run();
    let (own, session) = seen.stdout.trim().split_once(' ').unwrap();
    assert_eq!(own, session, "{seen:?}");
}
