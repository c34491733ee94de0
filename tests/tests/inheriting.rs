//! The tool inherits more than capabilities: its environment, descriptors, limits, umask and signals.

use capwrap_tests::*;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::Stdio;

#[test]
fn only_listed_variables_reach_the_tool_and_home_is_the_accounts() {
    let policy =
        Policy::witness("cap_net_raw", "[exec]\nenv = { keep = [\"SSLKEYLOGFILE\"], set = { LC_ALL = \"C\" } }");
    let mut call = capwrap(&[&policy.name]);
    for (name, value) in [
        ("LD_PRELOAD", "/tmp/x.so"),
        ("LD_LIBRARY_PATH", "/tmp"),
        ("LD_AUDIT", "/tmp/x.so"),
        ("GLIBC_TUNABLES", "a=b"),
        ("MALLOC_PERTURB_", "1"),
        ("GCONV_PATH", "/tmp"),
        ("PYTHONPATH", "/tmp"),
        ("PERL5LIB", "/tmp"),
        ("BASH_ENV", "/tmp/x"),
        ("NODE_OPTIONS", "--require /tmp/x"),
        ("HOME", "/tmp"),
        ("USER", "root"),
        ("SHELL", "/tmp/sh"),
        ("PATH", "/tmp"),
        ("LANG", "de_DE.UTF-8"),
        ("LC_ALL", "/tmp/locale"),
        ("LC_TIME", "() { :;}"),
        ("TZ", "/etc/shadow"),
        ("TERM", "xterm-256color"),
        ("SSLKEYLOGFILE", "/tmp/keys"),
        ("TMPDIR", "/tmp"),
        ("XDG_RUNTIME_DIR", "/tmp"),
    ] {
        call = call.env(name, value);
    }
    assert_eq!(
        call.run().witness().environment,
        [
            format!("HOME=/home/{MEMBER}"),
            "LANG=de_DE.UTF-8".into(),
            "LC_ALL=C".into(),
            format!("LOGNAME={MEMBER}"),
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into(),
            "SHELL=/bin/sh".into(),
            "SSLKEYLOGFILE=/tmp/keys".into(),
            "TERM=xterm-256color".into(),
            format!("USER={MEMBER}"),
        ]
    );
}

/// Those that the C library takes from a launcher with file capabilities, and those that it does not know of.
#[test]
fn a_variable_that_loads_code_does_not_reach_a_tool_whose_policy_keeps_it() {
    let names = [
        "LD_PRELOAD",
        "LD_LIBRARY_PATH",
        "GLIBC_TUNABLES",
        "MALLOC_CHECK_",
        "MALLOC_ARENA_MAX",
        "TMPDIR",
        "HOSTALIASES",
        "LOCPATH",
        "PYTHONPATH",
        "BASH_ENV",
        "PERL5LIB",
        "NODE_OPTIONS",
    ];
    let kept = names.map(|name| format!("\"{name}\"")).join(", ");
    let environment = format!("env = {{ keep = [{kept}, \"FOO\"], set = {{ TZDIR = \"/t\" }} }}");
    let policy = Policy::witness("cap_net_raw", &format!("[exec]\n{environment}"));
    for call in [capwrap(&[&policy.name]), root(&[CAPWRAP, &policy.name])] {
        let call = names.into_iter().fold(call.env("FOO", "1"), |call, name| call.env(name, ""));
        let said = call.run().witness();
        assert_eq!((said.env("FOO"), said.env("TZDIR")), (Some("1"), Some("/t")));
        for name in names {
            assert_eq!(said.env(name), None, "{name} reached the tool of uid {}", said.get("Uid"));
        }
    }
}

#[test]
fn no_descriptor_above_two_reaches_the_tool() {
    let policy = Policy::witness("cap_net_raw", "");
    let secret = File::open("/etc/shadow").unwrap();
    let mut command = capwrap(&[&policy.name]).command();
    let number = secret.as_raw_fd();
    // SAFETY: dup2 is async-signal-safe, and both descriptors are this process's own.
    unsafe {
        command.pre_exec(move || {
            for leaked in [7, 200, 1000] {
                if libc::dup2(number, leaked) < 0 {
                    return Err(std::io::Error::last_os_error());
                }
            }
            Ok(())
        });
    }
    let said = Run::of(&command.stdin(Stdio::null()).output().unwrap()).witness();
    let numbers: Vec<&str> = said.descriptors.iter().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(numbers, ["0", "1", "2"], "{said:?}");
}

/// An older kernel lacks close_range(2) or its flag, and the filter of an older container engine refuses it.
#[test]
fn without_close_range_no_descriptor_above_two_reaches_the_tool_either() {
    let policy = Policy::witness("cap_net_raw", "");
    for error in ["EPERM", "ENOSYS", "EINVAL"] {
        let inject = format!("inject=close_range:error={error}");
        let strace = format!("strace -qq -o /dev/null -e trace=close_range -e {inject} -u {MEMBER}");
        let line = format!("exec 7</etc/passwd 200</etc/passwd; exec {strace} {CAPWRAP} {}", policy.name);
        let said = root(&["bash", "-c", &line]).run().witness();
        let numbers: Vec<&str> = said.descriptors.iter().filter_map(|line| line.split(' ').next()).collect();
        assert_eq!(numbers, ["0", "1", "2"], "{error}: {said:?}");
    }
}

