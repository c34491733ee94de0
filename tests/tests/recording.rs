//! The record of each launch and each refusal, read from real sockets.

use capwrap_tests::*;
use std::collections::BTreeMap;
use std::ffi::CStr;
use std::fs;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

const JOURNAL: &str = "/run/systemd/journal/socket";
const SYSLOG: &str = "/dev/log";

fn listen(path: &str) -> UnixDatagram {
    let socket = UnixDatagram::bind(path).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o666)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    socket
}

fn received(socket: &UnixDatagram) -> Vec<u8> {
    let mut datagram = vec![0; 1 << 18];
    let length = socket.recv(&mut datagram).expect("nothing was recorded");
    datagram.truncate(length);
    datagram
}

fn nothing_more(socket: &UnixDatagram) {
    socket.set_nonblocking(true).unwrap();
    assert!(socket.recv(&mut [0; 16]).is_err(), "one event, two records");
}

/// Runs a test with neither log, or with the logs that `prepare` listens on.
fn with_logs<T: Send>(prepare: impl FnOnce() -> T + Send, test: impl FnOnce(T) + Send) {
    in_own_mounts(|| {
        for folder in ["/run/systemd/journal", "/run/capwrap"] {
            fs::create_dir_all(folder).unwrap();
            cover(folder);
        }
        // The test has its own /dev, with the files that the launcher and the C library open there.
        fs::create_dir_all("/mnt").unwrap();
        cover("/mnt");
        for device in ["null", "full", "zero", "urandom"] {
            assert!(root(&["cp", "-a", &format!("/dev/{device}"), "/mnt/"]).run().ok());
        }
        assert!(root(&["mount", "--move", "/mnt", "/dev"]).run().ok());
        test(prepare());
    });
}

/// Reads a datagram of the journal's native protocol, which systemd documents.
fn fields(datagram: &[u8]) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    let mut rest = datagram;
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| *byte == b'\n' || *byte == b'=').unwrap();
        let name = String::from_utf8(rest[..end].to_vec()).unwrap();
        let value;
        if rest[end] == b'=' {
            let line = rest[end..].iter().position(|byte| *byte == b'\n').unwrap() + end;
            (value, rest) = (&rest[end + 1..line], &rest[line + 1..]);
        } else {
            let length = u64::from_le_bytes(rest[end + 1..end + 9].try_into().unwrap()) as usize;
            value = &rest[end + 9..end + 9 + length];
            assert_eq!(rest[end + 9 + length], b'\n');
            rest = &rest[end + 10 + length..];
        }
        fields.insert(name, String::from_utf8(value.to_vec()).unwrap());
    }
    fields
}

#[test]
fn a_launch_is_in_the_journal_in_fields() {
    let policy = Policy::witness("cap_net_raw,cap_syslog", "[optional]\ncaps = [\"cap_bpf\"]");
    assert!(root(&[CAPWRAP, "enable", &policy.name, "--pin"]).run().ok());
    let digest = |path: &str| root(&["sha256sum", path]).run().stdout[..64].to_owned();
    with_logs(
        || (listen(JOURNAL), listen(SYSLOG)),
        |(journal, syslog)| {
            let arguments = ["--drop", "syslog", "--add", "bpf", "--reason", "ticket 7", &policy.name, "-x", "a\nb"];
            capwrap(&arguments).run().witness();
            let said = fields(&received(&journal));
            let uid = user(MEMBER, &["id", "-u"]).run().stdout.trim().to_owned();
            for (name, value) in [
                ("CAPWRAP_EVENT", "launched"),
                ("CAPWRAP_NAME", policy.name.as_str()),
                ("CAPWRAP_USER", MEMBER),
                ("CAPWRAP_UID", &uid),
                ("CAPWRAP_TOOL", WITNESS),
                ("CAPWRAP_TOOL_SHA256", &digest(WITNESS)),
                ("CAPWRAP_POLICY", policy.path.to_str().unwrap()),
                ("CAPWRAP_POLICY_SHA256", &digest(policy.path.to_str().unwrap())),
                ("CAPWRAP_CAPABILITIES", "cap_net_raw,cap_bpf"),
                ("CAPWRAP_DELIVERY", "ambient"),
                ("CAPWRAP_ADDED", "cap_bpf"),
                ("CAPWRAP_DROPPED", "cap_syslog"),
                ("CAPWRAP_REASON", "ticket 7"),
                ("CAPWRAP_ARGUMENTS", "-x a\\u{a}b"),
                ("SYSLOG_IDENTIFIER", "capwrap"),
                ("SYSLOG_FACILITY", "10"),
                ("PRIORITY", "5"),
                ("MESSAGE_ID", capwrap_core::record::write::LAUNCH_ID),
            ] {
                assert_eq!(said.get(name).map(String::as_str), Some(value), "{name} of {said:?}");
            }
            assert!(said["MESSAGE"].starts_with("launched name="), "{said:?}");
            nothing_more(&journal);
            nothing_more(&syslog);
        },
    );
}

