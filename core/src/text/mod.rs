//! Text: what is safe to print on a terminal, similar names, lengths of time, and hexadecimal digits.

pub mod duration;
pub mod error;
pub mod hex;
pub mod hidden;
pub mod nearest;
pub mod printable;
pub mod shell;
pub mod tape;
