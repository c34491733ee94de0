//! File capabilities, as setcap, getcap and filecap write them.

pub mod read;
pub mod write;
