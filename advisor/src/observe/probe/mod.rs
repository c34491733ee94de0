//! The interface to the probe: loads it with the first back end that works, and reads what it counted. All modules that
//! use the results are pure.

mod arguments;
mod back_end;
mod btf;
mod events;
mod kprobe;
mod loaded;
mod object;
mod offsets;
pub mod reading;
pub mod rights;
pub mod securebits;
mod symbols;

pub use back_end::{attempts, open};
pub use events::{Events, Record, thread_name};
pub use loaded::{BackEnd, Probe};
pub use reading::{Counted, Losses, Names, Stats};
