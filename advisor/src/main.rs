//! The program behind the verbs. `lib.rs` contains them.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    capwrap_advisor::run()
}
