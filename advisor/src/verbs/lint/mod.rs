//! `capwrap lint`: finds errors and dangers in policy files and shows the line.
//!
//! ```text
//! text ─┬─ Policy::read ──┬── checks (pure) ──┐
//!       └─ places (spans) ┘── system (impure) ┴── allowed by comments ── show
//! ```

mod schema;
mod show;
mod system;

use crate::analysis::findings::found::{Found, Linted, Severity};
use crate::analysis::findings::{allowed, checks, proof};
use crate::analysis::policy_places::Places;
use crate::output::error;
use crate::output::error::{hinted, reason};
use crate::output::outcome::Outcome;
use crate::output::terminal;
use crate::store::{bounded_read, enabled, policy_lookup};
use anyhow::{Context, Result};
use capwrap_core::policy::{MAX_BYTES, Policy};
use capwrap_core::text::printable;
use clap::Args;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Args)]
#[command(after_help = "\
A comment `# lint: allow CODE: REASON` in the file turns the warnings of that
code into notes, which change no exit code. Where a policy's summary says that
it grants the capability `as such`, that allows amounts-to-root, starts-programs
and home-code.")]
pub struct Lint {
    /// Policy files, or policies by name; - reads standard input; without any, the enabled policies
    #[arg(value_name = "FILE|NAME")]
    words: Vec<String>,
    /// Check the text alone, for a file from another machine
    #[arg(long)]
    text_only: bool,
    /// Also report each policy that no row of this folder proves:
    /// tests/policies of the sources, for shipped policies
    #[arg(long, value_name = "DIR", verbatim_doc_comment)]
    rows: Option<PathBuf>,
    /// Print the JSON schema of policy files, for editors
    #[arg(long, exclusive = true)]
    schema: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// What standard input is called in the output, for `capwrap edit`
    #[arg(long, value_name = "NAME", default_value = "standard input", hide = true)]
    shown_as: String,
    /// When to use colour
    #[arg(long, value_name = "WHEN", default_value = "auto", hide_possible_values = true)]
    color: terminal::Color,
}

impl Lint {
    pub fn run(&self) -> ExitCode {
        self.lint()
            .unwrap_or_else(|error| {
                error::report(&error);
                Outcome::NotAll
            })
            .into()
    }

    fn lint(&self) -> Result<Outcome> {
        if self.schema {
            say!("{}", schema::text()?);
            return Ok(Outcome::Clean);
        }
        let words = if self.words.is_empty() { enabled::names()? } else { self.words.clone() };
        if words.is_empty() {
            return Err(hinted("no policy is enabled", "name a file: capwrap lint FILE"));
        }
        let linted = words.iter().map(|word| self.file(word)).collect::<Result<Vec<_>>>()?;
        if self.json {
            say!("{}", show::json(&linted)?);
        } else {
            say!("{}", show::text(&linted, usize::from(terminal::width()), self.color.styled()).trim_end());
        }
        Ok(linted.iter().map(Linted::outcome).fold(Outcome::Clean, Outcome::and))
    }

    fn file(&self, word: &str) -> Result<Linted> {
        let path = match word {
            "-" => PathBuf::from("-"),
            word if policy_lookup::is_path(word) => PathBuf::from(word),
            word => policy_lookup::find(word)?,
        };
        let name = if word == "-" { printable::line(&self.shown_as) } else { printable::text(&path) };
        // This reads no more than the launcher would, and one byte to see whether there is more.
        let read = |source: &mut dyn Read| bounded_read::bytes(source, MAX_BYTES);
        let bytes = match if word == "-" {
            read(&mut io::stdin())
        } else {
            bounded_read::open(&path).and_then(|mut file| read(&mut file))
        } {
            Ok(bytes) => bytes,
            Err(error) => return Ok(Linted { name, text: Err(reason(&error)), found: Vec::new() }),
        };
        let Ok(text) = String::from_utf8(bytes) else {
            let found = vec![Found::new(Severity::Error, "syntax", 0..0, "is not UTF-8")];
            return Ok(Linted { name, text: Ok(String::new()), found });
        };
        let mut found = if self.text_only { Vec::new() } else { system::file(&path) };
        found.extend(self.text(&text));
        if let Some(folder) = &self.rows {
            found.extend(unproven(folder, &path, &text)?);
        }
        Ok(Linted { name, text: Ok(text), found })
    }

    fn text(&self, text: &str) -> Vec<Found> {
        let policy = match Policy::read(text) {
            Ok(policy) => policy,
            Err(error) => return vec![Found::from(error)],
        };
        let places = Places::of(text);
        let mut found = checks::all(&policy, &places);
        if !self.text_only {
            found.extend(system::all(&policy, &places));
        }
        let mut found = allowed::apply(found, &policy, text);
        found.sort_by_key(|one| one.span.start);
        found
    }
}

/// What is missing of the rows that prove the policy in this file. A text that is no policy is an error already.
fn unproven(folder: &Path, path: &Path, text: &str) -> Result<Vec<Found>> {
    /// The size of the largest table of results and of the largest file of rows, in bytes.
    const MOST: usize = 16 * 1024 * 1024;
    let Ok(policy) = Policy::read(text) else { return Ok(Vec::new()) };
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let read = |file: &Path| bounded_read::text_of(file, MOST);
    let rows = folder.join(format!("{name}.toml"));
    let rows = if rows.exists() { Some(read(&rows)?) } else { None };
    let results =
        read(&folder.join("results")).with_context(|| format!("no table of results in {}", folder.display()))?;
    proof::missing(&name, &policy, rows.as_deref(), &results)
}
