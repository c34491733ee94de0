//! The documents describe the tests and the scripts correctly.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_test_that_a_document_names_exists() {
    let top = top();
    let mut files = Vec::new();
    for folder in ["core", "launcher", "advisor", "tests"] {
        sources(&top.join(folder), &mut files);
    }
    let code: String = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    let mut named = 0;
    for document in
        ["docs/src/explanation/prior-cves.md", "docs/src/explanation/threat-model.md", "docs/ARCHITECTURE.md"]
    {
        let text = fs::read_to_string(top.join(document)).unwrap();
        // A name in backticks that consists of at least four words is the name of a test.
        for name in text.split('`').skip(1).step_by(2).filter(|name| name.matches('_').count() >= 3) {
            let before = code.split_once(&format!("fn {name}(")).map(|(before, _)| before.trim_end());
            // A test that takes long says so in a line of its own.
            let before = before.map(|before| match before.rsplit_once("#[ignore = ") {
                Some((before, rest)) if !rest.contains('\n') => before.trim_end(),
                _ => before,
            });
            assert!(before.is_some_and(|before| before.ends_with("#[test]")), "{document} names {name}");
            named += 1;
        }
    }
    assert!(named > 60, "only {named} names were found");
}

/// The repository's scripts that a justfile or a workflow calls: every word with a slash where a command begins.
fn scripts(text: &str) -> BTreeSet<String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let commands =
        lines.flat_map(|line| line.trim_start_matches("run:").split("$(").flat_map(|part| part.split([';', '&', '|'])));
    let first = commands.filter_map(|command| command.trim().trim_start_matches("sudo ").split_whitespace().next());
    first.filter(|word| word.contains('/')).map(|word| word.trim_start_matches("./").to_owned()).collect()
}

#[test]
fn every_script_that_the_justfile_or_a_workflow_names_can_be_executed() {
    let mut named = BTreeSet::new();
    let workflows = fs::read_dir(top().join(".github/workflows")).unwrap().map(|entry| entry.unwrap().path());
    for file in workflows.chain([top().join("justfile")]) {
        for script in scripts(&fs::read_to_string(&file).unwrap()) {
            let status = fs::metadata(top().join(&script));
            assert!(
                status.is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 == 0o111),
                "{file:?} names {script}"
            );
            named.insert(script);
        }
    }
    assert!(named.len() > 15 && named.contains(".ci/container"), "only {named:?}");
}

#[test]
fn the_justfile_has_every_script_of_the_page_for_contributors() {
    let page = fs::read_to_string(top().join("CONTRIBUTING.md")).unwrap();
    let recipes = scripts(&fs::read_to_string(top().join("justfile")).unwrap());
    let rows = page.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    let listed: BTreeSet<String> = rows.flat_map(|row| row.split('`').skip(1).step_by(2).flat_map(scripts)).collect();
    assert!(listed.len() > 8, "only {listed:?}");
    let without: Vec<_> = listed.difference(&recipes).collect();
    assert!(without.is_empty(), "these have no recipe: {without:?}");
}

/// Text in backticks with a `/` in it is a path, relative to the top or to a crate's sources.
#[test]
fn every_file_that_a_page_for_contributors_names_exists() {
    let below = ["", "launcher/src", "advisor/src"].map(|folder| top().join(folder));
    let is_path = |name: &&str| {
        let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-./".contains(c);
        !name.starts_with(['/', '.']) && name.contains('/') && name.chars().all(letter)
    };
    let mut named = 0;
    for document in ["docs/ARCHITECTURE.md", "CONTRIBUTING.md"] {
        let text = fs::read_to_string(top().join(document)).unwrap();
        for name in text.split('`').skip(1).step_by(2).filter(is_path) {
            // Files that are built are not in the repository.
            let built = name.starts_with("target/");
            assert!(built || below.iter().any(|folder| folder.join(name).exists()), "{document} names {name}");
            named += 1;
        }
    }
    assert!(named > 60, "only {named} names were found");
}

/// The version and its date stand in many places. A release sets all of them.
#[test]
fn every_place_that_has_the_version_has_the_same_one() {
    let version = env!("CARGO_PKG_VERSION");
    let read = |file: &str| fs::read_to_string(top().join(file)).unwrap();
    let changelog = read("CHANGELOG.md");
    let mut headings = changelog.lines().filter_map(|line| line.strip_prefix("## "));
    assert_eq!(headings.next(), Some("Unreleased"));
    let released = headings.next().unwrap();
    let date = released.strip_prefix(&format!("{version} (")).and_then(|rest| rest.strip_suffix(')'));
    let date = date.unwrap_or_else(|| panic!("CHANGELOG.md has {released:?}, and not {version}"));
    let is_date = |date: &str| {
        let kinds: String = date.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        kinds == "0000-00-00"
    };
    assert!(is_date(date), "{date}");
    for (file, line) in [
        ("Cargo.toml", format!("version = \"{version}\"")),
        ("packaging/debian/changelog", format!("capwrap ({version}-1) unstable; urgency=medium")),
        ("packaging/rpm/capwrap.spec", format!("Version:        {version}")),
        ("packaging/arch/PKGBUILD", format!("pkgver={version}")),
        ("packaging/alpine/APKBUILD", format!("pkgver={version}")),
        ("packaging/nix/package.nix", "  version = manifest.workspace.package.version;".to_owned()),
    ] {
        assert!(read(file).lines().any(|one| one == line), "{file} has no line {line:?}");
    }
    // The newest entries of the two changelogs of packages.
    let day = |format: &str| {
        let run = std::process::Command::new("date")
            .env("LC_ALL", "C")
            .args(["--utc", "--date", date, format])
            .output()
            .unwrap();
        String::from_utf8(run.stdout).unwrap().trim().to_owned()
    };
    let newest = read("packaging/rpm/capwrap.spec");
    let newest = newest.split_once("%changelog\n").unwrap().1.lines().next().unwrap();
    assert!(newest.starts_with(&day("+* %a %b %d %Y")) && newest.ends_with(&format!(" - {version}-1")), "{newest}");
    let newest = read("packaging/debian/changelog");
    let newest = newest.lines().find(|line| line.starts_with(" -- ")).unwrap();
    assert!(newest.contains(&day("+>  %a, %d %b %Y ")), "{newest}");
    let notes = read("docs/src/release-notes.md");
    assert!(notes.contains(&format!("\n## {version}, {}\n", day("+%-d %B %Y"))), "docs/src/release-notes.md");
    let mut pages = 0;
    for page in fs::read_dir(top().join("man")).unwrap().map(|entry| entry.unwrap().path()) {
        if page.is_file() {
            let text = fs::read_to_string(&page).unwrap();
            let title = text.lines().find(|line| line.starts_with(".TH ")).unwrap();
            assert!(title.contains(&format!("\"capwrap {version}\"")), "{page:?} has {title}");
            pages += 1;
        }
    }
    assert!(pages > 20, "{pages} pages");
}