#[test]
fn a_refusal_is_recorded_with_its_cause() {
    let policy = Policy::witness("cap_net_raw", "");
    with_logs(
        || listen(JOURNAL),
        |journal| {
            user(STRANGER, &[CAPWRAP, "--reason", "let me in", &policy.name, "x"]).run().refused(&[]);
            let said = fields(&received(&journal));
            assert_eq!((said["CAPWRAP_EVENT"].as_str(), said["CAPWRAP_USER"].as_str()), ("refused", STRANGER));
            assert_eq!((said["PRIORITY"].as_str(), said["CAPWRAP_REASON"].as_str()), ("4", "let me in"));
            assert!(said["CAPWRAP_ERROR"].contains("not among them"), "{said:?}");
            assert_eq!(said["MESSAGE_ID"], capwrap_core::record::write::REFUSAL_ID);
            capwrap(&["no-such-tool"]).run().refused(&[]);
            assert!(fields(&received(&journal))["CAPWRAP_ERROR"].contains("no policy"));
        },
    );
}

#[test]
fn a_bypass_is_recorded_as_one() {
    let policy = Policy::witness("cap_net_raw", "");
    with_logs(
        || listen(JOURNAL),
        |journal| {
            assert!(root(&[CAPWRAP, "--bypass", &policy.name]).run().ok());
            let said = fields(&received(&journal));
            assert_eq!((said["CAPWRAP_EVENT"].as_str(), said["CAPWRAP_CAPABILITIES"].as_str()), ("bypassed", "all"));
            assert_eq!(said["PRIORITY"], "4");
        },
    );
}

#[test]
fn a_command_that_root_runs_is_recorded_with_the_user_that_it_runs_as() {
    with_logs(
        || listen(JOURNAL),
        |journal| {
            for (words, run_as) in [(&["--user", MEMBER][..], Some(MEMBER)), (&[], None)] {
                let words =
                    [&["capwrap", "run", "--caps", "cap_net_raw", "--reason", "test"], words, &["true"]].concat();
                assert!(root(&words).run().ok());
                let said = fields(&received(&journal));
                let get = |name: &str| said.get(name).map(String::as_str);
                assert_eq!(get("CAPWRAP_EVENT"), Some("run"), "{said:?}");
                assert_eq!((get("CAPWRAP_USER"), get("CAPWRAP_RUN_AS")), (Some("root"), run_as));
                assert_eq!((get("CAPWRAP_NAME"), get("CAPWRAP_TOOL")), (Some("true"), Some("/usr/bin/true")));
                assert_eq!((get("CAPWRAP_CAPABILITIES"), get("CAPWRAP_REASON")), (Some("cap_net_raw"), Some("test")));
                assert_eq!(get("CAPWRAP_POLICY"), None);
            }
            nothing_more(&journal);
        },
    );
}

