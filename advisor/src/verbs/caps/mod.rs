//! `capwrap caps`: shows what each capability opens, converts masks in both directions, and shows which process holds
//! what.

mod cells;
mod describe;
mod form;
mod holders;
mod mask;
mod show;
mod table;
mod tree;

use crate::output::error;
use crate::output::outcome::Outcome;
use clap::{Args, Subcommand};
use form::Form;
use std::process::ExitCode;

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Caps {
    #[command(subcommand)]
    what: Option<What>,
    /// Capabilities to describe in full; without any, a table of all
    #[arg(value_name = "CAPABILITY")]
    names: Vec<String>,
    #[command(flatten)]
    form: Form,
}

#[derive(Subcommand)]
enum What {
    /// Print the names of the capabilities in a mask, as /proc/PID/status shows it
    Decode {
        /// Hexadecimal, with or without 0x
        #[arg(required = true, value_name = "MASK")]
        masks: Vec<String>,
        #[command(flatten)]
        form: Form,
    },
    /// Print the mask of a list of capabilities
    Encode {
        /// As in cap_bpf,perfmon
        #[arg(required = true, value_name = "LIST")]
        lists: Vec<String>,
        #[command(flatten)]
        form: Form,
    },
    /// Show the sets of a process and of its threads, or of all processes that hold any
    Show(show::Show),
}

impl Caps {
    pub fn run(&self) -> ExitCode {
        let outcome = match &self.what {
            None if self.names.is_empty() => table::print(self.form),
            None => describe::print(&self.names, self.form),
            Some(What::Decode { masks, form }) => mask::decode(masks, *form),
            Some(What::Encode { lists, form }) => mask::encode(lists, *form),
            Some(What::Show(show)) => return show.run(),
        };
        match outcome {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                error::report(&error);
                Outcome::NotAll.into()
            }
        }
    }
}
