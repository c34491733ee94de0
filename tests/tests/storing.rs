//! The recorder: no launch without its record where a policy demands one, no record lost or forged, nobody held up.

use capwrap_core::record::send::JOURNAL;
use capwrap_core::record::write::{Event, Record};
use capwrap_tests::recorder::*;
use capwrap_tests::systemd::Systemd;
use capwrap_tests::*;
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const UNITS: &str = "/usr/local/lib/systemd/system";

fn demanding() -> Policy {
    Policy::witness("cap_net_raw", &format!("users = [\"{STRANGER}\"]\naudit = \"required\""))
}

/// The lines of all files.
fn lines() -> Vec<serde_json::Value> {
    let mut files: Vec<_> = fs::read_dir(FOLDER).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let texts = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect::<String>();
    texts.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Shows each line of all files, without reading them all at once.
fn each_line(mut see: impl FnMut(&[u8])) {
    for entry in fs::read_dir(FOLDER).unwrap() {
        let lines = BufReader::new(fs::File::open(entry.unwrap().path()).unwrap()).split(b'\n');
        lines.for_each(|line| see(&line.unwrap()));
    }
}

/// The number of launches of a policy by a user that are on the disk.
fn launches(policy: &Policy, who: &str) -> usize {
    let is_one =
        |line: &&serde_json::Value| line["event"] == "launched" && line["name"] == *policy.name && line["user"] == who;
    lines().iter().filter(is_one).count()
}

fn chain_is_whole() {
    let run = root(&[CAPWRAP, "history", "--verify"]).run();
    assert!(run.ok() && run.stdout.contains("each follows the one before it"), "{run:?}");
}

fn timed(call: Call) -> (Run, Duration) {
    let start = Instant::now();
    let run = call.run();
    (run, start.elapsed())
}

#[test]
fn a_demanded_record_is_on_the_disk_and_each_user_can_ask_for_their_own() {
    let policy = demanding();
    on_an_empty_disk("8m", || {
        let _recorder = Running::start(&[], SOCKET);
        let _history = Running::start(&["--answer"], HISTORY);
        let witness = capwrap(&["--reason", "ticket 7\n\"}", &policy.name, "-x"]).run().witness();
        let line = lines().into_iter().find(|line| line["event"] == "launched").unwrap();
        assert_eq!((line["uid"].to_string(), &line["user"]), (id("passwd", MEMBER), &MEMBER.into()));
        assert!(line["pid"].as_u64().unwrap() > 1, "{line}");
        assert_eq!((&line["capabilities"], &line["reason"]), (&"cap_net_raw".into(), &"ticket 7\\u{a}\"}".into()));
        assert!(line["folder"].is_string() && line["terminal"].is_string(), "{line}");
        // The tool has nothing of the recorder's group.
        let gid = id("group", MEMBER);
        assert_eq!(witness.get("Gid"), format!("{gid} {gid} {gid} {gid}"));
        assert!(!format!("{:?}", witness.get("Groups")).contains(&id("group", "capwrap-record")));

        let explained = capwrap(&["explain", &policy.name]).run();
        assert!(explained.ok() && explained.stdout.contains("on the disk before the tool starts"), "{explained:?}");
        assert_eq!(lines().iter().filter(|line| line["event"] == "launched").count(), 1, "an explanation is no launch");

        user(STRANGER, &[CAPWRAP, &policy.name]).run().witness();
        let said = |who: &str, words: &[&str]| user(who, &[&[CAPWRAP, "history"], words].concat()).run().stdout;
        let all = said("root", &[]);
        assert!(all.contains(MEMBER) && all.contains(STRANGER) && all.contains("reason: ticket 7"), "{all}");
        let own = said(MEMBER, &[]);
        assert!(own.contains(MEMBER) && !own.contains(STRANGER), "{own}");
        assert!(!said(STRANGER, &["--user", MEMBER]).contains("launched"));
        assert_eq!(said("root", &["--json", "--user", STRANGER, &policy.name]).lines().count(), 1);
        assert_eq!(said("root", &["--json", "--since", "1h", "other-tool"]), "");
        assert_eq!(said("root", &["--json", "--until", "1h"]), "");
        // A number is the kernel's word, whatever the user is called.
        let number = format!("#{}", id("passwd", STRANGER));
        assert_eq!(said("root", &["--json", "--user", &number, &policy.name]).lines().count(), 1);
        assert!(said("root", &["--since", "yesterday"]).contains("launched"));
        let columns: Vec<&str> =
            all.lines().map(|line| line.split_once("launched").map_or(line, |(user, _)| user)).collect();
        let of = |user: &str| columns.iter().find(|column| column.contains(user)).unwrap().len();
        assert_eq!(of(MEMBER), of(STRANGER), "{all}");
        assert!(all.contains("arguments: -x") && all.lines().all(|line| line == line.trim_end()), "{all}");
        // What finds nothing says why it may be nothing.
        let nobody = said("root", &["--user", "no-such-user"]);
        assert!(nobody.contains("No record matches. There is no user \"no-such-user\""), "{nobody}");
        let tool = said(MEMBER, &["no-such-tool"]);
        assert!(tool.contains("No record matches.") && tool.contains("You see your own records"), "{tool}");
        assert!(said("root", &["--refused"]).contains("journal alone"));
        let turned = root(&[CAPWRAP, "history", "--since", "1h", "--until", "2h"]).run();
        turned.refused_with(2, &["--since is ", "--until is not later"]);
        user(MEMBER, &[CAPWRAP, "history", "--verify"]).run().refused_with(2, &["you may not read /var/log/capwrap"]);
        chain_is_whole();
    });
}

#[test]
fn the_group_of_the_recorder_allows_nobody_anything_else() {
    let policy = Policy::new(&format!(
        "schema = 1\ntool = {{ path = \"{WITNESS}\" }}\nallow = {{ groups = [\"capwrap-record\"] }}\n\
         grant = [{{ caps = [\"cap_net_raw\"] }}]\n"
    ));
    capwrap(&[&policy.name]).run().refused(&["not among them"]);
}

#[test]
fn without_a_recorder_or_with_one_that_is_killed_or_hangs_no_demanded_launch_goes_on() {
    let (policy, other) = (demanding(), Policy::witness("cap_net_raw", ""));
    on_an_empty_disk("8m", || {
        capwrap(&[&policy.name]).run().refused(&["no recorder listens on /run/capwrap/record.sock"]);
        let explained = capwrap(&["explain", &policy.name]).run();
        assert_eq!(explained.code, 125, "{explained:?}");
        assert!(explained.stdout.contains("  record    refused: no recorder listens"), "{explained:?}");
        let recorder = Running::start(&[], SOCKET);
        recorder.signal("STOP");
        let (run, took) = timed(capwrap(&[&policy.name]));
        run.refused(&["the recorder has not stored it within 2 seconds"]);
        let two_seconds = Duration::from_millis(1900)..Duration::from_millis(2900);
        assert!(two_seconds.contains(&took), "{took:?}");
        // A journal that is stuck as well, which the refusal is sent to, does not hold it once more.
        let journal = UnixDatagram::bind(JOURNAL).unwrap();
        fs::set_permissions(JOURNAL, fs::Permissions::from_mode(0o666)).unwrap();
        let filler = UnixDatagram::unbound().unwrap();
        filler.set_nonblocking(true).unwrap();
        while filler.send_to(b"x", JOURNAL).is_ok() {}
        let (run, took) = timed(capwrap(&[&policy.name]));
        run.refused(&["the recorder has not stored it within 2 seconds"]);
        assert!(two_seconds.contains(&took), "{took:?}");
        drop(journal);
        // Who demands nothing waits for nothing, however many there are.
        let start = Instant::now();
        for _ in 0..50 {
            capwrap(&[&other.name]).run().witness();
        }
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
        recorder.signal("CONT");
        wait_for(|| capwrap(&[&policy.name]).run().ok());
        drop(recorder);
        capwrap(&[&policy.name]).run().refused(&["no recorder listens"]);
        capwrap(&[&other.name]).run().witness();
        chain_is_whole();
    });
}

#[test]
fn a_full_or_read_only_file_system_refuses_and_claims_nothing() {
    let policy = demanding();
    on_an_empty_disk("64k", || {
        let _recorder = Running::start(&[], SOCKET);
        let (mut done, long) = (0, "x".repeat(3000));
        let refused = loop {
            let run = capwrap(&["--reason", &long, &policy.name]).run();
            if !run.ok() {
                break run;
            }
            done += 1;
        };
        assert!(done > 5, "{refused:?}");
        refused.refused(&["demands a record on the disk", "No space left on device"]);
        assert_eq!(launches(&policy, MEMBER), done);
        chain_is_whole();
        let remount = |options: &str| assert!(root(&["mount", "-o", &format!("remount,{options}"), FOLDER]).run().ok());
        remount("size=1m");
        capwrap(&[&policy.name]).run().witness();
        assert_eq!(launches(&policy, MEMBER), done + 1);
        chain_is_whole();
    });
}

/// Fills what is left of the disk, for as long as the file is there.
fn fill() -> String {
    let filler = format!("{FOLDER}/filler");
    assert!(!root(&["dd", "if=/dev/zero", &format!("of={filler}"), "bs=4k"]).run().ok());
    filler
}

#[test]
fn a_recorder_that_starts_on_a_full_or_read_only_disk_says_so_and_stores_again_when_it_can() {
    let policy = demanding();
    on_an_empty_disk("1m", || {
        let filler = fill();
        let recorder = Running::start(&[], SOCKET);
        for _ in 0..2 {
            capwrap(&[&policy.name]).run().refused(&["No space left on device"]);
        }
        fs::remove_file(&filler).unwrap();
        capwrap(&[&policy.name]).run().witness();
        drop(recorder);
        let remount = |how: &str| assert!(root(&["mount", "-o", &format!("remount,{how}"), FOLDER]).run().ok());
        remount("ro");
        let _recorder = Running::start(&[], SOCKET);
        capwrap(&[&policy.name]).run().refused(&["Read-only file system"]);
        remount("rw");
        capwrap(&[&policy.name]).run().witness();
        let events: Vec<String> = lines().iter().map(|line| line["event"].as_str().unwrap().to_owned()).collect();
        assert_eq!(events, ["recorder-started", "launched", "recorder-started", "launched"]);
        chain_is_whole();
    });
}

#[test]
fn a_file_of_records_that_somebody_removes_or_cuts_takes_no_later_record_with_it() {
    let policy = demanding();
    on_an_empty_disk("1m", || {
        let _recorder = Running::start(&[], SOCKET);
        let launch = |reason: &str| {
            capwrap(&["--reason", reason, &policy.name]).run().witness();
        };
        let file = || fs::read_dir(FOLDER).unwrap().next().unwrap().unwrap().path();
        launch("first");
        let (removed, kept) = (file(), Folder::new());
        fs::copy(&removed, kept.path("kept")).unwrap();
        fs::remove_file(&removed).unwrap();
        launch("behind the removal");
        assert_eq!(lines().last().unwrap()["reason"], "behind the removal");
        fs::copy(kept.path("kept"), &removed).unwrap();
        launch("behind the copy");
        assert_eq!(lines().last().unwrap()["reason"], "behind the copy");
        let length = removed.metadata().unwrap().len();
        fs::File::options().write(true).open(&removed).unwrap().set_len(length - 9).unwrap();
        launch("behind the cut");
        let text = fs::read_to_string(file()).unwrap();
        assert!(text.lines().last().unwrap().contains("\"behind the cut\""), "{text}");
        // What is gone is found.
        let run = root(&[CAPWRAP, "history", "--verify"]).run();
        assert!(run.code == 1 && run.stdout.contains("a line here was changed, removed, added or moved"), "{run:?}");
    });
}

#[test]
fn a_recorder_whose_own_messages_nobody_takes_goes_on() {
    let policy = demanding();
    on_an_empty_disk("1m", || {
        for target in ["/dev/full", "&-"] {
            let script = format!("exec {RECORDER} --listen {SOCKET} 2>{target}");
            let recorder = Running::of(Command::new("bash").args(["-c", &script]), SOCKET);
            capwrap(&[&policy.name]).run().witness();
            // The recorder says something about the first stranger.
            let stranger = ["setpriv", "--reuid", MEMBER, "--clear-groups", "--groups", "capwrap-record", "--"];
            let connect = "import socket; s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); \
                           s.connect('/run/capwrap/record.sock'); s.recv(99)";
            root(&[&stranger[..], &["python3", "-c", connect]].concat()).run();
            capwrap(&[&policy.name]).run().witness();
            drop(recorder);
        }
        assert_eq!(launches(&policy, MEMBER), 4);
    });
}

#[test]
fn who_fills_the_disk_does_not_take_the_last_space_from_others() {
    let policy = demanding();
    on_an_empty_disk("2m", || {
        let _recorder = Running::start(&[], SOCKET);
        let long = "x".repeat(3900);
        let words = [long.as_str()];
        let mut most = 0;
        loop {
            let run = capwrap(&[&["--reason", &long, &policy.name], &words[..]].concat()).run();
            if !run.ok() {
                run.refused(&["the disk is almost full, and this user has written much today"]);
                break;
            }
            most += 1;
            assert!(most < 1000);
        }
        user(STRANGER, &[CAPWRAP, &policy.name]).run().witness();
        assert_eq!((launches(&policy, MEMBER), launches(&policy, STRANGER)), (most, 1));
        chain_is_whole();
    });
}

#[test]
fn sixty_four_callers_at_once_all_have_their_records() {
    let policy = demanding();
    on_an_empty_disk("8m", || {
        let _recorder = Running::start(&[], SOCKET);
        let children: Vec<Child> = (0..64)
            .map(|_| {
                let mut command = capwrap(&[&policy.name]).command();
                command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit()).spawn().unwrap()
            })
            .collect();
        for mut child in children {
            assert!(child.wait().unwrap().success());
        }
        assert_eq!(launches(&policy, MEMBER), 64);
        chain_is_whole();
    });
}