#[test]
fn standard_descriptors_that_the_caller_closed_are_opened_on_nothing() {
    let policy = Policy::witness("cap_net_raw", "");
    let out = format!("/tmp/capwrap-closed-{}", std::process::id());
    let line = format!("exec 0<&- 2>&-; {CAPWRAP} {} >{out}", policy.name);
    assert!(user(MEMBER, &["sh", "-c", &line]).run().ok());
    let said = Witness::read(&std::fs::read_to_string(&out).unwrap());
    // If the C library knows of the capabilities, it does the same before main, with /dev/full for standard input.
    assert!(["0 /dev/null", "0 /dev/full"].contains(&said.descriptors[0].as_str()), "{said:?}");
    assert_eq!(said.descriptors[2], "2 /dev/null");
    assert!(root(&["rm", "-f", &out]).run().ok());
}

#[test]
fn core_dumps_are_off_and_other_limits_stay_the_callers() {
    let policy = Policy::witness("cap_net_raw", "");
    let said =
        capwrap(&[&policy.name]).under(&["prlimit", "--core=1000:1000", "--nofile=100:200", "--"]).run().witness();
    assert_eq!(said.limits["core"], "0 0");
    assert_eq!(said.limits["nofile"], "100 200");
}

#[test]
fn a_preset_limit_is_set_and_one_that_must_be_raised_takes_a_borrowed_capability() {
    let lower = Policy::witness("cap_net_raw", "[exec]\nlimits = { nofile = 64, core = 4096 }");
    let said = capwrap(&[&lower.name]).run().witness();
    assert_eq!((said.limits["nofile"].as_str(), said.limits["core"].as_str()), ("64 64", "4096 4096"));
    assert_eq!(said.sets(), [mask("net_raw"); 4]);

    let higher = Policy::witness("cap_net_raw", "[exec]\nlimits = { memlock = \"unlimited\" }");
    let run = capwrap(&[&higher.name]).under(&["prlimit", "--memlock=65536:65536", "--"]).run();
    if run.ok() {
        let said = run.witness();
        assert_eq!(said.limits["memlock"], format!("{} {}", u64::MAX, u64::MAX));
        assert_eq!(said.sets(), [mask("net_raw"); 4], "what was borrowed reached the tool");
    } else {
        // If nobody can have the capability, the error says which process lacks it and what it is needed for.
        run.refused(&[
            "cap_sys_resource",
            "bounding set",
            "raises the memlock limit from 65536 to unlimited",
            "--cap-add=SYS_RESOURCE",
        ]);
    }
}

#[test]
fn the_umask_is_the_callers_but_never_lets_others_write() {
    let policy = Policy::witness("cap_net_raw", "");
    for (mask, expected) in [("000", "0022"), ("077", "0077"), ("007", "0027")] {
        let line = format!("umask {mask}; exec {CAPWRAP} {}", policy.name);
        assert_eq!(user(MEMBER, &["sh", "-c", &line]).run().witness().get("Umask"), expected, "{mask}");
    }
}

#[test]
fn no_signal_is_blocked_and_none_ignored_but_those_of_nohup_and_of_background_jobs() {
    let policy = Policy::witness("cap_net_raw", "");
    let mut command = capwrap(&[&policy.name]).command();
    // SAFETY: sigaction and sigprocmask are async-signal-safe; the structures are local.
    unsafe {
        command.pre_exec(|| {
            let mut all: libc::sigset_t = std::mem::zeroed();
            libc::sigfillset(&raw mut all);
            libc::sigprocmask(libc::SIG_BLOCK, &raw const all, std::ptr::null_mut());
            for signal in 1..=64 {
                libc::signal(signal, libc::SIG_IGN);
            }
            Ok(())
        });
    }
    let said = Run::of(&command.stdin(Stdio::null()).output().unwrap()).witness();
    let bit = |signal: i32| 1u64 << (signal - 1);
    let ignored = u64::from_str_radix(said.get("SigIgn"), 16).unwrap();
    // The witness's own runtime ignores SIGPIPE.
    assert_eq!(ignored & !bit(libc::SIGPIPE), bit(libc::SIGHUP) | bit(libc::SIGINT) | bit(libc::SIGQUIT));
    assert_eq!(said.get("SigBlk"), "0000000000000000");
}

#[test]
fn a_pipe_that_closes_ends_the_tool_as_it_would_without_capwrap() {
    let policy = Policy::tool("/usr/bin/yes", "cap_net_raw", "");
    let line = format!("({CAPWRAP} {}; echo $? >&2) | head -n 1", policy.name);
    let run = user(MEMBER, &["sh", "-c", &line]).run();
    assert_eq!((run.stdout.as_str(), run.stderr.trim()), ("y\n", "141"), "SIGPIPE is 13");
}

#[test]
fn the_tool_keeps_the_callers_ids_groups_and_folder() {
    let policy = Policy::witness("cap_net_raw", "");
    let said = capwrap(&[&policy.name]).dir("/tmp").run().witness();
    let id = |flag| user(MEMBER, &["id", flag]).run().stdout.trim().to_owned();
    let same = |id: &str| [id; 4].join(" ");
    assert_eq!(said.get("Uid"), same(&id("-u")));
    assert_eq!(said.get("Gid"), same(&id("-g")));
    let mut groups: Vec<String> = said.get("Groups").split(' ').map(str::to_owned).collect();
    let mut expected: Vec<String> = id("-G").split(' ').map(str::to_owned).collect();
    groups.sort();
    expected.sort();
    assert_eq!(groups, expected);
    assert_eq!(said.get("cwd"), "/tmp");
}
