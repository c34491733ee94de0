//! A fleet of three hosts, managed by a real ansible-playbook over ssh with the shipped role; and how node_exporter
//! reads verify's metrics.

use capwrap_tests::book::Page;
use capwrap_tests::fleet::{Host, Init, Key, until};
use capwrap_tests::machine::CAPTURE;
use capwrap_tests::packages::{PROJECT, Packages};
use capwrap_tests::systemd::Systemd;
use capwrap_tests::*;
use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

struct Fleet {
    key: Key,
    hosts: [Host; 3],
    /// The controller's files: the inventory, the plays, and the learned profiles.
    folder: Folder,
}

impl Fleet {
    /// Starts the hosts. Two get the .deb, and one gets the archive of a tree.
    fn start() -> Self {
        let folder = Folder::new();
        let deb = Packages::build("1.0.0").deb;
        let tree = folder.path("tree");
        let archived = root(&[
            "sh",
            "-c",
            &format!("{PROJECT}/install.sh && cd {tree} && find * -type f | tar -T - -cf {tree}.tar"),
        ])
        .building()
        .env("DESTDIR", &tree)
        .run();
        assert!(archived.ok(), "{archived:?}");
        let key = Key::new();
        let hosts = [("one", Init::Sshd), ("two", Init::Systemd), ("three", Init::Sshd)];
        let mut number = 0;
        let hosts = hosts.map(|(name, init)| {
            number += 1;
            Host::start(name, number, init, &key)
        });
        let from =
            [format!("capwrap_package={deb}"), format!("capwrap_package={deb}"), format!("capwrap_archive={tree}.tar")];
        let line = |(host, from): (&Host, &String)| {
            format!("{} ansible_host={} ansible_user=root {from}\n", host.name, host.address)
        };
        let inventory: String = hosts.iter().zip(&from).map(line).collect();
        fs::write(folder.path("inventory.ini"), format!("[fleet]\n{inventory}")).unwrap();
        Self { key, hosts, folder }
    }

    /// Writes the play with these variables of the role.
    fn play(&self, variables: &str) {
        let play = format!(
            "- hosts: fleet\n  roles:\n    - role: capwrap\n      vars:\n        {}\n",
            variables.trim().replace('\n', "\n        ")
        );
        fs::write(self.folder.path("site.yml"), play).unwrap();
    }

    /// Runs `ansible-playbook site.yml WORDS…`.
    fn ansible(&self, words: &[&str]) -> Run {
        let (inventory, site) = (self.folder.path("inventory.ini"), self.folder.path("site.yml"));
        self.here(root(&[&["ansible-playbook", "-i", &inventory, &site], words].concat())).run()
    }

    /// Adds the controller's environment to a call.
    fn here(&self, call: Call) -> Call {
        call.env("ANSIBLE_PRIVATE_KEY_FILE", self.key.file())
            .env("ANSIBLE_ROLES_PATH", format!("{PROJECT}/packaging/ansible/roles"))
            .env("ANSIBLE_HOST_KEY_CHECKING", "False")
            .env("ANSIBLE_PYTHON_INTERPRETER", "/usr/bin/python3")
            .env("ANSIBLE_LOCAL_TEMP", self.folder.path("temporary"))
            .env("HOME", self.folder.path(""))
            .env("LC_ALL", "C.UTF-8")
    }

    /// Runs a play, which must succeed. Returns how many tasks changed something on each host.
    #[track_caller]
    fn done(&self, words: &[&str]) -> [u32; 3] {
        let run = self.ansible(words);
        assert!(run.ok(), "{}\n{}", run.stdout, run.stderr);
        changed(&run)
    }
}

/// Reads the recap, as in `one : ok=12 changed=3 unreachable=0 failed=0 …`.
#[track_caller]
fn changed(run: &Run) -> [u32; 3] {
    ["one", "two", "three"].map(|host| {
        let recap = run.stdout.lines().rev().find(|line| line.starts_with(host) && line.contains("changed="));
        let count = recap.and_then(|line| line.split("changed=").nth(1)?.split(' ').next()?.parse().ok());
        count.unwrap_or_else(|| panic!("{}\n{}", run.stdout, run.stderr))
    })
}

const SITE: &str = "
capwrap_policies:
  - { name: tcpdump, groups: [network-team], audit: required }
  - { name: sleep, src: sleep.toml.j2 }
capwrap_policies_absent: [ping]
capwrap_textfile_directory: /var/lib/prometheus/node-exporter
";

