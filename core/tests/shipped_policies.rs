//! Compares the shipped policies with the tables that they were written from: for each kernel and
//! each call, the capabilities that upstream's documents name, with corrections.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use capwrap_core::decision::facts::{Answer, Facts, KernelVersion};
use capwrap_core::decision::launcher_needs::{Kernels, needed_by_launcher};
use capwrap_core::decision::probe::Probe;
use capwrap_core::decision::{Decision, Request, decide};
use capwrap_core::policy::limits::{Limit, Resource};
use capwrap_core::policy::{Children, Delivery, Policy};
use capwrap_core::{Capability, CapabilitySet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies");
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    // The file elsewhere.toml lists tools that have no policy.
    let is_policy = |path: &PathBuf| {
        path.extension().is_some_and(|extension| extension == "toml")
            && path.file_stem().is_some_and(|stem| stem != "elsewhere")
    };
    let mut files: Vec<PathBuf> = paths.filter(is_policy).collect();
    files.sort();
    files
}

fn policy(name: &str) -> Policy {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies").join(format!("{name}.toml"));
    Policy::read(&std::fs::read_to_string(path).unwrap()).unwrap_or_else(|error| panic!("{name}.toml:{error}"))
}

/// Returns the facts of a machine with this kernel, the capabilities that it knows, and upstream's
/// default settings.
fn machine(release: &str, last: &str, paranoid: i32) -> Facts {
    let mut facts = Facts {
        kernel: KernelVersion::parse(release).unwrap(),
        last_capability: Capability::parse(last).unwrap().number(),
        ..Facts::default()
    };
    facts.sysctls.insert("kernel.perf_event_paranoid".into(), Some(format!("{paranoid}\n")));
    facts.probes.insert(Probe::PerfUprobeNeedsSysAdmin, Answer::found(false, ""));
    facts
}

fn new() -> Facts {
    machine("6.1.0", "cap_checkpoint_restore", 2)
}

fn old() -> Facts {
    machine("5.4.0", "cap_audit_read", 2)
}

/// RHEL 8 has an old release that knows the new capabilities.
fn rhel_8() -> Facts {
    machine("4.18.0", "cap_bpf", 2)
}

fn decided<'p>(policy: &'p Policy, facts: &Facts, arguments: &str, mode: Option<&str>) -> Decision<'p> {
    let arguments: Vec<OsString> = arguments.split_whitespace().map(OsString::from).collect();
    let request = Request { mode: mode.map(str::to_owned), ..Request::default() };
    decide(policy, facts, &arguments, &request).unwrap()
}

#[track_caller]
fn grants(name: &str, facts: &Facts, arguments: &str, expected: &str) {
    let passed = decided(&policy(name), facts, arguments, None).passed;
    assert_eq!(passed, CapabilitySet::parse(expected).unwrap(), "{name} {arguments} on {}: {passed}", facts.kernel);
}

#[test]
fn each_says_what_it_is_where_it_is_documented_and_why_it_grants_what_it_grants() {
    assert!(files().len() >= 20);
    for file in files() {
        let name = file.file_stem().unwrap().to_str().unwrap();
        let policy = policy(name);
        assert!(
            !policy.summary.is_empty() && policy.docs.as_ref().is_some_and(|docs| docs.starts_with("https://")),
            "{name}"
        );
        assert!(!policy.grants.is_empty() && policy.grants.iter().all(|grant| grant.why.is_some()), "{name}");
        assert!(policy.optional.is_none_or(|optional| optional.why.is_some()), "{name}");
    }
}

#[test]
fn none_is_a_way_to_other_programs_with_capabilities_unless_its_summary_says_so() {
    for file in files() {
        let name = file.file_stem().unwrap().to_str().unwrap();
        let policy = policy(name);
        let closed = policy.exec.children != Children::Any || policy.exec.deliver == Delivery::Inheritable;
        assert!(closed || policy.summary.contains("grants the capability as such"), "{name}");
    }
}

