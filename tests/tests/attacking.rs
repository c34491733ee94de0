//! Attacks of an unprivileged caller, one test for each known way to break a launcher.

use capwrap_tests::*;
use std::ffi::CString;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

fn id(user: &str, flag: &str) -> u32 {
    root(&["id", flag, user]).run().stdout.trim().parse().unwrap()
}

/// Starts the launcher as the member with exactly these arguments, name included.
fn with_argv(arguments: &[&str]) -> Run {
    let (uid, gid) = (id(MEMBER, "-u"), id(MEMBER, "-g"));
    let program = CString::new(CAPWRAP).unwrap();
    let strings: Vec<CString> = arguments.iter().map(|argument| CString::new(*argument).unwrap()).collect();
    let pointers: Vec<usize> = strings.iter().map(|string| string.as_ptr() as usize).chain([0]).collect();
    let mut command = Command::new("/bin/false");
    // SAFETY: only async-signal-safe calls, on memory that was made before the fork.
    unsafe {
        command.pre_exec(move || {
            let _kept = &strings;
            let nothing: [*const libc::c_char; 1] = [std::ptr::null()];
            libc::setgroups(0, std::ptr::null());
            libc::setgid(gid);
            libc::setuid(uid);
            libc::execve(program.as_ptr(), pointers.as_ptr().cast(), nothing.as_ptr());
            Err(std::io::Error::last_os_error())
        });
    }
    Run::of(&command.stdin(Stdio::null()).output().unwrap())
}

#[test]
fn an_empty_argument_vector_is_refused() {
    with_argv(&[]).refused(&["without a name of its own"]);
    with_argv(&[""]).refused(&["without a name of its own"]);
}

#[test]
fn no_personality_of_the_callers_makes_the_kernel_another_or_reaches_the_tool() {
    let older = "[[grant]]\ncaps = \"cap_sys_admin\"\nwhen = { kernel = \"<3.0\" }\n";
    let odd = ["setarch", "--uname-2.6", "--whole-seconds", "--sticky-timeouts", "--addr-no-randomize"];
    assert!(root(&[&odd[..], &["uname", "-r"]].concat()).run().stdout.starts_with("2.6."), "nothing else is reported");
    let witness = Policy::witness("cap_net_raw", older);
    let run = capwrap(&[&witness.name]).under(&odd).run();
    assert_eq!(run.witness().sets(), [mask("cap_net_raw"); 4], "{run:?}");
    let policy = Policy::tool("/bin/cat", "cap_net_raw", "");
    let shown = capwrap(&[&policy.name, "/proc/self/personality"]).under(&odd).run();
    assert_eq!(shown.stdout, "00000000\n", "{shown:?}");
}

/// A stranger could try this by locking files that everybody can open.
#[test]
fn nobody_keeps_root_from_disabling_a_policy() {
    let lock = "/etc/capwrap/lock";
    assert!(root(&[CAPWRAP, "enable"]).run().ok());
    let held = user(STRANGER, &["flock", "--nonblock", lock, "true"]).run();
    assert!(!held.ok() && held.stderr.contains("Permission denied"), "{held:?}");
    let mut locked = user(STRANGER, &["flock", POLICIES, "sleep", "60"]).command().spawn().unwrap();
    while root(&["flock", "--nonblock", POLICIES, "true"]).run().ok() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let run = root(&["timeout", "10", CAPWRAP, "enable"]).run();
    locked.kill().unwrap();
    locked.wait().unwrap();
    root(&["pkill", "-u", STRANGER, "-x", "sleep"]).run();
    assert!(run.ok(), "{run:?}");
}

/// If others can write a policy, nobody knows what it grants, so `enable` does not make it root's.
#[test]
fn what_others_could_have_written_is_not_enabled() {
    let policy = Policy::witness("cap_net_raw", "");
    let before = fs::read_to_string(&policy.path).unwrap();
    for spoil in ["chmod 0666", "chown 1"] {
        assert!(root(&["sh", "-c", &format!("{spoil} {}", policy.path.display())]).run().ok());
        root(&[CAPWRAP, "enable", &policy.name, "--user", "root"])
            .run()
            .refused(&["cannot trust", "check its contents"]);
        assert!(root(&["sh", "-c", &format!("chown 0 {0}; chmod 0644 {0}", policy.path.display())]).run().ok());
    }
    assert_eq!(fs::read_to_string(&policy.path).unwrap(), before);
}

