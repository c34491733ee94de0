//! `capwrap report`: the JSON and the page say the same, the page is one that anybody can read, and nothing that is in it
//! becomes a part of its structure.

use capwrap_tests::*;
use serde_json::Value;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

const HOSTILE: &str = "</td><script>document.title='pwned'</script><img src=x onerror=alert(1)>\\\"'&amp;";

fn on_an_own_installation<T: Send>(test: impl FnOnce(&Folder) -> T + Send) -> T {
    in_own_mounts(|| {
        own_installation();
        cover("/var/log");
        fs::create_dir("/var/log/capwrap").unwrap();
        test(&Folder::new())
    })
}

/// A line of the recorder's.
fn record(minute: usize, event: &str, name: &str, more: &str) -> String {
    format!(
        "{{\"schema\":1,\"time\":\"2026-11-{:02}T{:02}:{:02}:00.000000Z\",\"uid\":1000,\"pid\":{},\"event\":\"{event}\",\
         \"name\":\"{name}\",\"user\":\"alice\"{more},\"prev\":\"{}\"}}\n",
        1 + minute / 1440 % 28,
        minute / 60 % 24,
        minute % 60,
        100 + minute % 30_000,
        "0".repeat(64)
    )
}

fn report(more: &[&str]) -> Value {
    let run = root(&[&[CAPWRAP, "report", "--json"], more].concat()).run();
    serde_json::from_str(done(&run)).unwrap()
}

fn policy(name: &str, text: &str) {
    put(Path::new(&format!("{POLICIES}/{name}.toml")), text);
}

#[test]
fn who_may_run_what_by_which_record_and_who_used_it() {
    on_an_own_installation(|folder| {
        done(&root(&[CAPWRAP, "enable", "tcpdump", "--user", MEMBER]).run());
        done(&root(&[CAPWRAP, "grant", "tcpdump", "--user", STRANGER, "--for", "2h", "--reason", "ticket 7"]).run());
        let first = report(&[]);
        let sha256 = first["policies"][0]["sha256"].as_str().unwrap();
        let lines = [
            record(1, "granted", "tcpdump", &format!(",\"login\":\"bob\",\"policy_sha256\":\"{sha256}\""))
                .replace(":1000,", ":0,"),
            record(2, "launched", "tcpdump", ",\"reason\":\"ticket 7\""),
            record(3, "refused", "tcpdump", ",\"error\":\"not listed\""),
            record(4, "launched", "other", ""),
        ];
        fs::write("/var/log/capwrap/2026-11-01.jsonl", lines.concat()).unwrap();
        let page = folder.path("report.html");
        let said = report(&["--html", &page]);
        let policy = &said["policies"][0];
        assert_eq!((&policy["name"], &policy["users"][0]), (&"tcpdump".into(), &MEMBER.into()), "{said}");
        assert_eq!(
            (&policy["temporary"][0]["user"], &policy["temporary"][0]["reason"]),
            (&STRANGER.into(), &"ticket 7".into())
        );
        assert_eq!(
            (&policy["enabled_by"]["event"], &policy["enabled_by"]["user"]),
            (&"granted".into(), &"bob".into()),
            "{said}"
        );
        assert_eq!((&policy["launches"], &policy["last_use"]["user"]), (&1.into(), &"alice".into()));
        assert_eq!((&policy["refusals"], &policy["closeness"]), (&1.into(), &"root".into()), "{said}");
        assert_eq!((&said["records"]["launched"], &said["records"]["changes"]), (&2.into(), &1.into()));
        assert_eq!(said["others"][0]["kind"], "launcher", "{said}");
        let html = fs::read_to_string(&page).unwrap();
        for words in ["ticket 7", "granted at 2026-11-01 00:01:00 UTC by bob", "launched at 2026-11-01 00:02:00 UTC"] {
            assert!(html.contains(words), "{words}");
        }
    });
}