#[test]
fn a_debugger_gets_nothing_for_a_program_that_it_starts_and_all_for_a_process_that_runs() {
    let (strace, gdb) = ("sys_ptrace", "sys_ptrace,dac_override");
    for (name, arguments, granted) in [
        ("strace", "-p 1", strace),
        ("strace", "-fp1", strace),
        ("strace", "-e trace=openat -o file --attach=1", strace),
        ("strace", "--output file -f -p 1 -p 2", strace),
        ("strace", "-p 1 ls", strace),
        ("strace", "ls", ""),
        ("strace", "-e trace=mkdir mkdir -p a/b", ""),
        ("strace", "-fo -p ls", ""),
        ("strace", "--trace openat -- ls -p", ""),
        ("strace", "-u nobody ps -p 1", ""),
        ("gdb", "", gdb),
        ("gdb", "-p 1", gdb),
        ("gdb", "--pid=1 -batch", gdb),
        ("gdb", "prog 1", gdb),
        ("gdb", "-nx -ex quit prog", gdb),
        ("gdb", "--args prog -p 1", ""),
        ("gdb", "-batch -ex run prog", ""),
        ("gdb", "-batch --eval-command=start -args prog", ""),
    ] {
        grants(name, &new(), arguments, granted);
    }
}

#[test]
fn captrace_needs_its_file_in_tracefs_unless_it_is_given_another_place() {
    let policy = policy("captrace");
    for (arguments, needs) in [
        ("", true),
        ("-sf ls -t /", true),
        ("-o file -p 1", true),
        ("-t /mnt ls", false),
        ("-st/mnt", false),
        ("-h", false),
    ] {
        let demands = decided(&policy, &new(), arguments, None).demands;
        assert_eq!(demands.len(), usize::from(needs), "{arguments}");
    }
}

#[test]
fn ecapture_needs_the_kernels_types_where_its_programs_are_to_be_fitted_to_them() {
    let policy = policy("ecapture");
    for (arguments, needs) in [
        ("-b 1 tls", true),
        ("tls --btf=1", true),
        ("tls -b1", true),
        ("tls", false),
        ("-b 2 tls", false),
        ("--btf 0 bash", false),
    ] {
        let demands = decided(&policy, &new(), arguments, None).demands;
        assert_eq!(demands.len(), usize::from(needs), "{arguments}");
    }
}

#[test]
fn ecapture_gets_what_it_was_measured_to_need_in_every_mode() {
    // Each row has the mode and the arguments, then what is granted where perf uprobes open for
    // cap_perfmon, and what is granted before 5.8. The policy's first comment has the measurements.
    let (text, old_text) = ("bpf,perfmon,net_admin", "sys_admin");
    for (mode, arguments, with_bpf, without_bpf) in [
        ("text", "tls", text, old_text),
        ("text", "tls -m text", text, old_text),
        ("keylog", "tls -m keylog --keylogfile=k.log", text, old_text),
        ("pcapng", "tls -m pcapng -i eth0", "bpf,perfmon,net_admin", "sys_admin,net_admin"),
        ("pcapng", "gotls --model=pcap", "bpf,perfmon,net_admin", "sys_admin,net_admin"),
        ("pcapng", "-b 1 tls -m pcapng", "bpf,perfmon,net_admin", "sys_admin,net_admin"),
    ] {
        grants("ecapture", &new(), arguments, with_bpf);
        grants("ecapture", &rhel_8(), arguments, with_bpf);
        grants("ecapture", &old(), arguments, without_bpf);
        let by_name = decided(&policy("ecapture"), &new(), "tls", Some(mode)).passed;
        let by_arguments = decided(&policy("ecapture"), &new(), &format!("tls -m {mode}"), None).passed;
        assert_eq!(by_name, by_arguments, "{mode}");
    }
}

#[test]
fn ecapture_gets_sys_admin_in_place_of_bpf_and_perfmon_where_perf_demands_it_and_net_admin_for_pcapng_alone() {
    let mut fixed = new();
    fixed.probes.insert(Probe::PerfUprobeNeedsSysAdmin, Answer::found(true, ""));
    for machine in [fixed, machine("6.1.0", "cap_checkpoint_restore", 3)] {
        grants("ecapture", &machine, "tls", "sys_admin");
        grants("ecapture", &machine, "tls -m pcapng -i eth0", "sys_admin,net_admin");
    }
}

