//! `capwrap explain`.

use clap::Args;
use std::process::ExitCode;

#[derive(Args)]
pub struct Explain {}

impl Explain {
    pub fn run(&self) -> ExitCode {
        ExitCode::SUCCESS
    }
}
