//! `capwrap verify`.

use clap::Args;
use std::process::ExitCode;

#[derive(Args)]
pub struct Verify {}

impl Verify {
    pub fn run(&self) -> ExitCode {
        ExitCode::SUCCESS
    }
}