#[test]
fn no_mark_is_put_on_a_file_that_others_chose() {
    let folder = Folder::new();
    let (theirs, roots) = (folder.path("theirs"), folder.copy(WITNESS, "roots"));
    fs::create_dir(&theirs).unwrap();
    symlink(&roots, format!("{theirs}/tool")).unwrap();
    std::os::unix::fs::lchown(&theirs, Some(id(STRANGER, "-u")), None).unwrap();
    let policy = Policy::tool(&format!("{theirs}/tool"), "cap_net_raw", "[exec]\ndeliver = \"inheritable\"\n");
    root(&[CAPWRAP, "enable", &policy.name]).run().refused(&["cannot trust", "not to root"]);
    assert_eq!(root(&["getcap", &roots]).run().stdout, "");
}

#[test]
fn a_policy_that_is_disabled_leaves_the_launcher_nothing_whatever_became_of_its_tool() {
    let folder = Folder::new();
    let tool = folder.copy(WITNESS, "tool");
    let policy = Policy::tool(&tool, "cap_wake_alarm", "[exec]\ndeliver = \"inheritable\"\n");
    let text = fs::read_to_string(&policy.path).unwrap();
    in_own_mounts(|| {
        own_installation();
        put(&policy.path, text);
        assert!(root(&[CAPWRAP, "enable", &policy.name]).run().ok());
        assert!(root(&["getcap", CAPWRAP]).run().stdout.contains("cap_wake_alarm=p"));
        std::os::unix::fs::chown(&tool, Some(1), None).unwrap();
        let run = root(&[CAPWRAP, "disable", &policy.name]).run();
        assert!(run.code == 125 && run.stderr.contains("cannot trust"), "{run:?}");
        assert_eq!(root(&["getcap", CAPWRAP]).run().stdout, "");
    });
}

#[test]
fn the_name_that_it_was_started_by_chooses_no_policy() {
    let policy = Policy::witness("cap_net_raw", "");
    with_argv(&[&policy.name]).refused(&["no tool named"]);
    let folder = Folder::new();
    let link = folder.path(&policy.name);
    symlink(CAPWRAP, &link).unwrap();
    user(MEMBER, &[&link]).run().refused(&["no tool named"]);
}

#[test]
fn a_loader_variable_does_not_reach_a_tool_that_would_heed_it() {
    // With this variable the dynamic loader lists libraries instead of running the program.
    let policy = Policy::tool("/usr/bin/id", "cap_net_raw", "");
    let listing = user(MEMBER, &["env", "LD_TRACE_LOADED_OBJECTS=1", "/usr/bin/id"]).run();
    assert!(listing.stdout.contains("libc.so"), "the loader does not heed it: {listing:?}");
    let run = capwrap(&[&policy.name]).env("LD_TRACE_LOADED_OBJECTS", "1").run();
    assert!(run.ok() && run.stdout.starts_with("uid="), "{run:?}");
}

