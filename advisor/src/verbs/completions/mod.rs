//! `capwrap completions`: prints a script that completes capwrap's command line in a shell.
//!
//! ```text
//! the definitions of the command line ── levels (options, operands, and what stands there) ── bash, zsh, fish
//! ```
//!
//! A script itself looks up the names of policies, users, groups, processes and files, and how the tool completes its
//! own arguments.

mod bash;
mod fish;
mod launcher;
mod level;
mod script;
mod zsh;

use anyhow::Result;
use clap::{Args, Command, ValueEnum};
use level::Level;

#[derive(Args)]
pub struct Completions {
    /// The shell that the script is for
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

#[derive(Clone, Copy, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

impl Completions {
    /// Prints the script for `verbs`, which is the definition of all verbs.
    pub fn run(&self, verbs: Command) -> Result<()> {
        let levels = Level::all(&launcher::with_verbs(verbs));
        let script = match self.shell {
            Shell::Bash => bash::script(&levels),
            Shell::Zsh => zsh::script(&levels),
            Shell::Fish => fish::script(&levels),
        };
        say!("{}", script.trim_end());
        Ok(())
    }
}