/// What an administrator's supervisor runs where no systemd does.
const RECORDER: &str = "for half in '' '--answer'; do socket=record; [ -z \"$half\" ] || socket=history; \
    setsid $(ls -d /usr/libexec /usr/local/libexec | while read -r at; do ls $at/capwrap/capwrap-recorder; done 2> /dev/null) \
    $half --listen /run/capwrap/$socket.sock > /var/log/recorder$half 2>&1 < /dev/null & done; \
    for i in $(seq 100); do [ -S /run/capwrap/record.sock ] && break; sleep 0.1; done; ls /run/capwrap/record.sock";

#[test]
fn units_are_learned_by_the_role_and_joined_with_what_was_learned_before() {
    let unit = "[Unit]\nDefaultDependencies=no\n[Service]\nExecStart=/bin/sh -c 'while :; do touch /tmp/capwrap-role; \
                chown 5 /tmp/capwrap-role; sleep 0.2; done'\n";
    let systemd = Systemd::start(&[("owns.service", unit)]);
    let folder = Folder::new();
    let play = format!(
        "- hosts: localhost\n  connection: local\n  gather_facts: false\n  roles:\n    - role: capwrap\n      vars:\n        \
         capwrap_prefix: /usr/local\n        capwrap_learn_units: [owns.service]\n        capwrap_learn_for: 2s\n        \
         capwrap_learn_restart: true\n        capwrap_learned_in: {at}/learned\n        capwrap_profiles_to: {at}/all\n        \
         capwrap_on_controller: {CAPWRAP}\n        ansible_async_dir: {at}/async\n",
        at = folder.path("")
    );
    fs::write(folder.path("site.yml"), play).unwrap();
    let set = [format!("HOME={}", folder.path("")), format!("ANSIBLE_ROLES_PATH={PROJECT}/packaging/ansible/roles")];
    let site = folder.path("site.yml");
    let words = [
        "env",
        &set[0],
        &set[1],
        "LC_ALL=C.UTF-8",
        "ansible-playbook",
        &site,
        "--tags",
        "capwrap_learn,capwrap_profiles",
    ];
    for runs in [1, 2] {
        let run = systemd.run(&words);
        assert!(run.ok(), "{}\n{}", run.stdout, run.stderr);
        for file in [
            "learned/owns.service.profile.json",
            "all/localhost/owns.service.profile.json",
            "all/owns.service.profile.json",
        ] {
            let profile: Value = serde_json::from_str(&fs::read_to_string(folder.path(file)).unwrap()).unwrap();
            assert_eq!(profile["runs"].as_array().unwrap().len(), runs, "{file}");
        }
    }
    let run = root(&[CAPWRAP, "export", &folder.path("all/owns.service.profile.json"), "--to", "systemd"]).run();
    assert!(run.ok() && run.stdout.contains("CAP_CHOWN"), "{run:?}");
}

