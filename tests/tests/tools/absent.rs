//! ecapture, tracee, bpfman and captrace. The distribution does not have them, so the witness takes their place. The
//! tests check what comes before the tool runs, and what the tool would hold: the decision, and the error if the
//! machine cannot meet it.

use super::*;

/// Whether any process on this machine can have cap_sys_resource.
fn sys_resource_is_to_be_had() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let bounding = status.lines().find_map(|line| line.strip_prefix("CapBnd:")).unwrap();
    u64::from_str_radix(bounding.trim(), 16).unwrap() & mask("sys_resource") != 0
}

/// Launches a tool as the member, with the usual limit.
fn launch(words: &[&str]) -> Run {
    capwrap(words).under(&["prlimit", "--memlock=65536:65536"]).run()
}

fn granted_mask(name: &str, arguments: &[&str]) -> u64 {
    mask(&granted(name, arguments).join(","))
}

#[test]
fn ecapture_gets_its_memlock_limit_preset_or_the_error_says_what_that_takes() {
    with_shipped("ecapture", &["--path", WITNESS], || {
        let run = launch(&["ecapture", "tls", "-m", "pcapng"]);
        if sys_resource_is_to_be_had() {
            let said = run.witness();
            assert_eq!(said.sets(), [granted_mask("ecapture", &["tls", "-m", "pcapng"]); 4]);
            assert_eq!(said.limits["memlock"], "unlimited unlimited");
        } else {
            run.refused(&["cap_sys_resource", "bounding set", "raises the memlock limit from 65536 to unlimited"]);
        }
    });
}

#[test]
fn ecapture_gets_cap_sys_admin_or_three_others_and_cap_net_admin_for_packets() {
    with_shipped("ecapture", &["--path", WITNESS], || {
        let plain = granted_mask("ecapture", &["tls"]);
        let instead = if plain & mask("sys_admin") == 0 { "bpf,perfmon,net_admin" } else { "sys_admin" };
        assert_eq!(plain, mask(instead));
        assert_eq!(granted_mask("ecapture", &["tls", "-m", "keylog"]), plain);
        assert_eq!(granted_mask("ecapture", &["tls", "-m", "pcapng"]), plain | mask("net_admin"));
    });
}

/// The lines of an explanation as one line, however they were wrapped.
fn explained(name: &str) -> String {
    launch(&["--explain", name]).stdout.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn tracee_gets_what_its_rings_take_or_the_error_names_cap_sys_resource() {
    with_shipped("tracee", &["--path", WITNESS], || {
        let run = launch(&["tracee"]);
        let granted = granted_mask("tracee", &[]);
        assert_eq!(
            granted & !mask("sys_admin,bpf,perfmon"),
            mask("ipc_lock,sys_resource,dac_override,sys_ptrace,syslog,net_admin")
        );
        assert_eq!(granted_mask("tracee", &["-e", "net_packet_dns"]), granted);
        assert_eq!(granted_mask("tracee", &["-e", "execve"]), granted & !mask("net_admin"));
        let words = explained("tracee");
        assert!(words.contains("EBPF ring: lock memory, and raise the limit for maps"), "{words}");
        if sys_resource_is_to_be_had() {
            let said = run.witness();
            assert_eq!((said.sets(), said.bounding()), ([granted; 4], granted));
        } else {
            assert!(words.contains("missing here cap_sys_resource"), "{words}");
            run.refused(&["tracee", "cap_sys_resource", "bounding set", "--cap-add=SYS_RESOURCE"]);
            let rest = launch(&["--drop", "cap_sys_resource", "tracee"]).witness();
            let left = granted & !mask("sys_resource");
            assert_eq!((rest.sets(), rest.bounding()), ([left; 4], left));
        }
    });
}

#[test]
fn bpfman_and_its_service_get_four_capabilities_and_a_preset_limit_and_the_explanation_says_what_that_amounts_to() {
    for name in ["bpfman", "bpfman-rpc"] {
        with_shipped(name, &["--path", WITNESS], || {
            let four = mask("bpf,sys_admin,net_admin,dac_read_search");
            assert_eq!(granted_mask(name, &[]), four);
            let words = explained(name);
            assert!(words.contains("cap_sys_admin amounts to root"), "{words}");
            let run = launch(&[name]);
            if sys_resource_is_to_be_had() {
                let said = run.witness();
                assert_eq!(said.sets(), [four; 4]);
                assert_eq!(said.limits["memlock"], "unlimited unlimited");
            } else {
                run.refused(&["cap_sys_resource", "bounding set", "raises the memlock limit from 65536 to unlimited"]);
            }
        });
    }
}

#[test]
fn captrace_alone_holds_its_grant_and_the_command_that_it_traces_nothing() {
    let folder = Folder::new();
    let stand_in = folder.copy(WITNESS, "captrace");
    with_shipped("captrace", &["--path", &stand_in], || {
        let grant = mask("dac_override,sys_ptrace");
        assert_eq!(granted_mask("captrace", &[]), grant);
        assert_eq!(launch(&["captrace"]).witness().sets(), [grant, grant, grant, 0]);
        assert_eq!(launch(&["captrace", "exec", WITNESS]).witness().sets()[1..], [0; 3]);
        let words = explained("captrace");
        assert!(words.contains("inheritable (only this file gets them, its children do not)"), "{words}");
        assert!(words.contains("writes any file (-o), which amounts to root"), "{words}");
    });
}

#[test]
fn a_shipped_tool_that_is_not_installed_is_said_to_be_missing_with_a_hint() {
    for name in ["tracee", "captrace"] {
        let policy = Read::read(&shipped(name)).unwrap();
        if policy.tool.paths.iter().any(|path| path.exists()) {
            println!("{name} is installed here");
            continue;
        }
        // Otherwise the error would first name what nobody can have here, as it does for a policy that presets a limit.
        let enabled = Policy::new(&shipped(name));
        let run = capwrap(&["--drop", "cap_sys_resource", &enabled.name]).run();
        run.refused_with(127, &["cannot find the tool", policy.tool.paths[0].to_str().unwrap(), "hint: install it"]);
    }
}
