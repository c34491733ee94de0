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
        // The program to be debugged would run with gdb's capabilities as well.
        let with = |name: &str| {
            run(capwrap(&[name, "-nx", "-batch", "-ex", "run", "--args", "/bin/grep", "CapEff", "/proc/self/status"]))
        };
        let escaped = with(&open.name);
        assert_eq!(effective(&escaped.stdout), Some(mask("sys_ptrace,dac_override")), "{escaped:?}");
        assert_eq!(effective(&with("gdb").stdout), None);
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
fn strace_starts_no_program() {
    with_shipped("strace", &[], || {
        let open = with_children("strace");
        let traced = |name: &str| run(capwrap(&[name, "-o", "/dev/null", "/bin/grep", "CapEff", "/proc/self/status"]));
        let escaped = traced(&open.name);
        assert_eq!(effective(&escaped.stdout), Some(mask("sys_ptrace")), "{escaped:?}");
        let closed = traced("strace");
        assert!(!closed.ok() && closed.stderr.contains("Operation not permitted"), "{closed:?}");
        assert_eq!(effective(&closed.stdout), None, "{closed:?}");

        let piped = |name: &str| {
            let scratch = Scratch::new();
            let run = run(capwrap(&[name, "-o", &format!("|{}", scratch.escape()), "/bin/true"]));
            if !run.stderr.contains("Operation not permitted") {
                holds_soon(|| scratch.escaped().is_some());
            }
            (scratch.escaped(), run)
        };
        let (escaped, run) = piped(&open.name);
        assert_eq!(escaped, Some(mask("sys_ptrace")), "{run:?}");
        let (escaped, run) = piped("strace");
        assert!(escaped.is_none() && run.stderr.contains("Operation not permitted"), "{run:?}");
    });
}
