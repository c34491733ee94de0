//! `capwrap learn --minimize` of a unit or a container: it is started with fewer and fewer capabilities, and in the end it
//! is as it was before, however the trials ended.

use capwrap_tests::podman::Podman;
use capwrap_tests::systemd::Systemd;
use capwrap_tests::*;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A service that asks for two capabilities in vain, and needs three others: to listen, and to become another user.
const SERVICE: &str = "import os, socket, time\n\
    for tried in (lambda: os.chown('/etc/hostname', 5, 5), lambda: os.nice(-5)):\n\
    \x20   try: tried()\n\
    \x20   except OSError: pass\n\
    try: os.chown('/etc/hostname', 0, 0)\n\
    except OSError: pass\n\
    s = socket.socket(); s.bind(('0.0.0.0', 82)); s.listen()\n\
    os.setgroups([]); os.setgid(33); os.setuid(33)\n\
    time.sleep(1000)\n";
/// It listens, and as another user.
const CHECK: &str = "grep -q :0052 /proc/net/tcp && grep -q '^Uid:.33' /proc/$CAPWRAP_PID/status";
const NEEDED: &str = "cap_setgid,cap_setuid,cap_net_bind_service";

fn web() -> Systemd {
    let systemd = Systemd::start(&[]);
    let folder = systemd.folder.0.to_str().unwrap();
    std::fs::write(systemd.folder.path("service.py"), SERVICE).unwrap();
    let unit = format!(
        "[Unit]\nDefaultDependencies=no\n[Service]\nRestart=always\nExecStart=/usr/bin/python3 {folder}/service.py\n"
    );
    std::fs::write(systemd.folder.path("web.service"), unit).unwrap();
    done(&systemd.run(&["systemctl", "daemon-reload"]));
    systemd
}

