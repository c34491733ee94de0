//! `capwrap completions`.

use clap::Args;

#[derive(Args)]
pub struct Completions {}

impl Completions {
    pub fn run(&self) -> anyhow::Result<()> {
        Ok(())
    }
}