/// Starts launches of one user again and again for some time, several at once, some of which stop before they have sent
/// anything. Returns how many tools ran.
fn flood(policy: &Policy, time: Duration) -> usize {
    let script = format!(
        "end=$(($(date +%s) + {})); n=0; while [ $(date +%s) -lt $end ]; do for i in 1 2 3 4 5 6 7 8 9 10; do \
         {CAPWRAP} {} >/dev/null 2>&1 && n=$((n + 1)); done; {CAPWRAP} {} >/dev/null 2>&1 & kill -STOP $! 2>/dev/null; \
         done; echo $n; kill -KILL $(jobs -p) 2>/dev/null; exit 0",
        time.as_secs(),
        policy.name,
        policy.name
    );
    let loops: Vec<Child> = (0..8)
        .map(|_| {
            let mut command = user(MEMBER, &["bash", "-c", &script]).command();
            command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
        })
        .collect();
    let said = loops.into_iter().map(|child| child.wait_with_output().unwrap().stdout);
    said.map(|said| String::from_utf8(said).unwrap().trim().parse::<usize>().unwrap()).sum()
}

#[test]
fn who_floods_the_recorder_holds_up_and_loses_nobody() {
    let policy = demanding();
    on_an_empty_disk("64m", || {
        let _recorder = Running::start(&[], SOCKET);
        std::thread::scope(|scope| {
            let flooding = scope.spawn(|| {
                // The mounts of this thread are the test's.
                flood(&policy, Duration::from_secs(5))
            });
            let mut slowest = Duration::ZERO;
            let (mut done, start) = (0, Instant::now());
            while start.elapsed() < Duration::from_secs(4) {
                let (run, took) = timed(user(STRANGER, &[CAPWRAP, &policy.name]));
                assert!(run.ok(), "{run:?}");
                slowest = slowest.max(took);
                done += 1;
            }
            let flooded = flooding.join().unwrap();
            assert!(slowest < Duration::from_secs(2), "{slowest:?}");
            assert_eq!(launches(&policy, STRANGER), done);
            // A launcher that was stopped behind its record has one, too.
            assert!(flooded > 50 && launches(&policy, MEMBER) >= flooded, "{flooded}");
            println!("{done} launches beside {flooded}, the slowest in {slowest:?}");
        });
        chain_is_whole();
    });
}

