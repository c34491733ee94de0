//! `capwrap --learn` on the tools for which policies are shipped. A real use must teach exactly what the policy grants
//! for it, or the difference must be the one that the policy describes.
//!
//! The distribution does not have ecapture, tracee, bpfman and captrace.

use capwrap_core::policy::Policy as Read;
use capwrap_tests::*;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::UdpSocket;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

type Set = BTreeSet<String>;

fn set(names: &[&str]) -> Set {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Runs a test with a shipped policy enabled, in a mount and a network namespace of its own, so that nothing else meets
/// the policy. Learning takes nothing from the launcher, so the launcher stays as it is.
fn with_shipped(name: &str, test: impl FnOnce() + Send) {
    let text = fs::read_to_string(format!("/usr/local/share/capwrap/policies/{name}.toml")).unwrap();
    in_own_mounts(|| {
        cover("/etc/capwrap");
        fs::create_dir(POLICIES).unwrap();
        let _policy = Policy::named(name, &text);
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
        assert!(root(&["ip", "link", "set", "lo", "up"]).run().ok());
        test();
    });
}

/// The capabilities that the policy grants for these arguments on this machine, as `--explain` reports them.
fn granted_to(call: Call) -> Set {
    let run = call.run();
    assert!(run.stdout.contains("\n  policy "), "{run:?}");
    let section = run.stdout.lines().skip_while(|line| *line != "granted").skip(1).take_while(|line| !line.is_empty());
    let heads = section.filter(|line| !line.starts_with("   ")).flat_map(|line| line.split([',', ' ']));
    heads.filter(|word| word.starts_with("cap_")).map(str::to_owned).collect()
}

fn granted(name: &str, arguments: &[&str]) -> Set {
    granted_to(capwrap(&[&["--explain", name], arguments].concat()))
}

/// The capabilities that are learned from a command, with these options of learning, for this user.
fn learned_for(user: &str, options: &[&str], command: &[&str]) -> Set {
    let run = root(&[&[CAPWRAP, "--learn", "--json", "--user", user], options, &["--"], command].concat()).run();
    let profile: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:?}"));
    let lost = profile["runs"][0]["lost"].as_object().unwrap();
    assert!(lost.values().all(|times| times == 0), "{lost:?}");
    profile["needed"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

fn learned(options: &[&str], command: &[&str]) -> Set {
    learned_for(MEMBER, options, command)
}

/// Asserts that learning by observation alone finds exactly what the policy grants.
#[track_caller]
fn learns_the_grant(name: &str, options: &[&str], program: &str, arguments: &[&str]) {
    let learned = learned(options, &[&[program], arguments].concat());
    assert_eq!(learned, granted(name, arguments), "{name} {arguments:?}");
}

/// Asserts that observation finds what the policy grants, and nothing more except for `besides`, which the policy's
/// comments explain; and that a proof with this check finds exactly what the policy grants.
#[track_caller]
fn proves_the_grant(name: &str, options: &[&str], check: &str, command: &[&str], besides: &[&str]) {
    let granted = granted(name, &command[1..]);
    let watched = learned(options, command);
    let odd: Vec<_> = watched.difference(&granted).filter(|one| !besides.contains(&one.as_str())).collect();
    assert!(odd.is_empty(), "{command:?} asks for {odd:?} too, of which the policy does not speak");
    let proven = learned(&[options, &["--minimize", "--check", check]].concat(), command);
    assert_eq!(standing_in(proven), standing_in(granted), "{command:?}");
}

/// If the policy grants cap_sys_admin as well (for kernels and settings that ask for it), it replaces these two, and a
/// proof drops them.
fn standing_in(mut set: Set) -> Set {
    if set.contains("cap_sys_admin") {
        set.retain(|one| !["cap_bpf", "cap_perfmon"].contains(&one.as_str()));
    }
    set
}

/// A copy of the tool without file capabilities, as the policy wants it.
fn bare(name: &str, folder: &Folder) -> String {
    folder.copy(&tool(name), name)
}

fn tool(name: &str) -> String {
    let policy = Read::read(&fs::read_to_string(format!("{POLICIES}/{name}.toml")).unwrap()).unwrap();
    let found = policy.tool.paths.iter().find(|path| path.exists());
    found.unwrap_or_else(|| panic!("{name} is not installed: tests/run installs it")).to_str().unwrap().to_owned()
}

/// A setting of the kernel, by its path below /proc/sys.
fn sysctl(path: &str) -> Option<i64> {
    fs::read_to_string(format!("/proc/sys/{path}")).ok()?.trim().parse().ok()
}

/// Packets on lo to the port `discard`. They flow until the value is dropped.
struct Packets(Arc<AtomicBool>);

impl Packets {
    fn flow() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (seen, socket) = (stop.clone(), UdpSocket::bind("127.0.0.1:0").unwrap());
        thread::spawn(move || {
            while !seen.load(Ordering::Relaxed) {
                let _ = socket.send_to(b"capwrap", "127.0.0.1:9");
                thread::sleep(Duration::from_millis(10));
            }
        });
        Self(stop)
    }
}

impl Drop for Packets {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A process of the stranger's for tools to observe; see src/bin/observed.rs.
struct Observed {
    child: Child,
    _folder: Folder,
}

impl Observed {
    fn start(how: &str) -> Self {
        let folder = Folder::new();
        let program = folder.copy(env!("CARGO_BIN_EXE_observed"), "observed");
        let mut child = user(STRANGER, &[&program, how]).command().stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Self { child, _folder: folder }
    }

    fn pid(&self) -> String {
        self.child.id().to_string()
    }
}

impl Drop for Observed {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A directory that anybody may write to. It is removed when it is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("capwrap-learning-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = PathBuf::from("/var/tmp").join(name);
        fs::create_dir(&path).unwrap();
        assert!(root(&["chmod", "777", path.to_str().unwrap()]).run().ok());
        Self(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn from_dmesg_its_grant_is_learned() {
    with_shipped("dmesg", || {
        for arguments in [&[][..], &["-S"]] {
            learns_the_grant("dmesg", &[], "dmesg", arguments);
        }
    });
}

#[test]
fn from_ping_its_grant_is_learned_with_file_capabilities_and_without() {
    with_shipped("ping", || {
        let folder = Folder::new();
        for program in [bare("ping", &folder), tool("ping")] {
            learns_the_grant("ping", &[], &program, &["-n", "-c1", "-w2", "127.0.0.1"]);
        }
    });
}

#[test]
fn from_mtr_packet_its_grant_is_learned() {
    with_shipped("mtr-packet", || {
        let folder = Folder::new();
        let program = bare("mtr-packet", &folder);
        learns_the_grant("mtr-packet", &[], &program, &[]);
    });
}

#[test]
fn from_tcpdump_its_grant_is_learned() {
    with_shipped("tcpdump", || {
        let _packets = Packets::flow();
        learns_the_grant("tcpdump", &[], "tcpdump", &["-i", "lo", "-n", "-c1", "udp", "port", "9"]);
    });
}

#[test]
fn from_tcpdump_as_root_the_grant_of_root_is_learned_and_more_of_it_with_a_file() {
    with_shipped("tcpdump", || {
        let _packets = Packets::flow();
        let scratch = Scratch::new();
        let file = scratch.path("x.pcap");
        for more in [&[][..], &["-w", &file]] {
            let arguments = [&["-i", "lo", "-n", "-c1"], more].concat();
            let granted = granted_to(root(&[&[CAPWRAP, "--explain", "tcpdump"], &arguments[..]].concat()));
            let learned = learned_for("root", &[], &[&["tcpdump"], &arguments[..]].concat());
            // Where the distribution's tcpdump does not change its user, it needs only what other users need.
            assert!(learned == granted || learned == set(&["cap_net_raw"]), "{learned:?}, granted {granted:?}");
        }
    });
}

#[test]
fn from_dumpcap_its_grant_is_learned() {
    with_shipped("dumpcap", || {
        let _packets = Packets::flow();
        let scratch = Scratch::new();
        learns_the_grant("dumpcap", &[], "dumpcap", &["-q", "-i", "lo", "-c", "1", "-w", &scratch.path("x")]);
    });
}

#[test]
fn from_traceroute_its_grant_is_learned_and_nothing_from_its_default_method() {
    with_shipped("traceroute", || {
        let rest = ["-n", "-q1", "-m2", "-w1", "127.0.0.1"];
        for method in [&["-I"][..], &["-T", "-p", "9"], &["-T", "-p", "9", "--sport=80"]] {
            learns_the_grant("traceroute", &[], "traceroute", &[method, &rest].concat());
        }
        assert_eq!(learned(&[], &[&["traceroute"], &rest[..]].concat()), set(&[]));
        // Which capability the kernel wants depends on a change in 5.17, as the policy says.
        let marked = learned(&[], &[&["traceroute", "--fwmark=3"], &rest[..]].concat());
        assert!(marked == set(&["cap_net_raw"]) || marked == set(&["cap_net_admin"]), "{marked:?}");
    });
}

#[test]
fn from_nethogs_its_grant_is_learned() {
    with_shipped("nethogs", || {
        let _observed = Observed::start("talk");
        learns_the_grant("nethogs", &[], "nethogs", &["-t", "-a", "-d", "1", "-c", "4", "lo"]);
    });
}

#[test]
fn from_nginx_with_a_configuration_of_ones_own_its_grant_is_learned() {
    with_shipped("nginx", || {
        let prefix = Scratch::new();
        let folders: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|what| format!("{what}_temp_path {};\n", prefix.path(what)))
            .concat();
        let configure = |port: u16| {
            let text = format!(
                "daemon off; worker_processes 1; error_log stderr; pid {};
                 events {{ worker_connections 64; }}
                 http {{ access_log off; {folders} server {{ listen 127.0.0.1:{port}; return 200; }} }}",
                prefix.path("pid")
            );
            fs::write(prefix.path("nginx.conf"), text).unwrap();
        };
        let arguments = ["-e", "stderr", "-p", &prefix.path(""), "-c", "nginx.conf"];
        configure(80);
        learns_the_grant("nginx", &["--for", "1s"], "nginx", &arguments);
        configure(8080);
        assert_eq!(learned(&["--for", "1s"], &[&["nginx"], &arguments[..]].concat()), set(&[]));
    });
}

#[test]
fn from_both_iotops_their_grant_is_learned() {
    with_shipped("iotop", || {
        for program in ["/usr/sbin/iotop-c", "/usr/sbin/iotop-py", "/usr/sbin/iotop"] {
            if fs::exists(program).unwrap() {
                learns_the_grant("iotop", &["--policy", "iotop"], program, &["-b", "-n", "1"]);
            }
        }
    });
}

#[test]
fn from_strace_its_grant_is_proven_and_cap_kill_is_seen_as_its_policy_says() {
    with_shipped("strace", || {
        let (observed, scratch) = (Observed::start("rest"), Scratch::new());
        let file = scratch.path("calls");
        let check = format!("grep -q getppid {file}; found=$?; rm -f {file}; exit $found");
        let command = ["strace", "-o", &file, "-e", "trace=getppid", "-p", &observed.pid()];
        proves_the_grant("strace", &["--for", "1s"], &check, &command, &["cap_kill"]);
        // Tracing a program from its start needs no capability.
        assert_eq!(learned(&[], &["strace", "-o", "/dev/null", "/bin/true"]), set(&[]));
    });
}

#[test]
fn from_gdb_its_grant_is_proven_and_cap_dac_read_search_is_seen_as_its_policy_says() {
    with_shipped("gdb", || {
        let observed = Observed::start("rest");
        let command = [
            "gdb",
            "-nx",
            "-batch",
            "-p",
            &observed.pid(),
            "-ex",
            "set language c",
            "-ex",
            "print *(int *)&OBSERVED_SECRET",
        ];
        proves_the_grant("gdb", &[], "grep -q '= 4242'", &command, &["cap_dac_read_search"]);
    });
}

#[test]
fn from_perf_its_grant_is_learned_and_proven_with_what_it_does_without_as_its_policy_says() {
    with_shipped("perf", || {
        let counting = ["stat", "-x,", "-a", "-e", "cpu-clock", "--timeout", "300"];
        let seen = learned(&[], &[&["perf"], &counting[..]].concat());
        assert_eq!(seen, granted("perf", &counting));

        if sysctl("kernel/kptr_restrict") == Some(2) || sysctl("kernel/perf_event_paranoid").unwrap() < 2 {
            println!("here nobody or everybody sees the names");
            return;
        }
        let scratch = Scratch::new();
        let file = scratch.path("perf.data");
        let recording = ["perf", "record", "-q", "-N", "-a", "-e", "cpu-clock:k", "-o", &file, "--", "sleep", "0.3"];
        // The report names functions of the kernel, for which cap_syslog is needed. The names of BPF programs that
        // others load meanwhile come with the samples.
        let named = "grep '\\[k\\] [a-z_]' | grep -qv '\\] bpf_'";
        let report = format!("perf report -f -i {file} --stdio --sort sym 2>/dev/null");
        let check = format!("{report} | {named}; found=$?; rm -f {file}; test \"$CAPWRAP_STATUS $found\" = \"0 0\"");
        let besides = ["cap_sys_ptrace", "cap_sys_admin", "cap_bpf", "cap_sys_chroot", "cap_dac_read_search"];
        proves_the_grant("perf", &[], &check, &recording, &besides);
    });
}

#[test]
fn from_bpftool_its_grant_is_proven_and_what_cap_sys_admin_stands_in_for_is_seen() {
    with_shipped("bpftool", || {
        let worked = "test \"$CAPWRAP_STATUS\" = 0";
        proves_the_grant("bpftool", &[], worked, &["bpftool", "prog", "show"], &["cap_bpf"]);
        proves_the_grant("bpftool", &[], worked, &["bpftool", "map", "show"], &[]);
        learns_the_grant("bpftool", &[], "bpftool", &["feature", "probe", "kernel"]);
        learns_the_grant("bpftool", &[], "bpftool", &["perf", "show"]);
        // The kernel asks for cap_net_admin before cap_sys_admin, which would be enough too.
        let seen = learned(&[], &["bpftool", "net", "show"]);
        assert!(seen.is_subset(&set(&["cap_net_admin", "cap_sys_admin"])), "{seen:?}");
    });
}

#[test]
fn from_bpftool_reading_the_trace_pipe_takes_what_its_policy_grants_for_it() {
    with_shipped("bpftool", || {
        let mounted = fs::exists("/sys/kernel/tracing/trace_pipe").unwrap();
        if !mounted && !root(&["mount", "-t", "tracefs", "none", "/sys/kernel/tracing"]).run().ok() {
            println!("no tracefs here");
            return;
        }
        let command = ["bpftool", "prog", "tracelog"];
        let seen = learned(&["--for", "1s"], &command);
        assert_eq!(seen, set(&["cap_dac_read_search"]));
        assert_eq!(granted("bpftool", &command[1..]), set(&["cap_sys_admin", "cap_dac_read_search"]));
    });
}

#[test]
fn from_bpftrace_as_root_its_grant_is_learned_and_what_it_does_without_as_its_policy_says() {
    with_shipped("bpftrace", || {
        let arguments = ["-e", "BEGIN { printf(\"capwrap %d\\n\", 6 * 7); exit(); }"];
        let granted = granted_to(root(&[&[CAPWRAP, "--explain", "bpftrace"], &arguments[..]].concat()));
        let learned = learned_for("root", &[], &[&["bpftrace"], &arguments[..]].concat());
        assert!(granted.is_subset(&learned), "{learned:?}, granted {granted:?}");
        let besides = set(&["cap_sys_admin", "cap_sys_resource"]);
        assert!(learned.difference(&granted).all(|one| besides.contains(one)), "{learned:?}, granted {granted:?}");
    });
}

#[test]
fn from_the_learner_its_own_grant_is_proven() {
    let mut grant = Set::new();
    with_shipped("capwrap-learn", || grant = granted("capwrap-learn", &[]));
    // No policy may be enabled here: with one, the learner would start the launcher, which has the capabilities itself.
    in_own_mounts(|| {
        cover("/etc/capwrap");
        let command = ["/usr/local/libexec/capwrap/capwrap-advisor", "learn", "true"];
        let proven = learned(&["--minimize", "--check", "test \"$CAPWRAP_STATUS\" = 0"], &command);
        assert_eq!(proven, grant);
        let watched = learned(&[], &command);
        let odd: Vec<_> = watched.difference(&grant).collect();
        assert!(odd.iter().all(|one| *one == "cap_net_admin"), "{odd:?}");
    });
}
