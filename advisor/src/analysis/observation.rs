//! What the probe saw, in the words of user space: the input of every stage of learning, and what
//! `trace` shows a line of. It is made up in tests, and read from the kernel in `probe`.

use capwrap_core::Capability;

/// One kind of check and how often it was made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Observation {
    /// The process that was checked: its thread group id, as the initial pid namespace counts.
    pub process: u32,
    /// The file that it executed, as the kernel names it: `/usr/bin/tcpdump`.
    pub executable: String,
    /// What was asked for.
    pub capability: Capability,
    /// What the kernel answered.
    pub verdict: Verdict,
    /// How it was asked. `None` where the back end cannot see it.
    pub options: Option<Options>,
    /// The user namespace that the capability was asked for in.
    pub target: Target,
    /// Whose credentials were asked.
    pub credentials: Credentials,
    /// The system call's name without prefix, `openat`. `None` outside one (a page fault, a worker).
    pub system_call: Option<String>,
    /// The kernel's functions, from the one that called `cap_capable` outwards. Empty where the
    /// kernel names none.
    pub call_site: Vec<String>,
    /// How often.
    pub times: u64,
}

/// The kernel's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// The capability was there.
    Granted,
    /// It was not.
    Denied,
}

/// The options of a check (include/linux/security.h: `CAP_OPT_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Options {
    /// Whether the answer is audited. Not audited does not mean that it does not matter.
    pub audited: bool,
    /// Asked for setuid or setgid.
    pub inset_id: bool,
}

/// A user namespace, as it lies to that of the credentials that were asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// The credentials' own, and the one in which the command was started.
    Own,
    /// One that encloses the credentials' own. A capability counts in it only if it was handed
    /// over there.
    Outer,
    /// One made below that in which the command was started: by the tool itself, or for it.
    Inner,
    /// The back end cannot see it.
    Unknown,
}

/// The credentials that were asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Credentials {
    /// The process's own.
    Own,
    /// Put in the place of its own for a while, as access(2) and overlayfs do.
    Overridden,
    /// Somebody else's: of who opened the file, of a tracer.
    Other,
    /// The back end cannot see it.
    Unknown,
}

/// Adds to a count, which stops at the most there is: a profile may come from anywhere.
pub fn count(all: &mut u64, times: u64) {
    *all = all.saturating_add(times);
}
