//! The output for people and programs: pages, tables, the terminal, findings, outcomes. This module contains no facts
//! and no rules.

/// Prints a line on standard output. If the reader has stopped reading, as head(1) does, the program still finishes its
/// work.
macro_rules! say {
    ($($words:tt)*) => {{
        use std::io::Write;
        let _ = writeln!(std::io::stdout(), $($words)*);
    }};
}

pub mod error;
pub mod finding;
#[cfg(test)]
pub mod man_pages;
pub mod outcome;
pub mod page;
pub mod table;
pub mod terminal;
