//! Everybody can send to the journal. What a user sends there about capwrap counts for that user alone, and takes
//! nothing from what others did.

use capwrap_core::record::write::{CHANGE_ID, LAUNCH_ID};
use capwrap_tests::recorder::wait_for;
use capwrap_tests::*;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// journald(8), which is not started by a service manager here and makes its sockets itself.
const JOURNALD: &str = "/lib/systemd/systemd-journald";
const SOCKET: &str = "/run/systemd/journal/socket";
const NAME: &str = "t-forged";

/// A journal that ends with the test.
struct Journal(Child);

impl Drop for Journal {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a test where a real journal is the only log, and a shell's policy is enabled for the two users.
fn with_a_journal<T: Send>(test: impl FnOnce() -> T + Send) -> T {
    in_own_mounts(|| {
        own_installation();
        for folder in ["/run/systemd", "/run/log", "/var/log"] {
            fs::create_dir_all(folder).unwrap();
            cover(folder);
        }
        fs::create_dir_all("/run/systemd/journal").unwrap();
        let mut command = Command::new(JOURNALD);
        let _journal =
            Journal(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        wait_for(|| Path::new(SOCKET).exists());
        let folder = Folder::new();
        let shell = folder.copy("/bin/bash", "t-forged-bin");
        let text = format!(
            "schema = 1\ntool = {{ path = \"{shell}\" }}\nallow = {{ users = [\"{MEMBER}\", \"{STRANGER}\"] }}\n\
             grant = [{{ caps = [\"cap_net_raw\"] }}]\n"
        );
        put(Path::new(&format!("{POLICIES}/{NAME}.toml")), text);
        done(&root(&[CAPWRAP, "enable"]).run());
        test()
    })
}

/// A program of Python that sends an entry to the journal as capwrap writes them, and goes on with `behind`.
fn forging(message_id: &str, event: &str, fields: &str, behind: &str) -> String {
    format!(
        "import os, socket, time\ns = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\ns.connect('{SOCKET}')\n\
         own = {{'UID': os.getuid(), 'NAME': '{NAME}', 'EVENT': '{event}'}} | {fields}\n\
         lines = ['MESSAGE=x', 'SYSLOG_IDENTIFIER=capwrap', 'MESSAGE_ID={message_id}']\n\
         lines += [f'CAPWRAP_{{name}}={{value}}' for name, value in own.items()]\n\
         s.send(''.join(line + '\\n' for line in lines).encode())\n{behind}"
    )
}

fn forge(who: &str, message_id: &str, event: &str, fields: &str) {
    done(&user(who, &["python3", "-c", &forging(message_id, event, fields, "")]).run());
}

fn history(more: &[&str]) -> Vec<Value> {
    let run = root(&[&[CAPWRAP, "history", "--json"], more].concat()).run();
    done(&run).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn what_a_user_sends_to_the_journal_changes_nothing_and_is_in_nobody_elses_name() {
    with_a_journal(|| {
        done(&user(STRANGER, &[CAPWRAP, NAME, "-c", "true"]).run());
        wait_for(|| history(&["--user", STRANGER]).len() == 1);
        let digest = root(&["sha256sum", &format!("{POLICIES}/{NAME}.toml")]).run().stdout;
        let digest = digest.split(' ').next().unwrap();
        // Another user's launch, by the name and by the number; and what only root can do.
        forge(MEMBER, LAUNCH_ID, "launched", &format!("{{'USER': '{STRANGER}', 'REASON': 'forged'}}"));
        forge(MEMBER, LAUNCH_ID, "launched", "{'UID': 0, 'USER': 'root', 'REASON': 'forged'}");
        let made = format!("{{'USER': 'root', 'POLICY_SHA256': '{digest}', 'REASON': 'forged'}}");
        forge(MEMBER, CHANGE_ID, "enabled", &made);
        forge(MEMBER, LAUNCH_ID, "bypassed", "{'USER': 'root', 'REASON': 'forged'}");
        // The journal has them in this order.
        forge(MEMBER, LAUNCH_ID, "launched", &format!("{{'USER': '{MEMBER}', 'REASON': 'last'}}"));
        wait_for(|| history(&["--user", MEMBER]).iter().any(|one| one["fields"]["reason"] == "last"));
        let all = history(&[NAME]);
        let forged: Vec<_> = all.iter().filter(|one| one["fields"]["reason"] == "forged").collect();
        assert_eq!(forged.len(), 1, "{all:?}");
        assert_eq!((&forged[0]["event"], &forged[0]["fields"]["user"]), (&"launched".into(), &MEMBER.into()));
        assert_eq!(history(&["--user", STRANGER]).len(), 1);
        let report: Value = serde_json::from_str(done(&root(&[CAPWRAP, "report", "--json"]).run())).unwrap();
        let policy = report["policies"].as_array().unwrap().iter().find(|policy| policy["name"] == NAME).unwrap();
        assert_eq!(policy["enabled_by"], Value::Null, "{policy}");
    });
}

#[test]
fn a_forged_record_does_not_hide_when_a_policy_was_last_used() {
    with_a_journal(|| {
        done(&user(STRANGER, &[CAPWRAP, NAME, "-c", "true"]).run());
        wait_for(|| history(&["--user", STRANGER]).len() == 1);
        forge(MEMBER, LAUNCH_ID, "launched", "{'UID': 0}");
        let report: Value = serde_json::from_str(done(&root(&[CAPWRAP, "report", "--json"]).run())).unwrap();
        assert_eq!(report["records"]["launched"], 1, "{report}");
        let shown = root(&[CAPWRAP, "list", "--all", "--long"]).run().stdout;
        assert!(shown.contains(&format!("by {STRANGER}")), "{shown}");
    });
}

#[test]
fn a_tool_that_sends_a_record_of_another_policy_is_noted_and_ended_all_the_same() {
    with_a_journal(|| {
        done(&root(&[CAPWRAP, "grant", NAME, "--user", STRANGER, "--for", "1h"]).run());
        let path = format!("{POLICIES}/{NAME}.toml");
        let temporary = fs::read_to_string(&path).unwrap().replace(&format!(", \"{STRANGER}\"]"), "]");
        put(Path::new(&path), temporary);
        // The tool becomes another program, which keeps its number and its capability.
        let python = forging(LAUNCH_ID, "launched", "{'NAME': 'tcpdump'}", "time.sleep(600)");
        let script = format!("exec python3 -c \"{}\"", python.replace('"', "\\\""));
        let mut command = user(STRANGER, &[CAPWRAP, NAME, "-c", &script]).command();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        wait_for(|| history(&["tcpdump"]).len() == 1);
        done(&root(&[CAPWRAP, "revoke", NAME, "--user", STRANGER]).run());
        let left = root(&[CAPWRAP, "verify", NAME]).run().stdout;
        let run = root(&[CAPWRAP, "revoke", NAME, "--user", STRANGER, "--kill"]).run();
        let ended = child.try_wait().unwrap();
        let _ = child.kill();
        let _ = child.wait();
        assert!(done(&run).contains(&format!("ended what user {STRANGER} ran")), "{run:?}");
        assert!(ended.is_some(), "{run:?}");
        assert!(left.contains(&format!("goes on  user {STRANGER}")), "{left}");
    });
}