#[test]
fn a_fleet_is_installed_changed_verified_corrected_and_learned_from() {
    let fleet = Fleet::start();
    let [one, two, three] = &fleet.hosts;
    let template = |caps: &str| {
        let text = format!(
            "schema = 1\nsummary = \"wait on {{{{ inventory_hostname }}}}\"\ntool = {{ path = \"/usr/bin/sleep\" }}\n\
             allow = {{ groups = [\"network-team\"] }}\n[[grant]]\ncaps = \"{caps}\"\nwhy = \"none\"\n[exec]\nchildren = \"none\"\n"
        );
        fs::write(fleet.folder.path("sleep.toml.j2"), text).unwrap();
    };
    template("cap_syslog");
    fleet.play(SITE);
    for host in &fleet.hosts {
        let prepare = "mkdir -p /var/lib/prometheus/node-exporter; groupadd network-team; \
                       useradd --create-home --groups network-team alice";
        done(&host.run(&fleet.key, prepare));
    }

    // The changes are shown, and none is made.
    fleet.done(&["--check", "--diff"]);
    for host in &fleet.hosts {
        done(&host.run(&fleet.key, "! find / -xdev -name '*capwrap*' ! -path '/proc/*' | grep ."));
    }

    // capwrap is installed, a policy is enabled, and a new user uses it.
    assert!(fleet.done(&[]).iter().all(|count| *count > 4));
    // tcpdump's record must be on the disk. systemd listens for the recorder; without it, the play says what to run.
    done(&two.run(
        &fleet.key,
        "systemctl is-enabled capwrap-recorder.socket && systemctl is-active capwrap-recorder.socket",
    ));
    let said = one.run(&fleet.key, "runuser -u alice -- capwrap tcpdump --version");
    assert!(said.code == 125 && said.stderr.contains("no recorder listens"), "{said:?}");
    for host in [one, three] {
        done(&host.run(&fleet.key, RECORDER));
    }
    for host in &fleet.hosts {
        let said = host.run(&fleet.key, CAPTURE);
        assert!(done(&said).contains("1 packet captured"), "{said:?}");
        let said = host.run(&fleet.key, "runuser -u alice -- capwrap list");
        assert!(done(&said).contains(&format!("wait on {}", host.name)), "{said:?}");
        let said = host.run(&fleet.key, "runuser -u nobody -- capwrap tcpdump");
        assert!(said.code == 125 && said.stderr.contains("nobody may not run tcpdump"), "{said:?}");
    }

    // A second run has nothing to do.
    assert_eq!(fleet.done(&[]), [0, 0, 0]);

    // Where systemd runs, the host is verified daily, and metrics are written whatever is found.
    let daily = "systemctl is-enabled capwrap-verify.timer; systemctl is-active capwrap-verify.timer; \
                 cd /var/lib/prometheus/node-exporter; rm capwrap.prom; chmod g+w /etc/capwrap/policies/sleep.toml; \
                 ! systemctl start capwrap-verify.service; chmod g-w /etc/capwrap/policies/sleep.toml; \
                 grep -x 'capwrap_verify_problems{.*\"sleep\"} 1' capwrap.prom; systemctl start capwrap-verify.service";
    done(&two.run(&fleet.key, &format!("set -e; {daily}")));

    // Other users are allowed. The play shows this first and then does it.
    fleet.play(&SITE.replace("groups: [network-team]", "users: [nobody]"));
    let shown = fleet.ansible(&["--check", "--diff"]);
    assert!(shown.ok() && shown.stdout.contains("+users = [\"nobody\"]"), "{}", shown.stdout);
    assert!(done(&one.run(&fleet.key, "cat /etc/capwrap/policies/tcpdump.toml")).contains("\"network-team\""));
    done(&one.run(&fleet.key, "capwrap grant tcpdump --user games --for 1h --reason 'made by hand'"));
    assert_eq!(fleet.done(&[]), [2, 2, 2]);
    grants_stay_and_end(&fleet);
    fleet.play(&SITE.replace("groups: [network-team]", "users: [nobody]"));
    assert_eq!(one.run(&fleet.key, "runuser -u alice -- capwrap tcpdump --version").code, 125);
    done(&one.run(&fleet.key, "runuser -u nobody -- capwrap tcpdump --version"));

    // A policy with an error stops the play before it is enabled. Once the error is corrected, the next play does the
    // rest.
    template("cap_sys_log");
    let date = "schema = 1\nsummary = \"set the clock\"\ntool = { path = \"/usr/bin/date\" }\n\
                allow = { users = [\"alice\"] }\n[[grant]]\ncaps = \"cap_sys_time\"\nwhy = \"the clock\"\n\
                [exec]\nchildren = \"none\"\n";
    fs::write(fleet.folder.path("date.toml.j2"), date).unwrap();
    fleet.play(&SITE.replace("capwrap_policies:\n", "capwrap_policies:\n  - { name: date, src: date.toml.j2 }\n"));
    let refused = fleet.ansible(&[]);
    assert!(!refused.ok() && refused.stdout.contains("cap_sys_log"), "{}", refused.stdout);
    assert!(done(&one.run(&fleet.key, "cat /etc/capwrap/policies/sleep.toml")).contains("\"cap_syslog\""));
    done(
        &one.run(&fleet.key, "test -e /etc/capwrap/policies/date.toml; ! getcap /usr/bin/capwrap | grep cap_sys_time"),
    );
    template("cap_syslog");
    fleet.done(&[]);
    done(&one.run(&fleet.key, "getcap /usr/bin/capwrap | grep cap_sys_time; capwrap disable date"));

    // The play finds, names and corrects what somebody changed on one host.
    done(&two.run(&fleet.key, "setcap cap_net_admin=ei /usr/bin/tcpdump; chmod 0600 /etc/capwrap/policies/sleep.toml"));
    let verify = ["--tags", "capwrap_verify"];
    let found = fleet.ansible(&verify);
    let fatal: Vec<&str> = found.stdout.lines().filter(|line| line.starts_with("fatal:")).collect();
    assert!(!found.ok() && fatal.len() == 1 && fatal[0].contains("[two]"), "{}", found.stdout);
    for said in ["tcpdump", "cap_net_admin=ei", "sleep.toml"] {
        assert!(found.stdout.contains(said), "{said}: {}", found.stdout);
    }
    assert_eq!(fleet.done(&[&verify[..], &["-e", "capwrap_fix=true"]].concat()), [0, 1, 0]);
    assert_eq!(fleet.done(&verify), [0, 0, 0]);
    assert_eq!(done(&two.run(&fleet.key, "getcap /usr/bin/tcpdump")), "");

    // The profiles of two hosts are merged. Repeating the play does not merge them twice.
    for host in [one, three] {
        let learned = host.run(&fleet.key, "capwrap learn --write sleep 0");
        done(&learned);
    }
    let learned = fleet.folder.path("learned");
    let profiles = format!("{SITE}capwrap_profiles_to: {learned}\n");
    fleet.play(&profiles);
    let collect = ["--tags", "capwrap_profiles", "-e", &format!("capwrap_on_controller={CAPWRAP}")];
    fleet.done(&collect);
    let read =
        |path: &str| serde_json::from_str::<Value>(&fs::read_to_string(format!("{learned}/{path}")).unwrap()).unwrap();
    let runs = |path: &str| read(path)["runs"].as_array().unwrap().clone();
    let (of_one, of_three) = (runs("one/sleep.profile.json"), runs("three/sleep.profile.json"));
    assert_eq!((of_one.len(), of_three.len()), (1, 1));
    let together = runs("sleep.profile.json");
    assert_eq!(together.len(), 2);
    assert!(together.contains(&of_one[0]) && together.contains(&of_three[0]));
    assert_eq!(fleet.done(&collect), [0, 0, 0]);

    node_exporter_reads_what_verify_found(&fleet);
    records_are_verified_and_reports_brought(&fleet);

    // The fleet also works as the book describes.
    let page = Page::read("how-to/fleet.md");
    let run = fleet.here(root(&["bash", "-c", &page.script(&fleet.folder.path(""))])).run();
    assert!(run.ok(), "{run:?}");
    page.compare(&run.stdout);
}