/// Sends bytes as a user, which an expression of Python yields, and returns the answer.
fn sent(who: &str, bytes: &str) -> Run {
    let script = format!(
        "import socket, sys\ns = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\ns.settimeout(5)\n\
         s.connect('{SOCKET}')\ns.send({bytes})\nprint(s.recv(999).decode())"
    );
    user(who, &["python3", "-c", &script]).run()
}

#[test]
fn nobody_but_the_launcher_and_root_sends_records() {
    let mut record = Record::new(Event::Launch);
    record.fact("name", "forged");
    record.fact("uid", "0");
    let in_python = |record: &Record| {
        let digits: String = record.to_journal().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("bytes.fromhex('{digits}')")
    };
    let packet = in_python(&record);
    on_an_empty_disk("8m", || {
        let _recorder = Running::start(&[], SOCKET);
        let run = sent(MEMBER, &packet);
        assert!(run.stderr.contains("Permission denied"), "{run:?}");
        // Even where somebody opens the socket.
        assert!(root(&["chmod", "666", SOCKET]).run().ok());
        let run = sent(MEMBER, &packet);
        // The connection may be closed before the record is sent.
        let is_refused = run.stdout.trim() == "only the launcher may send records"
            || ["Broken pipe", "reset by peer"].iter().any(|why| run.stderr.contains(why));
        assert!(is_refused, "{run:?}");
        assert!(sent("root", &packet).stdout.starts_with("stored"));
        for (bytes, why) in [("b'A'", "ends in the middle"), ("b'A' * 70000", "too large")] {
            let run = sent("root", bytes);
            assert!(run.stdout.contains(why), "{run:?}");
        }
        let mut of_another = Record::new(Event::Launch);
        of_another.fact("uid", "1000");
        let of_another = in_python(&of_another);
        assert!(sent("root", &of_another).stdout.contains("names another user"));
        assert_eq!(lines().iter().filter(|line| line["name"] == "forged").count(), 1);
    });
}

