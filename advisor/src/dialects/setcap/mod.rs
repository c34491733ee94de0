//! File capabilities in the notation of setcap, getcap and filecap.

pub mod commands;
pub mod read;
pub mod write;
