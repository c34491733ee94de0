//! What all listings of `caps` share: the options for their form, and the error for an unknown name.

use crate::output::error::hinted;
use crate::output::terminal;
use anyhow::Result;
use capwrap_core::{Capability, UnknownCapability};
use clap::Args;

/// The form in which a listing is printed.
#[derive(Args, Clone, Copy)]
pub struct Form {
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// When to use colour
    #[arg(long, value_name = "WHEN", default_value = "auto", hide_possible_values = true)]
    pub color: terminal::Color,
}

/// The capability of this name.
pub fn named(name: &str) -> Result<Capability> {
    Capability::parse(name).map_err(|error| unknown(&error))
}

pub fn unknown(error: &UnknownCapability) -> anyhow::Error {
    let hint = error.nearest.map_or("capwrap caps lists them all".to_owned(), |near| format!("write {near}"));
    hinted(error.to_string(), hint)
}