#[test]
fn without_a_journal_the_record_goes_to_syslog_on_one_line_that_no_value_can_forge() {
    let policy = Policy::witness("cap_net_raw", "");
    with_logs(
        || listen(SYSLOG),
        |syslog| {
            capwrap(&["--reason", "x\" uid=0\n<85>capwrap[1]: launched \x1b[2J", &policy.name]).run().witness();
            let line = String::from_utf8(received(&syslog)).unwrap();
            assert!(line.starts_with("<85>capwrap["), "{line}");
            assert!(line.contains("]: launched name="), "{line}");
            assert!(line.contains(" capabilities=cap_net_raw "), "{line}");
            assert!(line.contains(r#"reason="x\" uid=0\u{a}<85>capwrap[1]: launched \u{1b}[2J""#), "{line}");
            assert!(!line.contains(['\n', '\x1b']), "{line}");
        },
    );
}

#[test]
fn with_no_log_at_all_a_launch_goes_on_unless_its_policy_demands_a_record() {
    let any = Policy::witness("cap_net_raw", "");
    let demanding = Policy::witness("cap_net_raw", "audit = \"required\"");
    with_logs(
        || (),
        |()| {
            capwrap(&[&any.name]).run().witness();
            let refused = ["demands a record on the disk", "no recorder listens", "capwrap-recorder.socket"];
            capwrap(&[&demanding.name]).run().refused(&refused);
            // A log that may drop the record is not the disk.
            let journal = listen(JOURNAL);
            capwrap(&[&demanding.name]).run().refused(&refused);
            assert_eq!(fields(&received(&journal))["CAPWRAP_EVENT"], "refused");
        },
    );
}

#[test]
fn a_log_that_is_there_and_does_not_take_the_record_stops_the_launch() {
    let policy = Policy::witness("cap_net_raw", "");
    with_logs(
        || listen(JOURNAL),
        |_journal| {
            fs::set_permissions(JOURNAL, fs::Permissions::from_mode(0o600)).unwrap();
            capwrap(&[&policy.name]).run().refused(&["the log does not take the record: Permission denied"]);
            // A caller cannot evade the record by lowering its own limit either.
            fs::set_permissions(JOURNAL, fs::Permissions::from_mode(0o666)).unwrap();
            let few = capwrap(&[&policy.name]).under(&["prlimit", "--nofile=6:6", "--"]).run();
            assert!(few.code == 125 && few.stdout.is_empty(), "{few:?}");
        },
    );
}

#[test]
fn a_stuck_log_holds_a_launch_for_two_seconds_and_not_once_more_for_the_record_of_the_refusal() {
    let policy = Policy::witness("cap_net_raw", "");
    with_logs(
        || listen(JOURNAL),
        |_never_read| {
            // The socket's queue holds net.unix.max_dgram_qlen datagrams.
            let refused = (0..1000).find_map(|_| {
                let began = Instant::now();
                let run = capwrap(&[&policy.name]).run();
                (!run.ok()).then(|| (run, began.elapsed()))
            });
            let (run, took) = refused.unwrap();
            run.refused(&["the log does not take the record"]);
            assert!((Duration::from_millis(1900)..Duration::from_millis(2900)).contains(&took), "{took:?}");
        },
    );
}

/// What callers try in order to push the facts out of a record, or to be cut in the middle of an escape.
fn long_words() -> Vec<(String, Vec<String>)> {
    let mut words = Vec::new();
    for unit in ["x", "ü", "\n", "\u{202e}", "\"", "\\", "\" tool=/bin/sh capabilities=all "] {
        // A reason has at most 4096 bytes.
        words.push((unit.repeat(4_096 / unit.len()), vec!["short".to_owned()]));
        words.push(("short".to_owned(), vec![unit.repeat(120_000 / unit.len())]));
        words.push((unit.repeat(4_096 / unit.len()), vec![unit.to_owned(); 10_000]));
    }
    words
}

/// What stands behind `name=`, without its quotes. The caller's words stand last, and in this order.
fn words_of<'m>(message: &'m str, name: &str) -> &'m str {
    let (_, value) = message.rsplit_once(&format!(" {name}=")).unwrap_or_else(|| panic!("no {name} in {message}"));
    let value = [" arguments=", " folder="]
        .iter()
        .fold(value, |value, next| value.rsplit_once(next).map_or(value, |(value, _)| value));
    let value = value.trim_end_matches('…');
    value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value)
}

/// Every backslash begins a whole escape, and no quote stands alone.
fn escapes_are_whole(value: &str) -> bool {
    let mut rest = value;
    while let Some(at) = rest.find(['\\', '"']) {
        rest = &rest[at..];
        let escape = rest.starts_with("\\u{").then(|| rest.find('}').map(|end| end + 1)).flatten();
        let plain = (rest.starts_with("\\\\") || rest.starts_with("\\\"")).then_some(2);
        match escape.or(plain) {
            Some(length) => rest = &rest[length..],
            None => return false,
        }
    }
    true
}

#[test]
fn the_record_of_a_launch_names_its_scopes() {
    let policy = Policy::witness(
        "cap_net_raw",
        "[[grant]]\ncaps = [\"cap_sys_admin\"]\nthrough = [\"perf_event_open\", \"bpf:look\"]\n",
    );
    with_logs(
        || listen(SYSLOG),
        |syslog| {
            capwrap(&[&policy.name]).run().witness();
            let line = String::from_utf8(received(&syslog)).unwrap();
            assert!(line.contains(" scopes=\"cap_sys_admin through perf_event_open, bpf:look\" "), "{line}");
        },
    );
}

