//! `capwrap verify`: checks what is installed against the policies.
//!
//! ```text
//! subjects: enabled policies, the launcher, other files
//!     └─ look (installed, launched) ── judge (policy, tool, launcher, file, running) ── show, prometheus
//!                                                         └─ fix, and again
//! ```

mod file;
mod fix;
mod identity;
mod judged;
mod launcher;
mod policy;
mod prometheus;
mod running;
mod scan;
mod show;
mod tool;

use crate::host::accounts::Names;
use crate::host::clock::now;
use crate::host::installed_file::Installed;
use crate::host::launcher_kernels;
use crate::host::records::last_use::{self, LastUses};
use crate::output::error;
use crate::output::error::hinted;
use crate::output::outcome::Outcome;
use crate::output::terminal;
use crate::store::{enabled, file_caps};
use anyhow::Result;
use capwrap_core::text::{nearest, shell};
use clap::Args;
use judged::{Judged, Kind, Subject};
use nix::unistd::geteuid;
use scan::{Accounted, Reach};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tool::Content;

#[derive(Args)]
pub struct Verify {
    /// Enabled policies by name, or files by path; without any, everything
    #[arg(value_name = "NAME|PATH")]
    words: Vec<String>,
    /// Every enabled policy, and capwrap itself
    #[arg(long, conflicts_with = "words")]
    all: bool,
    /// Find every file below this directory with capabilities that no policy accounts for (several: repeat it)
    #[arg(long = "scan", value_name = "DIR")]
    scans: Vec<PathBuf>,
    /// Stay on the file systems of these directories
    #[arg(long, requires = "scans")]
    one_file_system: bool,
    /// Correct what is wrong with files, and show each change (root)
    #[arg(long)]
    fix: bool,
    /// With --fix: remove file capabilities too that others may use today
    #[arg(long, requires = "fix")]
    yes: bool,
    /// Show what has no problem, too
    #[arg(long, short)]
    verbose: bool,
    /// Print one JSON object
    #[arg(long, conflicts_with = "fix")]
    json: bool,
    /// Write metrics for node_exporter's textfile collector to this file, too
    #[arg(long, value_name = "FILE")]
    prometheus: Option<PathBuf>,
    /// When to use colour
    #[arg(long, value_name = "WHEN", default_value = "auto", hide_possible_values = true)]
    color: terminal::Color,
}

impl Verify {
    pub fn run(&self) -> ExitCode {
        self.verify()
            .unwrap_or_else(|error| {
                error::report(&error);
                Outcome::NotAll
            })
            .into()
    }

    fn verify(&self) -> Result<Outcome> {
        if self.fix && !geteuid().is_root() {
            return Err(hinted(
                "--fix changes files of root's, and only root may do that",
                "sudo capwrap verify --fix",
            ));
        }
        let mut outcome = Outcome::Clean;
        if self.fix {
            // A policy that was ignored because of its file counts again once the file is corrected. So the
            // capabilities that capwrap itself needs are computed after the policies are fixed.
            outcome = self.fix_named(|kind| kind == Kind::Policy)?;
        }
        // A scan takes its time, and does not need the lock.
        let scan = self.scan();
        let files = scan.as_ref().map(|scan| scan.files);
        let mut found = scan.map_or(Vec::new(), |scan| scan.subjects);
        if self.fix {
            outcome = outcome.and(self.fix_named(|kind| kind != Kind::Policy)?);
            let _alone = enabled::lock()?;
            found = scan::again(found, &Accounted::read());
            outcome = outcome.and(fix::all(found.iter(), self.yes));
            found = scan::again(found, &Accounted::read());
        }
        let named = self.named_if_asked(Content::Judged)?;
        let subjects: Vec<Subject> = named.into_iter().chain(self.running()).chain(found).collect();
        outcome = subjects.iter().map(Subject::outcome).fold(outcome, Outcome::and);
        if self.json {
            say!("{}", show::json(&subjects, outcome, files)?);
        } else {
            let (width, styled) = (usize::from(terminal::width()), self.color.styled());
            let look = show::Look { width, styled, verbose: self.verbose, files };
            say!("{}", show::text(&subjects, outcome, &look).trim_end());
        }
        if let Some(file) = &self.prometheus {
            crate::store::atomic_write::replace(file, &prometheus::text(&subjects, outcome, now()))?;
        }
        Ok(outcome)
    }

