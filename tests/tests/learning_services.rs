//! `capwrap learn --unit`, `--container`, `--cgroup` and `--pid`: what runs already is learned as its own manager runs it.

use capwrap_tests::podman::Podman;
use capwrap_tests::systemd::Systemd;
use capwrap_tests::*;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// A learner that watches already.
struct Watching {
    child: Child,
    errors: BufReader<std::process::ChildStderr>,
}

impl Watching {
    /// Starts a learner, and waits until it sees the checks.
    fn start(words: &[&str]) -> Self {
        let mut command = Command::new(CAPWRAP);
        command.arg("learn").args(words);
        Self::of(command)
    }

    fn of(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        errors.read_line(&mut line).unwrap();
        assert!(line.contains("watched"), "{line}");
        Self { child, errors }
    }

    /// Waits for its end, and returns what it printed.
    fn end(mut self) -> String {
        let errors = std::io::read_to_string(&mut self.errors).unwrap();
        let output = self.child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn asked_to_end(self, signal: &str) -> String {
        assert!(root(&["kill", signal, &self.child.id().to_string()]).run().ok());
        self.end()
    }
}

fn profile(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn needed(profile: &Value) -> String {
    let names: Vec<&str> = profile["needed"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    names.join(",")
}

/// A process that changes the owner of a file each time that it reads a line.
struct Chowner {
    child: Child,
    folder: Folder,
}

impl Chowner {
    fn start() -> Self {
        let folder = Folder::new();
        std::fs::write(folder.path("file"), "").unwrap();
        let script = format!("while read -r owner; do chown $owner {}; done", folder.path("file"));
        let mut command = Command::new("sh");
        let child = command.args(["-c", &script]).stdin(Stdio::piped()).spawn().unwrap();
        Self { child, folder }
    }

    fn id(&self) -> String {
        self.child.id().to_string()
    }

    fn chown(&mut self, owner: u32) {
        use std::io::Write;
        use std::os::unix::fs::MetadataExt;
        writeln!(self.child.stdin.as_mut().unwrap(), "{owner}").unwrap();
        while std::fs::metadata(self.folder.path("file")).unwrap().uid() != owner {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    fn end(mut self) {
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
    }
}

#[test]
fn a_process_is_learned_with_its_children_from_now_on_and_until_a_signal() {
    for signal in ["-INT", "-TERM"] {
        let mut chowner = Chowner::start();
        chowner.chown(1);
        let watching = Watching::start(&["--json", "--pid", &chowner.id()]);
        chowner.chown(2);
        let profile = profile(&watching.asked_to_end(signal));
        assert_eq!(needed(&profile), "cap_chown");
        let run = &profile["runs"][0];
        assert_eq!(run["subject"]["kind"], "processes");
        assert_eq!(run["subject"]["from_start"], false);
        let chowns: Vec<&Value> =
            run["checks"].as_array().unwrap().iter().filter(|check| check["capability"] == "cap_chown").collect();
        assert!(chowns.iter().all(|check| check["executable"].as_str().unwrap().ends_with("/chown")), "{chowns:?}");
        assert_eq!(chowns.iter().map(|check| check["times"].as_u64().unwrap()).sum::<u64>(), 1);
        chowner.end();
    }
}

#[test]
fn the_watch_of_a_process_ends_with_the_process_and_says_that_its_start_was_not_seen() {
    let mut chowner = Chowner::start();
    let watching = Watching::start(&["--pid", &chowner.id()]);
    chowner.chown(2);
    chowner.end();
    let said = watching.end();
    for words in
        ["needed     cap_chown\n", "holds      effective ", "it holds and did not need: ", "its start was not seen"]
    {
        assert!(said.contains(words), "{words} in {said}");
    }
}

#[test]
fn a_process_without_a_check_is_not_said_to_need_nothing() {
    let mut sleeper = Command::new("sleep").arg("100").spawn().unwrap();
    let run = root(&[CAPWRAP, "learn", "--for", "1s", "--pid", &sleeper.id().to_string()]).run();
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
    assert!(run.ok() && run.stdout.contains("made no check while it was watched, so nothing is concluded"), "{run:?}");
}

#[test]
fn a_cgroup_is_learned_with_what_comes_into_it() {
    let mount = std::fs::read_to_string("/proc/self/mounts").unwrap();
    let mount = mount.lines().filter_map(|line| line.strip_prefix("cgroup2 ")).next_back().unwrap();
    let cgroup = format!("{}/capwrap-test-{}", mount.split(' ').next().unwrap(), std::process::id());
    std::fs::create_dir(&cgroup).unwrap();
    let mut chowner = Chowner::start();
    std::fs::write(format!("{cgroup}/cgroup.procs"), chowner.id()).unwrap();
    let folder = Folder::new();
    let output = folder.path("profile.json");
    let watching = Watching::start(&["--cgroup", &cgroup, "--output", &output, "--every", "1s"]);
    chowner.chown(3);
    // The profile is there before the watch ends.
    let began = std::time::Instant::now();
    while !std::fs::read_to_string(&output).is_ok_and(|text| text.contains("cap_chown")) {
        assert!(began.elapsed() < std::time::Duration::from_secs(30), "no profile is written");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let said = watching.asked_to_end("-INT");
    assert!(said.contains("needed     cap_chown\n"), "{said}");
    assert_eq!(needed(&profile(&std::fs::read_to_string(&output).unwrap())), "cap_chown");
    chowner.end();
    std::fs::remove_dir(&cgroup).unwrap();
}

/// A cgroup of its own, with a process in it.
struct Cgroup(String);

impl Cgroup {
    fn with(id: &str) -> Self {
        let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
        let mount = mounts.lines().filter_map(|line| line.strip_prefix("cgroup2 ")).next_back().unwrap();
        let path = format!("{}/capwrap-pod-{}-{id}", mount.split(' ').next().unwrap(), std::process::id());
        std::fs::create_dir(&path).unwrap();
        std::fs::write(format!("{path}/cgroup.procs"), id).unwrap();
        Self(path)
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.0);
    }
}

/// A crictl that says of two pods what the runtime of a node would, where the first container of one is this process.
fn crictl(process: &str) -> Folder {
    let folder = Folder::new();
    let all = "\"CAP_CHOWN\", \"CAP_NET_RAW\"";
    let script = format!(
        r#"#!/bin/sh
case $1 in
pods) echo '{{"items": [{{"id": "5a", "metadata": {{"name": "web-7d4", "uid": "u", "namespace": "shop", "attempt": 0}},
  "state": "SANDBOX_READY", "createdAt": "1", "labels": {{}}, "annotations": {{}}, "runtimeHandler": ""}}]}}' ;;
ps) echo '{{"containers": [{{"id": "4f1d3c2b1a09", "podSandboxId": "5a", "metadata": {{"name": "nginx", "attempt": 0}},
  "image": {{"image": "i"}}, "imageRef": "i", "state": "CONTAINER_RUNNING", "createdAt": "1", "labels": {{}}}},
  {{"id": "5e1d3c2b1a09", "podSandboxId": "5a", "metadata": {{"name": "logger", "attempt": 0}}, "state": "CONTAINER_RUNNING"}}]}}' ;;
