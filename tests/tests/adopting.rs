//! `capwrap adopt` puts a policy in the place of a tool's file capabilities, and `capwrap disable` gives those back. The
//! originals are setcap(8), getcap(8) and setfacl(1).

use capwrap_tests::*;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const NAME: &str = "adopted-tool";
const HAS: &str = "cap_net_raw,cap_syslog=ep";
const RECORD: &str = "/etc/capwrap/adopted/adopted-tool.toml";
const ENABLED: &str = "/etc/capwrap/policies/adopted-tool.toml";

/// A copy of the witness that members of the group capwrap may execute, with these file capabilities.
struct Tool {
    folder: Folder,
    path: String,
}

impl Tool {
    fn new(capabilities: &str) -> Self {
        let folder = Folder::new();
        let path = folder.copy(WITNESS, NAME);
        let tool = Self { folder, path };
        tool.run(&["chown", "root:capwrap"]);
        tool.run(&["chmod", "0750"]);
        tool.setcap(capabilities);
        tool
    }

    fn run(&self, words: &[&str]) {
        done(&root(&[words, &[&self.path]].concat()).run());
    }

    fn setcap(&self, capabilities: &str) {
        if !capabilities.is_empty() {
            self.run(&["setcap", capabilities]);
        }
    }

    fn adopt(&self, options: &[&str]) -> Run {
        root(&[&[CAPWRAP, "adopt", &self.path], options].concat()).run()
    }

    /// The permitted set with which the tool runs for this user when it is called by its path.
    fn own(&self, name: &str) -> u64 {
        user(name, &[&self.path]).run().witness().sets()[1]
    }
}

fn disable() -> Run {
    root(&[CAPWRAP, "disable", NAME]).run()
}

fn on_an_own_installation<T: Send>(test: impl FnOnce() -> T + Send) -> T {
    in_own_mounts(|| {
        own_installation();
        test()
    })
}

#[test]
fn who_may_execute_the_file_may_run_the_tool_and_disabling_gives_everything_back() {
    on_an_own_installation(|| {
        let tool = Tool::new(HAS);
        let set = mask("net_raw,syslog");
        assert_eq!(tool.own(MEMBER), set);
        let dry = tool.adopt(&["--dry-run"]);
        let said = done(&dry);
        assert!(
            said.contains("allowed  group capwrap\n") && said.contains("grants   cap_net_raw,cap_syslog\n"),
            "{said}"
        );
        assert!(
            said.contains(&format!("loses {HAS}\n")) && said.contains("caps = [\"cap_net_raw\", \"cap_syslog\"]"),
            "{said}"
        );
        assert!(carried(&tool.path).contains(HAS) && !Path::new(ENABLED).exists() && !Path::new(RECORD).exists());

        let run = tool.adopt(&[]);
        assert!(done(&run).contains("undo     capwrap disable adopted-tool\n"), "{run:?}");
        assert!(run.stdout.contains(&format!("now has no capabilities (before: {HAS})")), "{run:?}");
        assert_eq!((carried(&tool.path).as_str(), tool.own(MEMBER)), ("", 0));
        assert_eq!(capwrap(&[NAME]).run().witness().sets(), [set, set, set, set]);
        user(STRANGER, &[CAPWRAP, NAME]).run().refused(&["you are not among them"]);
        let verified = root(&[CAPWRAP, "verify", NAME]).run();
        assert!(verified.ok(), "{verified:?}");
        let linted = root(&[CAPWRAP, "lint", NAME]).run();
        assert!(linted.ok(), "{linted:?}");
        tool.adopt(&[]).refused(&["has no file capabilities"]);

        let run = disable();
        assert!(done(&run).contains("disabled, as it was before it was adopted\n"), "{run:?}");
        assert!(carried(&tool.path).contains(HAS), "{}", carried(&tool.path));
        assert_eq!((tool.own(MEMBER), carried(CAPWRAP).as_str()), (set, ""));
        assert!(!Path::new(RECORD).exists() && !Path::new(ENABLED).exists());
        assert!(!Path::new("/etc/capwrap/disabled/adopted-tool.toml").exists());
        done(&tool.adopt(&[]));
    });
}

#[test]
fn a_file_that_everybody_may_execute_is_adopted_for_those_who_are_named() {
    on_an_own_installation(|| {
        let tool = Tool::new(HAS);
        tool.run(&["chmod", "0755"]);
        tool.adopt(&[]).refused(&["everybody may execute", "--group GROUP"]);
        let run = tool.adopt(&["--user", MEMBER, "--name", "other-name"]);
        assert!(done(&run).contains(&format!("everybody but user {MEMBER} loses its capabilities")), "{run:?}");
        assert_eq!(capwrap(&["other-name"]).run().witness().sets()[1], mask("net_raw,syslog"));
        user(STRANGER, &[CAPWRAP, "other-name"]).run().refused(&["you are not among them"]);
        assert_eq!(tool.own(STRANGER), 0);
    });
}