#[test]
fn ecaptures_locked_memory_is_preset_with_a_capability_that_it_never_gets() {
    let policy = policy("ecapture");
    let memlock = Resource::parse("memlock").unwrap();
    let facts = Facts { hard_limits: vec![(memlock, Limit(8 << 20))], ..new() };
    let decision = decided(&policy, &facts, "tls", None);
    assert!(decision.borrowed_set().contains(Capability::SYS_RESOURCE));
    assert!(!decision.passed.contains(Capability::SYS_RESOURCE));
    assert!(needed_by_launcher(&policy, Kernels::Any).contains(Capability::SYS_RESOURCE));
}

#[test]
fn tracees_base_ebpf_and_event_sets_are_granted() {
    let always = "ipc_lock,sys_resource,dac_override,sys_ptrace,syslog";
    let with = |more: &str| format!("{always},{more}");
    // tracee's code needs the two BPF capabilities only below 2, and cap_sys_admin from 2 on.
    let open = machine("6.1.0", "cap_checkpoint_restore", 1);
    // Without -e the events include network ones, and a policy file can name them.
    grants("tracee", &open, "", &with("bpf,perfmon,net_admin"));
    grants("tracee", &open, "--policy p.yaml", &with("bpf,perfmon,net_admin"));
    grants("tracee", &open, "-p p.yaml -e execve", &with("bpf,perfmon,net_admin"));
    grants("tracee", &new(), "-e execve", &with("sys_admin"));
    grants("tracee", &old(), "-e execve", &with("sys_admin"));
    grants("tracee", &open, "--events net_packet_dns", &with("bpf,perfmon,net_admin"));
    grants("tracee", &open, "-e execve", &with("bpf,perfmon"));
    let network = decided(&policy("tracee"), &open, "", Some("network")).passed;
    assert_eq!(network, CapabilitySet::parse(&with("bpf,perfmon,net_admin")).unwrap());
}

#[test]
fn what_tracees_capabilities_add_gave_can_be_added_and_drop_takes_away() {
    let policy = policy("tracee");
    let facts = machine("6.1.0", "cap_checkpoint_restore", 1);
    let set = |list| CapabilitySet::parse(list).unwrap();
    let request = Request { add: set("sys_admin,net_admin"), drop: set("syslog"), mode: None };
    let passed = decide(&policy, &facts, &[], &request).unwrap().passed;
    assert_eq!(passed, set("ipc_lock,sys_resource,dac_override,sys_ptrace,bpf,perfmon,sys_admin,net_admin"));
    let beyond = Request { add: set("sys_module"), ..Request::default() };
    assert!(decide(&policy, &facts, &[], &beyond).is_err());
}

#[test]
fn bpfman_and_its_service_get_what_the_unit_lists_but_for_a_limit_that_is_preset_and_setpcap() {
    for name in ["bpfman", "bpfman-rpc"] {
        grants(name, &new(), "", "bpf,dac_read_search,net_admin,sys_admin");
        grants(name, &old(), "", "dac_read_search,net_admin,sys_admin");
        let policy = policy(name);
        assert!(policy.exec.limits.contains(&(Resource::parse("memlock").unwrap(), Limit::UNLIMITED)), "{name}");
        let prepared: Vec<&Path> =
            policy.demands.iter().filter_map(|demand| Some(demand.prepare.as_ref()?.directory.as_path())).collect();
        assert!(prepared.contains(&Path::new("/run/bpfman")), "{name}: {prepared:?}");
    }
}

#[test]
fn bpftool_gets_net_admin_for_what_it_asks_of_the_network_and_of_cgroups_where_sys_admin_does_not_serve() {
    for arguments in ["net", "net show", "n", "cgroup tree", "cg show /sys/fs/cgroup"] {
        grants("bpftool", &new(), arguments, "sys_admin,net_admin");
        grants("bpftool", &machine("6.12.0", "cap_checkpoint_restore", 2), arguments, "sys_admin");
    }
    grants("bpftool", &new(), "prog show", "sys_admin");
}

#[test]
fn captrace_gets_tracefs_and_hands_nothing_to_what_it_traces() {
    grants("captrace", &new(), "ping 127.0.0.1", "dac_override,sys_ptrace");
    let policy = policy("captrace");
    assert_eq!(policy.exec.deliver, Delivery::Inheritable);
    let marked = policy.file.unwrap();
    assert_eq!(
        (marked.inheritable, marked.permitted, marked.effective),
        (needed_by_launcher(&self::policy("captrace"), Kernels::Any), CapabilitySet::EMPTY, true)
    );
}

