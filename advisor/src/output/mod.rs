//! What a person or a program reads: pages, tables, the terminal, findings, outcomes.
//! No facts and no rules are in here.

/// A line on standard output. Whoever stopped reading, as head(1) does, stops no work half-way.
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