#[test]
fn who_asks_without_end_under_many_numbers_keeps_nobody_from_their_own_records() {
    let policy = demanding();
    on_an_empty_disk("8m", || {
        let _recorder = Running::start(&[], SOCKET);
        let _history = Running::start(&["--answer"], HISTORY);
        capwrap(&[&policy.name]).run().witness();
        // The users of a range of subordinate numbers, each with a question that is typed slowly. They are more than there
        // are places, because one that is turned away, as while this user has a place, does not come again.
        let slowly = format!(
            "import socket, time\ns = socket.socket(socket.AF_UNIX)\ns.connect('{HISTORY}')\n\
             while True:\n s.send(b' ')\n time.sleep(0.5)"
        );
        let mut askers: Vec<Child> = (200_001..200_013)
            .map(|uid: u32| {
                let become_one = ["setpriv", "--reuid", &uid.to_string(), "--clear-groups"];
                let slowly = ["env", "PATH=/usr/bin:/bin", "python3", "-c", &slowly];
                root(&[&become_one[..], &slowly].concat())
                    .command()
                    .stdin(Stdio::null())
                    .stderr(Stdio::null())
                    .spawn()
                    .unwrap()
            })
            .collect();
        let own = || user(MEMBER, &[CAPWRAP, "history", &policy.name]).run();
        // At first they have all places, and after some seconds no longer.
        wait_for(|| !own().stdout.contains(MEMBER));
        wait_for(|| own().stdout.contains(MEMBER));
        for asker in &mut askers {
            let _ = asker.kill();
            let _ = asker.wait();
        }
    });
}