inspect) [ "$4" = 4f1d3c2b1a09 ] || exit 1
  echo '{{"status": {{"id": "4f1d3c2b1a09", "metadata": {{"name": "nginx", "attempt": 0}}, "state": "CONTAINER_RUNNING"}},
  "info": {{"pid": {process}, "runtimeSpec": {{"ociVersion": "1.0.2", "process": {{"args": ["sh"], "user": {{"uid": 0, "gid": 0}},
  "capabilities": {{"bounding": [{all}], "effective": [{all}], "permitted": [{all}]}}}}}}}}}}' ;;
esac
"#
    );
    std::fs::write(folder.path("crictl"), script).unwrap();
    done(&root(&["chmod", "755", &folder.path("crictl")]).run());
    folder
}

#[test]
fn a_container_of_a_pod_is_learned_on_its_node_by_what_crictl_says() {
    let mut chowner = Chowner::start();
    let _cgroup = Cgroup::with(&chowner.id());
    let folder = crictl(&chowner.id());
    let path = format!("{}:/usr/sbin:/usr/bin", folder.0.display());
    let mut watch = |words: &[&str], owner| {
        let mut command = Command::new("env");
        command.args([&format!("PATH={path}"), CAPWRAP, "learn"]).args(words);
        let watching = Watching::of(command);
        chowner.chown(owner);
        watching.asked_to_end("-INT")
    };
    let said = watch(&["--pod", "shop/web-7d4/nginx"], 2);
    assert!(said.contains("needed     cap_chown\n") && said.contains("did not need: cap_net_raw"), "{said}");
    assert!(said.trim_end().ends_with("    drop:\n      - ALL\n    add:\n      - CHOWN"), "{said}");
    let learned = profile(&watch(&["--json", "--container", "4f1d3c2b1a09"], 3));
    assert_eq!(needed(&learned), "cap_chown");
    let run = root(&[CAPWRAP, "learn", "--pod", "shop/web-7d4"]).env("PATH", &path).run();
    assert!(
        run.code == 125 && run.stderr.contains("--pod shop/web-7d4/nginx, or --pod shop/web-7d4/logger"),
        "{run:?}"
    );
    let run = root(&[CAPWRAP, "learn", "--container", "4f1d3c2b1a09", "--restart"]).env("PATH", &path).run();
    assert!(run.code == 125 && run.stderr.contains("the kubelet starts"), "{run:?}");
    chowner.end();
}

