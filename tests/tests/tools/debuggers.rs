//! gdb and strace, on a process of another user.

use super::*;

/// What gdb prints of the process with this number. The language is set to C, because the one that gdb would guess
/// depends on the compiler.
fn secret_of(pid: &str) -> [String; 8] {
    ["-nx", "-batch", "-p", pid, "-ex", "set language c", "-ex", "print *(int *)&OBSERVED_SECRET"].map(str::to_owned)
}

#[test]
fn gdb_reads_the_memory_of_another_users_process_with_both() {
    with_shipped("gdb", &[], || {
        let observed = Observed::start(&["rest"]);
        let arguments = secret_of(&observed.pid());
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        // A process has one tracer at a time.
        let one = std::sync::Mutex::new(());
        let alone = |call: Call| {
            let _one = one.lock();
            run(call)
        };
        // The exit code of gdb is that of its last command.
        let granted = takes_exactly("gdb", &arguments, alone, |run| run.stdout.contains("$1 = 4242"));
        assert_eq!(granted, ["cap_sys_ptrace", "cap_dac_override"]);
    });
}

#[test]
fn gdb_starts_no_program() {
    with_shipped("gdb", &[], || {
        let open = with_children("gdb");
        for command in [
            "shell grep CapEff /proc/self/status",
            "!grep CapEff /proc/self/status",
            "pipe help | grep CapEff /proc/self/status",
        ] {
            let with = |name: &str| run(capwrap(&[name, "-nx", "-batch", "-ex", command]));
            let escaped = with(&open.name);
            assert_eq!(effective(&escaped.stdout), Some(mask("sys_ptrace,dac_override")), "{command}: {escaped:?}");
            let closed = with("gdb");
            assert_eq!(effective(&closed.stdout), None, "{command}: {closed:?}");
            let said = ["Operation not permitted", "Error launching"].iter().any(|said| closed.stderr.contains(said));
            assert!(said, "{command}: {closed:?}");
        }
        // A program to be debugged starts too late for capwrap to know, where a command in gdb asks for it.
        let with = |name: &str| run(capwrap(&[name, "-nx", "-batch", "-ex", "run -c :", "/bin/sh"]));
        let closed = with("gdb");
        assert!(closed.stderr.contains("Operation not permitted"), "{closed:?}");
        assert!(with(&open.name).stdout.contains("exited normally"), "it is not the filter that stops it");
    });
}

#[test]
fn gdb_starts_the_program_that_its_arguments_name_without_any_capability() {
    with_shipped("gdb", &[], || {
        let status = ["/bin/grep", "CapEff", "/proc/self/status"];
        for before in [
            &["-ex", "run", "--args"][..],
            &["-ex", "starti", "-ex", "continue", "-args"],
            &["--eval-command=r", "--args"],
        ] {
            let run = run(capwrap(&[&["gdb", "-nx", "-batch"], before, &status].concat()));
            assert_eq!(effective(&run.stdout), Some(0), "{before:?}: {run:?}");
        }
        let run = run(capwrap(&["gdb", "-nx", "-batch", "-ex", "run", "/bin/true"]));
        assert!(run.stdout.contains("exited normally"), "{run:?}");
        assert_eq!(granted("gdb", &["--args", "prog", "-p", "1"]), [""; 0]);
    });
}

#[test]
fn gdb_attaches_however_the_process_is_named() {
    with_shipped("gdb", &[], || {
        let observed = Observed::start(&["rest"]);
        let pid = observed.pid();
        let equals = format!("--pid={pid}");
        for process in [&["-p", &pid][..], &["-pid", &pid], &[&equals], &[env!("CARGO_BIN_EXE_observed"), &pid]] {
            let run = run(capwrap(&[&["gdb", "-nx", "-batch", "-ex", "info inferiors"], process].concat()));
            assert!(run.stdout.contains(&format!("process {pid}")), "{process:?}: {run:?}");
        }
    });
}

#[test]
fn gdb_leaves_no_bytecode_of_the_callers_where_roots_gdb_would_load_it() {
    with_shipped("gdb", &[], || {
        let modules = "/usr/share/gdb";
        if !std::path::Path::new(modules).join("python").exists() {
            println!("this gdb has no Python");
            return;
        }
        // The test's mount namespace has a copy of the scripts without any bytecode.
        cover("/mnt");
        assert!(root(&["cp", "-a", &format!("{modules}/."), "/mnt"]).run().ok());
        assert!(root(&["mount", "--move", "/mnt", modules]).run().ok());
        assert!(root(&["find", modules, "-depth", "-path", "*/__pycache__*", "-delete"]).run().ok());
        let left = |name: &str| {
            let run = run(capwrap(&[name, "-nx", "-batch", "-ex", "python print(6 * 7)"]));
            assert!(run.stdout.contains("42"), "{run:?}");
            root(&["find", modules, "-user", MEMBER]).run().stdout
        };
        assert_eq!(left("gdb"), "");
        let open = changed("gdb", &[("PYTHONDONTWRITEBYTECODE = \"1\", ", "")]);
        assert!(left(&open.name).contains(".pyc"), "it leaves none without the variable either");
    });
}

