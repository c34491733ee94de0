//! Text: what is safe to print on a terminal, similar names, and hexadecimal digits.

pub mod error;
pub mod hex;
pub mod hidden;
pub mod nearest;
pub mod printable;
pub mod shell;