#[test]
fn profiles_of_what_runs_are_joined_compared_and_exported() {
    let folder = Folder::new();
    let mut chowner = Chowner::start();
    let id = chowner.id();
    for (name, owner) in [("a.json", 5), ("b.json", 6)] {
        let output = folder.path(name);
        let watching = Watching::start(&["--pid", &id, "--output", &output]);
        chowner.chown(owner);
        watching.asked_to_end("-INT");
    }
    chowner.end();
    let (a, b, both) = (folder.path("a.json"), folder.path("b.json"), folder.path("both.json"));
    done(&root(&[CAPWRAP, "merge", &a, &b, "--output", &both]).run());
    assert_eq!(profile(&std::fs::read_to_string(&both).unwrap())["runs"].as_array().unwrap().len(), 2);
    let run = root(&[CAPWRAP, "diff", &both, "cap_chown"]).run();
    assert!(run.ok() && run.stdout.contains("what 2 runs needed of "), "{run:?}");
    let export = |to: &str| root(&[CAPWRAP, "export", &both, "--to", to]).run();
    assert_eq!(export("docker").stdout, "--cap-drop=ALL --cap-add=CHOWN\n");
    assert_eq!(export("systemd").stdout, "[Service]\nCapabilityBoundingSet=\nCapabilityBoundingSet=CAP_CHOWN\n");
    let refused = export("setcap");
    assert!(!refused.ok() && refused.stderr.contains("not how this launcher starts it"), "{refused:?}");
    // What is about several things is exported for none of them.
    let text = std::fs::read_to_string(&b).unwrap();
    let other: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(other["runs"][0]["subject"]["kind"], "processes");
}

#[test]
fn what_a_trace_recorded_is_learned_from_and_compared() {
    let folder = Folder::new();
    let (full, summary) = (folder.path("full.json"), folder.path("summary.json"));
    std::fs::write(folder.path("file"), "").unwrap();
    for (output, more) in [(&full, &["--stack"][..]), (&summary, &["--summary"])] {
        let words = ["trace", "--json", "-o", output];
        let file = folder.path("file");
        done(&root(&[&[CAPWRAP], &words[..], more, &["--", "chown", "7", &file]].concat()).run());
        done(&root(&["chown", "0", &file]).run());
    }
    for output in [&full, &summary] {
        let run = root(&[CAPWRAP, "learn", "--from", output]).run();
        assert!(run.ok() && run.stdout.contains("needed     cap_chown\n"), "{run:?}");
        assert_eq!(run.stdout.contains("without stacks"), output == &summary, "{run:?}");
        let run = root(&[CAPWRAP, "diff", output, "cap_chown"]).run();
        assert!(run.ok(), "{run:?}");
    }
    let run = user(STRANGER, &[CAPWRAP, "learn", "--from", "-", "--json"]).input(std::fs::read(&full).unwrap()).run();
    assert_eq!(profile(&run.stdout)["runs"][0]["subject"]["kind"], "trace");
    let run = root(&[CAPWRAP, "learn", "--from", "/etc/passwd"]).run();
    assert!(run.code == 125 && run.stderr.contains("/etc/passwd is no trace"), "{run:?}");
    let run = root(&[CAPWRAP, "learn", "--from", &full, "--write"]).run();
    assert!(run.code == 125 && run.stderr.contains("does not say what is to be changed"), "{run:?}");
}