/// Traces until a line of the system call appears.
fn trace(call: Call) -> Run {
    let mut strace = Running::start(&call);
    strace.says("getppid()");
    strace.stop()
}

#[test]
fn strace_shows_the_calls_of_another_users_process_with_cap_sys_ptrace_alone() {
    with_shipped("strace", &[], || {
        let observed = Observed::start(&["rest"]);
        let arguments = ["-e", "trace=getppid", "-p", &observed.pid()];
        let done = |run: &Run| run.stdout.contains("getppid()");
        assert_eq!(takes_exactly("strace", &arguments, trace, done), ["cap_sys_ptrace"]);
        // If the process runs when strace detaches from it, strace signals it, and complains without cap_kill. The
        // process continues in any case.
        let complains = |options: &[&str]| {
            let run = trace(capwrap(&[options, &["strace"], &arguments].concat()));
            assert!(done(&run), "{run:?}");
            run.stdout.contains("tkill")
        };
        assert!((0..20).any(|_| complains(&[])), "it never complains");
        assert!((0..5).all(|_| !complains(&["--add", "cap_kill"])), "it complains with cap_kill");
        let status = fs::read_to_string(format!("/proc/{}/status", observed.pid())).unwrap();
        assert!(status.contains("TracerPid:\t0\n"), "{status}");
    });
}

#[test]
fn strace_attaches_however_the_process_is_named() {
    with_shipped("strace", &[], || {
        let (one, two) = (Observed::start(&["rest"]), Observed::start(&["rest"]));
        let (pid, other) = (one.pid(), two.pid());
        let (attached, equals) = (format!("-p{pid}"), format!("--attach={pid}"));
        for process in [
            &["-p", &pid][..],
            &[&attached],
            &["-f", "-p", &pid],
            &["-fp", &pid],
            &["-e", "trace=getppid", "-s", "9", "-p", &pid],
            &["--attach", &pid],
            &[&equals, "-f"],
            &["-p", &pid, "-p", &other],
        ] {
            let run = trace(capwrap(&[&["strace"], process].concat()));
            assert!(run.stdout.contains("getppid()"), "{process:?}: {run:?}");
        }
        let scratch = Scratch::new();
        let output = scratch.path("output");
        let strace = Running::start(&capwrap(&["strace", "-o", &output, "-p", &pid]));
        assert!(holds_soon(|| fs::read_to_string(&output).is_ok_and(|text| text.contains("getppid()"))));
        strace.stop();
    });
}

#[test]
fn strace_traces_a_command_that_it_starts_and_neither_has_a_capability() {
    with_shipped("strace", &[], || {
        let status = ["/bin/grep", "CapEff", "/proc/self/status"];
        for options in
            [&[][..], &["-f"], &["-o", "/dev/null"], &["-e", "trace=openat"], &["-c"], &["--"], &["-o", "|cat >&2"]]
        {
            let run = run(capwrap(&[&["strace"], options, &status].concat()));
            assert_eq!(effective(&run.stdout), Some(0), "{options:?}: {run:?}");
            assert!(run.ok(), "{options:?}: {run:?}");
        }
        // The options of the command are its own.
        let scratch = Scratch::new();
        let folder = scratch.path("a/b");
        let run = run(capwrap(&["strace", "-e", "trace=mkdir", "mkdir", "-p", &folder]));
        assert!(run.ok() && run.stderr.contains("mkdir(") && fs::exists(&folder).unwrap(), "{run:?}");
    });
}

#[test]
fn strace_with_its_capability_starts_no_program() {
    with_shipped("strace", &[], || {
        let observed = Observed::start(&["rest"]);
        let pid = observed.pid();
        let open = with_children("strace");
        let traced = |name: &str, word: &str| {
            let command = ["/bin/grep", "CapEff", "/proc/self/status"];
            let mut strace = Running::start(&capwrap(&[&[name, "-p", &pid, "-o", "/dev/null"][..], &command].concat()));
            assert!(strace.says(word), "{}", strace.said);
            strace.stop()
        };
        let escaped = traced(&open.name, "CapEff");
        assert_eq!(effective(&escaped.stdout), Some(mask("sys_ptrace")), "{escaped:?}");
        let closed = traced("strace", "exec: Operation not permitted");
        assert_eq!(effective(&closed.stdout), None, "{closed:?}");

        let piped = |name: &str| {
            let scratch = Scratch::new();
            let mut strace = Running::start(&capwrap(&[name, "-p", &pid, "-o", &format!("|{}", scratch.escape())]));
            strace.says("attached");
            let escaped = name != "strace" && holds_soon(|| scratch.escaped().is_some());
            assert_eq!(escaped, name != "strace", "{}", strace.said);
            (scratch.escaped(), strace.stop())
        };
        let (escaped, run) = piped(&open.name);
        assert_eq!(escaped, Some(mask("sys_ptrace")), "{run:?}");
        let (escaped, run) = piped("strace");
        assert!(escaped.is_none() && run.stdout.contains("Operation not permitted"), "{run:?}");
    });
}