#[test]
fn a_launcher_without_the_group_is_refused_where_a_record_is_demanded_and_nowhere_else() {
    let (policy, other) = (demanding(), Policy::witness("cap_net_raw", ""));
    let folder = Folder::new();
    let launcher = folder.launcher("cap_net_raw=p");
    on_an_empty_disk("8m", || {
        let _recorder = Running::start(&[], SOCKET);
        user(MEMBER, &[&launcher, &policy.name]).run().refused(&[
            "lacks the group capwrap-record",
            "chmod 2755",
            "capwrap enable",
        ]);
        user(MEMBER, &[&launcher, &other.name]).run().witness();
        // A set-group-ID launcher of another group is not believed.
        assert!(root(&["chgrp", "adm", &launcher]).run().ok());
        assert!(root(&["chmod", "2755", &launcher]).run().ok());
        user(MEMBER, &[&launcher, &other.name]).run().refused(&["whose rights are meant"]);
        user(MEMBER, &[&launcher, "list"]).run().refused(&["whose rights are meant"]);
    });
}

#[test]
fn a_line_that_was_changed_removed_or_moved_is_found_and_a_torn_one_is_closed_off() {
    let policy = demanding();
    on_an_empty_disk("8m", || {
        let recorder = Running::start(&[], SOCKET);
        for _ in 0..4 {
            capwrap(&[&policy.name]).run().witness();
        }
        let file = fs::read_dir(FOLDER).unwrap().next().unwrap().unwrap().path();
        let file = file.to_str().unwrap();
        let text = fs::read_to_string(file).unwrap();
        let whole: Vec<&str> = text.lines().collect();
        let newest = root(&[CAPWRAP, "history", "--verify"]).run().stdout.lines().last().unwrap().to_owned();
        let verify = |lines: &[&str]| {
            fs::write(file, lines.join("\n") + "\n").unwrap();
            root(&[CAPWRAP, "history", "--verify", "--against", &newest]).run()
        };
        assert_eq!(verify(&whole).code, 0);
        let changed = whole[2].replace("cap_net_raw", "cap_net_adm");
        for (lines, at) in [
            ([whole[0], whole[1], &changed, whole[3], whole[4]].to_vec(), 4),
            ([whole[0], whole[1], whole[3], whole[4]].to_vec(), 3),
            ([whole[0], whole[2], whole[1], whole[3], whole[4]].to_vec(), 2),
        ] {
            let run = verify(&lines);
            assert!(run.code == 1 && run.stdout.contains(&format!("{file}:{at}: ")), "{run:?}");
        }
        // What was cut off at the end only a hash that was kept elsewhere shows.
        let run = verify(&whole[..3]);
        assert!(run.code == 1 && run.stdout.contains("no line has this hash"), "{run:?}");
        fs::write(file, &text).unwrap();
        recorder.signal("KILL");
        drop(recorder);
        fs::write(file, format!("{text}{{\"schema\":1,\"time\":\"2026")).unwrap();
        assert_eq!(root(&[CAPWRAP, "history", "--verify"]).run().code, 1);
        let _recorder = Running::start(&[], SOCKET);
        capwrap(&[&policy.name]).run().witness();
        chain_is_whole();
        assert!(fs::read_to_string(file).unwrap().contains("\"event\":\"recorder-torn\""));
        assert!(Path::new(file).exists());
    });
}

