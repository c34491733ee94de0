//! Signals as the tool finds them.

use nix::Error;
use nix::errno::Errno;
use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};

/// Signals whose being ignored is the caller's own affair: what nohup(1) and a shell's background
/// jobs do. Who may start the tool may also choose not to interrupt it.
const CALLERS: [i32; 3] = [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT];

/// The C library keeps 32 and 33 to itself and refuses to touch them; it sets their handlers
/// before it first uses them.
const RESERVED: [i32; 2] = [32, 33];

/// Blocks nothing and ignores nothing but [`CALLERS`]. Handlers are reset by exec itself.
pub fn reset() -> Result<(), Error> {
    for signal in (1..=libc::SIGRTMAX()).filter(|signal| !CALLERS.contains(signal) && !RESERVED.contains(signal)) {
        if is_ignored(signal)? {
            set_default(signal)?;
        }
    }
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)
}

fn is_ignored(signal: i32) -> Result<bool, Error> {
    let mut action = empty_action();
    // SAFETY: no new action is given; the old one is written to `action`.
    Errno::result(unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut action) })?;
    Ok(action.sa_sigaction == libc::SIG_IGN)
}

fn set_default(signal: i32) -> Result<(), Error> {
    let action = empty_action();
    // SAFETY: `action` is a valid action without a handler.
    Errno::result(unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) }).map(drop)
}

/// The default action, with an empty mask and no flags.
fn empty_action() -> libc::sigaction {
    // SAFETY: all-zero bytes are a valid sigaction: SIG_DFL is 0, and so is the empty mask.
    unsafe { std::mem::zeroed() }
}
