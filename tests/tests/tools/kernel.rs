//! dmesg, iotop, perf, bpftool and bpftrace, which show the state of the kernel.

use super::*;

/// Writes a line of this process into the kernel's log, and returns it.
fn marker() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let marker = format!("capwrap-marker-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    fs::write("/dev/kmsg", format!("{marker}\n")).unwrap();
    marker
}

#[test]
fn dmesg_reads_the_log_with_cap_syslog_alone_where_reading_is_restricted() {
    with_shipped("dmesg", &[], || {
        let marker = marker();
        let done = |run: &Run| run.ok() && run.stdout.contains(&marker);
        if sysctl("kernel/dmesg_restrict") == Some(0) {
            assert_eq!(granted("dmesg", &[]), [""; 0]);
            assert!(done(&run(capwrap(&["dmesg"]))));
            return;
        }
        assert_eq!(takes_exactly("dmesg", &[], run, done), ["cap_syslog"]);
    });
}

#[test]
fn dmesg_starts_no_pager() {
    with_shipped("dmesg", &[], || {
        marker();
        // On a terminal, -H starts a pager. capwrap passes no PAGER of the caller's to dmesg; these policies set one.
        let (in_open, in_closed) = (Scratch::new(), Scratch::new());
        let pager = |scratch: &Scratch| format!("[exec]\nenv = {{ set = {{ PAGER = \"{}\" }} }}", scratch.escape());
        let closed = changed("dmesg", &[("[exec]", &pager(&in_closed))]);
        let open = changed("dmesg", &[("[exec]", &pager(&in_open)), ("children = \"none\"", "children = \"any\"")]);
        let granted = mask(&granted("dmesg", &[]).join(","));
        let paged = |name: &str, scratch: &Scratch| {
            let line = format!("{CAPWRAP} {name} -H");
            let call = user(MEMBER, &["script", "-qec", &line, "/dev/null"]);
            let run = run(call.env("PAGER", scratch.escape()).env("TERM", "xterm"));
            (scratch.escaped(), run)
        };
        let (escaped, run) = paged(&open.name, &in_open);
        assert_eq!(escaped, Some(granted), "{run:?}");
        for name in [&closed.name, "dmesg"] {
            let (escaped, run) = paged(name, &in_closed);
            assert_eq!(escaped, None);
            assert!(run.stdout.contains("failed to execute"), "{run:?}");
        }
    });
}

/// Whether iotop shows that this process writes.
fn shows_writing(run: &Run, pid: &str) -> bool {
    run.ok()
        && run.stdout.lines().any(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let rate = |at: usize| words.get(at).and_then(|word| word.parse().ok()).unwrap_or(0.0);
            words.first() == Some(&pid) && words.get(2).is_some_and(|user| user.starts_with("capwrap")) && rate(5) > 0.0
        })
}

#[test]
fn both_iotops_show_what_another_users_process_writes_with_cap_net_admin_alone() {
    let program = ["/usr/sbin/iotop-c", "/usr/sbin/iotop-py", "/usr/sbin/iotop"]
        .into_iter()
        .filter(|path| fs::exists(path).unwrap());
    let scratch = Scratch::new();
    scratch.give_to(STRANGER);
    let file = scratch.path("written");
    for path in program {
        with_shipped("iotop", &["--path", path], || {
            let observed = Observed::start(&["write", &file]);
            // The first of the two rounds shows only zeros.
            let arguments = ["-b", "-n", "2", "-d", "1", "-o", "-k", "-P"];
            let pid = observed.pid();
            let granted = takes_exactly("iotop", &arguments, run, |run| shows_writing(run, &pid));
            assert_eq!(granted, ["cap_net_admin"]);
        });
    }
}