#[test]
fn what_root_changes_is_on_the_disk_too() {
    on_an_empty_disk("8m", || {
        let _recorder = Running::start(&[], SOCKET);
        own_installation();
        let policy = Policy::witness("cap_net_raw", "");
        assert!(root(&[CAPWRAP, "enable", &policy.name, "--user", MEMBER]).run().ok());
        let about = root(&["stat", "--format=%a %G", CAPWRAP]).run().stdout;
        assert_eq!(about.trim(), "2755 capwrap-record", "enable makes the launcher known to the recorder");
        assert!(root(&[CAPWRAP, "grant", &policy.name, "--user", STRANGER, "--for", "1h"]).run().ok());
        assert!(root(&[CAPWRAP, "revoke", &policy.name, "--user", STRANGER]).run().ok());
        assert!(root(&[CAPWRAP, "disable", &policy.name]).run().ok());
        let events: Vec<String> = lines().iter().map(|line| line["event"].as_str().unwrap().to_owned()).collect();
        for event in ["enabled", "launcher", "granted", "revoked", "disabled"] {
            assert!(events.iter().any(|other| other == event), "{event}: {events:?}");
        }
    });
}

#[test]
fn the_last_use_of_a_policy_is_shown_and_one_that_nobody_uses_is_named() {
    let policy = demanding();
    on_an_empty_disk("8m", || {
        // The records reach back, and the policy is old.
        let old = format!("{FOLDER}/2020-01-01.jsonl");
        let owner = ["install", "-o", "capwrap-recorder", "-g", "adm", "-m", "640", "/dev/null", &old];
        assert!(root(&owner).run().ok());
        assert!(root(&["touch", "--date=100 days ago", policy.path.to_str().unwrap()]).run().ok());
        let _recorder = Running::start(&[], SOCKET);
        let said = |words: &[&str]| root(&[&[CAPWRAP], words].concat()).run().stdout;
        assert!(said(&["lint", &policy.name]).contains("nobody has used this policy for 90 days"));
        capwrap(&[&policy.name]).run().witness();
        assert!(!said(&["lint", &policy.name]).contains("nobody has used"));
        let used = format!("by {MEMBER}");
        let long = said(&["list", "--all", "--long"]);
        assert!(long.contains("last used 20") && long.contains(&used), "{long}");
        let verified = said(&["verify", "--json", &policy.name]);
        assert!(verified.contains("last use") && verified.contains(&used), "{verified}");
    });
}

