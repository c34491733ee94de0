//! capwrap-recorder: keeps the records of capwrap on disk, and says when they are there.
//!
//! ```text
//! launcher ── record.sock ── serve ── store ── /var/log/capwrap/DAY.jsonl ── answer ── history.sock ── capwrap history
//! ```
//!
//! It is two processes of one program, so that questions never hold up records: the recorder itself, and with `--answer`
//! the one that shows each user their own records. Neither has capabilities. systemd passes the socket, or `--listen`
//! makes it.

mod answer;
mod fairness;
mod log;
mod options;
mod own_socket;
mod serve;
mod store;
mod system;

use capwrap_core::record::line::FOLDER;
use capwrap_core::record::send::RECORD_GROUP;
use options::Options;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            log::note(&format!("capwrap-recorder: {message}"));
            ExitCode::FAILURE
        }
    }
}

/// Ends only with an error, unless help was asked for.
fn run() -> Result<(), String> {
    let Some(options) = Options::read(std::env::args_os().skip(1))? else {
        println!("{}", options::HELP);
        return Ok(());
    };
    let folder = Path::new(FOLDER);
    let listener = match &options.listen {
        Some(path) => own_socket::make(path, options.answer, folder)?,
        None => system::passed_socket().map_err(|error| format!("no socket was passed: {error}; see --help"))?,
    };
    if options.answer {
        return answer::run(&listener, folder);
    }
    let group = own_socket::group_id(RECORD_GROUP)?;
    let store = store::Store::open(folder, serve::now()).map_err(|error| error.to_string())?;
    serve::run(&listener, store, group)
}