    /// Fixes those of the named policies and files that are of these kinds. What is fixed is judged while the lock is
    /// held, so that it is judged by the policies that are enabled then.
    fn fix_named(&self, is_meant: impl Fn(Kind) -> bool) -> Result<Outcome> {
        let _alone = enabled::lock()?;
        let named = self.named_if_asked(Content::LeftOut)?;
        Ok(fix::all(named.iter().filter(|subject| is_meant(subject.kind)), self.yes))
    }

    /// The named policies and files. There are none if only trees are to be scanned.
    fn named_if_asked(&self, content: Content) -> Result<Vec<Subject>> {
        let is_asked = self.scans.is_empty() || self.all || !self.words.is_empty();
        if is_asked { self.named(content) } else { Ok(Vec::new()) }
    }

    /// What goes on although its user may not run it any more: by any policy, or by those that are named.
    fn running(&self) -> Vec<Subject> {
        match &self.words[..] {
            [] if !self.scans.is_empty() && !self.all => Vec::new(),
            [] => running::subjects(|_| true),
            words if words.iter().all(|word| word.contains('/')) => Vec::new(),
            words => running::subjects(|policy| words.iter().any(|word| word == policy)),
        }
    }

    /// The result of scanning the trees, if any was given. A tree may be a whole machine, so each is walked only once.
    fn scan(&self) -> Option<scan::Scan> {
        let reach = Reach {
            one_file_system: self.one_file_system,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
        };
        (!self.scans.is_empty()).then(|| scan::scan(&self.scans, reach, &Accounted::read()))
    }

    /// The named policies and files.
    fn named(&self, content: Content) -> Result<Vec<Subject>> {
        let (names, now) = (Names::read(), now());
        let enabled = enabled::names()?;
        let uses = LastUses::since(last_use::long_ago(now), &enabled);
        let judge = |name: &String| policy::subject(name, &names, now, content, &uses);
        if self.words.is_empty() {
            let policies = enabled.iter().map(judge);
            return Ok(policies.chain([launcher_itself()]).collect());
        }
        let mut subjects = Vec::new();
        for word in &self.words {
            if word.contains('/') {
                subjects.extend(of_path(Path::new(word), &enabled, &judge)?);
            } else if enabled.contains(word) {
                subjects.push(judge(word));
            } else {
                return Err(not_enabled(word, &enabled));
            }
        }
        Ok(subjects)
    }
}

fn not_enabled(word: &str, enabled: &[String]) -> anyhow::Error {
    let hint = if let Some(near) = nearest::name(word, enabled.iter().map(String::as_str)) {
        format!("capwrap verify {near}")
    } else if let Some(file) = shell::argument(&format!("./{word}")).filter(|_| Path::new(word).exists()) {
        format!("for the file here: capwrap verify {file}")
    } else {
        "capwrap list --all shows those that are".to_owned()
    };
    hinted(format!("no policy for {:?} is enabled", capwrap_core::text::printable::text(word)), hint)
}

fn launcher_itself() -> Subject {
    let fit = launcher_kernels::look();
    let needed = enabled::needed(&enabled::all().unwrap_or_default(), fit.kernels);
    launcher::subject(&file_caps::installed(), needed, fit.any_because)
}

/// The policies whose tool has this path, which `judge` judges, or capwrap itself, or a file that no policy names.
fn of_path(path: &Path, enabled: &[String], judge: &dyn Fn(&String) -> Subject) -> Result<Vec<Subject>> {
    let absolute = std::path::absolute(path)?;
    let found = match Installed::look(&absolute) {
        Ok(found) => found,
        Err(error) => {
            let line = Judged::unread("file", file::shown(path), &error::reason(&error));
            return Ok(vec![Subject {
                kind: Kind::File,
                name: file::shown(path),
                path: Some(absolute),
                lines: vec![line],
            }]);
        }
    };
    if Installed::look(&file_caps::installed()).is_ok_and(|launcher| launcher.identity == found.identity) {
        return Ok(vec![launcher_itself()]);
    }
    let speaks = |name: &&String| {
        let Ok(policy) = enabled::read(&enabled::path(name)) else { return false };
        policy
            .tool
            .paths
            .iter()
            .any(|path| *path == absolute || Installed::look(path).is_ok_and(|tool| tool.real == found.real))
    };
    let mut subjects: Vec<Subject> = enabled.iter().filter(speaks).map(judge).collect();
    if subjects.is_empty() {
        let mut lines = vec![file::unaccounted(&found.path, &found.carries, found.ignored_at_exec())];
        lines.extend(file::copies(&found));
        subjects.push(Subject { kind: Kind::File, name: file::shown(path), path: Some(found.path), lines });
    }
    Ok(subjects)
}