/// The units of a service that binds a port below 1024 as root and then serves as another user.
fn nginx(folder: &str) -> String {
    let prefix = format!("{folder}/nginx");
    format!(
        "[Unit]\nDefaultDependencies=no\n[Service]\nType=forking\nPIDFile={prefix}/pid\n\
         ExecStartPre=/usr/sbin/nginx -t -q -p {prefix} -c conf\nExecStart=/usr/sbin/nginx -p {prefix} -c conf\n\
         ExecStop=/usr/sbin/nginx -p {prefix} -c conf -s quit\n"
    )
}

#[test]
fn nginx_is_learned_from_its_start_and_then_runs_with_exactly_that() {
    let systemd = Systemd::start(&[]);
    let folder = systemd.folder.0.to_str().unwrap();
    std::fs::create_dir(systemd.folder.path("nginx")).unwrap();
    let paths: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {folder}/nginx/{name}; "))
        .concat();
    let conf = format!(
        "user www-data; worker_processes 2; pid pid; error_log stderr; events {{}}\n\
         http {{ access_log off; {paths} server {{ listen 80; }} }}\n"
    );
    std::fs::write(systemd.folder.path("nginx/conf"), conf).unwrap();
    std::fs::write(systemd.folder.path("web.service"), nginx(folder)).unwrap();
    done(&systemd.run(&["systemctl", "daemon-reload"]));
    done(&systemd.run(&["systemctl", "start", "web"]));
    let learn = |more: &[&str]| {
        let run = systemd.run(&[&[CAPWRAP, "learn", "--unit", "web", "--restart", "--for", "2s"], more].concat());
        assert!(run.ok(), "{run:?}");
        run
    };
    let run = learn(&["--write"]);
    assert!(run.stdout.contains("needed     cap_setgid,cap_setuid,cap_net_bind_service\n"), "{run:?}");
    assert!(run.stdout.contains("set-up (") && run.stdout.contains("from its start"), "{run:?}");
    assert!(run.stderr.contains("systemctl daemon-reload && systemctl restart web.service"), "{run:?}");
    let drop_in = std::fs::read_to_string(systemd.folder.path("web.service.d/50-capwrap.conf")).unwrap();
    assert_eq!(
        drop_in,
        "[Service]\nCapabilityBoundingSet=\nCapabilityBoundingSet=CAP_SETGID CAP_SETUID CAP_NET_BIND_SERVICE\n"
    );
    assert_eq!(systemd.show("web", "ActiveState"), "active");
    done(&systemd.run(&["systemctl", "daemon-reload"]));
    done(&systemd.run(&["systemctl", "restart", "web"]));
    let status = systemd.run(&["cat", &format!("/proc/{}/status", systemd.show("web", "MainPID"))]).stdout;
    let expected = mask("cap_setgid,cap_setuid,cap_net_bind_service");
    assert!(status.contains(&format!("CapEff:\t{expected:016x}")), "{status}");
    let run = learn(&[]);
    assert!(run.stdout.contains("none: it holds what it needs, and no more"), "{run:?}");
    assert!(run.stdout.contains("The drop-in needs no change."), "{run:?}");
}

