//! ecapture, tracee, bpfman, captrace: not to be had from the distribution, so the witness stands
//! in for them. What is asserted comes before the tool runs, or is what it would hold: the
//! decision, and the error where the machine cannot meet it.

use super::*;

/// Whether anybody on this machine can have cap_sys_resource.
fn sys_resource_is_to_be_had() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let bounding = status.lines().find_map(|line| line.strip_prefix("CapBnd:")).unwrap();
    u64::from_str_radix(bounding.trim(), 16).unwrap() & mask("sys_resource") != 0
}

/// As the member, with the limit that is usual.
fn launch(words: &[&str]) -> Run {
    capwrap(words).under(&["prlimit", "--memlock=65536:65536"]).run()
}

fn granted_mask(name: &str, arguments: &[&str]) -> u64 {
    let run = capwrap(&[&["--explain", name], arguments].concat()).run();
    let section = run.stdout.lines().skip_while(|line| *line != "granted").skip(1).take_while(|line| !line.is_empty());
    let heads = section.filter(|line| !line.starts_with("   ")).flat_map(|line| line.split([',', ' ']));
    mask(&heads.filter(|word| word.starts_with("cap_")).collect::<Vec<_>>().join(","))
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
fn ecapture_gets_cap_net_admin_for_packets_alone() {
    with_shipped("ecapture", &["--path", WITNESS], || {
        let plain = granted_mask("ecapture", &["tls"]);
        assert_eq!(plain & !mask("sys_admin"), mask("bpf,perfmon,sys_ptrace"));
        assert_eq!(granted_mask("ecapture", &["tls", "-m", "keylog"]), plain);
        assert_eq!(granted_mask("ecapture", &["tls", "-m", "pcapng"]), plain | mask("net_admin"));
    });
}

#[test]
fn tracee_gets_what_its_rings_take_or_the_error_names_cap_sys_resource_and_its_purpose() {
    with_shipped("tracee", &["--path", WITNESS], || {
        let run = launch(&["tracee"]);
        let granted = granted_mask("tracee", &[]);
        assert_eq!(
            granted & !mask("sys_admin,bpf,perfmon"),
            mask("ipc_lock,sys_resource,dac_override,sys_ptrace,syslog")
        );
        assert_eq!(granted_mask("tracee", &["-e", "net_packet_dns"]), granted | mask("net_admin"));
        if sys_resource_is_to_be_had() {
            let said = run.witness();
            assert_eq!((said.sets(), said.bounding()), ([granted; 4], granted));
        } else {
            run.refused(&["cap_sys_resource", "bounding set", "EBPF ring: lock and raise the limit"]);
        }
    });
}

#[test]
fn bpfman_gets_what_its_unit_gives_it_and_the_explanation_says_what_that_amounts_to() {
    with_shipped("bpfman", &["--path", WITNESS], || {
        let unit = mask("bpf,sys_admin,net_admin,dac_read_search,sys_resource,setpcap");
        assert_eq!(granted_mask("bpfman", &[]), unit);
        let explained = launch(&["--explain", "bpfman"]);
        let words = explained.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains("cap_sys_admin amounts to root"), "{words}");
        assert!(words.contains("raise RLIMIT_MEMLOCK; bpfman ends with"), "{words}");
        let run = launch(&["bpfman"]);
        if sys_resource_is_to_be_had() {
            assert_eq!(run.witness().sets(), [unit; 4]);
        } else {
            assert!(words.contains("missing here cap_sys_resource"), "{words}");
            run.refused(&["cap_sys_resource", "bounding set", "raise RLIMIT_MEMLOCK"]);
            let rest = launch(&["--drop", "cap_sys_resource", "bpfman"]).witness();
            assert_eq!(rest.sets(), [unit & !mask("sys_resource"); 4]);
        }
    });
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
        let explained = launch(&["--explain", "captrace"]).stdout;
        let words = explained.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains("inheritable (only the marked file gets them, its children do not)"), "{words}");
        assert!(words.contains("writes any file (-o), which amounts to root"), "{words}");
    });
}

#[test]
fn a_shipped_tool_that_is_not_installed_is_said_to_be_missing_with_a_mend() {
    for name in ["ecapture", "tracee", "bpfman", "captrace"] {
        let policy = Read::read(&shipped(name)).unwrap();
        if policy.tool.paths.iter().any(|path| path.exists()) {
            continue;
        }
        // Marking it is what enabling captrace does, so that there is nothing to enable yet.
        let call = Policy::new(&shipped(name));
        let run = capwrap(&[&call.name]).run();
        run.refused_with(127, &["cannot find the tool", "mend: install it"]);
    }
}
