//! Checks the chain of the recorder's lines.

use crate::host::records::files::{self, Lines};
use crate::output::error::{hinted, reason};
use crate::output::outcome::Outcome;
use crate::output::page::counted;
use anyhow::{Context, Result, anyhow};
use capwrap_core::record::chain::Chain;
use capwrap_core::record::line::FOLDER;
use capwrap_core::text::{hex, printable};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A SHA-256.
pub type Hash = [u8; 32];

/// Reads the hash of a line.
///
/// # Errors
/// The text is no SHA-256.
pub fn hash(text: &str) -> Result<Hash> {
    hex::decode(text).with_context(|| format!("{text:?} is no SHA-256: it has 64 hexadecimal digits"))
}

/// What is wrong at a line of a file.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    file: PathBuf,
    /// Counted from 1.
    line: usize,
    what: String,
}

/// The whole chain.
#[derive(Debug, Default)]
struct Checked {
    lines: usize,
    findings: Vec<Finding>,
    newest: Option<Hash>,
    /// The hashes that some line has.
    met: Vec<Hash>,
}

/// Checks all files of this machine, and prints what was found.
pub fn files(against: &[Hash]) -> Result<Outcome> {
    let files = files::all_in(Path::new(FOLDER)).map_err(|error| match error.kind() {
        ErrorKind::PermissionDenied => hinted(
            format!("you may not read {FOLDER}: root and members of the group adm may"),
            "sudo capwrap history --verify".to_owned(),
        ),
        _ => anyhow!("cannot read {FOLDER}: {}", reason(&error)),
    })?;
    let checked = chain(&files, against)?;
    for Finding { file, line, what } in &checked.findings {
        say!("{}:{line}: {what}", printable::text(file));
    }
    let missing: Vec<&Hash> = against.iter().filter(|hash| !checked.met.contains(hash)).collect();
    for hash in &missing {
        let hash = hex::encode(*hash);
        say!("{hash}: no line has this hash: lines were cut off at the end, or written anew, or their file is gone");
    }
    let count = format!("{} in {}", counted(checked.lines, "line"), counted(files.len(), "file"));
    match (checked.findings.is_empty() && missing.is_empty(), checked.newest) {
        (true, Some(newest)) => {
            say!("{count}: each follows the one before it. The newest has the hash");
            say!("{}", hex::encode(&newest));
        }
        (true, None) => say!("{count}: there is nothing to check"),
        (false, _) => say!("{count} were checked"),
    }
    Ok(if checked.findings.is_empty() && missing.is_empty() { Outcome::Clean } else { Outcome::Found })
}

fn chain(files: &[PathBuf], against: &[Hash]) -> Result<Checked> {
    let (mut chain, mut checked) = (Chain::default(), Checked::default());
    let mut last = None;
    for file in files {
        let mut lines = Lines::open(file)?;
        let mut number = 0;
        while let Some((text, _)) = lines.next_line().with_context(|| format!("cannot read {}", file.display()))? {
            number += 1;
            if let Err(why) = chain.follow(text) {
                checked.findings.push(Finding { file: file.clone(), line: number, what: why.to_string() });
            }
            checked.met.extend(chain.newest().filter(|hash| against.contains(hash)));
        }
        checked.lines += number;
        last = Some((file.clone(), number));
    }
    if let (Err(why), Some((file, line))) = (chain.end(), last) {
        checked.findings.push(Finding { file, line, what: why.to_string() });
    }
    checked.newest = chain.newest();
    Ok(checked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use capwrap_core::digest;
    use capwrap_core::record::chain::FIRST;
    use capwrap_core::record::line::ENDING;
    use capwrap_core::record::line::Line;

    #[test]
    fn a_chain_goes_on_over_files_and_a_kept_hash_is_found_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let (mut previous, mut hashes) = (FIRST, Vec::new());
        for day in ["2026-11-26", "2026-11-27"] {
            let mut text = Vec::new();
            for pid in 0..3 {
                let mut line = Vec::new();
                Line { time: 7, uid: 1, pid, event: "launched", fields: &[], previous }.append(&mut line);
                previous = digest::of_bytes(&line);
                hashes.push(previous);
                text.extend([line, b"\n".to_vec()].concat());
            }
            std::fs::write(folder.path().join(day).with_extension(ENDING), text).unwrap();
        }
        let all = files::all_in(folder.path()).unwrap();
        let checked = chain(&all, &[hashes[1], hashes[5], FIRST]).unwrap();
        assert_eq!((checked.lines, checked.findings, checked.newest), (6, Vec::new(), Some(hashes[5])));
        assert_eq!(checked.met, [hashes[1], hashes[5]]);
        // A file that is gone in the middle.
        let text = std::fs::read_to_string(&all[0]).unwrap();
        std::fs::write(&all[0], text.lines().next().unwrap()).unwrap();
        let checked = chain(&all, &[hashes[1]]).unwrap();
        assert_eq!((checked.findings[0].line, &checked.findings[0].file), (1, &all[1]));
        assert!(checked.met.is_empty());
        assert_eq!(hash(&hex::encode(&hashes[0])).unwrap(), hashes[0]);
        assert!(hash("00").is_err());
    }
}