#[test]
fn words_of_any_length_push_nothing_out_of_a_record_in_syslog() {
    let policy = Policy::witness("cap_net_raw", "");
    with_logs(
        || listen(SYSLOG),
        |syslog| {
            for (reason, arguments) in long_words() {
                let mut call = capwrap(&["--reason", &reason, &policy.name]);
                for argument in &arguments {
                    call = call.arg(argument);
                }
                call.run().witness();
                let line = String::from_utf8(received(&syslog)).unwrap();
                // RFC 3164: what a relay may cut off begins at byte 1024, counted from the priority on, with the time
                // and a host name of 64 bytes.
                assert!(line.len() <= 1024 - 16 - 65, "{} {line}", line.len());
                let (_, message) = line.split_once(": ").unwrap();
                let facts = format!("launched name={} user={MEMBER} uid=", policy.name);
                assert!(message.starts_with(&facts), "{message}");
                for fact in [&format!(" tool={WITNESS} "), " capabilities=cap_net_raw ", " delivery=ambient "] {
                    assert!(message.find(fact).is_some_and(|at| at < 256), "{fact}: {message}");
                }
                assert!(message.contains(" policy_sha256="), "{message}");
                assert!(!message.contains(['\n', '\u{202e}']), "{message}");
                for name in ["reason", "arguments"] {
                    let value = words_of(message, name);
                    assert!(value.starts_with("short") || value.len() > 100, "{name}: {message}");
                    assert!(escapes_are_whole(value), "{name}: {message}");
                }
                assert!(message.contains('…'), "{message}");
                user(STRANGER, &[CAPWRAP, "--reason", &reason, &policy.name, &arguments[0]]).run().refused(&[]);
                let line = String::from_utf8(received(&syslog)).unwrap();
                assert!(line.len() <= 1024 - 16 - 65, "{} {line}", line.len());
                assert!(line.contains("]: refused name="), "{line}");
                let (facts, words) = line.split_once(" error=").unwrap();
                assert!(facts.contains(&format!(" user={STRANGER} ")) && words.contains("not among them"), "{line}");
            }
        },
    );
}

#[test]
fn words_of_any_length_are_cut_in_the_fields_of_the_journal_and_a_field_says_which() {
    let policy = Policy::witness("cap_net_raw", "");
    with_logs(
        || listen(JOURNAL),
        |journal| {
            for (reason, arguments) in long_words() {
                let mut call = capwrap(&["--reason", &reason, &policy.name]);
                for argument in &arguments {
                    call = call.arg(argument);
                }
                call.run().witness();
                let datagram = received(&journal);
                assert!(datagram.len() < 16_000, "{}", datagram.len());
                let said = fields(&datagram);
                assert_eq!(
                    (said["CAPWRAP_TOOL"].as_str(), said["CAPWRAP_CAPABILITIES"].as_str()),
                    (WITNESS, "cap_net_raw")
                );
                let mut cut = Vec::new();
                for (name, field) in [("reason", "CAPWRAP_REASON"), ("arguments", "CAPWRAP_ARGUMENTS")] {
                    let value = &said[field];
                    // journalctl shows null in JSON for a field of 4096 bytes.
                    assert!(field.len() + 1 + value.len() < 4096, "{}", value.len());
                    assert!(escapes_are_whole(&value.trim_end_matches('…').replace('"', "")), "{value}");
                    if value != "short" {
                        assert!(value.ends_with('…') && value.len() > 3900, "{value}");
                        cut.push(name);
                    }
                }
                assert_eq!(said["CAPWRAP_CUT"], cut.join(","));
                user(STRANGER, &[CAPWRAP, "--reason", &reason, &policy.name]).run().refused(&[]);
                let said = fields(&received(&journal));
                assert_eq!(said["CAPWRAP_EVENT"], "refused");
                assert!(said["CAPWRAP_ERROR"].contains("not among them"), "{said:?}");
            }
        },
    );
}