#[test]
fn a_tool_swapped_while_it_is_checked_is_never_run_in_place_of_the_pinned_one() {
    let folder = Folder::new();
    let (good, evil) = (folder.copy(WITNESS, "good"), folder.copy("/bin/echo", "evil"));
    let tool = folder.path("tool");
    symlink(&good, &tool).unwrap();
    let policy = Policy::tool(&tool, "cap_net_raw", "");
    assert!(root(&[CAPWRAP, "enable", &policy.name, "--pin"]).run().ok());
    let stop = AtomicBool::new(false);
    let (mut ran, mut refused) = (0, 0);
    std::thread::scope(|scope| {
        // Even root swaps the file here, as fast as possible, and the swap never makes another file run.
        scope.spawn(|| {
            let beside = folder.path("beside");
            while !stop.load(Ordering::Relaxed) {
                for target in [&evil, &good] {
                    symlink(target, &beside).unwrap();
                    fs::rename(&beside, &tool).unwrap();
                }
            }
        });
        for _ in 0..400 {
            let run = capwrap(&[&policy.name, "evil ran"]).run();
            if run.ok() {
                run.witness();
                ran += 1;
            } else {
                run.refused_with(126, &["SHA-256"]);
                refused += 1;
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(ran > 0 && refused > 0, "nothing raced: {ran} ran, {refused} were refused");
}

#[test]
fn a_policy_folder_that_others_can_write_or_own_is_refused() {
    let policy = Policy::witness("cap_net_raw", "");
    let text = fs::read_to_string(&policy.path).unwrap();
    in_own_mounts(|| {
        cover("/etc/capwrap");
        fs::create_dir(POLICIES).unwrap();
        put(&policy.path, text);
        let set = |path: &str, mode, owner| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
            std::os::unix::fs::chown(path, Some(owner), None).unwrap();
        };
        for folder in [POLICIES, "/etc/capwrap"] {
            for (mode, owner, words) in [
                (0o775, 0, "can be written by others"),
                (0o1777, 0, "can be written by others"),
                (0o755, 1, "not to root"),
            ] {
                set(folder, mode, owner);
                capwrap(&[&policy.name]).run().refused(&[folder, words]);
                set(folder, 0o755, 0);
            }
        }
        assert!(capwrap(&[&policy.name]).run().ok());
    });
}

#[test]
fn no_capability_is_forgotten_up_to_the_last_one() {
    let policy = Policy::witness("cap_chown,cap_checkpoint_restore", "");
    assert_eq!(capwrap(&[&policy.name]).run().witness().sets(), [1 << 40 | 1; 4]);
    // Root starts with all capabilities in every set, and the last one is removed like the first.
    let none = Policy::witness("", "");
    assert_eq!(root(&[CAPWRAP, &none.name]).run().witness().sets(), [0; 4]);
}

#[test]
fn nothing_that_the_caller_left_inheritable_or_ambient_survives() {
    let policy = Policy::witness("cap_net_raw", "");
    let left =
        ["/usr/bin/setpriv", "--reuid", MEMBER, "--regid", MEMBER, "--init-groups", "--inh-caps", "+chown,+kill"];
    for ambient in [&[][..], &["--ambient-caps", "+kill"]] {
        let run = root(&[&left[..], ambient, &["--", CAPWRAP, &policy.name]].concat()).run();
        assert_eq!(run.witness().sets(), [mask("net_raw"); 4]);
    }
}

#[test]
fn under_no_new_privs_of_the_caller_it_is_refused_and_the_cause_named() {
    let policy = Policy::witness("cap_net_raw", "");
    let run = user(MEMBER, &["setpriv", "--no-new-privs", CAPWRAP, &policy.name]).run();
    run.refused(&["cap_net_raw: the caller set no_new_privs", "NoNewPrivileges="]);
}

#[test]
fn under_securebits_that_forbid_the_ambient_set_it_is_refused_and_the_cause_named() {
    let policy = Policy::witness("cap_net_raw", "");
    let no_cap_ambient_raise = "--secbits=0x40";
    let line = format!("exec {CAPWRAP} {}", policy.name);
    let run = root(&["capsh", no_cap_ambient_raise, &format!("--user={MEMBER}"), "--", "-c", &line]).run();
    run.refused(&["the ambient set", "no_cap_ambient_raise"]);
}

#[test]
fn the_launchers_own_file_has_no_effective_bit_so_that_it_starts_in_any_bounding_set() {
    let carried = root(&["getcap", CAPWRAP]).run().stdout;
    assert!(carried.trim().ends_with("=p"), "{carried}");
    let policy = Policy::witness("cap_net_raw", "");
    let run = root(&[
        "/usr/bin/setpriv",
        "--reuid",
        MEMBER,
        "--regid",
        MEMBER,
        "--init-groups",
        "--bounding-set",
        "-net_raw",
        CAPWRAP,
        &policy.name,
    ])
    .run();
    run.refused(&["bounding set"]);
}

#[test]
fn nothing_is_effective_while_the_callers_words_and_files_are_read() {
    // The launcher's file has cap_dac_read_search here. The launcher still cannot read what its caller cannot read.
    let policy = Policy::witness("cap_dac_read_search", "");
    fs::set_permissions(&policy.path, fs::Permissions::from_mode(0o600)).unwrap();
    capwrap(&[&policy.name]).run().refused(&["Permission denied"]);
    fs::set_permissions(&policy.path, fs::Permissions::from_mode(0o644)).unwrap();
    let log = format!("/tmp/capwrap-effective-{}", std::process::id());
    let run =
        root(&["strace", "-qq", "-e", "trace=capset,execve,openat", "-o", &log, "-u", MEMBER, CAPWRAP, &policy.name])
            .run();
    run.witness();
    let calls = fs::read_to_string(&log).unwrap();
    fs::remove_file(&log).unwrap();
    let first_open = calls.find("openat").unwrap();
    assert!(calls[..first_open].contains("capset"), "the effective set is cleared late: {calls}");
    let sets: Vec<&str> = calls.lines().filter(|line| line.starts_with("capset")).collect();
    assert!(!sets.is_empty() && sets.iter().all(|line| line.contains("effective=0")), "{sets:?}");
}

/// Starts a witness with a grant. It waits until its input ends.
fn waiting(policy: &Policy) -> (Child, Witness) {
    let mut command = capwrap(&[&policy.name, "wait"]).command();
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    while !said.contains("\ncwd ") {
        assert_ne!(lines.read_line(&mut said).unwrap(), 0, "{said}");
    }
    (child, Witness::read(&said))
}

#[test]
fn a_process_of_the_same_user_can_signal_the_tool_and_neither_trace_nor_read_it() {
    let policy = Policy::witness("cap_net_raw", "");
    let (mut tool, _) = waiting(&policy);
    let pid = tool.id().to_string();
    let traced = user(MEMBER, &["strace", "-qq", "-p", &pid, "-o", "/dev/null"]).run();
    assert!(!traced.ok() && traced.stderr.contains("Operation not permitted"), "{traced:?}");
    for file in ["environ", "maps", "mem"] {
        let read = user(MEMBER, &["head", "-c1", &format!("/proc/{pid}/{file}")]).run();
        assert!(!read.ok() && read.stderr.contains("Permission denied"), "{file}: {read:?}");
    }
    assert!(user(MEMBER, &["kill", "-TERM", &pid]).run().ok());
    use std::os::unix::process::ExitStatusExt;
    assert_eq!(tool.wait().unwrap().signal(), Some(libc::SIGTERM));
}

#[test]
fn the_tool_of_a_running_launch_shows_exactly_the_grant_in_proc() {
    let policy = Policy::witness("cap_net_raw,cap_bpf", "");
    let (mut tool, _) = waiting(&policy);
    let status = fs::read_to_string(format!("/proc/{}/status", tool.id())).unwrap();
    drop(tool.stdin.take());
    tool.wait().unwrap();
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert!(status.contains(&format!("{set}:\t{:016x}\n", mask("net_raw,bpf"))), "{status}");
    }
}

#[test]
fn whatever_limits_the_caller_sets_the_tool_runs_as_decided_or_not_at_all() {
    let policy = Policy::witness("cap_net_raw", "[exec]\nchildren = \"none\"");
    let decided = |run: &Run| run.ok() && run.witness().sets() == [mask("net_raw"); 4];
    let mut refused = 0;
    let mut cases: Vec<String> = (0..14).map(|files| format!("--nofile={files}:{files}")).collect();
    cases.extend((4..60).map(|size| format!("--as={}:{}", size << 16, size << 16)));
    cases.extend((1..20).map(|size| format!("--data={}:{}", size << 14, size << 14)));
    cases.extend(
        ["--fsize=0:0", "--nproc=1:1", "--sigpending=0:0", "--locks=0:0", "--memlock=0:0", "--stack=65536:65536"]
            .map(String::from),
    );
    for limit in cases {
        let run = capwrap(&[&policy.name]).under(&["prlimit", &limit, "--"]).run();
        // The kernel, prlimit or setpriv may fail before the launcher begins, and the tool may fail after it.
        let ours = run.stderr.starts_with("capwrap: ");
        assert!(decided(&run) || run.stdout.is_empty(), "{limit}: {run:?}");
        if ours {
            assert!([125, 126].contains(&run.code), "{limit}: {run:?}");
            refused += 1;
        }
    }
    assert!(refused > 0, "no limit was ever felt");
}

#[test]
fn what_the_start_relocated_is_read_only_or_nothing_runs() {
    let log = format!("/tmp/capwrap-relocated-{}", std::process::id());
    let version = root(&["strace", "-qq", "-o", &log, "-e", "trace=mprotect", CAPWRAP, "--version"]).run();
    let calls = fs::read_to_string(&log).unwrap();
    fs::remove_file(&log).unwrap();
    assert!(version.ok(), "{version:?}");
    let mut sealed = calls.lines().filter(|line| line.ends_with(" = 0")).filter_map(|line| {
        let (arguments, _) = line.strip_prefix("mprotect(")?.split_once(", PROT_READ) ")?;
        arguments.split_once(", ")?.1.parse::<usize>().ok()
    });
    assert!(sealed.any(|bytes| bytes >= 4096), "{calls}");
    let policy = Policy::witness("cap_net_raw", "");
    let inject = ["strace", "-qq", "-o", "/dev/null", "-e", "trace=mprotect", "-e", "inject=mprotect:error=EACCES"];
    let run = root(&[&inject[..], &[CAPWRAP, &policy.name]].concat()).run();
    assert!(!run.ok() && run.stdout.is_empty(), "{run:?}");
    if version.stdout.contains("(musl)") {
        run.refused(&["its relocated data could not be made read-only"]);
    }
}

#[test]
fn running_out_of_memory_is_a_refusal_in_one_line() {
    let grants = "[[grant]]\ncaps = [\"cap_net_raw\"]\nwhy = \"one of very many of them\"\n".repeat(900);
    let policy = Policy::witness("cap_net_raw", &grants);
    // The sizes go from too little for the C library to enough for everything. In between, the launcher runs out of
    // memory.
    let mut outs = 0;
    for size in (40..500).step_by(10).map(|pages| pages * 4096) {
        let run = root(&["prlimit", &format!("--data={size}:{size}"), CAPWRAP, &policy.name]).run();
        if run.stderr.contains("out of memory") {
            run.refused(&["capwrap: cannot start: out of memory"]);
            outs += 1;
        } else {
            assert!(run.stdout.is_empty() || run.witness().sets() == [mask("net_raw"); 4], "{run:?}");
        }
    }
    assert!(outs > 0, "memory never ran out");
}

#[test]
fn a_user_namespace_gives_capabilities_that_are_worth_nothing_outside_and_says_so() {
    let policy = Policy::witness("cap_dac_read_search,cap_sys_admin", "");
    let as_namespace_root =
        |line: &str| user(MEMBER, &["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", line]).run();
    // This namespace does not know the owner of the machine's own policy.
    let run = as_namespace_root(&format!("{CAPWRAP} {}", policy.name));
    if run.stderr.contains("unshare") {
        println!("user namespaces are off here: {}", run.stderr);
        return;
    }
    run.refused(&["not to root"]);
    // The caller may bring an /etc and a tool of its own. It is then root in its own namespace only.
    let own = format!(
        "mount -t tmpfs -o mode=755 none /etc && mkdir -p -m 755 /etc/capwrap/policies && echo root:x:0:0::/:/bin/sh >/etc/passwd && : >/etc/group && cp {WITNESS} /etc/witness && cp /bin/cat /etc/cat &&
         printf 'schema = 1\\ntool = {{ path = \"/etc/cat\" }}\\nallow = {{ users = [\"root\"] }}\\n[[grant]]\\ncaps = [\"cap_dac_read_search\", \"cap_dac_override\"]\\n' >/etc/capwrap/policies/mine.toml"
    );
    // / belongs to a user whom this namespace does not know, so the launch is refused unless the caller brings / too.
    let run = as_namespace_root(&format!("{own} && {CAPWRAP} --explain mine"));
    assert_ne!(run.code, 0, "{run:?}");
    run.refused(&["/ belongs to uid", "not to root"]);
    // With its own root directory everything belongs to the caller, and the explanation says what that is worth.
    let whole = format!(
        "mkdir -p /tmp/capwrap-ns && mount -t tmpfs -o mode=755 none /tmp/capwrap-ns && cd /tmp/capwrap-ns && mkdir -p -m 755 etc/capwrap/policies proc dev old &&
         cp {CAPWRAP} capwrap && cp {WITNESS} witness && echo root:x:0:0::/:/bin/sh >etc/passwd && : >etc/group && : >dev/null &&
         printf 'schema = 1\\ntool = {{ path = \"/witness\" }}\\nallow = {{ users = [\"root\"] }}\\n[[grant]]\\ncaps = [\"cap_dac_read_search\"]\\n' >etc/capwrap/policies/mine.toml &&
         mount --rbind /proc proc && chroot . /capwrap --explain mine && chroot . /capwrap mine"
    );
    let run = as_namespace_root(&whole);
    assert!(run.stdout.contains("a user namespace of its own: capabilities count in it alone"), "{run:?}");
    assert!(run.stdout.contains("CapEff 0000000000000004"), "{run:?}");
}

#[test]
fn a_launcher_on_a_nosuid_mount_is_refused_and_the_cause_named() {
    let policy = Policy::witness("cap_net_raw", "");
    let folder = Folder::new();
    let mounted = folder.0.to_str().unwrap().to_owned();
    assert!(root(&["mount", "-t", "tmpfs", "-o", "nosuid,mode=755", "none", &mounted]).run().ok());
    let launcher = folder.launcher("cap_net_raw=p");
    let run = user(MEMBER, &[&launcher, &policy.name]).run();
    assert!(root(&["umount", &mounted]).run().ok());
    run.refused(&["capwrap lies on a file system mounted nosuid"]);
}

#[test]
fn a_traced_launcher_gains_nothing_and_says_why() {
    let policy = Policy::witness("cap_net_raw", "");
    let run = user(MEMBER, &["strace", "-qq", "-o", "/dev/null", CAPWRAP, &policy.name]).run();
    run.refused(&["cap_net_raw: capwrap is being traced"]);
}

#[test]
fn file_capabilities_are_only_ever_set_on_descriptors() {
    let policy = Policy::witness("cap_net_raw", "");
    let log = format!("/tmp/capwrap-xattr-{}", std::process::id());
    let run = root(&[
        "strace",
        "-f",
        "-qq",
        "-e",
        "trace=%file,fsetxattr,fremovexattr",
        "-o",
        &log,
        CAPWRAP,
        "enable",
        &policy.name,
    ])
    .run();
    let calls = fs::read_to_string(&log).unwrap();
    fs::remove_file(&log).unwrap();
    assert!(run.ok(), "{run:?}");
    assert!(calls.contains(" fsetxattr("), "{calls}");
    assert!(
        !calls.contains(" setxattr(") && !calls.contains(" lsetxattr(") && !calls.contains(" removexattr("),
        "{calls}"
    );
}

#[test]
fn no_variable_makes_the_launcher_say_or_do_more() {
    let plain = capwrap(&["no-such-tool"]).run();
    let mut call = capwrap(&["no-such-tool"]);
    for (name, value) in [
        ("RUST_BACKTRACE", "full"),
        ("RUST_LOG", "trace"),
        ("GLIBC_TUNABLES", "glibc.malloc.check=3:glibc.malloc.perturb=1"),
        ("MALLOC_CHECK_", "3"),
        ("LD_DEBUG", "all"),
        ("LD_SHOW_AUXV", "1"),
        ("LD_PROFILE", "x"),
        ("CAPWRAP_DEBUG", "1"),
        ("CAPWRAP_POLICIES", "/tmp"),
        ("CLICOLOR_FORCE", "1"),
        ("COLUMNS", "1"),
        ("HOME", "/tmp"),
        ("PATH", "/tmp"),
    ] {
        call = call.env(name, value);
    }
    let run = call.run();
    assert_eq!((run.code, run.stdout, run.stderr), (plain.code, plain.stdout, plain.stderr));
}

#[test]
fn no_policy_text_makes_the_launcher_panic_or_run_half_of_it() {
    let grants =
        "[[grant]]\ncaps = [\"cap_net_admin\"]\nwhen = { kernel_has = \"cap_bpf\" }\nwhy = \"reasons\"\n".repeat(3);
    let whole =
        Policy::witness("cap_net_raw", &format!("until = 2999-01-01T00:00:00Z\n{grants}[exec]\nchildren = \"none\"\n"));
    let whole = fs::read_to_string(&whole.path).unwrap();
    let policy = Policy::new("");
    let (mut refused, mut ran) = (0, 0);
    // A text that is cut anywhere is refused, or it is a policy of its own that grants no more.
    for end in 0..whole.len() {
        put(&policy.path, &whole[..end]);
        let run = capwrap(&[&policy.name]).run();
        if run.ok() {
            assert_eq!(run.witness().sets()[2] & !mask("net_raw,net_admin"), 0, "{end}");
            ran += 1;
        } else {
            run.refused(&[policy.path.to_str().unwrap()]);
            refused += 1;
        }
    }
    assert!(refused > 200 && ran > 5, "{refused} refused, {ran} ran");
    for odd in [
        "\0",
        "a = 1",
        "[[[",
        "schema = 1\ntool = 7",
        "schema = 99999999999999999999999",
        "schema = 1\n[[grant]]\n[[grant]]",
        &"[".repeat(60_000),
        &"a=[".repeat(20_000),
        &"\"".repeat(9),
    ] {
        put(&policy.path, odd);
        capwrap(&[&policy.name]).run().refused(&[policy.path.to_str().unwrap()]);
    }
}

#[test]
fn a_kernel_that_only_says_that_it_set_the_capabilities_is_not_believed() {
    let policy = Policy::witness("cap_net_raw,cap_syslog", "[exec]\nbounding = \"drop\"\nchildren = \"none\"");
    let arguments = ["strace", "-qq", "-o", "/dev/null", "-u", MEMBER];
    let mut refused = 0;
    // strace reports success instead of the kernel, for each call in turn that sets something.
    for (call, count) in [("capset", 12), ("prctl", 260), ("seccomp", 1)] {
        for at in 1..=count {
            let inject = format!("inject={call}:retval=0:when={at}");
            let run = root(
                &[&arguments[..], &["-e", &format!("trace={call}"), "-e", &inject, CAPWRAP, &policy.name]].concat(),
            )
            .run();
            if run.ok() {
                let said = run.witness();
                assert_eq!(
                    (said.sets(), said.bounding(), said.get("NoNewPrivs"), said.get("Seccomp")),
                    ([mask("net_raw,syslog"); 4], mask("net_raw,syslog"), "1", "2"),
                    "{inject}"
                );
                assert_ne!(call, "seccomp", "without its filter the tool runs");
            } else {
                run.refused(&[]);
                refused += 1;
            }
        }
    }
    assert!(refused > 50, "only {refused} of these lies were noticed");
}

#[test]
fn the_launcher_carries_no_capability_that_no_policy_needs() {
    let before = fs::read_to_string("/etc/capwrap/policies/t-everything.toml").unwrap();
    in_own_mounts(|| {
        // The test would change the machine's launcher file, so it uses a copy elsewhere.
        let folder = Folder::new();
        let launcher = folder.copy(CAPWRAP, "capwrap");
        cover("/etc/capwrap");
        fs::create_dir(POLICIES).unwrap();
        let _policy = Policy::witness("cap_net_raw,cap_net_admin", "");
        let advisor = "/usr/local/libexec/capwrap/capwrap-advisor";
        assert!(root(&[advisor, "enable", "--launcher", &launcher]).run().ok());
        // cap_setpcap, for example, is not there, because raising the ambient set does not need it.
        assert_eq!(
            root(&["getcap", "-n", &launcher]).run().stdout.trim(),
            format!("{launcher} cap_net_admin,cap_net_raw=p")
        );
        assert_eq!(user(MEMBER, &[&launcher, &_policy.name]).run().witness().sets(), [mask("net_raw,net_admin"); 4]);
    });
    assert_eq!(fs::read_to_string("/etc/capwrap/policies/t-everything.toml").unwrap(), before);
}

#[test]
fn a_caller_whose_real_and_effective_ids_differ_is_refused() {
    let policy = Policy::witness("cap_net_raw", "");
    let run = root(&["setpriv", "--ruid", MEMBER, CAPWRAP, &policy.name]).run();
    run.refused(&["whose rights are meant"]);
    // The launcher is set-group-ID where it has a recorder, and then the kernel overwrites the caller's effective group.
    // It is never of use.
    let run = root(&["setpriv", "--keep-groups", "--rgid", MEMBER, CAPWRAP, &policy.name]).run();
    if fs::metadata(CAPWRAP).unwrap().mode() & 0o2000 == 0 {
        run.refused(&["whose rights are meant"]);
    } else {
        let gid = id(MEMBER, "-g");
        assert_eq!(run.witness().get("Gid"), format!("{gid} {gid} {gid} {gid}"));
    }
}

/// A member can make a file that gives its group to whoever executes it, and the file outlives the membership.
#[test]
fn a_file_of_a_member_that_gives_the_group_to_others_makes_nobody_a_member() {
    let policy = Policy::witness("cap_net_raw", "");
    let folder = Folder::new();
    let file = folder.copy("/usr/bin/python3", "python3");
    assert!(root(&["sh", "-c", &format!("chown {MEMBER}:capwrap {file} && chmod 2755 {file}")]).run().ok());
    let settle = "import os, sys; g = os.getegid(); os.setresgid(g, g, g); os.execv(sys.argv[1], sys.argv[1:])";
    let with_group = |user_name: &str, words: &[&str]| {
        user(user_name, &[&[file.as_str(), "-I", "-S", "-c", settle], words].concat()).run()
    };
    let group = done(&root(&["sh", "-c", "getent group capwrap | cut -d: -f3"]).run()).to_owned();
    assert_eq!(with_group(STRANGER, &["/usr/bin/id", "-rg"]).stdout, group);
    with_group(STRANGER, &[CAPWRAP, &policy.name]).refused(&["may not run", "group capwrap"]);
    // To a member it gives nothing new, and takes nothing away.
    assert_eq!(with_group(MEMBER, &[CAPWRAP, &policy.name]).witness().sets(), [mask("net_raw"); 4]);
}

#[test]
fn a_user_name_that_looks_like_a_path_reads_no_other_policy() {
    for name in [
        "..",
        "../../../tmp/x",
        "a/../b",
        "/etc/capwrap/policies/t-everything",
        "t-everything.toml\0x",
        ".t-everything",
    ] {
        let name = name.split('\0').next().unwrap();
        let run = capwrap(&[name]).run();
        assert_eq!(run.code, 125, "{run:?}");
        assert!(run.stdout.is_empty());
    }
}

#[test]
fn the_installed_files_are_roots_and_nobody_else_can_write_them() {
    for path in [CAPWRAP, "/usr/local/libexec/capwrap/capwrap-advisor", "/usr/local/share/capwrap/policies", POLICIES] {
        let about = fs::metadata(path).unwrap();
        assert_eq!((about.uid(), about.mode() & 0o022), (0, 0), "{path}");
        assert!(path == CAPWRAP || about.gid() == 0, "{path}");
    }
    // The group by which the recorder knows the launcher owns nothing but the recorder's socket.
    let about = fs::metadata(CAPWRAP).unwrap();
    assert_eq!(about.mode() & 0o4000, 0, "it is set-user-ID");
    let group = if about.mode() & 0o2000 == 0 { "0".to_owned() } else { recorder::id("group", "capwrap-record") };
    assert_eq!(about.gid().to_string(), group);
}

#[test]
fn a_verb_runs_without_any_capability() {
    let folder = Folder::new();
    let launcher = folder.launcher("cap_net_raw,cap_sys_admin=p");
    let log = folder.path("log");
    let line = format!("exec {launcher} enable x");
    let run =
        root(&["strace", "-f", "-qq", "-e", "trace=capset,execveat", "-o", &log, "-u", MEMBER, "sh", "-c", &line])
            .run();
    assert!(run.stderr.contains("only root"), "{run:?}");
    let calls = fs::read_to_string(&log).unwrap();
    let last = calls
        .lines()
        .take_while(|line| !line.contains("execveat"))
        .filter(|line| line.contains("capset"))
        .last()
        .unwrap();
    assert!(last.contains("effective=0, permitted=0, inheritable=0"), "{calls}");
}
