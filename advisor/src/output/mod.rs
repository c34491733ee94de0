//! The output for people and programs: pages, tables, the terminal, findings, outcomes. This module contains no facts
//! and no rules.

/// Prints a line on standard output. If the reader has stopped reading, as head(1) does, or the disk is full, the program
/// still finishes its work; the latter is an error at its end. Whatever is in the text, no control character but a newline, a tab or a colour is printed.
macro_rules! say {
    ($($words:tt)*) => {{
        let text = capwrap_core::text::printable::page(&format!($($words)*));
        $crate::output::standard_output::write(&(text + "\n"));
    }};
}

/// Prints a line that says something under a label, as in `  note     …`. On a terminal that is narrower, the line goes on
/// below the place where it began. In a file and in a pipe it stays one line.
macro_rules! labelled {
    ($($words:tt)*) => {{
        let text = format!($($words)*);
        let width = $crate::output::terminal::of_terminal();
        let lines = width.map_or_else(|| vec![text.clone()], |width| $crate::output::page::below_label(&text, width));
        lines.iter().for_each(|line| say!("{line}"));
    }};
}

pub mod demanded;
pub mod diff;
pub mod error;
pub mod finding;
pub mod html;
pub mod json;
#[cfg(test)]
pub mod man_pages;
pub mod outcome;
pub mod page;
pub mod standard_output;
pub mod table;
pub mod terminal;
pub mod usage;