#[test]
fn where_proc_does_not_tell_the_user_namespace_the_record_says_so() {
    let policy = Policy::witness("cap_net_raw", "");
    with_logs(
        || listen(JOURNAL),
        |journal| {
            cover("/proc");
            let run = capwrap(&[&policy.name]).run();
            assert_eq!(fields(&received(&journal))["CAPWRAP_USER_NAMESPACE"], "unknown", "{run:?}");
        },
    );
}

#[test]
fn explaining_is_not_launching_and_leaves_no_record() {
    let policy = Policy::witness("cap_net_raw", "");
    with_logs(
        || listen(JOURNAL),
        |journal| {
            assert!(capwrap(&["--explain", &policy.name]).run().ok());
            nothing_more(&journal);
        },
    );
}

/// A terminal of the test's own, and what the kernel calls it.
fn new_terminal() -> (OwnedFd, OwnedFd, String) {
    // SAFETY: the calls take a descriptor that the first one has made, and `name` is as long as its argument says.
    unsafe {
        let master = libc::posix_openpt(libc::O_RDWR | libc::O_NOCTTY);
        assert!(master >= 0 && libc::grantpt(master) == 0 && libc::unlockpt(master) == 0);
        let mut name = [0; 64];
        assert_eq!(libc::ptsname_r(master, name.as_mut_ptr(), name.len()), 0);
        let name = CStr::from_ptr(name.as_ptr()).to_str().unwrap().to_owned();
        let slave = fs::File::options().read(true).write(true).custom_flags(libc::O_NOCTTY).open(&name).unwrap();
        (OwnedFd::from_raw_fd(master), slave.into(), name.trim_start_matches("/dev/").to_owned())
    }
}

#[test]
fn a_record_has_the_callers_folder_and_terminal() {
    let policy = Policy::witness("cap_net_raw", "");
    let folder = Folder::new();
    let odd = folder.path("a \"b\"\u{202e}");
    fs::create_dir(&odd).unwrap();
    let deep = format!("{odd}/{}", vec!["d".repeat(200); 15].join("/"));
    fs::create_dir_all(&deep).unwrap();
    let (_master, slave, terminal) = new_terminal();
    with_logs(
        || listen(JOURNAL),
        |journal| {
            // In a session without a terminal, with one's own terminal as standard input.
            let mut without = capwrap(&[&policy.name]).dir(&odd).under(&["setsid", "--wait"]).command();
            assert!(without.stdin(slave.try_clone().unwrap()).output().unwrap().status.success());
            let said = fields(&received(&journal));
            assert_eq!((said["CAPWRAP_TERMINAL"].as_str(), said["CAPWRAP_USER"].as_str()), ("none", MEMBER));
            let shown = odd.replace('\u{202e}', "\\u{202e}");
            assert_eq!(said["CAPWRAP_FOLDER"], shown);
            let mut with = capwrap(&[&policy.name]).dir(&deep).command();
            let number = slave.as_raw_fd();
            // SAFETY: two system calls.
            unsafe {
                with.pre_exec(move || {
                    if libc::setsid() < 0 || libc::ioctl(number, libc::TIOCSCTTY, 0) != 0 {
                        return Err(std::io::Error::last_os_error());
                    }
                    Ok(())
                });
            }
            // Without a standard descriptor on it.
            assert!(with.stdin(Stdio::null()).output().unwrap().status.success());
            let said = fields(&received(&journal));
            assert_eq!(said["CAPWRAP_TERMINAL"], terminal);
            assert!(said["CAPWRAP_FOLDER"].starts_with(&shown) && said["CAPWRAP_FOLDER"].len() < 4200, "{said:?}");
        },
    );
}

fn sha256(path: &str) -> String {
    root(&["sha256sum", path]).run().stdout[..64].to_owned()
}

