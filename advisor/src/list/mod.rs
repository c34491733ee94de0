//! `capwrap list`.

use clap::Args;

#[derive(Args)]
pub struct List {}

impl List {
    pub fn run(&self) -> anyhow::Result<()> {
        Ok(())
    }
}