/// Grants with the role, and with a grant by hand on the first host, which no play takes away.
fn grants_stay_and_end(fleet: &Fleet) {
    let [one, two, three] = &fleet.hosts;
    let who = SITE.replace("groups: [network-team]", "users: [nobody]");
    let play = |until: &str| {
        fleet.play(&format!(
            "{who}capwrap_grants:\n  - {{ name: tcpdump, user: daemon, until: \"{until}\", reason: ticket 4711 }}\n"
        ));
    };
    let runs = |host: &Host, user: &str| {
        host.run(&fleet.key, &format!("runuser -u {user} -- capwrap tcpdump --version")).code == 0
    };
    play("2001-01-01T00:00:00Z");
    assert_eq!(fleet.done(&[]), [0, 0, 0]);
    play("2099-01-31T12:00:00+01:00");
    assert_eq!(fleet.done(&["--check"]), [1, 1, 1]);
    assert!(!runs(one, "daemon"));
    assert_eq!(fleet.done(&[]), [1, 1, 1]);
    assert!([one, two, three].into_iter().all(|host| runs(host, "daemon")) && runs(one, "games"));
    let granted = "grep -A 3 -F '[[allow.temporary]]' /etc/capwrap/policies/tcpdump.toml";
    let granted = two.run(&fleet.key, granted).stdout;
    assert!(granted.contains("until = 2099-01-31T11:00:00Z\nreason = \"ticket 4711\""), "{granted}");
    assert_eq!(fleet.done(&[]), [0, 0, 0]);
    // The end is named in another time zone, and is the same.
    play("2099-01-31T11:00:00Z");
    assert_eq!(fleet.done(&[]), [0, 0, 0]);
    play("2099-01-31");
    let refused = fleet.ansible(&[]);
    assert!(!refused.ok() && refused.stdout.contains("until must be a text such as"), "{}", refused.stdout);

    fleet.play(&format!("{who}capwrap_grants_absent:\n  - {{ name: tcpdump, user: daemon, kill: true }}\n"));
    assert_eq!(fleet.done(&[]), [1, 1, 1]);
    assert!(!runs(two, "daemon") && runs(one, "games"));
    assert_eq!(fleet.done(&[]), [0, 0, 0]);
    // Where no timer does, the play takes out what has ended.
    let end = "sed -i 's/^until = .*/until = 2001-01-01T00:00:00Z/' /etc/capwrap/policies/tcpdump.toml";
    done(&one.run(&fleet.key, end));
    assert_eq!(fleet.done(&[]), [1, 0, 0]);
    done(&one.run(&fleet.key, "! grep temporary /etc/capwrap/policies/tcpdump.toml"));
}