#[test]
fn a_unit_with_everything_for_its_user_is_taken_to_its_least() {
    let systemd = Systemd::start(&[(
        "bind.service",
        &format!(
            "[Unit]\nDefaultDependencies=no\n[Service]\nUser={MEMBER}\nAmbientCapabilities=~\n\
             ExecStart=/usr/bin/python3 -c \"import socket, time; s = socket.socket(); s.bind(('0.0.0.0', 81)); \
             time.sleep(1000)\"\n"
        ),
    )]);
    let learn = [CAPWRAP, "learn", "--unit", "bind.service", "--restart", "--for", "3s"];
    // It does not run before, and runs afterwards.
    let run = systemd.run(&learn);
    assert!(run.ok() && run.stdout.contains("needed     cap_net_bind_service\n"), "{run:?}");
    assert!(run.stdout.contains(&format!("as {MEMBER}")) && run.stdout.contains("setuid"), "{run:?}");
    for line in ["+AmbientCapabilities=CAP_NET_BIND_SERVICE\n", "+CapabilityBoundingSet=CAP_NET_BIND_SERVICE\n"] {
        assert!(run.stdout.contains(line), "{line} in {run:?}");
    }
    assert!(!std::path::Path::new(&systemd.folder.path("bind.service.d")).exists());
    let run = systemd.run(&[&learn[..], &["--json"]].concat());
    let learned = profile(&run.stdout);
    assert_eq!(learned["runs"][0]["subject"]["name"], "bind.service");
    assert_eq!(learned["runs"][0]["subject"]["from_start"], true);
    assert_eq!(learned["runs"][0]["user"]["name"], MEMBER);
    let checks = learned["runs"][0]["checks"].as_array().unwrap();
    let set_up: Vec<&Value> = checks.iter().filter(|check| check["class"] == "set_up").collect();
    assert!(set_up.iter().any(|check| check["capability"] == "cap_setuid"), "{checks:?}");
    assert!(set_up.iter().all(|check| check["executable"].as_str().unwrap().contains("systemd")), "{set_up:?}");
}

#[test]
fn a_unit_that_fails_is_learned_and_not_written() {
    let systemd = Systemd::start(&[(
        "fails.service",
        "[Unit]\nDefaultDependencies=no\n[Service]\nExecStart=/bin/sh -c 'sleep 1; exit 3'\n",
    )]);
    let run = systemd.run(&[CAPWRAP, "learn", "--unit", "fails", "--restart", "--for", "20s", "--write"]);
    assert_eq!(run.code, 125, "{run:?}");
    assert!(run.stderr.contains("the unit failed (systemd says exit-code)"), "{run:?}");
    assert!(!std::path::Path::new(&systemd.folder.path("fails.service.d")).exists());
    // What a unit lacked is learned although it did not come to be started.
    let lacks =
        format!("[Unit]\nDefaultDependencies=no\n[Service]\nType=oneshot\nUser={MEMBER}\nExecStart=/bin/chown 0 /\n");
    std::fs::write(systemd.folder.path("lacks.service"), lacks).unwrap();
    done(&systemd.run(&["systemctl", "daemon-reload"]));
    let run = systemd.run(&[CAPWRAP, "learn", "--unit", "lacks", "--restart"]);
    assert!(run.ok() && run.stdout.contains("it needs and does not hold: cap_chown\n"), "{run:?}");
    assert!(run.stdout.contains("+AmbientCapabilities=CAP_CHOWN\n"), "{run:?}");
}