#[test]
fn what_root_changes_is_recorded_with_the_policys_digest_before_and_after() {
    let folder = Folder::new();
    let tool = folder.copy(WITNESS, "tool");
    with_logs(
        || listen(JOURNAL),
        |journal| {
            own_installation();
            let policy = Policy::tool(&tool, "cap_net_raw", "");
            let path = policy.path.to_str().unwrap();
            let first = sha256(path);
            let enable = |options: &[&str]| root(&[&[CAPWRAP, "enable", &policy.name], options].concat());
            assert!(enable(&["--user", MEMBER]).env("SUDO_USER", "admin\n<1>x").run().ok());
            let said = fields(&received(&journal));
            let second = sha256(path);
            for (name, value) in [
                ("CAPWRAP_EVENT", "enabled"),
                ("CAPWRAP_NAME", policy.name.as_str()),
                ("CAPWRAP_USER", "root"),
                ("CAPWRAP_UID", "0"),
                ("CAPWRAP_SUDO_USER", "admin\\u{a}<1>x"),
                ("CAPWRAP_POLICY", path),
                ("CAPWRAP_POLICY_SHA256_BEFORE", &first),
                ("CAPWRAP_POLICY_SHA256", &second),
                ("CAPWRAP_CAPABILITIES", "cap_net_raw"),
                ("CAPWRAP_ALLOWED", &format!("user {MEMBER}, group capwrap")),
                ("PRIORITY", "5"),
                ("SYSLOG_FACILITY", "10"),
                ("MESSAGE_ID", capwrap_core::record::write::CHANGE_ID),
            ] {
                assert_eq!(said.get(name).map(String::as_str), Some(value), "{name} of {said:?}");
            }
            assert_ne!(first, second);
            let launcher = fields(&received(&journal));
            assert_eq!((launcher["CAPWRAP_EVENT"].as_str(), launcher["CAPWRAP_FILE"].as_str()), ("launcher", CAPWRAP));
            assert_eq!(launcher["CAPWRAP_CAPABILITIES"], "cap_net_raw=p");
            assert_eq!(launcher["CAPWRAP_CAPABILITIES_BEFORE"], "none");
            // What changes nothing leaves no record.
            assert!(enable(&[]).run().ok());
            assert!(root(&[CAPWRAP, "verify"]).run().code < 2);

            fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
            root(&[CAPWRAP, "verify", "--fix", &policy.name]).run();
            let said = fields(&received(&journal));
            assert_eq!((said["CAPWRAP_EVENT"].as_str(), said["CAPWRAP_FILE"].as_str()), ("fixed", path));
            assert_eq!(said["CAPWRAP_CHANGE"], "mode 0644 (was 0600)");

            assert!(root(&[CAPWRAP, "disable", &policy.name]).run().ok());
            let said = fields(&received(&journal));
            assert_eq!((said["CAPWRAP_EVENT"].as_str(), said["CAPWRAP_NAME"].as_str()), ("disabled", &*policy.name));
            assert_eq!(said["CAPWRAP_POLICY_SHA256_BEFORE"], second);
            assert_eq!(said.get("CAPWRAP_POLICY_SHA256"), None);
            assert_eq!(fields(&received(&journal))["CAPWRAP_CAPABILITIES"], "none");
            nothing_more(&journal);
        },
    );
}

#[test]
fn a_policy_that_the_learner_writes_is_recorded() {
    let folder = Folder::new();
    let tool = folder.copy("/usr/bin/chown", "t-chown");
    with_logs(
        || listen(JOURNAL),
        |journal| {
            own_installation();
            let file = folder.path("file");
            fs::write(&file, "").unwrap();
            let words =
                [CAPWRAP, "--learn", "--user", MEMBER, "--write", "--policy", "t-chown", "--", &tool, "1", &file];
            let run = root(&words).run();
            assert!(run.ok(), "{run:?}");
            // The run of the command has a record of its own, before that of the policy.
            let mut said = fields(&received(&journal));
            while said["CAPWRAP_EVENT"] == "run" {
                said = fields(&received(&journal));
            }
            assert_eq!((said["CAPWRAP_EVENT"].as_str(), said["CAPWRAP_NAME"].as_str()), ("learned", "t-chown"));
            assert_eq!(said["CAPWRAP_POLICY_SHA256"], sha256(&said["CAPWRAP_POLICY"]));
            assert_eq!(said.get("CAPWRAP_POLICY_SHA256_BEFORE"), None);
            assert_eq!(said["CAPWRAP_CAPABILITIES"], "cap_chown");
        },
    );
}

#[test]
fn a_log_that_does_not_take_the_record_of_a_change_does_not_stop_it_and_is_reported() {
    with_logs(
        || listen(JOURNAL),
        |journal| {
            own_installation();
            let policy = Policy::witness("cap_net_raw", "");
            assert!(root(&[CAPWRAP, "enable", &policy.name, "--user", MEMBER]).run().ok());
            // The journal has gone, and only its socket is there: a queue that is full.
            let filler = UnixDatagram::unbound().unwrap();
            filler.set_nonblocking(true).unwrap();
            while filler.send_to(b"x", JOURNAL).is_ok() {}
            let run = root(&[CAPWRAP, "disable", &policy.name]).run();
            assert!(run.ok() && run.stderr.contains("the log does not take the record of this change"), "{run:?}");
            assert!(!policy.path.exists());
            drop(journal);
        },
    );
}

