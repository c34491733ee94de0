//! `tests/policies/new` makes a draft of a policy and its row from one command.

use capwrap_tests::packages::PROJECT;
use capwrap_tests::*;
use std::fs;

#[test]
fn a_command_becomes_a_policy_that_grants_what_it_needs_and_a_row_that_runs_it() {
    // The drafts lie beside the script's own folder, so the script is tried in another place.
    let folder = Folder::new();
    fs::create_dir_all(folder.path("tests/policies")).unwrap();
    fs::create_dir(folder.path("policies")).unwrap();
    let script = folder.path("tests/policies/new");
    fs::copy(format!("{PROJECT}/tests/policies/new"), &script).unwrap();
    let before = fs::read_dir("/etc/capwrap/policies").unwrap().count();
    let new = || root(&[&script, "first-line", "head -n 1 /etc/shadow", "--user", STRANGER]).run();
    let run = new();
    assert!(done(&run).contains("policies/first-line.toml and tests/policies/first-line.toml are drafts"), "{run:?}");
    assert_eq!(fs::read_dir("/etc/capwrap/policies").unwrap().count(), before);
    let (policy, row) = (folder.path("policies/first-line.toml"), folder.path("tests/policies/first-line.toml"));
    let text = fs::read_to_string(&policy).unwrap();
    assert!(text.contains("caps = [\"cap_dac_read_search\"]") && text.contains("groups = [\"capwrap\"]"), "{text}");
    assert!(!text.contains("sha256") && text.contains("summary = \"TODO"), "{text}");
    let linted = root(&[CAPWRAP, "lint", "--text-only", &policy]).run();
    assert!(linted.stdout.contains("1 policy: 0 errors"), "{linted:?}");
    let row = fs::read_to_string(row).unwrap();
    assert!(row.contains("packages = [\"coreutils\"]") && row.contains("command = \"head -n 1 /etc/shadow\""), "{row}");
    assert!(row.contains("shows   = 'root:"), "{row}");
    let again = new();
    assert!(!again.ok() && again.stderr.contains("policies/first-line.toml exists"), "{again:?}");
    let failed = root(&[&script, "never", "head -n 1 /nowhere", "--user", STRANGER]).run();
    assert!(!failed.ok() && failed.stderr.contains("nothing was learned"), "{failed:?}");
    assert!(!fs::exists(folder.path("policies/never.toml")).unwrap());
}
