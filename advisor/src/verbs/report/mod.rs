//! `capwrap report`: who may run which tool with which capabilities, how close that comes to root, until when, by which
//! record, who used it, and what `capwrap verify` found: as JSON, or as one page for an auditor.
//!
//! ```text
//! policies, records, verify ── gather ── data ─┬── JSON
//!        (impure)                              └── page (HTML)
//! ```

mod data;
mod gather;
mod page;

use crate::output::error::{self, hinted, note};
use crate::output::json;
use crate::output::outcome::{Outcome, REFUSED};
use crate::output::standard_output;
use crate::store::{atomic_write, bounded_read};
use anyhow::{Context, Result};
use capwrap_core::text::printable;
use clap::Args;
use data::Report;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The largest earlier report that is read, in bytes. One of 300 policies has less than a megabyte.
const MAX_BYTES: usize = 64 * 1024 * 1024;

#[derive(Args)]
pub struct Options {
    /// Write a page for a browser to this file; - is standard output
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Say what changed since this report, which --json printed
    #[arg(long, value_name = "FILE")]
    since: Option<PathBuf>,
}

impl Options {
    pub fn run(&self) -> ExitCode {
        if let Err(error) = self.says_what_to_write() {
            error::report(&error);
            return ExitCode::from(REFUSED);
        }
        self.make()
            .unwrap_or_else(|error| {
                error::report(&error);
                Outcome::NotAll
            })
            .into()
    }

    fn page_is_printed(&self) -> bool {
        self.html.as_deref() == Some(Path::new("-"))
    }

    /// Whether the command line is right. What is wrong with it is no finding, and ends every verb in the same way.
    fn says_what_to_write(&self) -> Result<()> {
        match (&self.html, self.json) {
            (None, false) => {
                let hint = "capwrap report --html FILE for a browser, or capwrap report --json > FILE for a program";
                Err(hinted("report needs to know what to write: --html, --json, or both", hint))
            }
            (_, true) if self.page_is_printed() => Err(hinted(
                "--html - and --json would both go to standard output",
                "capwrap report --html report.html --json > report.json",
            )),
            _ => Ok(()),
        }
    }

    /// Makes the report. The outcome says whether everything could be read and checked.
    fn make(&self) -> Result<Outcome> {
        // A file that cannot be read ends the verb before the work.
        let before = self.since.as_deref().map(earlier).transpose()?;
        let mut report = gather::report()?;
        report.changes = before.map(|before| data::changes(&before, &report.policies));
        if let Some(path) = &self.html {
            let page = page::html(&report);
            if self.page_is_printed() {
                standard_output::write(&page);
            } else {
                atomic_write::replace(path, &page)?;
            }
        }
        if self.json {
            say!("{}", json::pretty(&report)?);
        }
        report.notes.iter().for_each(|what| note(what));
        Ok(if report.complete { Outcome::Clean } else { Outcome::NotAll })
    }
}

/// Reads an earlier report.
///
/// # Errors
/// The file cannot be read, or is no report, or one of a later format.
fn earlier(path: &Path) -> Result<Report> {
    let shown = printable::text(path);
    let text = bounded_read::text_of(path, MAX_BYTES)?;
    let object: serde_json::Value = serde_json::from_str(&text).with_context(|| format!("{shown} is no JSON"))?;
    let no_report = |why: &str| {
        let hint = "capwrap report --json > FILE  # makes one";
        hinted(format!("{shown} is no report of capwrap's{why}"), hint)
    };
    if object.get("policies").is_none() && object.get("schema").is_none() {
        return Err(no_report(""));
    }
    json::check_schema(object.get("schema")).map_err(|wrong| {
        let hint = "make a new report with this capwrap, and compare with that from now on";
        hinted(format!("cannot compare with {shown}: {wrong}"), hint)
    })?;
    serde_json::from_value(object).map_err(|error| no_report(&format!(": {error}")))
}