const OF_THE_RECORDER: [&str; 4] =
    ["capwrap-recorder.socket", "capwrap-history.socket", "capwrap-recorder.service", "capwrap-history.service"];

/// Starts a systemd that knows these installed units.
fn started_with(names: &[&str]) -> Systemd {
    let texts: Vec<String> = names.iter().map(|name| fs::read_to_string(format!("{UNITS}/{name}")).unwrap()).collect();
    let units: Vec<(&str, &str)> = names.iter().zip(&texts).map(|(name, text)| (*name, &**text)).collect();
    Systemd::start(&units)
}

/// Ubuntu lets the group of syslog write /var/log.
#[test]
fn a_link_in_the_place_of_the_folder_of_records_is_not_followed_with_the_rights_of_root() {
    let policy = demanding();
    let folder = Folder::new();
    let about = || root(&["stat", "--format=%a %u %g", folder.0.to_str().unwrap()]).run().stdout;
    let before = about();
    in_own_mounts(|| {
        for place in ["/run/systemd/journal", "/run/capwrap", "/var/log"] {
            fs::create_dir_all(place).unwrap();
            cover(place);
        }
        std::os::unix::fs::symlink(&folder.0, "/var/log/capwrap").unwrap();
        let systemd = started_with(&OF_THE_RECORDER);
        assert!(systemd.run(&["systemctl", "start", OF_THE_RECORDER[0]]).ok());
        let run = systemd.run(&[
            "setpriv",
            "--reuid",
            MEMBER,
            "--regid",
            MEMBER,
            "--init-groups",
            "--",
            CAPWRAP,
            &policy.name,
        ]);
        run.refused(&["record"]);
    });
    assert_eq!(about(), before);
    assert!(fs::read_dir(&folder.0).unwrap().next().is_none());
}

#[test]
fn the_units_keep_records_under_a_real_systemd() {
    let policy = demanding();
    on_an_empty_disk("8m", || {
        let names = OF_THE_RECORDER;
        let systemd = started_with(&names);
        let member = |words: &[&str]| {
            let become_member = ["setpriv", "--reuid", MEMBER, "--regid", MEMBER, "--init-groups", "--", CAPWRAP];
            systemd.run(&[&become_member[..], words].concat())
        };
        let control = |words: &[&str]| {
            let run = systemd.run(&[&["systemctl"], words].concat());
            assert!(run.ok(), "{run:?}");
            run.stdout
        };
        member(&[&policy.name]).refused(&["no recorder listens"]);
        control(&["start", names[0], names[1]]);
        let run = member(&[&policy.name]);
        assert!(run.ok(), "{run:?} {}", control(&["show", "-p", "Result,ExecMainStatus,StatusErrno", names[2]]));
        assert_eq!(launches(&policy, MEMBER), 1);
        let own = member(&["history"]);
        assert!(own.stdout.contains(&policy.name), "{own:?}");
        // It has no capabilities, and the folder is as the manual says.
        let pid = control(&["show", "-p", "MainPID", "--value", names[2]]);
        let status = systemd.run(&["cat", &format!("/proc/{}/status", pid.trim())]).stdout;
        let user = id("passwd", "capwrap-recorder");
        assert!(status.contains(&format!("Uid:\t{user}\t{user}\t{user}\t{user}")), "{status}");
        for set in ["CapPrm", "CapEff", "CapBnd", "CapAmb"] {
            assert!(status.contains(&format!("{set}:\t0000000000000000")), "{status}");
        }
        let about = root(&["stat", "--format=%a %U %G", FOLDER]).run().stdout;
        assert_eq!(about.trim(), "2750 capwrap-recorder adm");
        // systemd starts it again.
        assert!(systemd.run(&["kill", "-KILL", pid.trim()]).ok());
        wait_for(|| member(&[&policy.name]).ok());
        control(&["stop", names[0], names[2]]);
        member(&[&policy.name]).refused(&["no recorder listens"]);
        chain_is_whole();
    });
}