#[test]
fn what_cannot_be_learned_is_refused_with_a_hint() {
    let refused = |words: &[&str], expected: &str| {
        let run = root(&[&[CAPWRAP, "learn"], words].concat()).run();
        assert!(run.code == 125 && run.stdout.is_empty(), "{run:?}");
        assert!(run.stderr.contains(expected), "{expected} in {run:?}");
        run
    };
    refused(&["--pid", "4194304"], "there is no process 4194304");
    refused(&["--cgroup", "/no-such-cgroup"], "cannot find the cgroup");
    refused(&["--pid", "1", "--write"], "--write: only a unit can be changed");
    refused(&["--unit", "a/b"], "is no unit's name");
    refused(&["--unit", "x", "--write"], "--write without --restart");
    refused(&["--unit", "x", "--pid", "1"], "cannot be used with");
    refused(&["--unit", "x", "true"], "cannot be used with");
    refused(&["--container", "x", "--to", "setcap"], "starts no containers");
    refused(&["--container", "-x"], "");
    refused(&["--pod", "web"], "names no pod");
    refused(&["--pod", "a/b", "--restart"], "cannot be used with");
    let mount = std::fs::read_to_string("/proc/self/mounts").unwrap();
    let mount = mount.lines().filter_map(|line| line.strip_prefix("cgroup2 ")).next_back().unwrap();
    let hidden = ["unshare", "--cgroup", CAPWRAP, "learn", "--for", "1s", "--cgroup", mount.split(' ').next().unwrap()];
    for back_end in ["fexit", "tp_btf"] {
        let run = root(&[&hidden[..], &["--back-end", back_end]].concat()).run();
        assert!(run.code == 125 && run.stderr.contains("which this cgroup namespace hides"), "{run:?}");
    }
    // A kernel without kprobes has no way at all then, and the error says why the others were not tried.
    let run = root(&hidden).run();
    assert!(run.ok() || run.stderr.contains("in a cgroup namespace only kprobes can watch a cgroup"), "{run:?}");
    let run = root(&[CAPWRAP, "learn", "--pod", "shop/web"]).env("PATH", "/nonexistent").run();
    assert!(run.stderr.contains("there is no crictl here") && run.stderr.contains("--cgroup PATH"), "{run:?}");
    let run = root(&[CAPWRAP, "learn", "--unit", "no-such"]).env("PATH", "/nonexistent").run();
    assert!(run.stderr.contains("there is no systemctl here") && run.stderr.contains("hint: "), "{run:?}");
    let run = root(&[CAPWRAP, "learn", "--container", "x"]).env("PATH", "/nonexistent").run();
    assert!(run.stderr.contains("no podman, docker or nerdctl is here") && run.stderr.contains("hint: "), "{run:?}");
    let systemd = Systemd::start(&[("still.service", "[Service]\nExecStart=/bin/sleep 9\n")]);
    let run = systemd.run(&[CAPWRAP, "learn", "--unit", "no-such"]);
    assert!(run.stderr.contains("there is no unit no-such.service"), "{run:?}");
    let run = systemd.run(&[CAPWRAP, "learn", "--unit", "still"]);
    assert!(run.stderr.contains("still.service does not run") && run.stderr.contains("--restart"), "{run:?}");
    let run = systemd.run(&[CAPWRAP, "learn", "--unit", "basic.target"]);
    assert!(run.stderr.contains("runs no processes of its own"), "{run:?}");
}

/// The files of an image whose service changes an owner, binds port 80, and gives up root.
fn image(folder: &Folder) {
    let run = root(&["sh", "-c", "mkdir bin srv && cp /bin/busybox bin/ && ln -s busybox bin/sh"]).dir(&folder.0).run();
    assert!(run.ok(), "{run:?}");
    std::fs::create_dir(folder.path("etc")).unwrap();
    std::fs::write(folder.path("etc/passwd"), "root:x:0:0::/:/bin/sh\nwww:x:33:33::/:/bin/sh\n").unwrap();
    std::fs::write(folder.path("etc/group"), "root:x:0:\nwww:x:33:\n").unwrap();
    let service = "#!/bin/sh\nb=/bin/busybox\n$b rm -f /srv/x; $b touch /srv/x && $b chown 33:33 /srv/x || exit 1\n\
                   $b nc -l -p 80 &\n$b sleep 1\n$b kill -0 $! || exit 2\n\
                   exec $b su www -s /bin/sh -c 'echo serving; exec /bin/busybox sleep 1000'\n";
    std::fs::write(folder.path("service"), service).unwrap();
    assert!(root(&["chmod", "755", &folder.path("service")]).run().ok());
}