#[test]
fn perf_takes_sys_admin_only_where_the_kernel_leaves_no_other_way() {
    grants("perf", &new(), "stat -a", "perfmon");
    grants("perf", &machine("6.1.0", "cap_checkpoint_restore", 3), "stat -a", "sys_admin");
    grants("perf", &old(), "stat -a", "sys_admin");
    grants("perf", &new(), "record -a", "perfmon,syslog");
}

#[test]
fn the_libbpf_tools_get_sys_admin_only_where_perf_demands_it_or_the_kernel_knows_nothing_else() {
    let strict = machine("6.1.0", "cap_checkpoint_restore", 3);
    for name in ["execsnoop", "exitsnoop", "mountsnoop", "opensnoop", "syscount", "tcplife", "tcpstates"] {
        grants(name, &new(), "", "bpf,perfmon,dac_read_search");
        grants(name, &strict, "", "sys_admin,dac_read_search");
        grants(name, &old(), "", "sys_admin,dac_read_search,sys_resource");
    }
    grants("tcpconnect", &strict, "", "sys_admin");
    // Raw tracepoints take no perf_event_open.
    for name in ["biolatency", "runqlat"] {
        grants(name, &strict, "", "bpf,perfmon");
        grants(name, &old(), "", "sys_admin,sys_resource");
    }
}

#[test]
fn dmesg_changes_the_log_with_its_capability_whatever_reading_takes() {
    let mut open = new();
    open.sysctls.insert("kernel.dmesg_restrict".into(), Some("0\n".into()));
    grants("dmesg", &open, "-w", "");
    for changes in ["-C", "-c", "-n 4", "--console-off", "-Tc", "-tn 4"] {
        grants("dmesg", &open, changes, "syslog");
    }
}

#[test]
fn netsniff_and_trafgen_get_beside_net_raw_what_their_options_and_the_kernel_take() {
    grants("netsniff-ng", &new(), "-i eth0", "net_raw,net_admin");
    grants("netsniff-ng", &new(), "-M -i eth0", "net_raw");
    grants("netsniff-ng", &new(), "-sM -i eth0", "net_raw");
    grants("netsniff-ng", &new(), "-i eth0 --no-promisc", "net_raw");
    grants("netsniff-ng", &new(), "-M -i eth0 -o seen.pcap", "net_raw,sys_nice");
    grants("trafgen", &new(), "-o eth0 -i packet.cfg", "net_raw");
    grants("trafgen", &old(), "-o eth0 -i packet.cfg", "net_raw,net_admin");
}

#[test]
fn tools_that_only_look_get_nothing_for_an_argument_that_changes_something() {
    let dmsetup = "sys_admin,dac_override";
    let nvme = "sys_admin,dac_read_search";
    for (name, arguments, granted) in [
        ("auditctl", "-l", "audit_control"),
        ("auditctl", "-s", "audit_control"),
        ("auditctl", "-s -i", "audit_control"),
        ("auditctl", "-lD", ""),
        ("auditctl", "-l -w /etc/passwd", ""),
        ("auditctl", "-D", ""),
        ("dmsetup", "ls", dmsetup),
        ("dmsetup", "-v table", dmsetup),
        ("dmsetup", "--unit ls remove_all", ""),
        ("dmsetup", "create table", ""),
        ("nvme", "smart-log /dev/nvme0", nvme),
        ("nvme", "get-feature /dev/nvme0 -f 7", nvme),
        ("nvme", "primary-ctrl-caps /dev/nvme0", nvme),
        ("nvme", "set-feature /dev/nvme0 -f 7", ""),
        ("nvme", "format /dev/nvme0", ""),
        ("btrfs", "subvolume list /mnt", "sys_admin"),
        ("btrfs", "subvolume list -o /mnt", "sys_admin"),
        ("btrfs", "subvolume delete /mnt/list", ""),
        ("btrfs", "subvolume delete list", ""),
        ("btrfs", "subvolume d list", ""),
        ("btrfs", "sub list /mnt", ""),
        ("btrfs", "filesystem usage /mnt", "sys_admin"),
        ("btrfs", "filesystem resize 1g usage", ""),
        ("btrfs", "filesystem balance usage", ""),
        ("btrfs", "--format text subvolume show /mnt", "sys_admin"),
        ("btrfs", "device stats -c /mnt", "sys_admin"),
        ("btrfs", "device stats -cz /mnt", ""),
        ("btrfs", "device remove 1 stats", ""),
        ("btrfs", "qgroup show /mnt", "sys_admin"),
        ("btrfs", "qgroup destroy show /mnt", ""),
        ("blktrace", "-d /dev/sda -o -", "dac_read_search"),
        ("blktrace", "-I /etc/shadow", ""),
        ("blktrace", "--inp=/etc/shadow", ""),
        ("cryptsetup", "luksDump /dev/sda1", "dac_read_search"),
        ("cryptsetup", "open /dev/sda1 name", ""),
        ("hwclock", "--show", "dac_read_search"),
        ("hwclock", "-w", "dac_read_search,sys_time"),
        ("hwclock", "-uw --noadjfile", "dac_read_search,sys_time"),
        ("fuser", "-v /mnt", "dac_read_search,sys_ptrace"),
        ("fuser", "-vk /mnt", "dac_read_search,sys_ptrace,kill"),
    ] {
        grants(name, &new(), arguments, granted);
    }
}

