//! `capwrap lint`, and the JSON schema of policy files.

use capwrap_tests::*;
use serde_json::Value;
use std::fs;
use std::path::PathBuf;

fn lint(arguments: &[&str]) -> Run {
    user(STRANGER, &[&[CAPWRAP, "lint"], arguments].concat()).run()
}

/// Lints a policy from standard input.
fn text(policy: &str) -> Run {
    user(STRANGER, &[CAPWRAP, "lint", "-"]).input(policy).run()
}

fn shipped() -> Vec<PathBuf> {
    let entries = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../policies")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "toml")).collect()
}

const HEAD: &str = "schema = 1\nsummary = \"s\"\n";

#[test]
fn every_shipped_policy_is_clean_on_every_machine() {
    let paths = shipped();
    assert!(paths.len() >= 19);
    let mut words = vec!["--text-only"];
    words.extend(paths.iter().map(|path| path.to_str().unwrap()));
    let run = root(&[&[CAPWRAP, "lint"], &words[..]].concat()).run();
    assert_eq!(run.code, 0, "{}", run.stdout);
    assert!(run.stdout.contains(" policies: 0 errors, 0 warnings, "), "{}", run.stdout);
}

#[test]
fn what_the_launcher_refuses_is_an_error_at_its_place_with_the_nearest_name() {
    let broken = format!(
        "{HEAD}tool = {{ path = \"/usr/bin/env\" }}\nallow = {{ groups = [\"capwrap\"] }}\n[[grant]]\ncaps = [\"cap_net_rwa\"]\n"
    );
    let run = text(&broken);
    assert_eq!(run.code, 1, "{run:?}");
    for part in [
        "error: unknown capability \"cap_net_rwa\"",
        "standard input:6:9\n",
        "^^^^^^^^^^^^^",
        "help: write \"cap_net_raw\"",
    ] {
        assert!(run.stdout.contains(part), "{part}: {}", run.stdout);
    }
    // lint prints the same words as a launch.
    let policy = Policy::new(&broken);
    capwrap(&[&policy.name]).run().refused(&["unknown capability \"cap_net_rwa\""]);
}

#[test]
fn what_grants_more_than_it_looks_is_a_warning() {
    let run = text(&format!(
        "{HEAD}tool = {{ path = \"/tmp/vim\" }}\nallow = {{ groups = [\"capwrp\"] }}\n\
         [[grant]]\ncaps = [\"cap_bpf\", \"cap_setuid\"]\nwhen = {{ kernel = \">=5.8\" }}\n\
         [[grant]]\ncaps = \"cap_bpf\"\nwhy = \"w\"\nwhen = {{ kernel = \">=5.8\" }}\n"
    ));
    assert_eq!(run.code, 1, "{run:?}");
    for code in ["amounts-to-root", "starts-programs", "kernel-version", "no-why", "unknown-name", "covered"] {
        assert!(run.stdout.contains(&format!("[{code}]")), "{code}: {}", run.stdout);
    }
    assert!(run.stdout.contains("did you mean \"capwrap\"?"), "{}", run.stdout);
}

#[test]
fn a_tool_in_a_directory_that_others_can_write_is_a_warning() {
    let folder = Folder::new();
    let tool = folder.copy(WITNESS, "tool");
    let policy = format!("{HEAD}tool = {{ path = \"{tool}\" }}\nallow = {{ users = [\"root\"] }}\n");
    assert_eq!(text(&policy).code, 0);
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    fs::set_permissions(&folder.0, open).unwrap();
    let run = text(&policy);
    assert!(run.code == 1 && run.stdout.contains("[writable-place]"), "{run:?}");
}

#[test]
fn an_enabled_policy_is_found_by_its_name_and_its_file_is_checked() {
    let policy = Policy::witness("", "");
    let run = root(&[CAPWRAP, "lint", &policy.name]).run();
    assert!(run.stdout.contains("[no-summary]"), "{run:?}");
    fs::set_permissions(&policy.path, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
    let run = root(&[CAPWRAP, "lint", &policy.name, "--json"]).run();
    let object: Value = serde_json::from_str(&run.stdout).unwrap();
    let found = &object["files"][0]["found"];
    assert!(found.as_array().unwrap().iter().any(|one| one["severity"] == "error" && one["code"] == "file"), "{found}");
}

#[test]
fn what_cannot_be_read_ends_with_2_and_nothing_makes_it_panic() {
    assert_eq!(lint(&["/no/such/file.toml"]).code, 2);
    assert_eq!(lint(&["no-such-policy"]).code, 2);
    let run = user(STRANGER, &[CAPWRAP, "lint", "-"]).input([0xff, 0xfe, 0x00]).run();
    assert!(run.code == 1 && run.stdout.contains("is not UTF-8"), "{run:?}");
    for odd in ["", "[", "a = \"\u{1b}[31m", "\r\n\r\n", &"[".repeat(100_000), &"a = 1\n".repeat(20_000)] {
        let run = text(odd);
        assert!(run.code == 1 && run.stdout.contains("error: "), "{run:?}");
        assert!(!run.stdout.contains('\u{1b}'), "{run:?}");
    }
}

#[test]
fn the_schema_takes_every_shipped_policy_and_refuses_what_the_launcher_refuses() {
    let schema = lint(&["--schema"]);
    let committed = concat!(env!("CARGO_MANIFEST_DIR"), "/../policies/capwrap-policy.schema.json");
    assert_eq!(
        schema.stdout,
        fs::read_to_string(committed).unwrap(),
        "capwrap lint --schema > policies/capwrap-policy.schema.json"
    );
    let check = "import json, sys, tomllib, jsonschema\n\
        schema = json.load(open(sys.argv[1]))\n\
        jsonschema.Draft202012Validator.check_schema(schema)\n\
        plain = lambda document: json.loads(json.dumps(document, default=str))\n\
        for name in sys.argv[2:]:\n    \
            errors = list(jsonschema.Draft202012Validator(schema).iter_errors(plain(tomllib.load(open(name, 'rb')))))\n    \
            print(name, len(errors), errors[:1])\n";
    let folder = Folder::new();
    let mut paths: Vec<String> = shipped().iter().map(|path| path.to_str().unwrap().to_owned()).collect();
    let good = paths.len();
    let base = format!("{HEAD}tool = {{ path = \"/usr/bin/env\" }}\nallow = {{ groups = [\"capwrap\"] }}\n");
    for (number, bad) in [
        "nonsense = 1\n",
        "[[grant]]\nwhy = \"no caps\"\n",
        "[[grant]]\ncaps = \"cap_nosuch\"\n",
        "[exec]\ndeliver = \"sideways\"\n",
        "[exec]\nlimits = { memlok = 1 }\n",
        "[[grant]]\ncaps = \"kill\"\nwhen = { kernle = \">5\" }\n",
    ]
    .iter()
    .enumerate()
    {
        let path = folder.path(&format!("bad{number}.toml"));
        let policy = format!("{base}{bad}");
        assert_eq!(text(&policy).code, 1, "the launcher takes {bad:?}");
        fs::write(&path, policy).unwrap();
        paths.push(path);
    }
    let mut words = vec!["/usr/bin/python3", "-c", check, committed];
    words.extend(paths.iter().map(String::as_str));
    let run = root(&words).run();
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(lines.len(), paths.len(), "{run:?}");
    for (number, line) in lines.iter().enumerate() {
        let is_good = line.contains(".toml 0 ");
        assert_eq!(is_good, number < good, "{line}");
    }
}
