//! What the documents say of the tests is so.

use std::fs;
use std::path::{Path, PathBuf};

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
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    for folder in ["core", "launcher", "advisor", "tests"] {
        sources(&top.join(folder), &mut files);
    }
    let code: String = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    let mut named = 0;
    for document in ["docs/src/explanation/prior-cves.md", "docs/src/explanation/threat-model.md"] {
        let text = fs::read_to_string(top.join(document)).unwrap();
        // A sentence of at least four words between backticks is a test's name.
        for name in text.split('`').skip(1).step_by(2).filter(|name| name.matches('_').count() >= 3) {
            assert!(
                code.contains(&format!("#[test]\nfn {name}()")) || code.contains(&format!("#[test]\n    fn {name}()")),
                "{document} names {name}"
            );
            named += 1;
        }
    }
    assert!(named > 60, "only {named} names were found");
}
