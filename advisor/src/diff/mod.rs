//! `capwrap diff`.

use clap::Args;
use std::process::ExitCode;

#[derive(Args)]
pub struct Diff {}

impl Diff {
    pub fn run(&self) -> ExitCode {
        ExitCode::SUCCESS
    }
}
