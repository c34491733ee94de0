//! `capwrap completions`: a script that completes capwrap's command line in a shell.
//!
//! ```text
//! the definitions of the command line ── levels (options, operands, and what stands there) ── bash, zsh, fish
//! ```
//!
//! What a script looks up itself are the names of policies, users, groups, processes and files, and
//! how the tool completes its own arguments.

mod bash;
mod fish;
mod launcher;
mod level;
mod zsh;

use anyhow::Result;
use clap::{Args, ValueEnum};
use level::Level;

#[derive(Args)]
pub struct Completions {
    /// bash, zsh or fish
    #[arg(value_name = "SHELL", hide_possible_values = true)]
    shell: Shell,
}

#[derive(Clone, Copy, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

impl Completions {
    pub fn run(&self) -> Result<()> {
        let levels = Level::all(&launcher::with_verbs());
        let script = match self.shell {
            Shell::Bash => bash::script(&levels),
            Shell::Zsh => zsh::script(&levels),
            Shell::Fish => fish::script(&levels),
        };
        say!("{}", script.trim_end());
        Ok(())
    }
}

/// The part of a script that does not depend on the definitions, with the places of files in it.
fn fixed(text: &str) -> String {
    text.replace("@POLICIES@", capwrap_core::paths::POLICIES)
        .replace("@TEMPLATES@", &crate::store::policy_lookup::templates().display().to_string())
}

/// A word between single quotes, for a POSIX shell.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}
