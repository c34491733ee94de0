//! ping, tcpdump, dumpcap, mtr-packet, traceroute, nethogs and nginx.

use super::*;
use std::net::{TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

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

/// Runs a test of a shipped policy with copies of its tool, without file capabilities and with those of Debian's file,
/// and with the tool as it is installed.
fn with_and_without_file_capabilities(name: &str, test: impl Fn() + Sync) {
    let folder = Folder::new();
    let copy = folder.copy(&tool_of_shipped(name), name);
    with_shipped(name, &["--path", &copy], &test);
    assert!(root(&["setcap", "cap_net_raw=ep", &copy]).run().ok());
    with_shipped(name, &["--path", &copy], &test);
    with_shipped(name, &[], &test);
}

fn tool_of_shipped(name: &str) -> String {
    let policy = Read::read(&shipped(name)).unwrap();
    policy.tool.paths.iter().find(|path| path.exists()).unwrap().to_str().unwrap().to_owned()
}

#[test]
fn ping_gets_an_answer_with_cap_net_raw_alone() {
    with_and_without_file_capabilities("ping", || {
        let done = |run: &Run| run.ok() && run.stdout.contains("1 received");
        assert_eq!(takes_exactly("ping", &["-n", "-c1", "-w2", "127.0.0.1"], run, done), ["cap_net_raw"]);
    });
}

#[test]
fn ping_marks_packets_when_cap_net_admin_is_added() {
    let folder = Folder::new();
    let copy = folder.copy(&tool_of_shipped("ping"), "ping");
    with_shipped("ping", &["--path", &copy], || {
        let marked = |options: &[&str]| {
            let run = run(capwrap(&[options, &["ping", "-n", "-c1", "-w2", "-m", "7", "127.0.0.1"]].concat()));
            assert!(run.ok(), "{run:?}");
            !run.stderr.contains("failed to set mark")
        };
        assert!(!marked(&[]));
        assert!(marked(&["--add", "cap_net_admin"]));
    });
}

#[test]
fn ping_refuses_a_flood_to_who_is_not_root_as_before() {
    let folder = Folder::new();
    let copy = folder.copy(&tool_of_shipped("ping"), "ping");
    with_shipped("ping", &["--path", &copy], || {
        let flood = run(capwrap(&["ping", "-f", "-c1", "127.0.0.1"]));
        assert!(!flood.ok() && flood.stderr.contains("cannot flood"), "{flood:?}");
    });
}

#[test]
fn tcpdump_captures_with_cap_net_raw_alone() {
    with_shipped("tcpdump", &[], || {
        let _packets = Packets::flow();
        let done = |run: &Run| run.ok() && run.stdout.contains("127.0.0.1.9: UDP, length 7");
        let arguments = ["-i", "lo", "-n", "-c1", "udp", "port", "9"];
        assert_eq!(takes_exactly("tcpdump", &arguments, run, done), ["cap_net_raw"]);
    });
}

#[test]
fn tcpdump_and_dumpcap_listen_to_nflog_when_cap_net_admin_is_added() {
    let scratch = Scratch::new();
    let file = scratch.path("capture");
    for (name, arguments, listening) in [
        ("tcpdump", &["-i", "nflog:5"][..], "listening on nflog:5"),
        // dumpcap prints that it captures before it tries to. It opens its file only afterwards.
        ("dumpcap", &["-i", "nflog:5", "-w", &file], "File: "),
    ] {
        with_shipped(name, &[], || {
            let listens = |call: Call| {
                let _ = fs::remove_file(&file);
                Running::start(&call).says(listening)
            };
            let with = |options: &[&str]| capwrap(&[options, &[name], arguments].concat());
            assert!(!listens(with(&[])), "{name} does it without");
            // On a kernel without nflog nobody can listen to it.
            if listens(root(&[&[tool(name).as_str()], arguments].concat())) {
                assert!(listens(with(&["--add", "cap_net_admin"])), "{name}");
            }
        });
    }
}

#[test]
fn tcpdump_starts_no_program_after_a_rotation() {
    with_shipped("tcpdump", &[], || {
        let _packets = Packets::flow();
        let rotated = |name: &str| {
            let scratch = Scratch::new();
            let (file, escape) = (scratch.path("x.pcap"), scratch.escape());
            let words = ["-i", "lo", "-n", "-G", "1", "-W", "1", "-w", &file, "-z", &escape, "udp"];
            let run = run(capwrap(&[&[name], &words[..]].concat()));
            assert!(run.ok(), "{run:?}");
            if !run.stderr.contains("Operation not permitted") {
                holds_soon(|| scratch.escaped().is_some());
            }
            (scratch.escaped(), run)
        };
        let (escaped, run) = rotated(&with_children("tcpdump").name);
        assert_eq!(escaped, Some(mask("net_raw")), "{run:?}");
        let (escaped, run) = rotated("tcpdump");
        assert_eq!(escaped, None);
        assert!(run.stderr.contains("failed: Operation not permitted"), "{run:?}");
    });
}

#[test]
fn dumpcap_captures_into_a_file_with_cap_net_raw_alone() {
    with_shipped("dumpcap", &[], || {
        let _packets = Packets::flow();
        let scratch = Scratch::new();
        let file = scratch.path("capture");
        let done = |run: &Run| {
            let written = fs::metadata(&file).is_ok_and(|about| about.len() > 0);
            let _ = fs::remove_file(&file);
            run.ok() && written && run.stderr.contains("Packets captured: 1")
        };
        let arguments = ["-q", "-i", "lo", "-c", "1", "-w", &file];
        assert_eq!(takes_exactly("dumpcap", &arguments, run, done), ["cap_net_raw"]);
    });
}

#[test]
fn mtr_packet_probes_with_cap_net_raw_alone() {
    with_and_without_file_capabilities("mtr-packet", || {
        // mtr-packet ends with its input, answered or not.
        let probe = |call: Call| {
            let mut packet = Running::start(&call);
            packet.write("2 send-probe ip-4 127.0.0.1 protocol icmp ttl 1 timeout 2\n");
            packet.says("2 ");
            packet.stop()
        };
        let done = |run: &Run| run.stdout.contains("2 reply ip-4 127.0.0.1 round-trip-time ");
        assert_eq!(takes_exactly("mtr-packet", &[], probe, done), ["cap_net_raw"]);
    });
}

#[test]
fn mtr_finds_its_packet_program_by_a_script_of_one_line() {
    let folder = Folder::new();
    let copy = folder.copy(&tool_of_shipped("mtr-packet"), "mtr-packet");
    let script = |line: &str, name: &str| {
        let path = folder.path(name);
        fs::write(&path, format!("#!/bin/sh\n{line}\n")).unwrap();
        assert!(root(&["chmod", "755", &path]).run().ok());
        path
    };
    let (through, by_itself) =
        (script(&format!("exec {CAPWRAP} mtr-packet"), "through"), script(&format!("exec {copy}"), "by-itself"));
    with_shipped("mtr-packet", &["--path", &copy], || {
        let mtr = |packet: &str| {
            run(user(MEMBER, &["mtr", "-n", "-r", "-c", "1", "-G", "1", "127.0.0.1"]).env("MTR_PACKET", packet))
        };
        let works = mtr(&through);
        assert!(works.ok() && works.stdout.contains("1.|-- 127.0.0.1"), "{works:?}");
        let fails = mtr(&by_itself);
        assert!(!fails.ok() && fails.stderr.contains("Failure to start mtr-packet"), "{fails:?}");
    });
}

fn first_hop(run: &Run) -> bool {
    run.ok() && run.stdout.lines().any(|line| line.starts_with(" 1  127.0.0.1 "))
}

#[test]
fn traceroute_by_icmp_and_tcp_takes_cap_net_raw_alone() {
    with_shipped("traceroute", &[], || {
        for method in [&["-I"][..], &["-T", "-p", "9"]] {
            let arguments = [method, &["-n", "-q1", "-m2", "-w1", "127.0.0.1"]].concat();
            assert_eq!(takes_exactly("traceroute", &arguments, run, first_hop), ["cap_net_raw"]);
        }
    });
}

#[test]
fn traceroute_from_a_low_port_takes_cap_net_bind_service_besides() {
    with_shipped("traceroute", &[], || {
        let arguments = ["-T", "--sport=80", "-p", "9", "-n", "-q1", "-m2", "-w1", "127.0.0.1"];
        // The three runs take turns, because they would meet on the port.
        let one = std::sync::Mutex::new(());
        let alone = |call: Call| {
            let _one = one.lock();
            run(call)
        };
        let granted = takes_exactly("traceroute", &arguments, alone, first_hop);
        assert_eq!(granted, ["cap_net_raw", "cap_net_bind_service"]);
        // It also works with the mode's name, which is all that --mode does.
        assert!(first_hop(&run(capwrap(&[&["--mode", "sport", "traceroute"], &arguments[..]].concat()))));
    });
}

#[test]
fn nethogs_names_the_process_of_another_user_with_all_three() {
    with_shipped("nethogs", &[], || {
        let observed = Observed::start(&["talk"]);
        let named = format!("/{}/{}\t", observed.pid(), observed.uid);
        // There are four rounds of a second. The first often shows no process.
        let watch = |call: Call| {
            let mut nethogs = Running::start(&call);
            nethogs.says(&named);
            nethogs.stop()
        };
        let granted = takes_exactly("nethogs", &["-t", "-a", "-d", "1", "-c", "4", "lo"], watch, |run| {
            run.stdout.contains(&named)
        });
        assert_eq!(granted, ["cap_net_raw", "cap_dac_read_search", "cap_sys_ptrace"]);
    });
}

#[test]
fn nethogs_looks_for_terminals_in_no_home_of_the_callers() {
    with_shipped("nethogs", &[], || {
        let nethogs = Running::started(&capwrap(&["nethogs", "-t", "-a", "-d", "1", "lo"]), "");
        let environment = fs::read_to_string(format!("/proc/{}/environ", nethogs.pid())).unwrap();
        assert!(environment.contains("HOME=/dev/null\0"), "{environment:?}");
    });
}

/// A prefix for an nginx on port 80 that belongs to the member.
fn nginx_prefix() -> Scratch {
    let prefix = Scratch::new();
    let folders: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|what| format!("{what}_temp_path {};\n", prefix.path(what)))
        .concat();
    let text = format!(
        "daemon off; worker_processes 1; error_log stderr notice; pid {};
         events {{ worker_connections 64; }}
         http {{ access_log off; {folders}
             server {{ listen 127.0.0.1:80; location / {{ return 200 \"capwrap-nginx\\n\"; }} }}
         }}",
        prefix.path("pid")
    );
    fs::write(prefix.path("nginx.conf"), text).unwrap();
    prefix
}

#[test]
fn nginx_serves_on_port_80_with_cap_net_bind_service_alone() {
    with_shipped("nginx", &[], || {
        let prefix = nginx_prefix();
        let serve = |call: Call| {
            let mut nginx = Running::start(&call);
            let answer = if nginx.says("start worker process ") {
                let mut stream = TcpStream::connect("127.0.0.1:80").unwrap();
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
                std::io::read_to_string(stream).unwrap()
            } else {
                String::new()
            };
            let mut run = nginx.stop();
            run.stdout.push_str(&answer);
            run
        };
        let done = |run: &Run| run.ok() && run.stdout.ends_with("\r\n\r\ncapwrap-nginx\n");
        let arguments = ["-e", "stderr", "-p", &prefix.path(""), "-c", "nginx.conf"];
        assert_eq!(takes_exactly("nginx", &arguments, serve, done), ["cap_net_bind_service"]);
    });
}