#[test]
fn an_access_control_list_says_who_may_run_the_tool() {
    on_an_own_installation(|| {
        let tool = Tool::new(HAS);
        tool.run(&["chmod", "0700"]);
        tool.adopt(&[]).refused(&["nobody but root may execute"]);
        tool.run(&["setfacl", "-m", &format!("u:{STRANGER}:rx,g:daemon:rx,u:bin:r")]);
        // setfacl leaves the file's capabilities.
        assert_eq!(tool.own(STRANGER), mask("net_raw,syslog"));
        let run = tool.adopt(&[]);
        assert!(done(&run).contains(&format!("allowed  user {STRANGER}, group daemon\n")), "{run:?}");
        assert!(user(STRANGER, &[CAPWRAP, NAME]).run().ok());
        capwrap(&[NAME]).run().refused(&["you are not among them"]);
    });
}

#[test]
fn whom_the_list_keeps_out_no_group_lets_in() {
    on_an_own_installation(|| {
        let tool = Tool::new(HAS);
        tool.run(&["chmod", "0750"]);
        tool.run(&["setfacl", "-m", &format!("u:{MEMBER}:---,g:capwrap:rx")]);
        assert!(!user(MEMBER, &[&tool.path]).run().ok());
        tool.adopt(&[]).refused(&[&format!("keeps user {MEMBER} out and lets groups in"), "--user USER"]);
        assert!(carried(&tool.path) == HAS && !Path::new(ENABLED).exists());
        done(&tool.adopt(&["--user", STRANGER]));
        capwrap(&[NAME]).run().refused(&["you are not among them"]);
    });
}

#[test]
fn a_file_that_cannot_be_changed_is_not_adopted_and_nothing_else_is() {
    on_an_own_installation(|| {
        let tool = Tool::new(HAS);
        let folder = Path::new(&tool.path).parent().unwrap().to_str().unwrap().to_owned();
        for words in [vec!["--bind", &folder, &folder], vec!["-o", "remount,bind,ro", &folder]] {
            done(&root(&[&["mount"], &*words].concat()).run());
        }
        let run = tool.adopt(&[]);
        assert!(run.code == 125 && run.stderr.contains("capwrap: cannot adopt "), "{run:?}");
        assert!(run.stderr.contains("Read-only file system"), "{run:?}");
        done(&root(&["umount", &folder]).run());
        assert!(carried(&tool.path) == HAS && !Path::new(ENABLED).exists() && !Path::new(RECORD).exists());
    });
}

#[test]
fn a_new_version_of_an_adopted_tool_can_be_adopted_again_and_gets_its_capabilities_back() {
    on_an_own_installation(|| {
        let tool = Tool::new(HAS);
        done(&tool.adopt(&[]));
        fs::copy("/usr/bin/env", &tool.path).unwrap();
        tool.run(&["chmod", "0750"]);
        tool.setcap(HAS);
        assert!(done(&tool.adopt(&[])).contains("(enabled already)"));
        assert_eq!(carried(&tool.path), "");
        done(&disable());
        assert!(carried(&tool.path) == HAS && !Path::new(RECORD).exists());
    });
}