#[test]
fn a_container_is_learned_from_its_start_and_then_runs_with_exactly_that() {
    let (podman, files) = (Podman::new(), Folder::new());
    image(&files);
    podman.import(files.0.to_str().unwrap(), "localhost/service");
    done(&podman.run(&["create", "--name", "web", "localhost/service", "/service"]));
    let path = format!("{}:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", podman.folder());
    let learn = |words: &[&str]| {
        let words = [&[CAPWRAP, "learn", "--container", "web", "--for", "4s"], words].concat();
        root(&words).env("PATH", &path).run()
    };
    let run = learn(&[]);
    assert!(run.stderr.contains("the container web does not run"), "{run:?}");
    let needed = "cap_chown,cap_setgid,cap_setuid,cap_net_bind_service";
    let options = "--cap-drop=ALL --cap-add=CHOWN --cap-add=SETGID --cap-add=SETUID --cap-add=NET_BIND_SERVICE";
    // The container did not run before, and then it does: its cgroup is made before it both times.
    for _ in 0..2 {
        let run = learn(&["--restart"]);
        assert!(run.ok() && run.stdout.contains(&format!("needed     {needed}\n")), "{run:?}");
        assert!(run.stdout.contains("set-up (") && run.stdout.trim_end().ends_with(options), "{run:?}");
    }
    let run = learn(&["--restart", "--to", "compose"]);
    assert!(run.stdout.contains("    cap_add:\n      - CHOWN\n"), "{run:?}");
    // The learner blocks signals. What it starts does not.
    let id = podman.run(&["inspect", "-f", "{{.State.Pid}}", "web"]).stdout;
    let status = std::fs::read_to_string(format!("/proc/{}/status", id.trim())).unwrap();
    assert!(status.contains("SigBlk:\t0000000000000000"), "{status}");
    // Both would bind the same port.
    done(&podman.run(&["rm", "--force", "--time", "0", "web"]));
    let words = [&["run", "-d", "--name", "least"], &options.split(' ').collect::<Vec<_>>()[..]].concat();
    done(&podman.run(&[&words[..], &["localhost/service", "/service"]].concat()));
    std::thread::sleep(std::time::Duration::from_secs(3));
    let logs = podman.run(&["logs", "least"]);
    assert!(logs.stdout.contains("serving"), "{logs:?}");
    let run = root(&[CAPWRAP, "learn", "--container", "least", "--restart", "--for", "4s"]).env("PATH", &path).run();
    assert!(run.stdout.contains("none: it holds what it needs, and no more"), "{run:?}");
    done(&podman.run(&["rm", "--force", "--time", "0", "least"]));
    // Without one of them the service does not come to serve.
    let words = ["run", "--rm", "--cap-drop=ALL", "--cap-add=CHOWN,SETGID,SETUID", "localhost/service", "/service"];
    let run = podman.run(&words);
    assert!(!run.stdout.contains("serving"), "{run:?}");
}

#[test]
fn a_container_that_does_not_come_to_start_is_not_said_to_need_nothing() {
    let (podman, files) = (Podman::new(), Folder::new());
    image(&files);
    podman.import(files.0.to_str().unwrap(), "localhost/service");
    done(&podman.run(&["create", "--name", "broken", "localhost/service", "/no-such-file"]));
    let path = format!("{}:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", podman.folder());
    let run = root(&[CAPWRAP, "learn", "--container", "broken", "--restart", "--for", "9s"]).env("PATH", &path).run();
    assert!(run.stdout.contains("set-up (") && run.stdout.contains("failed     podman start"), "{run:?}");
    assert!(run.stdout.contains("needed     not known: ") && !run.stdout.contains("--cap-drop"), "{run:?}");
}

#[test]
fn a_container_that_its_end_removes_is_not_stopped() {
    let (podman, files) = (Podman::new(), Folder::new());
    image(&files);
    podman.import(files.0.to_str().unwrap(), "localhost/service");
    done(&podman.run(&["run", "-d", "--rm", "--name", "once", "localhost/service", "/bin/busybox", "sleep", "1000"]));
    let path = format!("{}:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", podman.folder());
    let run = root(&[CAPWRAP, "learn", "--container", "once", "--restart"]).env("PATH", &path).run();
    assert!(run.code == 125 && run.stderr.contains("(--rm)"), "{run:?}");
    assert_eq!(podman.run(&["ps", "--quiet"]).stdout.lines().count(), 1);
}
