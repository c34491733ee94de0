//! Text: what may be shown on a terminal, near names, hexadecimal digits.

pub mod error;
pub mod hex;
pub mod nearest;
pub mod printable;
pub mod shell;
