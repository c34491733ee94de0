//! `capwrap caps`.

use clap::Args;
use std::process::ExitCode;

#[derive(Args)]
pub struct Caps {}

impl Caps {
    pub fn run(&self) -> ExitCode {
        ExitCode::SUCCESS
    }
}