#[test]
fn no_character_that_acts_on_a_terminal_reaches_a_log() {
    let hostile = "\u{9b}1m\u{202e}\u{1b}[2J\nFORGED\t\r\u{85}\u{61c}\u{200e}\u{2066}\u{ad}\u{200b}\u{2028}\u{feff}\u{e0041}\u{fe0f}'\"\\";
    let folder = Folder::new();
    let tool = folder.copy(WITNESS, hostile);
    let escaped: String = tool.chars().map(|c| format!("\\U{:08x}", u32::from(c))).collect();
    let policy = Policy::tool(&escaped, "cap_net_raw", "");
    let harmless = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        assert!(text.contains("FORGED"), "{text}");
        assert!(!text.contains(capwrap_core::text::hidden::is_hidden), "{text:?}");
    };
    let not_utf8 = std::ffi::OsStr::from_bytes(b"\xff\xfe");
    with_logs(
        || listen(SYSLOG),
        |syslog| {
            capwrap(&["--reason", hostile, &policy.name, hostile]).arg(not_utf8).run().witness();
            harmless(&received(&syslog));
            user(STRANGER, &[CAPWRAP, "--reason", hostile, "--mode", hostile, &policy.name, hostile])
                .run()
                .refused(&[]);
            harmless(&received(&syslog));
            let journal = listen(JOURNAL);
            capwrap(&["--reason", hostile, &policy.name, hostile]).arg(not_utf8).run().witness();
            for (name, value) in fields(&received(&journal)) {
                assert!(!value.contains(capwrap_core::text::hidden::is_hidden), "{name}: {value:?}");
            }
            fs::set_permissions(&tool, fs::Permissions::from_mode(0o777)).unwrap();
            capwrap(&[&policy.name, hostile]).run().refused_with(126, &["FORGED"]);
            let said = fields(&received(&journal));
            assert!(said["CAPWRAP_ERROR"].contains("FORGED"), "{said:?}");
            for (name, value) in said {
                assert!(!value.contains(capwrap_core::text::hidden::is_hidden), "{name}: {value:?}");
            }
        },
    );
}

#[test]
fn doctor_reports_when_the_journal_drops_records() {
    with_logs(
        || listen(JOURNAL),
        |_journal| {
            cover("/etc/systemd");
            let said = |who: &str| {
                let run = user(who, &[CAPWRAP, "doctor"]).run();
                run.stdout.split_whitespace().collect::<Vec<_>>().join(" ")
            };
            let text = said("root");
            assert!(text.contains("a record of every launch is sent to it"), "{text}");
            assert!(text.contains("at most 10000 messages in 30s (the default)"), "{text}");
            fs::create_dir("/etc/systemd/journald.conf.d").unwrap();
            let drop_in = "/etc/systemd/journald.conf.d/90-site.conf";
            fs::write(drop_in, "[Journal]\nRateLimitBurst=7\nRateLimitIntervalSec=1min 30s\n").unwrap();
            let text = said(MEMBER);
            assert!(text.contains(&format!("at most 7 messages in 1m 30s ({drop_in})")), "{text}");
            fs::write(drop_in, "[Journal]\nRateLimitBurst=0\n").unwrap();
            assert!(!said("root").contains("messages in"));
            fs::write(drop_in, "[Journal]\nStorage=none\nMaxLevelStore=err\n").unwrap();
            let text = said("root");
            assert!(text.contains(&format!("Storage=none ({drop_in}): the journal drops every record")), "{text}");
            assert!(text.contains(&format!("MaxLevelStore=3 ({drop_in})")), "{text}");
            // The drop-in that the hint names.
            assert!(text.contains("Storage=auto into /etc/systemd/journald.conf.d/99-capwrap.conf"), "{text}");
            let corrected = "[Journal]\nStorage=auto\nMaxLevelStore=notice\n";
            fs::write("/etc/systemd/journald.conf.d/99-capwrap.conf", corrected).unwrap();
            let text = said("root");
            assert!(!text.contains("Storage=none") && !text.contains("MaxLevelStore"), "{text}");
        },
    );
}
