//! The book: the tests run every command in it as it stands, and every link in it leads somewhere.

use capwrap_tests::book::{Page, Step};
use capwrap_tests::machine::{Machine, inside};
use capwrap_tests::packages::{PROJECT, Packages};
use capwrap_tests::podman::Podman;
use capwrap_tests::recorder::{Running, SOCKET, on_an_empty_disk};
use capwrap_tests::systemd::Systemd;
use capwrap_tests::*;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

fn deb() -> &'static str {
    static BUILT: OnceLock<Packages> = OnceLock::new();
    &BUILT.get_or_init(|| Packages::build("1.0.0")).deb
}

/// A clean machine with the user alice. The package is on it but not installed.
fn machine() -> Machine {
    let machine = Machine::new();
    machine.put(deb(), "/root/capwrap_1.0.0-1_amd64.deb");
    let run = machine.run("useradd --create-home --shell /bin/bash alice; rm -f /var/log/lastlog");
    assert!(run.ok(), "{run:?}");
    machine
}

/// A clean machine with capwrap installed.
fn installed() -> Machine {
    let machine = machine();
    done(&machine.run("dpkg --install /root/capwrap_*.deb"));
    machine
}

/// Runs a page's script on the machine as root.
fn on(machine: &Machine, page: &Page) -> String {
    fs::write(machine.root() + "/page", page.script("/root")).unwrap();
    let run = machine.beside(&format!("mount -t sysfs sysfs \"$root/sys\"; {}", inside("exec bash /page")));
    assert!(run.ok(), "{run:?}");
    run.stdout
}

#[test]
fn the_tutorial_is_true_on_a_clean_machine() {
    let page = Page::read("tutorial.md");
    page.compare(&on(&machine(), &page));
}

#[test]
fn how_a_tool_is_granted_for_an_afternoon_is_true_on_a_clean_machine() {
    let page = Page::read("how-to/afternoon.md");
    page.compare(&on(&installed(), &page));
}

#[test]
fn the_tutorial_about_a_service_is_true_under_a_real_systemd() {
    let page = Page::read("tutorial-service.md");
    let systemd = Systemd::start(&[]);
    fs::write(systemd.folder.path("page"), page.script("/run")).unwrap();
    let run = systemd.run(&["bash", &systemd.folder.path("page")]);
    assert!(run.ok(), "{run:?}");
    page.compare(&run.stdout);
}

#[test]
fn the_tutorial_about_a_container_is_true_with_podman() {
    let page = Page::read("tutorial-container.md");
    let (podman, folder) = (Podman::new(), Folder::new());
    let path = format!("{}:/usr/local/bin:{}", podman.folder(), std::env::var("PATH").unwrap());
    let run = root(&["bash", "-c", &page.script(&folder.path(""))]).env("PATH", path).run();
    assert!(run.ok(), "{run:?}");
    page.compare(&run.stdout);
}

#[test]
fn how_a_group_uses_a_tool_is_true_on_a_clean_machine() {
    let page = Page::read("how-to/group.md");
    page.compare(&on(&installed(), &page));
}

#[test]
fn how_to_come_from_elsewhere_is_true_on_a_clean_machine() {
    let page = Page::read("how-to/coming-from.md");
    page.compare(&on(&installed(), &page));
}

#[test]
fn how_a_tool_gets_a_part_of_a_capability_is_true_on_a_clean_machine() {
    let page = Page::read("how-to/scope.md");
    page.compare(&on(&installed(), &page));
}

#[test]
fn how_ecapture_runs_without_sudo_is_true_on_a_clean_machine() {
    let page = Page::read("how-to/ecapture.md");
    page.compare(&on(&installed(), &page));
}

#[test]
fn how_a_policy_is_written_is_true_on_a_clean_machine() {
    let page = Page::read("how-to/write-a-policy.md");
    page.compare(&on(&installed(), &page));
}

#[test]
fn how_needs_are_found_out_is_true_on_a_clean_machine() {
    let page = Page::read("how-to/learn.md");
    page.compare(&on(&installed(), &page));
}

