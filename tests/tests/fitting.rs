//! The launcher's file carries what its policies need on this kernel, and nothing for other kernels.

use capwrap_tests::*;
use std::fs;
use std::path::Path;

/// One grant for kernels that know cap_bpf, one for those that do not, and one for no kernel that has been built.
const GRANTS: &str = "
[[grant]]
caps = [\"cap_bpf\"]
when = { kernel_has = \"cap_bpf\" }
[[grant]]
caps = [\"cap_sys_admin\"]
when = { kernel_lacks = \"cap_bpf\" }
[[grant]]
caps = [\"cap_chown\"]
when = { kernel = \"<1.0\" }
";
/// What this kernel, which knows cap_bpf, needs of it. A release can be faked, so that its grant counts.
const HERE: &str = "cap_chown,cap_bpf=p";
const ANYWHERE: &str = "cap_chown,cap_sys_admin,cap_bpf=p";

/// On a machine of its own, with this policy alone. Where all tests run in a tree below the machine's root directory,
/// as in a chroot, the launcher is made for any kernel, and that is what is tested.
fn with_policy(test: impl FnOnce(&Policy) + Send) {
    on_a_machine_of_its_own(|| {
        for entry in fs::read_dir(POLICIES).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
        let policy = Policy::witness("", GRANTS);
        if is_in_a_tree() {
            let run = enable(&[]);
            assert!(run.stdout.contains("for any kernel: this is a chroot"), "{run:?}");
            assert_eq!(carried(CAPWRAP), ANYWHERE);
        } else {
            test(&policy);
        }
    });
}

/// Whether process 1 has another root directory than this process.
fn is_in_a_tree() -> bool {
    // The file system and the directory in it that are mounted at / (proc_pid_mountinfo(5)).
    let root = |process: &str| {
        let mounts = fs::read_to_string(format!("/proc/{process}/mountinfo")).unwrap();
        let mut fields = mounts.lines().map(|line| line.split(' ').map(str::to_owned).collect::<Vec<_>>());
        fields.rfind(|fields| fields[4] == "/").map(|fields| fields[2..4].to_vec())
    };
    root("1") != root("self")
}

fn enable(options: &[&str]) -> Run {
    let run = root(&[&[CAPWRAP, "enable"], options].concat()).run();
    assert!(run.ok(), "{run:?}");
    run
}

#[test]
fn enable_gives_the_launcher_nothing_for_other_kernels_unless_that_is_asked_for() {
    with_policy(|policy| {
        let run = enable(&[]);
        assert!(run.stdout.contains(&format!("now has {HERE}")) && !run.stdout.contains("note"), "{run:?}");
        assert_eq!(carried(CAPWRAP), HERE);
        let run = enable(&["--any-kernel"]);
        assert!(run.stdout.contains("for any kernel: `capwrap enable --any-kernel` said so"), "{run:?}");
        assert_eq!(carried(CAPWRAP), ANYWHERE);
        // Whatever is enabled and disabled later.
        enable(&["dmesg"]);
        assert_eq!(carried(CAPWRAP), "cap_chown,cap_sys_admin,cap_syslog,cap_bpf=p");
        assert!(root(&[CAPWRAP, "disable", "dmesg"]).run().ok());
        assert_eq!(carried(CAPWRAP), ANYWHERE);
        let run = root(&[CAPWRAP, "verify", CAPWRAP]).run();
        assert!(run.ok(), "{run:?}");
        enable(&["dmesg", "--this-kernel"]);
        assert_eq!(carried(CAPWRAP), "cap_chown,cap_syslog,cap_bpf=p");
        assert!(!Path::new("/etc/capwrap/any-kernel").exists());
        let both = root(&[CAPWRAP, "enable", "--any-kernel", "--this-kernel"]).run();
        assert_eq!(both.code, 125, "{both:?}");
        assert!(capwrap(&[&policy.name]).run().ok());
    });
}

#[test]
fn a_file_that_fits_another_kernel_is_reported_both_ways_and_a_launch_names_what_helps() {
    with_policy(|policy| {
        let verify = || root(&[CAPWRAP, "verify", "--color=never", CAPWRAP]).run();
        let doctor = || root(&[CAPWRAP, "doctor", "--color=never"]).run().stdout;
        enable(&[]);
        assert!(verify().ok(), "{:?}", verify());
        // As a kernel without cap_bpf needs it.
        assert!(root(&["setcap", "cap_chown,cap_sys_admin=p", CAPWRAP]).run().ok());
        let run = verify();
        assert_eq!(run.code, 1, "{run:?}");
        let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let both = "enabled policies need cap_bpf too on this kernel, and no enabled policy needs cap_sys_admin on this kernel";
        for said in [flat(&run.stdout), flat(&doctor())] {
            assert!(said.contains(both) && said.contains("capwrap enable"), "{said}");
        }
        capwrap(&[&policy.name]).run().refused(&[
            "cap_bpf: capwrap's own file does not carry it, which other kernels than this one do not need",
            "hint: an administrator can run `capwrap enable` to give capwrap what its policies need on this kernel",
        ]);
        let explained = capwrap(&["explain", &policy.name]).run();
        assert!(flat(&explained.stdout).contains("which other kernels than this one do not need"), "{explained:?}");
        enable(&[]);
        assert!(verify().ok() && capwrap(&[&policy.name]).run().ok());
        // Too few alone, too many alone.
        for (carries, words) in [
            ("cap_chown=p", "enabled policies need cap_bpf too on this kernel"),
            (ANYWHERE, "no enabled policy needs cap_sys_admin on this kernel"),
        ] {
            assert!(root(&["setcap", carries, CAPWRAP]).run().ok());
            let run = verify();
            assert!(run.code == 1 && flat(&run.stdout).contains(words), "{run:?}");
            assert!(flat(&doctor()).contains(words));
        }
        assert!(root(&[CAPWRAP, "verify", "--fix", CAPWRAP]).run().code != 2);
        assert_eq!(carried(CAPWRAP), HERE);
    });
}

#[test]
fn in_a_chroot_and_in_a_container_the_file_is_made_for_any_kernel() {
    with_policy(|_| {
        // A namespace of processes in which no systemd runs, as an image is built in.
        let run = root(&["unshare", "--pid", "--fork", "--mount-proc", CAPWRAP, "enable"]).run();
        assert!(run.ok() && run.stdout.contains("for any kernel: this is a container without systemd"), "{run:?}");
        assert_eq!(carried(CAPWRAP), ANYWHERE);
        enable(&[]);
        assert_eq!(carried(CAPWRAP), HERE);
        let folder = Folder::new();
        let tree = folder.path("root");
        let advisor = "/usr/local/libexec/capwrap/capwrap-advisor";
        let libraries = root(&["ldd", advisor]).run().stdout;
        let mut files: Vec<&str> = libraries.split_whitespace().filter(|word| word.starts_with('/')).collect();
        files.extend([CAPWRAP, advisor, "/etc/passwd", "/etc/group"]);
        files.extend(["/etc/capwrap"]);
        for file in files {
            let target = format!("{tree}{file}");
            fs::create_dir_all(Path::new(&target).parent().unwrap()).unwrap();
            assert!(root(&["cp", "-aL", file, &target]).run().ok(), "{file}");
        }
        let inside = format!("{tree}{CAPWRAP}");
        for has_proc in [true, false] {
            fs::create_dir_all(format!("{tree}/proc")).unwrap();
            if has_proc {
                assert!(root(&["mount", "-t", "proc", "proc", &format!("{tree}/proc")]).run().ok());
            }
            let run = root(&["chroot", &tree, CAPWRAP, "enable"]).run();
            let why = if has_proc { "this is a chroot" } else { "/proc does not show" };
            assert!(run.ok() && run.stdout.contains(why), "{run:?}");
            assert_eq!(carried(&inside), ANYWHERE);
            if has_proc {
                assert!(root(&["umount", &format!("{tree}/proc")]).run().ok());
            }
        }
        assert_eq!(carried(CAPWRAP), HERE);
    });
}

#[test]
fn a_boot_fits_the_file_to_the_kernel_unless_it_is_for_any() {
    with_policy(|_| {
        let boot = || run_service("capwrap-enable.service", "ConditionResult", str::to_owned);
        // As another kernel needs it.
        assert!(root(&["setcap", "cap_chown,cap_sys_admin=p", CAPWRAP]).run().ok());
        let (result, said) = boot();
        assert_eq!(result, "success\nyes\n", "{said}");
        assert!(said.contains(&format!("now has {HERE}")), "{said}");
        assert_eq!(carried(CAPWRAP), HERE);
        enable(&["--any-kernel"]);
        let (result, said) = boot();
        assert_eq!(result, "success\nno\n", "{said}");
        assert_eq!(carried(CAPWRAP), ANYWHERE);
    });
}