#[test]
fn iotop_in_python_runs_no_module_of_the_callers() {
    let path = "/usr/sbin/iotop-py";
    if !fs::exists(path).unwrap() {
        println!("no iotop in Python here");
        return;
    }
    with_shipped("iotop", &["--path", path], || {
        let home = format!("/home/{MEMBER}");
        cover(&home);
        let site = user(MEMBER, &["/usr/bin/python3", "-c", "import site; print(site.getusersitepackages())"]);
        let site = site.env("HOME", &home).run().stdout;
        let module = format!("{}/usercustomize.py", site.trim());
        assert!(module.starts_with(&home), "{module}");
        fs::create_dir_all(site.trim()).unwrap();
        fs::write(&module, "print([line for line in open('/proc/self/status') if 'CapEff' in line][0])\n").unwrap();
        let with = |name: &str| run(capwrap(&[name, "-b", "-n", "1"]));
        let text = fs::read_to_string(format!("{POLICIES}/iotop.toml")).unwrap();
        let variables = text.lines().find(|line| line.starts_with("env ")).unwrap();
        let open = Policy::new(&text.replace(variables, ""));
        let escaped = with(&open.name);
        assert_eq!(effective(&escaped.stdout), Some(mask("net_admin")), "{escaped:?}");
        let closed = with("iotop");
        assert!(closed.ok(), "{closed:?}");
        assert_eq!(effective(&closed.stdout), None, "{closed:?}");
        // A machine whose iotop is the one in C can refuse every script.
        let strict = Policy::new(&text.replace("script = true", "script = false"));
        capwrap(&[&strict.name]).run().refused_with(126, &["it is a script"]);
    });
}

#[test]
fn perf_counts_on_all_cpus_with_cap_perfmon() {
    with_shipped("perf", &[], || {
        let arguments = ["stat", "-x,", "-a", "-e", "cpu-clock", "--timeout", "300"];
        let done = |run: &Run| {
            run.ok()
                && run.stderr.lines().any(|line| {
                    let mut fields = line.split(',');
                    let count = fields.next().and_then(|count| count.parse().ok()).unwrap_or(0.0);
                    count > 0.0 && fields.nth(1) == Some("cpu-clock")
                })
        };
        let granted = takes_exactly("perf", &arguments, run, done);
        assert_eq!(granted[0], "cap_perfmon");
        if sysctl("kernel/perf_event_paranoid").unwrap() <= 2 {
            assert_eq!(granted.len(), 1, "{granted:?}");
        }
    });
}

#[test]
fn perf_names_kernel_functions_in_mode_symbols_with_cap_syslog_besides() {
    if sysctl("kernel/kptr_restrict") == Some(2) || sysctl("kernel/perf_event_paranoid").unwrap() < 2 {
        println!("here nobody or everybody sees the names");
        return;
    }
    with_shipped("perf", &[], || {
        let scratch = Scratch::new();
        let file = scratch.path("perf.data");
        let named = |options: &[&str]| {
            let _ = fs::remove_file(&file);
            let recording = ["perf", "record", "-N", "-a", "-e", "cpu-clock:k", "-o", &file, "--", "sleep", "0.3"];
            let recorded = run(capwrap(&[options, &recording].concat()));
            if !recorded.ok() {
                return false;
            }
            let report =
                run(capwrap(&[options, &["perf", "report", "-i", &file, "--stdio", "--sort", "sym"]].concat()));
            let symbols = report.stdout.lines().filter_map(|line| line.split_once("[k] "));
            let symbols: Vec<&str> = symbols.map(|(_, symbol)| symbol).collect();
            assert!(!symbols.is_empty(), "no samples of the kernel: {recorded:?} {report:?}");
            symbols.iter().any(|symbol| symbol.starts_with(|first: char| first.is_ascii_lowercase() || first == '_'))
        };
        assert!(granted("perf", &["record"]).contains(&"cap_syslog".to_owned()));
        assert!(named(&[]), "no names with it");
        assert!(!named(&["--drop", "cap_syslog"]), "names without cap_syslog");
    });
}

#[test]
fn perf_uses_larger_buffers_when_cap_ipc_lock_is_added() {
    with_shipped("perf", &[], || {
        let scratch = Scratch::new();
        let recording = [
            "perf",
            "record",
            "-q",
            "-N",
            "-a",
            "-e",
            "cpu-clock",
            "-m",
            "32M",
            "-o",
            &scratch.path("data"),
            "--",
            "sleep",
            "0.1",
        ];
        let with = |options: &[&str]| {
            run(capwrap(&[options, &recording].concat()).under(&["prlimit", "--memlock=65536:65536"]))
        };
        assert!(!with(&[]).ok());
        let added = with(&["--add", "cap_ipc_lock"]);
        assert!(added.ok(), "{added:?}");
    });
}