/// The hash that the controller keeps finds what root of a host took away.
fn records_are_verified_and_reports_brought(fleet: &Fleet) {
    let [_, two, _] = &fleet.hosts;
    fleet.play(&format!("{SITE}capwrap_heads_in: heads\ncapwrap_reports_to: reports\n"));
    let words = ["--tags", "capwrap_history,capwrap_report"];
    assert_eq!(fleet.done(&words), [0, 0, 0]);
    assert_eq!(fleet.done(&words), [0, 0, 0]);
    for name in ["one", "two", "three"] {
        let head = fs::read_to_string(fleet.folder.path(&format!("heads/{name}.head"))).unwrap();
        assert!(head.len() == 65 && head.trim_end().bytes().all(|byte| byte.is_ascii_hexdigit()), "{name}: {head}");
        let report = |end: &str| fs::read_to_string(fleet.folder.path(&format!("reports/{name}.{end}"))).unwrap();
        let data: Value = serde_json::from_str(&report("json")).unwrap();
        let policies = data["policies"].as_array().unwrap();
        assert!(policies.iter().any(|policy| policy["name"] == "tcpdump"), "{name}: {data}");
        assert!(report("html").starts_with("<!DOCTYPE html>") && report("html").contains("tcpdump"));
    }
    // The newest records are cut off, which nothing on the host shows.
    let cut = "cd /var/log/capwrap; for file in *; do cp -p $file /tmp/$file; head -n 1 /tmp/$file > $file; done";
    done(&two.run(&fleet.key, cut));
    done(&two.run(&fleet.key, "capwrap history --verify"));
    let found = fleet.ansible(&["--tags", "capwrap_history"]);
    let fatal: Vec<&str> = found.stdout.lines().filter(|line| line.starts_with("fatal:")).collect();
    assert!(!found.ok() && fatal.len() == 1 && fatal[0].contains("[two]"), "{}", found.stdout);
    assert!(found.stdout.contains("no line has this hash"), "{}", found.stdout);
    done(&two.run(&fleet.key, "cd /var/log/capwrap; for file in *; do cat /tmp/$file > $file; done"));
    assert_eq!(fleet.done(&words), [0, 0, 0]);
}

/// A process that is killed when the test ends, however it ends.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Reads the metrics in the directory of the first host, before and after somebody changes something.
fn node_exporter_reads_what_verify_found(fleet: &Fleet) {
    let host = &fleet.hosts[0];
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let exporter = Command::new("prometheus-node-exporter")
        .args(["--collector.disable-defaults", "--collector.textfile", "--log.level=error"])
        .arg(format!("--collector.textfile.directory={}/var/lib/prometheus/node-exporter", host.machine.root()))
        .arg(format!("--web.listen-address={free}"))
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let _exporter = Ended(exporter);
    until("node_exporter answers", || TcpStream::connect(free).is_ok());
    let metrics = || {
        let mut stream = TcpStream::connect(free).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    };
    let value = |text: &str, series: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(series)?.trim().parse::<f64>().ok());
        line.unwrap_or_else(|| panic!("no {series} in\n{text}"))
    };
    let all_is_well = metrics();
    for (series, expected) in [
        ("node_textfile_scrape_error", 0.0),
        ("capwrap_verify_complete", 1.0),
        ("capwrap_verify_problems{kind=\"policy\",name=\"tcpdump\"}", 0.0),
        ("capwrap_verify_problems{kind=\"launcher\",name=\"capwrap\"}", 0.0),
    ] {
        assert_eq!(value(&all_is_well, series), expected, "{series}");
    }
    let write = "capwrap verify --all --prometheus /var/lib/prometheus/node-exporter/capwrap.prom";
    let found = host.run(&fleet.key, &format!("setcap cap_net_admin=ei /usr/bin/tcpdump; {write}"));
    assert_eq!(found.code, 1, "{found:?}");
    let something_is_not = metrics();
    assert_eq!(value(&something_is_not, "node_textfile_scrape_error"), 0.0);
    assert_eq!(value(&something_is_not, "capwrap_verify_problems{kind=\"policy\",name=\"tcpdump\"}"), 1.0);
    let when = "capwrap_verify_last_run_timestamp_seconds";
    assert!(value(&something_is_not, when) >= value(&all_is_well, when));
    let corrected = host.run(&fleet.key, "capwrap verify --all --fix");
    assert!(corrected.ok(), "{corrected:?}");
}
