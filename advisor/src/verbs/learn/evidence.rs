//! The parts of a run's evidence that describe the machine, the user and the end of the run.

use crate::analysis::profile;
use crate::analysis::profile::{Exit, Kernel};
use crate::host::{kernel, sysctl};
use crate::observe::command::{Ending, User};
use anyhow::Result;

/// The settings that decide which capabilities the kernel asks for.
const SYSCTLS: [&str; 9] = [
    "fs.protected_hardlinks",
    "kernel.dmesg_restrict",
    "kernel.kptr_restrict",
    "kernel.perf_event_paranoid",
    "kernel.unprivileged_bpf_disabled",
    "kernel.unprivileged_userns_clone",
    "kernel.yama.ptrace_scope",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
];

/// The kernel and its settings.
///
/// # Errors
/// The kernel does not show its release or its last capability.
pub fn kernel() -> Result<Kernel> {
    Ok(Kernel {
        release: kernel::release()?,
        last_capability: kernel::last_capability()?,
        sysctls: SYSCTLS.iter().map(|name| ((*name).to_owned(), sysctl::read(name).is().cloned())).collect(),
    })
}

/// The user whom a run had; `None` stands for the user of this process.
pub fn user(user: Option<&User>) -> profile::User {
    let own = nix::unistd::getuid();
    match user {
        Some(user) => profile::User { name: user.name.clone(), uid: user.uid },
        None => profile::User {
            name: nix::unistd::User::from_uid(own).ok().flatten().map(|user| user.name),
            uid: own.as_raw(),
        },
    }
}

/// The user with this number.
pub fn user_of(uid: u32) -> profile::User {
    let name = nix::unistd::User::from_uid(nix::unistd::Uid::from_raw(uid)).ok().flatten().map(|user| user.name);
    profile::User { name, uid }
}

impl From<Ending> for Exit {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Exited(status) => Self::Code(status),
            Ending::Killed(signal) => Self::Signal(signal),
        }
    }
}