/// By hand, on release builds: CAPWRAP_LAUNCHES=200000 cargo test -p capwrap-tests --test storing -- --ignored --nocapture
#[test]
#[ignore = "it takes many minutes"]
fn of_many_launches_each_that_ran_has_one_record_whatever_becomes_of_the_recorder_meanwhile() {
    let count = std::env::var("CAPWRAP_LAUNCHES").unwrap_or_else(|_| "200000".to_owned());
    let number = |text: &str| text.parse::<usize>().unwrap();
    let name = "t-many";
    let text = versions::text(name, MEMBER, 1).replace("\"] }\n", "\"], audit = \"required\" }\n");
    let policy = Policy::named(name, &text);
    let folder = Folder::new();
    let callers = folder.copy(env!("CARGO_BIN_EXE_callers"), "callers");
    on_an_empty_disk("2g", || {
        let over = AtomicBool::new(false);
        let (said, kills) = std::thread::scope(|scope| {
            let killing = scope.spawn(|| {
                let mut kills = 0;
                loop {
                    let _recorder = Running::start(&[], SOCKET);
                    // It is killed after 5, 10, 15 … seconds, while 64 callers wait.
                    let end = Instant::now() + Duration::from_secs(5 * (1 + kills));
                    while Instant::now() < end {
                        if over.load(Ordering::Relaxed) {
                            return kills;
                        }
                        std::thread::sleep(Duration::from_millis(100));
                    }
                    kills += 1;
                }
            });
            wait_for(|| Path::new(SOCKET).exists());
            let said = user(MEMBER, &[&callers, &count, "64", name]).run();
            over.store(true, Ordering::Relaxed);
            (said, killing.join().unwrap())
        });
        assert!(said.ok(), "{}", said.stdout.lines().filter(|line| line.starts_with("FAULT")).collect::<String>());
        for line in said.stdout.lines() {
            println!("{}", line.chars().take(200).collect::<String>());
        }
        let not_run = said.stdout.lines().find_map(|line| line.strip_prefix("not run: ")).unwrap();
        let not_run: BTreeSet<usize> = not_run.split_whitespace().map(number).collect();
        let mut records = vec![0; number(&count)];
        let (uid, mut torn) = (id("passwd", MEMBER), 0);
        each_line(|line| match serde_json::from_slice::<serde_json::Value>(line) {
            Ok(line) if line["event"] == "launched" => {
                assert_eq!((&line["name"], &line["user"]), (&name.into(), &MEMBER.into()));
                assert_eq!(line["uid"].to_string(), uid);
                let arguments = line["arguments"].as_str().unwrap();
                records[number(arguments.rsplit(' ').next().unwrap())] += 1;
            }
            Ok(_) => {}
            // The recorder was killed while it wrote: nobody had an answer.
            Err(_) => torn += 1,
        });
        for (launch, records) in records.iter().enumerate() {
            assert!(*records == 1 || *records == 0 && not_run.contains(&launch), "launch {launch}: {records} records");
        }
        let both = not_run.iter().filter(|launch| records[**launch] == 1).count();
        let ran = records.len() - not_run.len();
        println!(
            "{ran} ran and {} were refused, of which {both} have a record; {kills} kills, {torn} torn",
            not_run.len()
        );
        assert!(ran > 0 && torn <= kills as usize);
        chain_is_whole();
    });
    drop(policy);
}