#[test]
fn what_a_policy_cannot_stand_for_is_refused_and_stays_as_it_is() {
    on_an_own_installation(|| {
        let tool = Tool::new("");
        tool.adopt(&[]).refused(&["has no file capabilities"]);
        root(&[CAPWRAP, "adopt", "/nowhere/tool"]).run().refused(&["cannot check /nowhere/tool: no such file"]);
        root(&[CAPWRAP, "adopt", "cat"]).run().refused(&["no such file", "hint: capwrap adopt /", "bin/cat"]);
        root(&[CAPWRAP, "adopt", "/etc"]).run().refused(&["is no regular file"]);
        user(MEMBER, &[CAPWRAP, "adopt", &tool.path]).run().refused(&["only root"]);
        let refused = |before: &[&str], because: &str| {
            tool.run(before);
            let was = carried(&tool.path);
            for options in [&[][..], &["--group", "capwrap"], &["--dry-run"]] {
                tool.adopt(options).refused(&[because]);
            }
            assert_eq!(carried(&tool.path), was, "{before:?}");
            assert!(!Path::new(RECORD).exists() && !Path::new(ENABLED).exists(), "{before:?}");
        };
        refused(&["setcap", "cap_net_raw=p"], "without the effective bit");
        refused(&["setcap", "cap_net_raw=ei"], "they are inheritable");
        refused(&["setcap", "-n", "1000", "cap_net_raw=ep"], "whose root is uid 1000");
        tool.setcap(HAS);
        refused(&["chmod", "4750"], "is setuid root");
        refused(&["chmod", "2750"], "is setgid");
        refused(&["chmod", "0711"], "may be executed and not read");
        refused(&["chmod", "0770"], "can be written by others");
        tool.run(&["chmod", "0750"]);
        refused(&["chown", MEMBER], "has no file capabilities");
        refused(&["setcap", HAS], "belongs to uid ");
        tool.run(&["chown", "root"]);
        tool.setcap(HAS);
        fs::set_permissions(&tool.folder.0, fs::Permissions::from_mode(0o777)).unwrap();
        tool.adopt(&[]).refused(&["can be written by others"]);
        fs::set_permissions(&tool.folder.0, fs::Permissions::from_mode(0o755)).unwrap();
        let script = tool.folder.path("script");
        fs::write(&script, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        done(&root(&["setcap", HAS, &script]).run());
        root(&[CAPWRAP, "adopt", &script]).run().refused(&["is a script"]);
    });
}

#[test]
fn a_policy_of_that_name_is_neither_overwritten_nor_lost() {
    on_an_own_installation(|| {
        let tool = Tool::new(HAS);
        let text = "schema = 1\ntool = { path = \"/usr/bin/id\" }\nallow = { users = [\"root\"] }\n";
        put(Path::new(ENABLED), text);
        tool.adopt(&[]).refused(&["a policy adopted-tool is enabled already"]);
        done(&disable());
        tool.adopt(&[]).refused(&["is kept in /etc/capwrap/disabled/adopted-tool.toml"]);
        assert!(carried(&tool.path).contains(HAS));
        fs::remove_file("/etc/capwrap/disabled/adopted-tool.toml").unwrap();
        done(&tool.adopt(&[]));
        // What was edited since is kept.
        put(Path::new(ENABLED), fs::read_to_string(ENABLED).unwrap() + "# ours\n");
        assert!(done(&disable()).contains("kept as /etc/capwrap/disabled/adopted-tool.toml"));
        assert!(carried(&tool.path).contains(HAS) && !Path::new(RECORD).exists());
    });
}

#[test]
fn another_file_in_the_tools_place_gets_nothing_and_the_record_stays() {
    on_an_own_installation(|| {
        let tool = Tool::new(HAS);
        done(&tool.adopt(&[]));
        fs::copy("/usr/bin/env", &tool.path).unwrap();
        let run = disable();
        assert!(run.ok() && run.stderr.contains("it is another file than the one that had them\nhint: "), "{run:?}");
        assert!(run.stderr.contains(&format!("setcap {HAS} {}", tool.path)), "{run:?}");
        assert_eq!(carried(&tool.path), "");
        assert!(Path::new(RECORD).exists() && !Path::new(ENABLED).exists());
        // The hint is safe to paste, and then nothing is left to do.
        tool.setcap(HAS);
        done(&disable());
        assert!(!Path::new(RECORD).exists());
    });
}

/// Kills capwrap at each call that changes something, one after the other. The member can run the tool with its
/// capabilities at each moment, by itself or by capwrap, and the same command comes to its end the second time.
#[test]
fn whenever_it_is_killed_the_tool_keeps_its_capabilities_one_way_or_the_other() {
    on_an_own_installation(|| {
        let tool = Tool::new(HAS);
        let set = mask("net_raw,syslog");
        let works = |what: &str| {
            let by_capwrap = capwrap(&[NAME]).run();
            let both = (tool.own(MEMBER), by_capwrap.ok().then(|| by_capwrap.witness().sets()[1]));
            assert!(both.0 == set || both.1 == Some(set), "{what}: {both:?} {by_capwrap:?}");
        };
        let killed = |call: &str, at: usize, words: &[&str]| {
            let inject = format!("inject={call}:signal=KILL:when={at}");
            let traced = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", &inject, "--"];
            root(&[&traced[..], &["/usr/local/libexec/capwrap/capwrap-advisor"], words].concat()).run()
        };
        let is_kept = || Path::new(RECORD).exists() || Path::new(ENABLED).exists();
        // Runs it until no call is left at which it could be killed, and returns how often it was.
        let each_time = |words: &[&str], before: &dyn Fn(), after: &dyn Fn(&str)| {
            let mut count = 0;
            for call in ["renameat", "renameat2", "rename", "unlink", "unlinkat", "fsetxattr", "fremovexattr"] {
                for at in 1.. {
                    before();
                    let run = killed(call, at, words);
                    let what = format!("{words:?}, killed at {call} {at}: {run:?}");
                    works(&what);
                    after(&what);
                    if run.ok() {
                        break;
                    }
                    count += 1;
                }
            }
            count
        };
        let count = each_time(&["adopt", &tool.path], &|| (), &|what| {
            if carried(&tool.path).contains(HAS) {
                done(&tool.adopt(&[]));
            }
            assert_eq!(carried(&tool.path), "", "{what}");
            assert!(capwrap(&[NAME]).run().ok(), "{what}");
            done(&disable());
            assert!(carried(&tool.path).contains(HAS) && !is_kept(), "{what}");
        });
        // The tool's capabilities as they are, the record, the policy, the launcher's capabilities and the tool's.
        assert_eq!(count, 5);
        let adopt = || {
            done(&tool.adopt(&[]));
        };
        let count = each_time(&["disable", NAME], &adopt, &|what| {
            if is_kept() {
                done(&disable());
            }
            let _ = fs::remove_file("/etc/capwrap/disabled/adopted-tool.toml");
            assert!(carried(&tool.path).contains(HAS) && !is_kept(), "{what}");
        });
        // The tool's capabilities, the policy, its copy, the launcher's capabilities and the record.
        assert_eq!(count, 5);
    });
}