#[test]
fn the_answers_to_administrators_are_true_on_a_clean_machine() {
    let page = Page::read("how-to/administer.md");
    page.compare(&on(&installed(), &page));
}

#[test]
fn how_a_tool_runs_in_a_container_is_true_with_podman() {
    // The packages are built before, not at the same time as those of the other pages.
    deb();
    let (machine, podman, folder) = (Machine::new(), Podman::new(), Folder::new());
    // There is no registry here, so a clean Debian takes the place of the recipe's image.
    podman.import(&machine.root(), "docker.io/library/debian:bookworm-slim");
    std::os::unix::fs::symlink(fs::canonicalize(PROJECT).unwrap(), folder.path("capwrap")).unwrap();
    let page = Page::read("how-to/container.md");
    let path = format!("{}:{}", podman.folder(), std::env::var("PATH").unwrap());
    let run = root(&["bash", "-c", &page.script(&folder.path(""))]).building().env("PATH", path).run();
    assert!(run.ok(), "{run:?}");
    page.compare(&run.stdout);
}

#[test]
fn how_a_tool_runs_as_a_service_is_true_under_a_real_systemd() {
    let machine = installed();
    done(&machine.run("capwrap enable tcpdump --user alice"));
    by_a_service(&machine, "how-to/service.md");
}

#[test]
fn how_records_are_kept_is_true_under_a_real_systemd() {
    by_a_service(&installed(), "how-to/records.md");
}

/// Compares a page with what its commands print when a service of the machine's systemd runs them.
fn by_a_service(machine: &Machine, page: &str) {
    let page = Page::read(page);
    fs::write(machine.root() + "/page", page.script("/root")).unwrap();
    let started = machine.systemd(&[
        ("start.target", "[Unit]\nDefaultDependencies=no\nWants=page.service\n"),
        (
            "page.service",
            "[Unit]\nDefaultDependencies=no\nSuccessAction=exit-force\nFailureAction=exit-force\n[Service]\n\
             Type=oneshot\nExecStart=/bin/bash /page\nStandardOutput=file:/said\nStandardError=file:/said\n",
        ),
    ]);
    let run = started.iter().fold(root(&["timeout", "120"]), Call::arg).run();
    let said = fs::read_to_string(machine.root() + "/said").unwrap_or_else(|error| panic!("{error}: {run:?}"));
    page.compare(&said);
}

/// The pages whose commands are run, here and in `fleet.rs`.
const RUN: [&str; 15] = [
    "tutorial.md",
    "tutorial-container.md",
    "tutorial-service.md",
    "how-to/administer.md",
    "how-to/afternoon.md",
    "how-to/coming-from.md",
    "how-to/container.md",
    "how-to/ecapture.md",
    "how-to/fleet.md",
    "how-to/group.md",
    "how-to/learn.md",
    "how-to/records.md",
    "how-to/scope.md",
    "how-to/service.md",
    "how-to/write-a-policy.md",
];

#[test]
fn no_page_has_a_command_that_no_test_runs() {
    for path in pages(&Path::new(PROJECT).join("docs/src")) {
        let name = path.strip_prefix(Path::new(PROJECT).join("docs/src")).unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&path).unwrap();
        for line in text.lines() {
            let language = line.strip_prefix("```");
            assert!(
                language.is_none_or(|language| ["", "console", "ini", "yaml", "text"].contains(&language)),
                "{name}: {line}"
            );
        }
        // A block that is indented would have no language.
        assert!(!text.contains("\n\n    "), "{name}");
        let commands = Page::read(&name).steps().iter().filter(|step| matches!(step, Step::Command { .. })).count();
        assert_eq!(commands > 0, RUN.contains(&name.as_str()), "{name}");
    }
}

fn pages(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { pages(&path) } else { vec![path] }).collect()
}

