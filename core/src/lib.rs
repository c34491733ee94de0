//! The policy model of capwrap: text and facts in, decisions out.
//!
//! This crate is pure. It does no input or output, contains no `unsafe` and knows no command line, so all of it can be
//! tested with invented facts. The launcher decides with it, and the advisor explains, lints and exports the same
//! decision. Two modules are exceptions. `trusted_path` reads files: the launcher and every program that corrects a
//! file must open what they trust in the same way. `record::send` writes to the socket of the log: all records must
//! reach it in the same way.
//!
//! ```text
//! policy file ── Policy::read ──┐
//! kernel, sysctls, probes ──────┼── decide ── Decision ── explain
//! arguments, --mode/add/drop ───┘
//! ```
//!
//! # What is linked into the launcher, and why
//!
//! | crate | for | instead of |
//! |---|---|---|
//! | `caps` | reading and setting the capability sets | own calls of capset(2) |
//! | `libc` | the system calls that nix does not wrap | numbers of our own |
//! | `nix` | opening, ids, limits, signals, with typed errors | `unsafe` calls of libc |
//! | `clap` (no colour, no derive) | the launcher's few options | a parser of our own |
//! | `toml` (its parser, no derive) | policy files, with the place of every value | a format of our own |
//! | `sha2` | digests of tools and policies | trust in paths |
//!
//! toml depends on `winnow`, `toml_parser`, `serde_core`, `serde_spanned` and `toml_datetime`, clap
//! on `clap_builder`, `clap_lex` and `anstyle`, sha2 on `digest` and its four dependencies, and nix
//! on `bitflags` and `cfg-if`. `anyhow` is used in the advisor alone.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod calendar;
pub mod capability;
pub mod decision;
pub mod digest;
pub mod errno;
pub mod escapes;
pub mod explain;
pub mod mount_table;
pub mod paths;
pub mod policy;
pub mod record;
pub mod schema;
pub mod scope;
pub mod sysctl;
pub mod text;
pub mod tool_rules;
pub mod trusted_path;

pub use capability::set::CapabilitySet;
pub use capability::{Capability, Row, TABLE, UnknownCapability};

/// Returns the bytes of a hexadecimal string, for tests.
#[cfg(test)]
fn hex_bytes(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}
