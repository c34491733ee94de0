//! What the probe saw, in the terms of user space. This is the input of every stage of learning, and each line of
//! `trace` shows one observation. Tests construct observations; `probe` reads them from the kernel.

use capwrap_core::Capability;

/// One kind of check, and how often it happened.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Observation {
    /// The checked process: its thread group id in the initial pid namespace.
    pub process: u32,
    /// The file that the process executed, as the kernel names it: `/usr/bin/tcpdump`.
    pub executable: String,
    /// The capability that was asked for.
    pub capability: Capability,
    /// The kernel's answer.
    pub verdict: Verdict,
    /// The options of the check; `None` if the back end cannot see them.
    pub options: Option<Options>,
    /// The user namespace in which the capability was asked for.
    pub target: Target,
    /// The credentials that were checked.
    pub credentials: Credentials,
    /// The system call's name without prefix, such as `openat`. It is `None` outside a system call (a page fault, a
    /// worker).
    pub system_call: Option<String>,
    /// The bits of the system call's argument that `call_sites::ARGUMENTS` names for it, or the number of one of
    /// `call_sites::LIBRARY_FILES` that it opened. It is `None` for other system calls, and where the back end cannot see the
    /// argument.
    pub argument: Option<u32>,
    /// The kernel's functions, from the one that called `cap_capable` outwards. The list is empty if the kernel names
    /// none.
    pub call_site: Vec<String>,
    /// How often the check happened.
    pub times: u64,
}

/// The kernel's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// The credentials had the capability.
    Granted,
    /// The credentials did not have the capability.
    Denied,
}

/// The options of a check (include/linux/security.h: `CAP_OPT_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Options {
    /// Whether the answer is audited. A check without audit may still matter.
    pub audited: bool,
    /// Whether the check is for setuid or setgid.
    pub inset_id: bool,
}

/// A user namespace, in relation to that of the checked credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// The credentials' own namespace, which is also the one in which the command was started.
    Own,
    /// A namespace that encloses the credentials' own. A capability counts in it only if it was granted there.
    Outer,
    /// A namespace created below the one in which the command was started, by the tool itself or for it.
    Inner,
    /// The back end cannot see it.
    Unknown,
}

/// The credentials that were checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Credentials {
    /// The process's own credentials.
    Own,
    /// Credentials that temporarily replace the process's own, as access(2) and overlayfs do.
    Overridden,
    /// Another process's credentials: those of the process that opened the file, or of a tracer.
    Other,
    /// The back end cannot see it.
    Unknown,
}

/// Adds to a count. The count saturates, because a profile may come from an untrusted source.
pub fn count(all: &mut u64, times: u64) {
    *all = all.saturating_add(times);
}
