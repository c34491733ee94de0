//! What a person or a program reads: pages, tables, the terminal, findings, outcomes.
//! No facts and no rules are in here.

pub mod finding;
#[cfg(test)]
mod man_pages;
pub mod outcome;
pub mod page;
pub mod table;
pub mod terminal;
