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

use crate::output::error::{hinted, note};
use crate::store::{atomic_write, bounded_read};
use anyhow::{Context, Result};
use capwrap_core::text::printable;
use clap::Args;
use data::{Report, SCHEMA};
use std::path::{Path, PathBuf};

/// The largest earlier report that is read, in bytes. One of 300 policies has less than a megabyte.
const MAX_BYTES: usize = 64 * 1024 * 1024;

#[derive(Args)]
pub struct Options {
    /// Write a page for a browser to this file
    #[arg(long, value_name = "FILE", required_unless_present = "json")]
    html: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Say what changed since this report, which --json printed
    #[arg(long, value_name = "FILE")]
    since: Option<PathBuf>,
}

impl Options {
    pub fn run(&self) -> Result<()> {
        // A file that cannot be read ends the verb before the work.
        let before = self.since.as_deref().map(earlier).transpose()?;
        let mut report = gather::report()?;
        report.changes = before.map(|before| data::changes(&before, &report.policies));
        if let Some(path) = &self.html {
            atomic_write::replace(path, &page::html(&report))?;
        }
        if self.json {
            say!("{}", crate::output::json::pretty(&report)?);
        }
        report.notes.iter().for_each(|what| note(what));
        Ok(())
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
    match object["schema"].as_u64() {
        Some(schema) if schema == u64::from(SCHEMA) => {
            serde_json::from_value(object).with_context(|| format!("{shown} is no report of capwrap's"))
        }
        Some(schema) => Err(hinted(
            format!("{shown} has schema {schema}, and this capwrap reads {SCHEMA}"),
            "make a new report with this capwrap, and compare with that from now on",
        )),
        None => Err(hinted(format!("{shown} is no report of capwrap's"), "capwrap report --json > FILE makes one")),
    }
}