#[test]
fn what_changed_since_an_earlier_report_is_said() {
    on_an_own_installation(|folder| {
        done(&root(&[CAPWRAP, "enable", "tcpdump", "--user", MEMBER]).run());
        done(&root(&[CAPWRAP, "enable", "ping", "--user", MEMBER]).run());
        let earlier = folder.path("earlier.json");
        fs::write(&earlier, report(&[]).to_string()).unwrap();
        let page = folder.path("report.html");
        let same = report(&["--since", &earlier, "--html", &page]);
        assert_eq!(same["changes"]["changed"], serde_json::json!([]), "{same}");
        assert!(fs::read_to_string(&page).unwrap().contains("No policy changed."));
        done(&root(&[CAPWRAP, "enable", "tcpdump", "--user", STRANGER]).run());
        done(&root(&[CAPWRAP, "disable", "ping"]).run());
        done(&root(&[CAPWRAP, "enable", "mtr-packet", "--user", MEMBER]).run());
        let changes = &report(&["--since", &earlier])["changes"];
        assert_eq!(
            (&changes["enabled"][0], &changes["disabled"][0]),
            (&"mtr-packet".into(), &"ping".into()),
            "{changes}"
        );
        let line = &changes["changed"][0]["lines"][0];
        assert_eq!((&changes["changed"][0]["name"], &line["what"]), (&"tcpdump".into(), &"allowed".into()));
        assert_eq!(line["after"], format!("user {MEMBER}; user {STRANGER}"));
        for (text, said) in [
            ("{}", "no report"),
            ("x", "no JSON"),
            ("{\"schema\":99}", "later capwrap"),
            ("{\"schema\":1}", "no report"),
        ] {
            fs::write(&earlier, text).unwrap();
            root(&[CAPWRAP, "report", "--json", "--since", &earlier]).run().refused_with(2, &[said]);
        }
    });
}

#[test]
fn the_page_is_written_as_every_file_is_and_not_through_a_link() {
    on_an_own_installation(|folder| {
        let (page, target) = (folder.path("report.html"), folder.path("target"));
        fs::write(&target, "theirs").unwrap();
        std::os::unix::fs::symlink(&target, &page).unwrap();
        root(&[CAPWRAP, "report", "--html", &page]).run().refused_with(2, &["symbolic link"]);
        assert_eq!(fs::read_to_string(&target).unwrap(), "theirs");
        root(&[CAPWRAP, "report"]).run().refused(&["--html"]);
        let printed = root(&[CAPWRAP, "report", "--html", "-"]).run();
        assert!(done(&printed).trim_end().ends_with("</html>") && !Path::new("-").exists(), "{printed:?}");
        let own = user(MEMBER, &[CAPWRAP, "report", "--html", "/tmp/t-report-of-member.html"]).run();
        assert!(own.ok(), "{own:?}");
        let _ = fs::remove_file("/tmp/t-report-of-member.html");
    });
}

/// A machine with many policies, whose texts are hostile, and with records.
fn many(policies: usize, records: usize) {
    for number in 0..policies {
        let caps =
            ["cap_net_raw", "cap_sys_admin", "cap_net_bind_service", "cap_dac_read_search", "cap_bpf"][number % 5];
        let text = format!(
            "schema = 1\nsummary = \"tool {number} {HOSTILE}\"\n[tool]\npath = \"/usr/bin/tool-{number}-with-a-long-name\"\n\
             [allow]\nusers = [\"root\", \"<b>user{number}</b>\"]\ngroups = [\"a-group-with-a-rather-long-name-{number}\"]\n\
             [[allow.temporary]]\nuser = \"carol\"\nuntil = 2099-01-01T00:00:00Z\nreason = \"{HOSTILE}\"\n\
             [[grant]]\ncaps = [\"{caps}\"]\nwhy = \"{HOSTILE}\"\n"
        );
        policy(&format!("tool-{number}"), &text);
    }
    let mut lines = String::new();
    for number in 0..records {
        let reason = format!(",\"reason\":\"{}\"", HOSTILE.replace('\'', " "));
        let _ = write!(lines, "{}", record(number, "launched", &format!("tool-{}", number % policies), &reason));
    }
    fs::write("/var/log/capwrap/2026-11-01.jsonl", lines).unwrap();
}