fn learn(more: &[&'static str]) -> Vec<&'static str> {
    let words = [CAPWRAP, "learn", "--unit", "web", "--restart", "--for", "3s", "--minimize", "--check", CHECK];
    [&words[..], more].concat()
}

/// The unit runs with everything, and nothing is left of a trial.
fn is_as_before(systemd: &Systemd) -> bool {
    let id = systemd.show("web", "MainPID");
    let status = systemd.run(&["cat", &format!("/proc/{id}/status")]).stdout;
    let bounding = std::fs::read_to_string("/proc/self/status").unwrap();
    let bounding = bounding.lines().find(|line| line.starts_with("CapBnd:")).unwrap().to_owned();
    systemd.show("web", "ActiveState") == "active"
        && status.contains(&bounding)
        && !systemd.run(&["test", "-e", "/run/systemd/system/web.service.d"]).ok()
        && systemd.run(&["systemctl", "list-units", "--no-legend", "capwrap-guard-*"]).stdout.trim().is_empty()
}

fn comes_to_be(what: &str, is: impl Fn() -> bool) {
    let began = Instant::now();
    while !is() {
        assert!(began.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn a_unit_is_taken_to_its_least_and_is_as_it_was_before_until_the_result_is_written() {
    let systemd = web();
    let run = systemd.run(&learn(&["--yes"]));
    assert!(run.ok(), "{run:?}");
    assert!(run.stderr.contains("--minimize starts web.service about ") && run.stderr.contains(" times"), "{run:?}");
    assert!(run.stdout.contains(&format!("needed     {NEEDED}\n")), "{run:?}");
    assert!(run.stdout.contains(&format!("it takes {NEEDED}, and not cap_chown,cap_sys_nice")), "{run:?}");
    assert!(run.stdout.contains("+CapabilityBoundingSet=CAP_SETGID CAP_SETUID CAP_NET_BIND_SERVICE\n"), "{run:?}");
    assert!(is_as_before(&systemd));
    let run = systemd.run(&learn(&["--yes", "--write", "--json"]));
    let profile: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(profile["needed"].as_array().unwrap().len(), 3, "{profile}");
    assert_eq!(profile["runs"][0]["minimized"]["check"], CHECK);
    assert!(is_as_before(&systemd));
    // The check holds for what is written too.
    done(&systemd.run(&["systemctl", "daemon-reload"]));
    done(&systemd.run(&["systemctl", "restart", "web"]));
    comes_to_be("the service listens with its least", || {
        let id = systemd.show("web", "MainPID");
        let status = systemd.run(&["cat", &format!("/proc/{id}/status")]).stdout;
        status.contains(&format!("CapBnd:\t{:016x}", mask(NEEDED))) && status.contains("Uid:\t33")
    });
}

/// Trials that have begun.
fn begun(command: &mut Command, is: impl Fn() -> bool) -> Child {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let errors = BufReader::new(child.stderr.take().unwrap());
    // It is read on, so that no line of it waits.
    std::thread::spawn(move || errors.lines().for_each(|line| eprintln!("{}", line.unwrap_or_default())));
    comes_to_be("a trial begins", is);
    child
}

#[test]
fn a_unit_is_as_it_was_before_after_a_signal_and_after_capwrap_was_killed() {
    let systemd = web();
    for (signal, code) in [("-INT", Some(125)), ("-TERM", Some(125)), ("-KILL", None)] {
        let words = systemd.words(&learn(&["--yes"]));
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        let drop_in = "/run/systemd/system/web.service.d/zzz-capwrap-trial.conf";
        let mut child = begun(&mut command, || systemd.run(&["test", "-e", drop_in]).ok());
        std::thread::sleep(Duration::from_secs(1));
        // nsenter enters the namespace of processes by a child.
        let id = root(&["pgrep", "--parent", &child.id().to_string()]).run();
        done(&root(&["kill", signal, id.stdout.trim()]).run());
        let status = child.wait().unwrap();
        if let Some(code) = code {
            assert_eq!(status.code(), Some(code), "{signal}");
            assert!(is_as_before(&systemd), "{signal}");
        }
        comes_to_be("the unit is as before", || is_as_before(&systemd));
    }
}

#[test]
fn nothing_is_started_again_unless_somebody_agrees_and_says_what_works() {
    let refused = |words: &[&str], expected: &str| {
        let run = root(&[&[CAPWRAP, "learn", "--minimize"], words].concat()).run();
        assert!(run.code == 125 && run.stdout.is_empty() && run.stderr.contains(expected), "{expected} in {run:?}");
    };
    refused(&["--unit", "x", "--restart", "--yes"], "--minimize without --check");
    refused(&["--unit", "x", "--restart", "--check", "true"], "nobody is here to be asked");
    refused(&["--unit", "x", "--check", "true", "--yes"], "--minimize without --restart");
    refused(&["--container", "x", "--restart", "--check", "true", "--yes"], "never stops it itself");
    refused(&["--pid", "1", "--check", "true"], "cannot be used with");
    refused(&["--yes", "true"], "--yes");
    let systemd = web();
    let typed = |answer: &str| {
        let words = learn(&[]).iter().map(|word| format!("'{}'", word.replace('\'', "'\\''"))).collect::<Vec<_>>();
        let asks = format!("(sleep 8; echo {answer}; sleep 70) | script --quiet --return --command \"$1\" /dev/null");
        systemd.run(&["timeout", "100", "sh", "-c", &asks, "sh", &words.join(" ")])
    };
    let run = typed("n");
    assert!(run.stdout.contains("Go on? [y/N]") && run.stdout.contains("nothing was started again"), "{run:?}");
    assert!(is_as_before(&systemd));
    let run = typed("y");
    assert!(run.stdout.contains(&format!("it takes {NEEDED}")), "{run:?}");
    // What was newly needed was shown as it happened.
    assert!(run.stdout.contains("seen: cap_setuid in /usr/bin/python3"), "{run:?}");
}

#[test]
fn a_check_that_fails_with_everything_proves_nothing() {
    let systemd = web();
    let mut words = learn(&["--yes"]);
    let at = words.iter().position(|word| *word == CHECK).unwrap();
    words[at] = "echo no such page >&2; false";
    let run = systemd.run(&words);
    assert!(run.code == 125 && run.stderr.contains("(the check fails: no such page)"), "{run:?}");
    assert!(is_as_before(&systemd));
}

/// The files of an image whose service changes an owner in vain, binds port 83, and gives up root.
fn image(folder: &Folder) {
    let script = "mkdir bin srv etc && cp /bin/busybox bin/ && ln -s busybox bin/sh\n\
        printf 'root:x:0:0::/:/bin/sh\\nwww:x:33:33::/:/bin/sh\\n' > etc/passwd\n\
        printf 'root:x:0:\\nwww:x:33:\\n' > etc/group\n\
        cat > service <<'END'\n#!/bin/sh\nb=/bin/busybox\n$b touch /srv/x; $b chown 5:5 /srv/x\n$b nc -l -p 83 &\n\
        $b sleep 0.3\nexec $b su www -s /bin/sh -c 'echo serving; exec /bin/busybox sleep 1000'\nEND\nchmod 755 service";
    done(&root(&["sh", "-c", script]).dir(&folder.0).run());
}

const IN_CONTAINER: &str =
    "podman logs $CAPWRAP_CONTAINER | grep -q serving && cat /proc/net/tcp /proc/net/tcp6 | grep -q :0053";

#[test]
fn copies_of_a_container_are_taken_to_the_least_and_the_container_is_never_touched() {
    let (podman, files) = (Podman::new(), Folder::new());
    image(&files);
    podman.import(files.0.to_str().unwrap(), "localhost/service");
    done(&podman.run(&["create", "--name", "web", "localhost/service", "/service"]));
    let path = format!("{}:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", podman.folder());
    let learn = [CAPWRAP, "learn", "--container", "web", "--minimize", "--yes", "--check", IN_CONTAINER];
    let before = podman.run(&["inspect", "web"]).stdout;
    let run = root(&learn).env("PATH", &path).run();
    assert!(run.ok() && run.stdout.contains(&format!("needed     {NEEDED}\n")), "{run:?}");
    assert!(run.stderr.contains("starts a copy of the container web about "), "{run:?}");
    let options = "--cap-drop=ALL --cap-add=SETGID --cap-add=SETUID --cap-add=NET_BIND_SERVICE";
    assert!(run.stdout.trim_end().ends_with(options), "{run:?}");
    assert_eq!(podman.run(&["inspect", "web"]).stdout, before);
    assert_eq!(podman.run(&["ps", "--all", "--quiet"]).stdout.lines().count(), 1);
    // A killed capwrap leaves no copy behind.
    let copies = || podman.run(&["ps", "--all", "--quiet", "--filter", "name=capwrap-copy"]).stdout.lines().count();
    for signal in ["-TERM", "-KILL"] {
        let mut command = Command::new(learn[0]);
        let mut child = begun(command.args(&learn[1..]).env("PATH", &path), || copies() == 1);
        done(&root(&["kill", signal, &child.id().to_string()]).run());
        child.wait().unwrap();
        comes_to_be("no copy is there", || copies() == 0);
    }
}

#[test]
fn no_copy_writes_where_a_running_container_writes() {
    let (podman, files) = (Podman::new(), Folder::new());
    image(&files);
    podman.import(files.0.to_str().unwrap(), "localhost/service");
    let volume = format!("{}:/data", files.0.display());
    let words = ["run", "-d", "--name", "db", "-v", &volume, "localhost/service", "/bin/busybox", "sleep", "1000"];
    done(&podman.run(&words));
    let path = format!("{}:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", podman.folder());
    let words = [CAPWRAP, "learn", "--container", "db", "--minimize", "--yes", "--check", "true"];
    let run = root(&words).env("PATH", &path).run();
    assert!(run.code == 125 && run.stderr.contains("a copy of db would write where db writes: /data"), "{run:?}");
    assert!(run.stderr.contains("hint: podman stop db"), "{run:?}");
    assert!(Path::new(&files.path("service")).exists());
}