#[test]
fn the_book_is_built_and_every_link_in_it_leads_somewhere() {
    let run = root(&[&format!("{PROJECT}/docs/build")]).building().run();
    assert!(run.ok() && !run.stderr.contains("WARN") && !run.stderr.contains("ERROR"), "{run:?}");
    let book = Path::new(PROJECT).join("target/book").canonicalize().unwrap();
    let read: BTreeMap<PathBuf, String> = pages(&book)
        .into_iter()
        .filter(|path| path.extension().is_some_and(|ending| ending == "html"))
        .map(|path| (path.clone(), fs::read_to_string(path).unwrap()))
        .collect();
    assert!(read.len() > 25, "{} pages", read.len());
    // Each shipped policy has a page, which the index by tool and by capability names.
    let index = &read[&book.join("reference/tools.html")];
    for policy in fs::read_dir(format!("{PROJECT}/policies")).unwrap().map(|entry| entry.unwrap().path()) {
        let name = policy.file_stem().unwrap().to_str().unwrap();
        if policy.extension().is_some_and(|ending| ending == "toml") && name != "elsewhere" {
            let page = &read[&book.join(format!("reference/tools/{name}.html"))];
            for part in ["What it grants", "How it was proven", &format!("sudo capwrap enable {name}")] {
                assert!(page.contains(part), "{name}: {part}");
            }
            assert!(index.matches(&format!("href=\"tools/{name}.html\"")).count() > 1, "{name}");
        }
    }
    assert!(read[&book.join("reference/other-ways.html")].contains("smartctl"));
    let mut followed = 0;
    for (page, text) in &read {
        // These pages contain the contents of other pages, with links relative to the top.
        if page.ends_with("toc.html") || page.ends_with("404.html") || page.ends_with("print.html") {
            continue;
        }
        for link in text.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (path, anchor) = link.split_once('#').map_or((link, None), |(path, anchor)| (path, Some(anchor)));
            let target = if path.is_empty() { page.clone() } else { page.parent().unwrap().join(path) };
            let target = target.canonicalize().unwrap_or_else(|error| panic!("{}: {link}: {error}", page.display()));
            if let (Some(anchor), Some(text)) = (anchor.filter(|anchor| !anchor.is_empty()), read.get(&target)) {
                assert!(text.contains(&format!("id=\"{anchor}\"")), "{}: {link}", page.display());
            }
            followed += 1;
        }
    }
    assert!(followed > 500, "{followed} links");
}

/// Each JSON object has the fields that its page lists, and no others.
#[test]
fn json_has_the_fields_that_the_book_lists() {
    let folder = Folder::new();
    fs::write(folder.path("t.toml"), "schema = 1\ntool = { path = \"/usr/bin/strace\" }\nallow = { groups = [\"capwrap\"] }\ngrant = [{ caps = \"cap_sys_admin\" }]\n").unwrap();
    let policy = Policy::witness(
        "net_raw",
        "reason = true\n\n[[allow.temporary]]\nuser = \"root\"\nuntil = 2099-01-01T00:00:00Z\n\n[[grant]]\ncaps = \"cap_sys_admin\"\nwhen = { probe = \"perf_uprobe_needs_sys_admin\" }\n\n[optional]\ncaps = \"cap_bpf\"\n\n\
         [[grant]]\ncaps = \"cap_syslog\"\nthrough = \"syslog:read\"\n\n\
         [[demand]]\nreadable = \"/nowhere\"\nwhy = \"a test\"\nhint = \"make it\"\nprepare = { directory = \"/run/t-nowhere\", mode = \"0755\" }\n",
    );
    let (policy, lint) = (policy.name.as_str(), folder.path("t.toml"));
    let me = std::process::id().to_string();
    let sleep = Policy::tool(&folder.copy("/bin/sleep", "sleep"), "cap_net_raw", "");
    let mut sleeping = capwrap(&[&sleep.name, "600"]).command().spawn().unwrap();
    // These calls together show every field. The first words are the heading.
    let calls: [(&str, &[&[&str]]); 13] = [
        ("list", &[&["--all"], &["--shipped", "smartctl"]]),
        (
            "explain",
            &[&["tcpdump", "-w", "x"], &["ecapture", "tls"], &["--kernel", "6.1", "ecapture", "tls"], &[policy]],
        ),
        ("verify", &[&["--all"], &["--scan", "/usr/bin"]]),
        ("ps", &[&[]]),
        ("report", &[&[]]),
        ("caps", &[&[]]),
        ("caps decode", &[&["3"]]),
        ("caps show", &[&[&me], &["--threads", &me], &["--all"]]),
        ("diff", &[&["mask:1", "tcpdump"], &["mask:3", "mask:4"], &["tcpdump", &folder.path("unit.service")]]),
        ("lint", &[&[&lint, "/nowhere.toml"]]),
        ("doctor", &[&[]]),
        (
            "learn",
            &[
                &["--user", STRANGER, "cat", "/etc/shadow"],
                &["--user", STRANGER, "false"],
                &["--for", "1s", "--pid", &me],
                &["--user", STRANGER, "capsh", "--caps=cap_bpf=ep"],
                &["--user", STRANGER, "chmod", "644", &folder.path("unit.service")],
            ],
        ),
        ("trace", &[&["--verbose", "--stack", "--user-stack", "--user", STRANGER, "cat", "/etc/shadow"]]),
    ];
    fs::write(folder.path("unit.service"), "[Service]\nAmbientCapabilities=CAP_BPF\nNoNewPrivileges=no\n").unwrap();
    for (verb, all) in calls {
        has_the_listed_fields(verb, all);
    }
    on_an_empty_disk("8m", || {
        let _recorder = Running::start(&[], SOCKET);
        capwrap(&["--reason", "test", policy]).run().witness();
        has_the_listed_fields("history", &[&[]]);
    });
    let _ = sleeping.kill();
    let _ = sleeping.wait();
}

