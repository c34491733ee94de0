//! `capwrap lint`.

use clap::Args;
use std::process::ExitCode;

#[derive(Args)]
pub struct Lint {}

impl Lint {
    pub fn run(&self) -> ExitCode {
        ExitCode::SUCCESS
    }
}