#[test]
fn a_tool_that_lists_files_gets_nothing_for_an_option_that_shows_what_a_file_contains() {
    for (name, arguments, granted) in [
        ("du", "-sh /root", "dac_read_search"),
        ("du", "-d 1 -t 1M --exclude a /root", "dac_read_search"),
        ("du", "--files0-from=/etc/shadow", ""),
        ("du", "--fi /etc/shadow", ""),
        ("du", "-sX/etc/shadow /", ""),
        ("du", "--exclude-f=/etc/shadow /", ""),
        ("find", "/root -name x", "dac_read_search"),
        ("find", "-files0-from /etc/shadow", ""),
    ] {
        grants(name, &new(), arguments, granted);
    }
}

#[test]
fn a_program_that_is_started_without_need_of_a_capability_gets_none() {
    for (name, arguments, granted) in [
        ("taskset", "-p 1 1", "sys_nice"),
        ("taskset", "-cp 0 1", "sys_nice"),
        ("taskset", "1 ps -p 1", ""),
        ("prlimit", "--pid 1 --nofile=10", "sys_resource"),
        ("prlimit", "--nofile=10 ps -p 1", ""),
        ("pidstat", "-d 1", "sys_ptrace,dac_read_search"),
        ("pidstat", "-hd 1", "sys_ptrace,dac_read_search"),
        ("pidstat", "-s 1", "sys_ptrace"),
        ("pidstat", "-v", "dac_read_search"),
        ("pidstat", "-u 1", ""),
        ("pidstat", "-e ls -d", ""),
    ] {
        grants(name, &new(), arguments, granted);
    }
}

/// A grant for kernels without cap_bpf gives the launcher nothing where the kernel has it.
#[test]
fn where_the_kernel_has_cap_bpf_the_launcher_carries_no_older_capability_for_it() {
    let policy = policy("capwrap-learn");
    let needed = |last: &str| {
        let kernels = Kernels::KnowingUpTo(Capability::parse(last).unwrap().number());
        needed_by_launcher(&policy, kernels)
    };
    let set = |list| CapabilitySet::parse(list).unwrap();
    assert_eq!(needed("audit_read"), set("sys_admin"));
    assert_eq!(needed("checkpoint_restore"), set("bpf,perfmon"));
}

#[test]
fn no_cut_and_no_changed_byte_of_any_of_them_makes_reading_panic() {
    for file in files() {
        let text = std::fs::read_to_string(&file).unwrap();
        for at in (0..text.len()).step_by(11).filter(|at| text.is_char_boundary(*at)) {
            let _ = Policy::read(&text[..at]);
            for changed in ["\"", "[", "=", "\0", "\n", "é"] {
                let mut other = text.clone();
                other.insert_str(at, changed);
                let _ = Policy::read(&other);
            }
        }
    }
}