/// Measured with the program as it is installed: a build for debugging takes longer, and so has more time.
#[test]
fn three_hundred_policies_and_fifty_thousand_records_take_no_time() {
    on_an_own_installation(|folder| {
        many(300, 50_000);
        let began = Instant::now();
        let page = folder.path("report.html");
        done(&root(&[CAPWRAP, "report", "--html", &page]).run());
        let most = Duration::from_secs(if is_for_debugging() { 60 } else { 10 });
        assert!(began.elapsed() < most, "{:?}", began.elapsed());
        let html = fs::read_to_string(&page).unwrap();
        assert_eq!(html.matches("<section ").count(), 300);
        assert!(html.contains("167 launches"), "records were not counted");
    });
}

/// Whether the installed program was built for debugging: it is many times as large.
fn is_for_debugging() -> bool {
    fs::metadata("/usr/local/libexec/capwrap/capwrap-advisor").unwrap().len() > 20_000_000
}

/// Runs the checks of `tests/report/check.js` in a browser, and returns what they say.
fn browsed(page: &str, width: u32, dark: bool, folder: &Folder) -> Value {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/report/browse");
    let run = root(&[script, page, &width.to_string(), if dark { "dark" } else { "light" }, &folder.path("")])
        .building()
        .run();
    serde_json::from_str(done(&run)).unwrap_or_else(|error| panic!("{error}: {run:?}"))
}

#[test]
fn the_page_fits_every_screen_and_reads_well_to_everybody() {
    on_an_own_installation(|folder| {
        many(7, 50);
        done(&root(&[CAPWRAP, "enable", "tcpdump", "--user", MEMBER]).run());
        let earlier = folder.path("earlier.json");
        fs::write(&earlier, report(&[]).to_string()).unwrap();
        done(&root(&[CAPWRAP, "enable", "tcpdump", "--user", STRANGER]).run());
        let page = folder.path("report.html");
        done(&root(&[CAPWRAP, "report", "--html", &page, "--since", &earlier]).run());
        for width in [360, 768, 1440] {
            for dark in [false, true] {
                let said = browsed(&page, width, dark, folder);
                let about = format!("{width} {dark}: {said:#}");
                assert_eq!((&said["width"], &said["dark"]), (&width.into(), &dark.into()), "{about}");
                assert_eq!(said["overflowing"], serde_json::json!([]), "{about}");
                assert_eq!(said["violations"], serde_json::json!([]), "{about}");
                assert_eq!(said["stretched"], 0, "{about}");
                assert!(said["rules"].as_u64().unwrap() > 20, "{about}");
                // No text of a policy or a record became an element.
                assert_eq!((&said["scripts"], &said["images"]), (&0.into(), &0.into()), "{about}");
                assert!(said["title"].as_str().unwrap().starts_with("capwrap on "), "{about}");
                assert_eq!(said["dead_links"], serde_json::json!([]), "{about}");
                assert_eq!(said["first_focus"], "#content", "{about}");
            }
        }
    });
}

#[test]
fn the_page_prints_on_a4() {
    on_an_own_installation(|folder| {
        many(7, 50);
        let page = folder.path("report.html");
        done(&root(&[CAPWRAP, "report", "--html", &page]).run());
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/report/browse");
        let run = root(&[script, &page, "794", "print", &folder.path("")]).building().run();
        let said: Value = serde_json::from_str(done(&run)).unwrap();
        // Points: 210 and 297 millimetres.
        let of = |name: &str| said[name].as_f64().unwrap();
        assert!((of("width") - 595.0).abs() < 2.0 && (of("height") - 842.0).abs() < 2.0, "{said}");
        assert!(of("pages") >= 2.0, "{said}");
    });
}