/// Whether the JSON of these calls of a verb has the fields that its section lists, and no others.
fn has_the_listed_fields(verb: &str, all: &[&[&str]]) {
    let page = fs::read_to_string(format!("{PROJECT}/docs/src/reference/json.md")).unwrap();
    let heading = format!("## capwrap {verb} --json\n");
    let section = page.split_once(&heading).unwrap_or_else(|| panic!("no {heading}")).1.split("\n## ").next().unwrap();
    let mut listed: BTreeSet<&str> =
        section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    listed.insert("schema");
    let mut met = BTreeSet::new();
    for arguments in all {
        let verb: Vec<&str> = verb.split(' ').collect();
        let run = root(&[&[CAPWRAP], &verb[..], &["--json"], arguments].concat()).run();
        let mut values = serde_json::Deserializer::from_str(&run.stdout).into_iter::<Value>().peekable();
        assert!(values.peek().is_some(), "{verb:?} {arguments:?}: {run:?}");
        // The command that learn observes writes to standard output too.
        for value in values {
            let value = value.unwrap_or_else(|error| panic!("{error}: {run:?}"));
            assert_eq!(value["schema"], 1, "{verb:?} {arguments:?}");
            leaves(&value, String::new(), &mut met);
        }
    }
    let covers = |listed: &str, met: &str| match (listed.strip_suffix(".**"), listed.strip_suffix(".*")) {
        (Some(above), _) => met.strip_prefix(above).is_some_and(|rest| rest.starts_with('.') || rest.starts_with("[]")),
        (_, Some(above)) => {
            met.strip_prefix(above).is_some_and(|rest| rest.starts_with('.') && !rest[1..].contains('.'))
        }
        _ => {
            listed == met
                || met.strip_prefix(listed).is_some_and(|rest| rest.starts_with('.') || rest.starts_with("[]"))
        }
    };
    for field in &met {
        assert!(
            listed.iter().any(|listed| covers(listed, field) || listed.starts_with(field.as_str())),
            "{verb} has {field}, which the book does not list"
        );
    }
    for field in &listed {
        assert!(met.iter().any(|met| covers(field, met)), "{verb} has no {field}, which the book lists:\n{met:#?}");
    }
}

/// The paths of all values that contain no others: `a.b[].c`. An empty list is `a[]`, an empty object `a`.
fn leaves(value: &Value, path: String, met: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, value) in fields {
                leaves(value, if path.is_empty() { name.clone() } else { format!("{path}.{name}") }, met);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            items.iter().for_each(|item| leaves(item, format!("{path}[]"), met))
        }
        Value::Object(_) => {}
        Value::Array(_) => {
            met.insert(format!("{path}[]"));
        }
        _ => {
            met.insert(path);
        }
    }
}
