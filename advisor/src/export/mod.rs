//! `capwrap export`.

use clap::Args;

#[derive(Args)]
pub struct Export {}

impl Export {
    pub fn run(&self) -> anyhow::Result<()> {
        Ok(())
    }
}