#[test]
fn bpftool_lists_what_root_loaded_with_cap_sys_admin_alone() {
    with_shipped("bpftool", &[], || {
        let folder = Folder::new();
        let pins = folder.0.to_str().unwrap();
        assert!(root(&["mount", "-t", "bpf", "-o", "mode=700", "none", pins]).run().ok());
        let name = format!("cw{}", std::process::id());
        let kind = ["type", "array", "key", "4", "value", "4", "entries", "1", "name", &name];
        let made = root(&[&[&tool("bpftool"), "map", "create", &folder.path("map")], &kind[..]].concat()).run();
        let done = |run: &Run| run.ok() && run.stdout.contains(&format!("name {name}"));
        if made.ok() {
            let arguments = ["map", "show", "name", &name];
            assert_eq!(takes_exactly("bpftool", &arguments, run, done), ["cap_sys_admin"]);
        }
        assert!(root(&["umount", pins]).run().ok());
        assert!(made.ok(), "{made:?}");
    });
}

#[test]
fn bpftool_probes_features_with_four_capabilities_and_none_of_them_less() {
    with_shipped("bpftool", &[], || {
        let arguments = ["feature", "probe", "kernel"];
        let done = |run: &Run| run.ok() && run.stdout.contains("is available");
        // bpftool asks for each capability by name, even where cap_sys_admin would be enough.
        let granted = granted("bpftool", &arguments);
        assert_eq!(mask(&granted.join(",")), mask("sys_admin,bpf,perfmon,net_admin"));
        takes_each("bpftool", &arguments, granted, run, done);
    });
}

#[test]
fn bpftool_finds_other_users_tracing_programs_with_cap_dac_read_search_besides() {
    with_shipped("bpftool", &[], || {
        let mounted = std::path::Path::new("/sys/kernel/tracing/events").exists();
        assert!(mounted || root(&["mount", "-t", "tracefs", "none", "/sys/kernel/tracing"]).run().ok());
        let program = "tracepoint:sched:sched_switch { @ = count(); } END { clear(@); }";
        let attached = Running::started(&root(&["bpftrace", "-e", program]), "Attaching");
        let line = format!("pid {}  ", attached.pid());
        let done = |run: &Run| {
            run.ok() && run.stdout.lines().any(|one| one.starts_with(&line) && one.contains("sched_switch"))
        };
        // bpftrace prints that it attaches some time before it has attached.
        let ready = holds_soon(|| done(&root(&[&tool("bpftool"), "perf", "show"]).run()));
        assert!(ready, "{}", attached.stop().stdout);
        let granted = takes_exactly("bpftool", &["perf", "show"], run, done);
        assert_eq!(granted, ["cap_sys_admin", "cap_dac_read_search"]);
    });
}

#[test]
fn bpftrace_runs_as_root_with_cap_bpf_and_cap_perfmon_and_as_another_only_since_0_25() {
    with_shipped("bpftrace", &["--user", "root", "--group", "capwrap"], || {
        let program = "BEGIN { printf(\"capwrap %d\\n\", 6 * 7); exit(); }";
        let with = |options: &[&str]| run(root(&[&[CAPWRAP], options, &["bpftrace", "-e", program]].concat()));
        let done = |run: &Run| run.ok() && run.stdout.contains("capwrap 42");
        let works = with(&[]);
        assert!(done(&works), "{works:?}");
        let explained = root(&[CAPWRAP, "--explain", "bpftrace"]).run().stdout;
        let stands_in = explained.split("not granted").next().unwrap().contains("cap_sys_admin");
        let needed: &[&str] = if stands_in { &["cap_sys_admin"] } else { &["cap_bpf", "cap_perfmon"] };
        for capability in [needed, &["all"]].concat() {
            let dropped = if capability == "all" { "cap_bpf,cap_perfmon,cap_sys_admin" } else { capability };
            let less = with(&["--drop", dropped]);
            assert!(!done(&less) && !less.stderr.contains("capwrap: "), "without {dropped}: {less:?}");
        }
        // For uid 0 only the grant is left, in the processes that it starts as well.
        let child = run(root(&[
            CAPWRAP,
            "bpftrace",
            "--unsafe",
            "-e",
            "BEGIN { system(\"grep CapEff /proc/self/status\"); exit(); }",
        ]));
        let grant = if stands_in { mask("bpf,perfmon,sys_admin") } else { mask("bpf,perfmon") };
        assert_eq!(effective(&child.stdout), Some(grant), "{child:?}");

        let other = run(capwrap(&["bpftrace", "-e", program]));
        if !done(&other) {
            assert!(other.stderr.contains("only supports running as the root user"), "{other:?}");
            assert!(!run(user(MEMBER, &["bpftrace", "-e", program])).ok());
        }
    });
}
