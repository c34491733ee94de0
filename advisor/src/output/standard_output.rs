//! Standard output, and whether it took everything: a report on a full disk must not look like a whole one.

use crate::output::error::reason;
use std::io::{Error, ErrorKind, Write};
use std::sync::OnceLock;

/// The first error. A verb goes on after it, because what it does besides printing is to be done as a whole.
static FAILED: OnceLock<String> = OnceLock::new();

/// Writes text.
pub fn write(text: &str) {
    let mut out = std::io::stdout().lock();
    if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        note(&error);
    }
}

/// Keeps an error of standard output for [`failure`]. A reader that has stopped reading, as head(1) does, is none.
pub fn note(error: &Error) {
    if error.kind() != ErrorKind::BrokenPipe {
        FAILED.get_or_init(|| reason(error));
    }
}

/// Returns why something was not written, if anything was not.
pub fn failure() -> Option<anyhow::Error> {
    FAILED.get().map(|why| anyhow::anyhow!("cannot write standard output: {why}"))
}
